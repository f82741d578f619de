"""The short way through ``lifecycle`` of what comes most: a task that runs now, has nothing after it, and succeeds.

What the table says of it is known beforehand, so nobody is asked. A test holds every answer against the long way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from celeriac.canvas import CHORD, NAMES
from celeriac.lifecycle_events import Event, Phase, Ready, Succeeded
from celeriac.message import Message
from celeriac.result import Result, success_body
from celeriac.serialization import JSON, Encoded
from celeriac.task import Runnable
from celeriac.transport import Delivery, Document
from celeriac.worker.outcome import Outcome, Settlement
from celeriac.worker.settings import WorkerSettings

READY = Ready()


class Plain:
    """Answers for plain deliveries, and None for all others. ``tasks`` are all that run here."""

    def __init__(self, settings: WorkerSettings, tasks: Mapping[str, Runnable]) -> None:
        self._stores = settings.backend is not None
        self._max_returns = settings.max_returns
        self._tasks = tasks

    def event(self, delivery: Delivery, message: Message) -> Event | None:
        """As ``lifecycle.classify``. For what is ``READY``, there is nothing to do but run it."""
        fits = self._fits(message) and not delivery.redelivered and delivery.returns < self._max_returns
        return READY if fits else None

    def outcome(self, delivery: Delivery, message: Message | None, phase: Phase, event: Event) -> Outcome | None:
        """As ``lifecycle.step``, encoded. Raises ``InvalidCall`` for a value that cannot be written."""
        if type(event) is Succeeded and phase is Phase.RUNNING and message is not None and self._fits(message):
            return self._success(delivery, message, event)
        return None

    def _fits(self, message: Message) -> bool:
        task = self._tasks.get(message.task)
        if task is None or message.eta is not None or message.expires is not None or message.task == NAMES[CHORD]:
            return False
        if message.callbacks or message.errbacks or message.chain or message.chord is not None:
            return False
        options = task.options
        return options.acks_late and not options.track_started

    def _success(self, delivery: Delivery, message: Message, event: Succeeded) -> Outcome:
        ignored = message.ignore_result
        if ignored is None:
            ignored = self._tasks[message.task].options.ignore_result
        documents = () if ignored or not self._stores else (_document(message, event),)
        return Outcome(delivery, documents, settlement=Settlement.ACK)


def _document(message: Message, event: Succeeded) -> Document:
    now = datetime.now(timezone.utc)
    body = None
    if not event.children:
        body = success_body(message.id, event.value, date_done=now, parent_id=message.parent_id, group_id=message.group)
    encoded = _encoded(message, event, now) if body is None else Encoded(body, JSON, "utf-8")
    return Document(
        message.id,
        encoded.body,
        encoded.content_type,
        encoded.content_encoding,
        message.reply_to,
        message.correlation_id or message.id,
    )


def _encoded(message: Message, event: Succeeded, now: datetime) -> Encoded:
    result = Result.from_success(
        message.id,
        event.value,
        date_done=now,
        children=[child.as_tuple() for child in event.children],
        parent_id=message.parent_id,
        group_id=message.group,
    )
    return result.build()
