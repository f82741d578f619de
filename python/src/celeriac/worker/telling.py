"""What happens to a task as the event that monitors get (EV-TASK).

Three are made for every task, so they are written at once, field by field in Celery's order; a test holds them against
``Event.build``.
"""

from __future__ import annotations

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
        self._node = node
        self._clock = clock
        self._pid = os.getpid()

    def news(self, message: Message, event: happened.Event, *, again: bool) -> tuple[Document, ...]:
        """What to tell of what happened. ``again``: of a task that was told of when it was put off."""
        known = NEWS.get(type(event))
        if known is None:
            return ()
        starts = isinstance(event, happened.Ready)
        told = () if again and known[1] is _received else (self._event(known[0], message, known[1](message, event)),)
        return (*told, self._event("task-started", message, {})) if starts else told

    def _event(self, kind: str, message: Message, fields: _Fields) -> Document:
        return {
            "hostname": self._node,
            "utcoffset": 0.0,
            "pid": self._pid,
            "clock": self._clock.forward(),
            "uuid": message.id,
            **fields,
            "timestamp": time.time(),
            "type": kind,
        }


def _text(shown: Any, value: Any) -> str:
    """What the producer wants shown of the arguments, or else their text; headers can hold anything."""
    return shown if isinstance(shown, str) else elided(value)
