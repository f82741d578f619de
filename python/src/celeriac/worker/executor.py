"""Decodes messages, runs tasks, and turns what happened into what has to be sent, stored and settled.

Lives in the main thread of a worker process: tasks may use signals and whatever else wants the main thread.
"""

from __future__ import annotations

import logging
import os
import time
import traceback as tracebacks
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from enum import Enum
from queue import SimpleQueue
from typing import Protocol

from celeriac import lifecycle
from celeriac import lifecycle_events as events
from celeriac.errors import CeleriacError, InvalidMessage
from celeriac.lifecycle import Address, Job
from celeriac.lifecycle_events import (
    Event,
    Expired,
    Failed,
    Ignored,
    Lethal,
    Malformed,
    NotYet,
    Phase,
    Ready,
    Refused,
    Retried,
    Succeeded,
    Unknown,
    Unsent,
    Unsupported,
)
from celeriac.message import Message
from celeriac.task import Ignore, Reject, Request, Retry, Runnable, TimeLimitExceeded, current_request
from celeriac.text import safe_repr
from celeriac.transport import Delivery, Document, Outgoing
from celeriac.worker.interrupts import ColdShutdown, Overdue, soft_time_limit
from celeriac.worker.settings import WorkerSettings

logger = logging.getLogger("celeriac.worker")

#: How much of a task's value a log line shows.
LOGGED_CHARACTERS = 200


class Settlement(Enum):
    """How a delivery is settled with the broker."""

    ACK = "ack"
    REJECT = "reject"
    REQUEUE = "requeue"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the courier has to do for a delivery, encoded: store, publish, then settle or wait.

    ``over`` is False where the task is about to run (an early acknowledgement) and more will come; ``settled`` is then
    told whether that was done, or the connection was lost before. ``if_refused`` gives what to do instead when the
    broker will not take one of the messages.
    """

    delivery: Delivery
    documents: tuple[Document, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()
    settlement: Settlement | None = None
    wait_until: datetime | None = None
    over: bool = True
    if_refused: Callable[[Exception], Outcome] | None = field(default=None, compare=False)
    settled: SimpleQueue[bool] | None = field(default=None, compare=False)


class Desk(Protocol):
    """Where outcomes are handed in: the courier. Hard time limits are kept there, beside the task."""

    def report(self, outcome: Outcome) -> None:
        """Hand over an outcome."""

    def limit(self, seconds: float, outcome: Callable[[], Outcome]) -> None:
        """Unless ``lift`` is called within so many seconds, this outcome stands and the process ends."""

    def lift(self) -> None:
        """What was limited has ended. Raises ``Overdue`` when that came too late."""


class Register(Protocol):
    """Where it is noted which task runs, for the case that it takes the process down."""

    def begin(self, task_id: str) -> None:
        """The task starts."""

    def end(self) -> None:
        """It has come to an end."""


class Executor:
    """One at a time: ``handle`` takes a delivery as far as it goes and reports the outcome.

    ``deaths`` tells how many processes died while they ran the task of this id.
    """

    def __init__(self, settings: WorkerSettings, desk: Desk, register: Register, deaths: Callable[[str], int]) -> None:
        self._settings = settings
        self._desk = desk
        self._register = register
        self._deaths = deaths
        self._origin = f"gen{os.getpid()}@{settings.hostname}"

    def handle(self, delivery: Delivery) -> None:
        """Decode, decide, run if it is to be run. Whatever the message holds, nothing is raised for it."""
        try:
            message, event = self._read(delivery)
            self._advance(delivery, message, Phase.RECEIVED, event)
        except Exception:
            # A defect of ours. The message would meet it again, so it is refused rather than returned.
            logger.exception("Message from queue %s rejected: an error inside the worker", delivery.queue)
            self._desk.report(Outcome(delivery, settlement=Settlement.REJECT))

    def _read(self, delivery: Delivery) -> tuple[Message | None, Event]:
        if isinstance(delivery.content, InvalidMessage):
            return None, Malformed(delivery.content)
        try:
            message = Message.parse(delivery.content, accept=self._settings.accept, limits=self._settings.limits)
            return message, lifecycle.classify(self._job(delivery, message))
        except InvalidMessage as error:
            return None, Malformed(error)

    def _advance(self, delivery: Delivery, message: Message | None, phase: Phase, event: Event) -> None:
        try:
            following, outcome = self._decide(delivery, message, phase, event)
        except CeleriacError as error:
            self._advance(delivery, message, phase, _instead(event, error))
            return
        _log(delivery, message, event)
        if outcome.over:
            self._desk.report(outcome)
        elif message is not None and (outcome.settlement is None or self._settled(outcome)):
            self._advance(delivery, message, following, self._run(delivery, message))

    def _settled(self, outcome: Outcome) -> bool:
        """Have a delivery acknowledged before its task runs; False when it will be delivered again instead."""
        answer: SimpleQueue[bool] = SimpleQueue()
        self._desk.report(replace(outcome, settled=answer))
        return answer.get()

    def _decide(self, delivery: Delivery, message: Message | None, phase: Phase, event: Event) -> tuple[Phase, Outcome]:
        following, actions = lifecycle.step(phase, event, self._job(delivery, message, event))
        outcome = _encode(delivery, actions)
        if not outcome.outgoing:
            return following, outcome

        def if_refused(error: Exception) -> Outcome:
            return self._decide(delivery, message, phase, Unsent(error))[1]

        return following, replace(outcome, if_refused=if_refused)

    def _job(self, delivery: Delivery, message: Message | None, event: Event | None = None) -> Job:
        task = self._settings.tasks.get(message.task) if message is not None else None
        return Job(
            message=message,
            address=_address(delivery, message, event),
            options=task.options if task is not None else None,
            queue=delivery.queue,
            default_queue=self._settings.default_queue,
            origin=self._origin,
            now=datetime.now(timezone.utc),
            new_id=lambda: str(uuid.uuid4()),
            # What takes its process down has been delivered before.
            deaths=self._deaths(message.id) if message is not None and delivery.redelivered else 0,
            max_deaths=self._settings.max_deaths,
        )

    def _run(self, delivery: Delivery, message: Message) -> Event:
        task = self._settings.tasks[message.task]
        request = Request(message, delivery.queue, delivery.redelivered, self._settings.hostname)
        token = current_request.set(request)
        self._register.begin(message.id)
        started = time.perf_counter()
        try:
            with self._hard_time_limit(delivery, message), soft_time_limit(message.soft_limit):
                value = _call(task, message)
        except Retry as retry:
            return Retried(retry, _traceback(retry), tuple(request.children))
        except Ignore:
            return Ignored()
        except Reject as reject:
            return Refused(reject.requeue)
        except (ColdShutdown, Overdue):
            raise
        # SystemExit and the like too: a task that wants to leave ends as a failure, the worker stays.
        except BaseException as error:  # noqa: BLE001  # whatever a task raises is its result
            return Failed(error, _traceback(error), tuple(request.children))
        finally:
            self._register.end()
            current_request.reset(token)
        return Succeeded(value, tuple(request.children), time.perf_counter() - started)

    @contextmanager
    def _hard_time_limit(self, delivery: Delivery, message: Message) -> Iterator[None]:
        seconds = message.hard_limit
        if not seconds:
            yield
            return

        def exceeded() -> Outcome:
            event = Failed(TimeLimitExceeded(seconds), "")
            _log(delivery, message, event)
            return self._decide(delivery, message, Phase.RUNNING, event)[1]

        self._desk.limit(seconds, exceeded)
        try:
            yield
        finally:
            self._desk.lift()


def _instead(event: Event, error: CeleriacError) -> Event:
    """What happens when what should have followed from an event cannot be written."""
    if isinstance(event, (Succeeded, Retried)):
        # What the task returned, or wants sent, is at fault: that is a failure of the task.
        return Failed(error, "")
    if isinstance(event, (Failed, Lethal)):
        return Unsent(error)
    raise error


def _call(task: Runnable, message: Message) -> object:
    first = (task,) if task.options.bind else ()
    return task.run(*first, *message.args, **message.kwargs)


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


def _encode(delivery: Delivery, actions: tuple[events.Action, ...]) -> Outcome:
    documents: list[Document] = []
    outgoing: list[Outgoing] = []
    settlement: Settlement | None = None
    wait_until: datetime | None = None
    over = True
    for action in actions:
        match action:
            case events.Store(result, reply_to, correlation_id):
                encoded = result.build()
                documents.append(
                    Document(
                        result.task_id,
                        encoded.body,
                        encoded.content_type,
                        encoded.content_encoding,
                        reply_to,
                        correlation_id,
                    )
                )
            case events.Send(message, route):
                outgoing.append(Outgoing(message.build(), route.routing_key, route.exchange))
            case events.Ack():
                settlement = Settlement.ACK
            case events.Reject(requeue):
                settlement = Settlement.REQUEUE if requeue else Settlement.REJECT
            case events.WaitUntil(at):
                wait_until = at
            case events.Run():
                over = False
    return Outcome(delivery, tuple(documents), tuple(outgoing), settlement, wait_until, over)


def _traceback(error: BaseException) -> str:
    """The traceback as text, without the frames of the worker itself."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get("__name__") == __name__:
        frames = frames.tb_next
    return "".join(tracebacks.format_exception(type(error), error, frames))


#: event -> (level, what to say about it); the text is formatted with the event as ``{0}``, only when it is written.
SAYINGS: Mapping[type, tuple[int, str]] = {
    Ready: (logging.INFO, "Task {name} received"),
    NotYet: (logging.INFO, "Task {name} received, eta {0.until}"),
    Succeeded: (logging.INFO, "Task {name} succeeded in {0.runtime:.3f}s: {value}"),
    Failed: (logging.ERROR, "Task {name} raised: {error}\n{0.traceback}"),
    Retried: (logging.INFO, "Task {name} retry at {0.retry.when}: {error}"),
    Ignored: (logging.INFO, "Task {name} ignored"),
    Refused: (logging.INFO, "Task {name} refused its message, requeue {0.requeue}"),
    Expired: (logging.INFO, "Task {name} discarded: it has expired"),
    Unknown: (logging.ERROR, "Task {name} rejected: no task of this name is registered here"),
    Unsupported: (logging.ERROR, "Task {name} rejected: {0.reason}"),
    Lethal: (logging.ERROR, "Task {name} rejected: {0.deaths} processes died while they ran it"),
    Unsent: (logging.ERROR, "Task {name} rejected: what it wants sent cannot be: {error}"),
    Malformed: (logging.ERROR, "Message {name} rejected: {error}"),
}


def _log(delivery: Delivery, message: Message | None, event: Event) -> None:
    level, text = SAYINGS[type(event)]
    if logger.isEnabledFor(level):
        name = str(message) if message is not None else f"from queue {delivery.queue}"
        # Names come from the wire; a line break in one would forge a line of the log.
        name = name if name.isprintable() else ascii(name)
        cause = event.retry.cause if isinstance(event, Retried) else getattr(event, "error", None)
        value = _brief(getattr(event, "value", None))
        logger.log(level, "%s", text.format(event, name=name, error=safe_repr(cause), value=value))


def _brief(value: object) -> str:
    text = safe_repr(value)
    return text if len(text) <= LOGGED_CHARACTERS else text[:LOGGED_CHARACTERS] + "..."
