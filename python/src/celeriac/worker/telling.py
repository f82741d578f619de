"""What happens to a task as the event that monitors get (EV-TASK).

Three are made for every task, so they are written at once as JSON, field by field in Celery's order; a test holds them
against ``EventMessage.build``.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from celeriac import lifecycle_events as happened
from celeriac.events import Document
from celeriac.message import Message
from celeriac.text import elided, safe_repr
from celeriac.worker.clock import Clock

_Fields = dict[str, Any]
_write = json.JSONEncoder().encode
#: Writers of most values, each the encoder's own, without the setting up of that.
_WRITERS: Mapping[type, Callable[[Any], str]] = {
    str: json.encoder.encode_basestring_ascii,
    type(None): lambda _: "null",
    int: int.__repr__,
    # Of a runtime, which is finite.
    float: float.__repr__,
}


def _received(message: Message, _event: Any) -> _Fields:
    return {
        "name": message.task,
        "args": _text(message.argsrepr, tuple(message.args)),
        "kwargs": _text(message.kwargsrepr, message.kwargs),
        "root_id": message.root_id,
        "parent_id": message.parent_id,
        "retries": message.retries,
        "eta": message.eta,
        "expires": message.expires,
    }


def _failed(_message: Message, event: Any) -> _Fields:
    return {"exception": safe_repr(event.error), **_traceback(getattr(event, "traceback", None))}


def _traceback(text: str | None) -> _Fields:
    return {"traceback": text} if text else {}


def _unknown(message: Message, _event: Any) -> _Fields:
    return {"exception": f"NotRegistered({message.task!r})"}


#: what happened -> (type of the event, its fields). What is not here is no news.
NEWS: Mapping[type, tuple[str, Callable[[Message, Any], _Fields]]] = {
    happened.Ready: ("task-received", _received),
    happened.NotYet: ("task-received", _received),
    happened.Succeeded: (
        "task-succeeded",
        lambda _message, event: {"result": elided(event.value), "runtime": event.runtime},
    ),
    happened.Failed: ("task-failed", _failed),
    happened.Unsent: ("task-failed", _failed),
    happened.Unknown: ("task-failed", _unknown),
    happened.Unsupported: ("task-failed", lambda _message, event: {"exception": event.reason}),
    happened.Lost: ("task-failed", _failed),
    happened.Lethal: ("task-failed", lambda _message, event: {"exception": f"WorkerLostError({event.reason!r})"}),
    happened.Retried: (
        "task-retried",
        lambda _message, event: {"exception": safe_repr(event.retry.cause), **_traceback(event.traceback)},
    ),
    happened.Refused: ("task-rejected", lambda _message, event: {"requeue": event.requeue}),
    happened.Expired: ("task-revoked", lambda *_: {"terminated": False, "signum": None, "expired": True}),
    happened.Revoked: (
        "task-revoked",
        lambda _message, event: {"terminated": event.signum is not None, "signum": event.signum, "expired": False},
    ),
}


class Teller:
    """Writes the events of one process."""

    def __init__(self, node: str, clock: Clock) -> None:
        self._clock = clock
        #: How each event begins.
        self._head = f'{{{_members({"hostname": node, "utcoffset": 0.0, "pid": os.getpid()})}, "clock": '

    def news(self, message: Message, event: happened.Event, *, again: bool) -> tuple[Document, ...]:
        """What to tell of what happened. ``again``: of a task that was told of when it was put off."""
        known = NEWS.get(type(event))
        if known is None:
            return ()
        kind, fields = known
        about = _members({"uuid": message.id})
        told: tuple[Document, ...] = ()
        if not (again and fields is _received):
            told = (self._event(kind, f"{about}, {_members(fields(message, event))}"),)
        return (*told, self._event("task-started", about)) if isinstance(event, happened.Ready) else told

    def _event(self, kind: str, about: str) -> Document:
        clock, now = self._clock.forward(), time.time()
        return f'{self._head}{clock}, {about}, "timestamp": {now!r}, "type": "{kind}"}}'


def _members(fields: _Fields) -> str:
    """An object in JSON, without its braces."""
    return ", ".join([f'"{name}": {_WRITERS.get(type(value), _write)(value)}' for name, value in fields.items()])


def _text(shown: Any, value: Any) -> str:
    """What the producer wants shown of the arguments, or else their text; headers can hold anything."""
    return shown if isinstance(shown, str) else elided(value)
