"""What a worker logs of its tasks."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from celeriac.lifecycle_events import (
    Composed,
    Event,
    Expired,
    Failed,
    Ignored,
    Lethal,
    Lost,
    Malformed,
    NotYet,
    Ready,
    Refused,
    Replaced,
    Retried,
    Revoked,
    Succeeded,
    Unknown,
    Unsent,
    Unsupported,
)
from celeriac.message import Message
from celeriac.text import safe_repr
from celeriac.transport import Delivery

logger = logging.getLogger("celeriac.worker")

#: How much of a task's value a log line shows.
LOGGED_CHARACTERS = 200

#: event -> (level, what to say about it); the text is formatted with the event as ``{0}``, only when it is written.
SAYINGS: Mapping[type, tuple[int, str]] = {
    Ready: (logging.INFO, "Task {name} received"),
    NotYet: (logging.INFO, "Task {name} received, eta {0.until}"),
    Succeeded: (logging.INFO, "Task {name} succeeded in {0.runtime:.3f}s: {value}"),
    Failed: (logging.ERROR, "Task {name} raised: {error}\n{0.traceback}"),
    Composed: (logging.INFO, "Task {name} sent its parts"),
    Replaced: (logging.INFO, "Task {name} replaced by {0.signature.task}"),
    Retried: (logging.INFO, "Task {name} retry at {0.retry.when}: {error}"),
    Ignored: (logging.INFO, "Task {name} ignored"),
    Refused: (logging.INFO, "Task {name} refused its message, requeue {0.requeue}"),
    Expired: (logging.INFO, "Task {name} discarded: it has expired"),
    Revoked: (logging.INFO, "Task {name} {0.reason}"),
    Unknown: (logging.ERROR, "Task {name} rejected: no task of this name is registered here"),
    Unsupported: (logging.ERROR, "Task {name} rejected: {0.reason}"),
    Lethal: (logging.ERROR, "Task {name} rejected: {0.reason}"),
    Lost: (logging.ERROR, "Task {name} lost: {error}"),
    Unsent: (logging.ERROR, "Task {name} rejected: what it wants sent cannot be: {error}"),
    Malformed: (logging.ERROR, "Message {name} rejected: {error}"),
}


def log(delivery: Delivery, message: Message | None, event: Event) -> None:
    """Log what happened. The record's extras are ``event`` and, of a readable message, ``task`` and ``task_id``."""
    level, text = SAYINGS[type(event)]
    if logger.isEnabledFor(level):
        name = str(message) if message is not None else f"from queue {delivery.queue}"
        # Names come from the wire; a line break in one would forge a line of the log.
        name = name if name.isprintable() else ascii(name)
        cause = event.retry.cause if isinstance(event, Retried) else getattr(event, "error", None)
        value = _brief(getattr(event, "value", None))
        logger.log(
            level,
            "%s",
            text.format(event, name=name, error=safe_repr(cause), value=value),
            extra=_facts(message, event),
        )


def _facts(message: Message | None, event: Event) -> dict[str, Any]:
    facts: dict[str, Any] = {"event": type(event).__name__.lower()}
    if message is not None:
        facts |= {"task": message.task, "task_id": message.id}
    if isinstance(event, Succeeded):
        facts["runtime"] = event.runtime
    return facts


def _brief(value: object) -> str:
    text = safe_repr(value)
    return text if len(text) <= LOGGED_CHARACTERS else text[:LOGGED_CHARACTERS] + "..."
