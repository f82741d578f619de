"""Celeriac: the cross-language task message protocol that Celery speaks, in Python.

An application is a ``Celeriac``; the protocol itself is ``Message``, ``Envelope``, ``Result`` and ``Signature``.
"""

from celeriac.async_result import AsyncResult, GroupResult
from celeriac.bound import BoundSignature, chain, chord, group
from celeriac.calls import SendOptions
from celeriac.client import Celeriac
from celeriac.declared import AsyncTask, Task
from celeriac.envelope import Envelope
from celeriac.errors import (
    BrokerUnavailable,
    CeleriacError,
    InvalidCall,
    InvalidMessage,
    NotRegistered,
    PublishFailed,
    PublishRefused,
    ResultError,
    TaskFailure,
    TaskRevoked,
    TaskTimeout,
    TransportError,
)
from celeriac.hooks import ErrorInfo
from celeriac.limits import DEFAULT_LIMITS, Limits
from celeriac.message import Message
from celeriac.result import TERMINAL, Result, State, exception_info, outcome
from celeriac.schedules import crontab
from celeriac.sending import Route, to_message
from celeriac.serialization import JSON, MSGPACK, YAML, Encoded, dumps, loads
from celeriac.settings import Settings
from celeriac.signature import Signature
from celeriac.task import (
    Ignore,
    MaxRetriesExceeded,
    Reject,
    Replace,
    Request,
    Retry,
    SoftTimeLimitExceeded,
    TaskOptions,
    TimeLimitExceeded,
    current_request,
)
from celeriac.version import __version__
from celeriac.wire import Extra, Wire

__all__ = [
    "DEFAULT_LIMITS",
    "JSON",
    "MSGPACK",
    "TERMINAL",
    "YAML",
    "AsyncResult",
    "AsyncTask",
    "BoundSignature",
    "BrokerUnavailable",
    "Celeriac",
    "CeleriacError",
    "Encoded",
    "Envelope",
    "ErrorInfo",
    "Extra",
    "GroupResult",
    "Ignore",
    "InvalidCall",
    "InvalidMessage",
    "Limits",
    "MaxRetriesExceeded",
    "Message",
    "NotRegistered",
    "PublishFailed",
    "PublishRefused",
    "Reject",
    "Replace",
    "Request",
    "Result",
    "ResultError",
    "Retry",
    "Route",
    "SendOptions",
    "Settings",
    "Signature",
    "SoftTimeLimitExceeded",
    "State",
    "Task",
    "TaskFailure",
    "TaskOptions",
    "TaskRevoked",
    "TaskTimeout",
    "TimeLimitExceeded",
    "TransportError",
    "Wire",
    "__version__",
    "chain",
    "chord",
    "crontab",
    "current_request",
    "dumps",
    "exception_info",
    "group",
    "loads",
    "outcome",
    "to_message",
]
