"""Decodes messages, runs tasks, and turns what happened into what has to be sent, stored and settled.

Lives in the main thread of a worker process: tasks may use signals and whatever else wants the main thread.
"""

from __future__ import annotations

import logging
import os
import time
import traceback as tracebacks
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum

from celeriac import lifecycle
from celeriac.errors import InvalidCall, InvalidMessage
from celeriac.lifecycle import Address, Event, Job, Phase
from celeriac.message import Message
from celeriac.task import Ignore, Reject, Request, Retry, Runnable, current_request
from celeriac.transport import Delivery, Document, Outgoing
from celeriac.worker.limits import soft_time_limit
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

    ``over`` is False where the task is about to run (an early acknowledgement) and more will come.
    """

    delivery: Delivery
    documents: tuple[Document, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()
    settlement: Settlement | None = None
    wait_until: datetime | None = None
    over: bool = True


class Executor:
    """One at a time: ``handle`` takes a delivery as far as it goes and reports the outcome."""

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
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a task raises is its result
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


#: event -> (level, what to say about it); the text is formatted with the event as ``{0}``, only when it is written.
SAYINGS: Mapping[type, tuple[int, str]] = {
    lifecycle.Ready: (logging.INFO, "Task {name} received"),
    lifecycle.NotYet: (logging.INFO, "Task {name} received, eta {0.until}"),
    lifecycle.Succeeded: (logging.INFO, "Task {name} succeeded in {0.runtime:.3f}s: {brief}"),
    lifecycle.Failed: (logging.ERROR, "Task {name} raised: {0.error!r}\n{0.traceback}"),
    lifecycle.Retried: (logging.INFO, "Task {name} retry at {0.retry.when}: {0.retry.cause!r}"),
    lifecycle.Ignored: (logging.INFO, "Task {name} ignored"),
    lifecycle.Refused: (logging.INFO, "Task {name} refused its message, requeue {0.requeue}"),
    lifecycle.Expired: (logging.INFO, "Task {name} discarded: it has expired"),
    lifecycle.Unknown: (logging.ERROR, "Task {name} rejected: no task of this name is registered here"),
    lifecycle.Unsupported: (logging.ERROR, "Task {name} rejected: {0.reason}"),
    lifecycle.Malformed: (logging.ERROR, "Message {name} rejected: {0.error}"),
}


def _log(delivery: Delivery, message: Message | None, event: Event) -> None:
    level, text = SAYINGS[type(event)]
    if logger.isEnabledFor(level):
        name = str(message) if message is not None else f"from queue {delivery.queue}"
        logger.log(level, "%s", text.format(event, name=name, brief=_brief(getattr(event, "value", None))))


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LOGGED_CHARACTERS else text[:LOGGED_CHARACTERS] + "..."
