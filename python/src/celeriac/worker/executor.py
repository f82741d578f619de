"""Decodes messages, runs tasks, and turns what happened into what has to be sent, stored and settled.

Lives in the main thread of a worker process: tasks may use signals and whatever else wants the main thread.
"""

from __future__ import annotations

import logging
import os
import time
import traceback as tracebacks
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum

from celeriac import lifecycle
from celeriac.errors import InvalidCall, InvalidMessage
from celeriac.lifecycle import Address, Event, Job, Phase
from celeriac.message import Message
from celeriac.task import Ignore, Reject, Request, Retry, Runnable, current_request
from celeriac.transport import Delivery, Document, Outgoing
from celeriac.worker.limits import SoftTimeLimitExceeded, soft_time_limit
from celeriac.worker.settings import WorkerSettings

logger = logging.getLogger("celeriac.worker")


class Settlement(Enum):
    """How a delivery is settled with the broker."""

    ACK = "ack"
    REJECT = "reject"
    REQUEUE = "requeue"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the courier has to do for a delivery, encoded: store, publish, then settle or wait.

    `over` is False where the task is about to run (an early acknowledgement) and more will come.
    """

    delivery: Delivery
    documents: tuple[Document, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()
    settlement: Settlement | None = None
    wait_until: datetime | None = None
    over: bool = True


class Executor:
    """One at a time: `handle` takes a delivery as far as it goes and reports the outcome."""

    def __init__(self, settings: WorkerSettings, report: Callable[[Outcome], None]) -> None:
        self._settings = settings
        self._report = report
        self._origin = f"gen{os.getpid()}@{settings.hostname}"

    def handle(self, delivery: Delivery) -> None:
        """Decode, decide, run if it is to be run. Whatever the message holds, nothing is raised for it."""
        try:
            message, event = self._read(delivery)
            self._advance(delivery, message, Phase.RECEIVED, event)
        except Exception:
            # A defect of ours. The message would meet it again, so it is refused rather than returned.
            logger.exception("Message from queue %s rejected: an error inside the worker", delivery.queue)
            self._report(Outcome(delivery, settlement=Settlement.REJECT))

    def _read(self, delivery: Delivery) -> tuple[Message | None, Event]:
        if isinstance(delivery.content, InvalidMessage):
            return None, lifecycle.Malformed(delivery.content)
        try:
            message = Message.parse(delivery.content, accept=self._settings.accept, limits=self._settings.limits)
            return message, lifecycle.classify(self._job(delivery, message))
        except InvalidMessage as error:
            return None, lifecycle.Malformed(error)

    def _advance(self, delivery: Delivery, message: Message | None, phase: Phase, event: Event) -> None:
        job = self._job(delivery, message, event)
        following, actions = lifecycle.step(phase, event, job)
        try:
            outcome = _encode(delivery, actions)
        except InvalidCall as error:
            if isinstance(event, lifecycle.Failed):
                raise
            # What the task returned, or wants sent, cannot be written: that is a failure of the task.
            self._advance(delivery, message, phase, lifecycle.Failed(error, ""))
            return
        _log(delivery, message, event)
        if outcome != Outcome(delivery, over=False):
            self._report(outcome)
        if following is Phase.RUNNING and message is not None:
            self._advance(delivery, message, following, self._run(delivery, message))

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
        )

    def _run(self, delivery: Delivery, message: Message) -> Event:
        task = self._settings.tasks[message.task]
        request = Request(message, delivery.queue, delivery.redelivered, self._settings.hostname)
        token = current_request.set(request)
        started = time.perf_counter()
        try:
            with soft_time_limit(message.soft_limit):
                value = _call(task, message)
        except Retry as retry:
            return lifecycle.Retried(retry, _traceback(retry), tuple(request.children))
        except Ignore:
            return lifecycle.Ignored()
        except Reject as reject:
            return lifecycle.Refused(reject.requeue)
        # SystemExit too: a task that wants to leave ends as a failure, the worker stays.
        except (Exception, SystemExit, SoftTimeLimitExceeded) as error:
            return lifecycle.Failed(error, _traceback(error), tuple(request.children))
        finally:
            current_request.reset(token)
        return lifecycle.Succeeded(value, tuple(request.children), time.perf_counter() - started)


def _call(task: Runnable, message: Message) -> object:
    first = (task,) if task.options.bind else ()
    return task.run(*first, *message.args, **message.kwargs)


def _address(delivery: Delivery, message: Message | None, event: Event | None) -> Address:
    if message is not None:
        return Address(message.id, message.reply_to, message.correlation_id or message.id)
    if not isinstance(event, lifecycle.Malformed):
        return Address(None, None, None)
    task_id = event.error.task_id
    properties = {} if isinstance(delivery.content, InvalidMessage) else delivery.content.properties
    reply_to, correlation_id = properties.get("reply_to"), properties.get("correlation_id")
    return Address(
        task_id,
        reply_to if isinstance(reply_to, str) else None,
        correlation_id if isinstance(correlation_id, str) else task_id,
    )


def _encode(delivery: Delivery, actions: tuple[lifecycle.Action, ...]) -> Outcome:
    documents: list[Document] = []
    outgoing: list[Outgoing] = []
    settlement: Settlement | None = None
    wait_until: datetime | None = None
    over = True
    for action in actions:
        match action:
            case lifecycle.Store(result, reply_to, correlation_id):
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
            case lifecycle.Send(message, route):
                outgoing.append(Outgoing(message.build(), route.routing_key, route.exchange))
            case lifecycle.Ack():
                settlement = Settlement.ACK
            case lifecycle.Reject(requeue):
                settlement = Settlement.REQUEUE if requeue else Settlement.REJECT
            case lifecycle.WaitUntil(at):
                wait_until = at
            case lifecycle.Run():
                over = False
    return Outcome(delivery, tuple(documents), tuple(outgoing), settlement, wait_until, over)


def _traceback(error: BaseException) -> str:
    """The traceback as text, without the frames of the worker itself."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get("__name__") == __name__:
        frames = frames.tb_next
    return "".join(tracebacks.format_exception(type(error), error, frames))


@dataclass(frozen=True, slots=True)
class Brief:
    """A value as short text, made when a log line is really written."""

    value: object
    limit: int = 200

    def __str__(self) -> str:
        text = repr(self.value)
        return text if len(text) <= self.limit else text[: self.limit] + "..."


def _log(delivery: Delivery, message: Message | None, event: Event) -> None:
    name = f"{message.task}[{message.id}]" if message is not None else f"from queue {delivery.queue}"
    match event:
        case lifecycle.Ready():
            logger.info("Task %s received", name)
        case lifecycle.Succeeded(value, _, runtime):
            logger.info("Task %s succeeded in %.3fs: %s", name, runtime, Brief(value))
        case lifecycle.Malformed(error):
            logger.error("Message %s rejected: %s", f"[{error.task_id}]" if error.task_id else name, error)
        case lifecycle.Unknown():
            logger.error("Task %s rejected: no task of this name is registered here", name)
        case lifecycle.Unsupported(reason):
            logger.error("Task %s rejected: %s", name, reason)
        case lifecycle.Expired():
            logger.info("Task %s discarded: it has expired", name)
        case lifecycle.NotYet(until):
            logger.info("Task %s received, eta %s", name, until.isoformat())
        case lifecycle.Retried(retry):
            logger.info("Task %s retry at %s: %r", name, retry.when, retry.cause)
        case lifecycle.Failed(error, traceback):
            logger.error("Task %s raised: %r\n%s", name, error, traceback)
        case lifecycle.Ignored():
            logger.info("Task %s ignored", name)
        case lifecycle.Refused(requeue):
            logger.info("Task %s refused its message%s", name, ", back to the queue" if requeue else "")
