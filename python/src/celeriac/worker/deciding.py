"""What an event comes to: the table of ``lifecycle`` asked, and its actions encoded for the courier."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from celeriac import lifecycle
from celeriac import lifecycle_events as events
from celeriac.drafts import maker
from celeriac.errors import InvalidMessage
from celeriac.events import Document
from celeriac.execution import errbacks
from celeriac.execution.counting import chord_member, chord_part
from celeriac.following import ChordError, broken_off, gathered
from celeriac.ids import new_id
from celeriac.job import Address, Job
from celeriac.lifecycle_events import Call, Count, Event, Malformed, Phase, Unsent
from celeriac.message import Message
from celeriac.signature import Signature
from celeriac.task import Request, Runnable
from celeriac.text import safe_repr
from celeriac.tracing import NO_TRACING
from celeriac.transport import ChordPart, Delivery, Gathered, RoutedDelivery, counts_chords
from celeriac.tree import saved_group
from celeriac.worker.desk import Desk
from celeriac.worker.journal import OVERDUE
from celeriac.worker.orders import Orders
from celeriac.worker.outcome import Outcome, encode
from celeriac.worker.plain import Plain
from celeriac.worker.settings import WorkerSettings
from celeriac.worker.telling import Teller

logger = logging.getLogger("celeriac.worker")

_make_request = maker(Request)


class Decider:
    """Says what is to be done about a delivery when something has happened to it; does nothing of it.

    ``tasks`` are all that run here. ``deaths`` tells how many processes died while they ran the task of this id.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        tasks: Mapping[str, Runnable],
        desk: Desk,
        deaths: Callable[[str], int],
        *,
        orders: Orders,
        teller: Teller,
    ) -> None:
        self._settings = settings
        self._tasks = tasks
        self._desk = desk
        self._deaths = deaths
        self._orders = orders
        self._teller = teller
        self._pid = os.getpid()
        self._origin = f"gen{self._pid}@{settings.hostname}"
        self._counts_chords = counts_chords(settings.backend)
        self._plain = Plain(settings, tasks)

    def classify(self, delivery: Delivery, message: Message) -> Event:
        """What the message is to this worker, now. Raises InvalidMessage for a canvas in it that is none."""
        return self._plain.event(delivery, message) or lifecycle.classify(self.job(delivery, message))

    def decide(self, delivery: Delivery, message: Message | None, phase: Phase, event: Event) -> Outcome:
        """The outcome of an event. Raises ``CeleriacError`` where it could not be told: one of ``instead`` can be."""
        outcome = self._plain.outcome(delivery, message, phase, event)
        if outcome is None:
            _, actions = lifecycle.step(phase, event, self.job(delivery, message, event))
            outcome = self._encoded(delivery, message, actions)
        if message is not None:
            outcome.news = self.news(delivery, message, event)
        if not outcome.outgoing:
            return outcome

        def if_refused(error: Exception) -> Outcome:
            return self.decide(delivery, message, phase, Unsent(error))

        outcome.if_refused = if_refused
        return outcome

    def news(self, delivery: Delivery, message: Message, event: Event) -> tuple[Document, ...]:
        """What monitors are told of an event, where they are told anything."""
        if not self._orders.telling:
            return ()
        return self._teller.news(message, event, again=self._desk.came_due(delivery))

    def _encoded(self, delivery: Delivery, message: Message | None, actions: tuple[events.Action, ...]) -> Outcome:
        """The outcome that the courier carries out."""
        outcome = encode(delivery, actions, stores=self._settings.backend is not None)
        if outcome.outgoing and self._settings.tracing is not NO_TRACING:
            carried = self._settings.tracing.carried(None if message is None else message.extra.headers)
            outgoing = tuple(replace(sent, wire=sent.wire.with_headers(carried)) for sent in outcome.outgoing)
            outcome = replace(outcome, outgoing=outgoing)
        counts = {chord_part(action): action for action in actions if isinstance(action, Count)}
        calls = tuple(
            errbacks.bound(action, self._tasks, self.request(delivery, action.message))
            for action in actions
            if isinstance(action, Call)
        )
        if not counts and not calls:
            return outcome

        def on_gathered(part: ChordPart, all_there_is: Gathered) -> Outcome:
            return self._gathered(delivery, message, counts[part], all_there_is)

        return replace(outcome, parts=tuple(counts), gathered=on_gathered if counts else None, calls=calls)

    def _gathered(self, delivery: Delivery, message: Message | None, count: Count, all_there_is: Gathered) -> Outcome:
        """What follows when the last member of a chord has been counted. Called in the courier's thread."""
        job = self.job(delivery, message)

        def broken(error: Exception) -> Outcome:
            cause = ChordError(f"Callback error: {safe_repr(error)}")
            try:
                return replace(self._encoded(delivery, message, broken_off(job, count.body, cause)), broken=True)
            except Exception:
                logger.exception("The failure of chord %s cannot be told", ascii(count.group_id))
                return Outcome(delivery, broken=True)

        # Whatever the entries hold, the thread that counts has to live.
        try:
            members = [chord_member(entry) for entry in all_there_is.entries]
            saved = None if all_there_is.saved is None else saved_group(all_there_is.saved)
            outcome = self._encoded(delivery, message, gathered(job, count, members, saved))
        except Exception as error:
            logger.exception("The body of chord %s cannot be sent", ascii(count.group_id))
            return broken(error)
        return replace(outcome, broken=any(member.failed for member in members), if_refused=broken)

    def job(self, delivery: Delivery, message: Message | None, event: Event | None = None) -> Job:
        """What is known of a delivery, as the table wants it."""
        task = self._tasks.get(message.task) if message is not None else None
        # What takes its process down has been delivered before.
        deaths = self._deaths(message.id) if message is not None and delivery.redelivered else 0
        overdue = deaths == OVERDUE
        return Job(
            message=message,
            address=_address(delivery, message, event),
            options=task.options if task is not None else None,
            queue=delivery.queue,
            default_queue=self._settings.default_queue,
            origin=self._origin,
            now=datetime.now(timezone.utc),
            new_id=new_id,
            deaths=0 if overdue else deaths,
            overrun=self._hard_limit(message, task) if overdue else None,
            max_deaths=self._settings.max_deaths,
            returns=delivery.returns,
            max_returns=self._settings.max_returns,
            hostname=self._settings.hostname,
            pid=self._pid,
            counts_chords=self._counts_chords,
            defaults=self._defaults,
            runs_inside=lambda errback: errbacks.runs_inside(errback, self._tasks),
        )

    def _hard_limit(self, message: Message | None, task: Runnable | None) -> float | None:
        return None if message is None or task is None else self._orders.limits(message, task.options)[0]

    def _defaults(self, call: Signature) -> Mapping[str, Any]:
        """Options for a call that does not have them."""
        task = self._tasks.get(call.task)
        return self._settings.habits.defaults(call, None if task is None else task.options)

    def request(self, delivery: Delivery, message: Message) -> Request:
        """What a task is told of the message that it runs for."""

        def store(state: str, meta: Any) -> None:
            documents = encode(delivery, (lifecycle.noted(message, state, meta),)).documents
            self._desk.report(Outcome(delivery, documents, over=False))

        said = {
            "message": message,
            "queue": delivery.queue,
            "redelivered": delivery.redelivered,
            "hostname": self._settings.hostname,
            "store": store,
        }
        if isinstance(delivery, RoutedDelivery):
            said["sent_to"] = delivery.sent_to
        return _make_request(said)


def _address(delivery: Delivery, message: Message | None, event: Event | None) -> Address:
    if message is not None:
        return Address(message.id, message.reply_to, message.correlation_id or message.id)
    if not isinstance(event, Malformed):
        return Address(None, None, None)
    task_id = event.error.task_id
    properties = {} if isinstance(delivery.content, InvalidMessage) else delivery.content.properties
    reply_to, correlation_id = properties.get("reply_to"), properties.get("correlation_id")
    return Address(
        task_id,
        reply_to if isinstance(reply_to, str) else None,
        correlation_id if isinstance(correlation_id, str) else task_id,
    )
