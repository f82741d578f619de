"""Celeriac: the cross-language task message protocol that Celery speaks, in Python."""

from .envelope import Envelope
from .errors import (
    BrokerUnavailable,
    CeleriacError,
    InvalidCall,
    InvalidMessage,
    NotRegistered,
    PublishFailed,
    ResultError,
    TaskFailure,
    TaskRevoked,
    TaskTimeout,
    TransportError,
)
from .limits import DEFAULT_LIMITS, Limits
from .message import Message
from .result import TERMINAL, Result, State, exception_info, outcome
from .sending import Route, to_message
from .serialization import JSON, MSGPACK, Encoded, dumps, loads
from .signature import Signature
from .wire import Extra, Wire

__version__ = "0.1.0"

__all__ = [
    "DEFAULT_LIMITS",
    "JSON",
    "MSGPACK",
    "TERMINAL",
    "BrokerUnavailable",
    "CeleriacError",
    "Encoded",
    "Envelope",
    "Extra",
    "InvalidCall",
    "InvalidMessage",
    "Limits",
    "Message",
    "NotRegistered",
    "PublishFailed",
    "Result",
    "ResultError",
    "Route",
    "Signature",
    "State",
    "TaskFailure",
    "TaskRevoked",
    "TaskTimeout",
    "TransportError",
    "Wire",
    "__version__",
    "dumps",
    "exception_info",
    "loads",
    "outcome",
    "to_message",
]
