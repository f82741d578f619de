"""Decodes messages, runs tasks, and turns what happened into what has to be sent, stored and settled.

Lives in the main thread of a worker process: tasks may use signals and whatever else wants the main thread.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol

from celeriac import events as monitored
from celeriac import lifecycle
from celeriac import lifecycle_events as events
from celeriac.errors import CeleriacError, InvalidMessage
from celeriac.execution import around, errbacks
from celeriac.execution.builtin import with_builtins
from celeriac.execution.counting import chord_member, chord_part
from celeriac.execution.ending import ColdShutdown, instead, raised
from celeriac.following import ChordError, broken_off, gathered
from celeriac.job import Address, Job
from celeriac.lifecycle_events import (
    Call,
    Count,
    Event,
    Failed,
    Malformed,
    NotYet,
    Phase,
    Ready,
    Revoked,
    Succeeded,
    Unsent,
)
from celeriac.message import Message
from celeriac.signature import Signature
from celeriac.task import Request, Runnable, current_request
from celeriac.text import safe_repr
from celeriac.tracing import NO_TRACING, Span
from celeriac.transport import ChordPart, Delivery, Gathered, counts_chords
from celeriac.tree import saved_group
from celeriac.worker import saying
from celeriac.worker.beside import GRACE, Beside
from celeriac.worker.evented import EventLoop, limited
from celeriac.worker.interrupts import Overdue, soft_time_limit
from celeriac.worker.journal import OVERDUE
from celeriac.worker.orders import Orders
from celeriac.worker.outcome import Outcome, Settlement, encode
from celeriac.worker.running import Running
from celeriac.worker.settings import WorkerSettings
from celeriac.worker.telling import Teller

logger = logging.getLogger("celeriac.worker")

DEFECT = "Message from queue %s rejected: an error inside the worker"


class Desk(Protocol):
    """Where outcomes are handed in: the courier. Whatever ends a task from outside does so there, beside it."""

    @property
    def beside(self) -> Beside:
        """The tasks that run beside the main thread."""

    def report(self, outcome: Outcome) -> None:
        """Hand over an outcome."""

    def begin(self, running: Running) -> None:
        """A task starts. Unless ``lift`` is called before its limit, its outcome stands and the process ends."""

    def lift(self) -> None:
        """The task has ended. Raises ``Overdue`` when that came too late."""

    def begin_beside(self, running: Running) -> None:
        """A task starts beside the main thread."""

    def came_due(self, delivery: Delivery) -> bool:
        """Whether a delivery was handled before and put off."""

    def tell(self, news: Iterable[monitored.Event]) -> None:
        """Tell monitors."""


class Register(Protocol):
    """Where it is noted what runs, for the case that it takes the process down, and what happens, to be counted."""

    def begin(self, task_id: str, until: float) -> int | None:
        """A task starts, to be over at this monotonic time; what to call ``end`` with."""

    def end(self, slot: int | None) -> None:
        """It has come to an end."""

    def note(self, message: Message | None, event: Event, *, again: bool) -> None:
        """Something happened to a message. ``again``: to one that was received before and put off."""


class Executor:
    """One at a time: ``handle`` takes a delivery as far as it goes and reports the outcome; not ``async def`` tasks.

    Those go on on ``loop``, and what came of them is reported from there.
    ``deaths`` tells how many processes died while they ran the task of this id. ``orders`` are those of remote control,
    ``total`` counts the runs of each task.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        desk: Desk,
        register: Register,
        deaths: Callable[[str], int],
        *,
        orders: Orders,
        teller: Teller,
        total: Counter[str],
        loop: EventLoop,
    ) -> None:
        self._settings = settings
        self._desk = desk
        self._register = register
        self._deaths = deaths
        self._orders = orders
        self._teller = teller
        self._total = total
        self._pid = os.getpid()
        self._origin = f"gen{self._pid}@{settings.hostname}"
        self._loop = loop
        self._tasks = with_builtins(settings.tasks)
        self._async = {name for name, task in self._tasks.items() if inspect.iscoroutinefunction(task.run)}
        self._counts_chords = counts_chords(settings.backend)

    def handle(self, delivery: Delivery) -> None:
        """Decode, decide, run if it is to be run. Whatever the message holds, nothing is raised for it."""
        try:
            message, event = self._read(delivery)
            self._advance(delivery, message, Phase.RECEIVED, event)
        except Exception:
            # A defect of ours. The message would meet it again, so it is refused rather than returned.
            logger.exception(DEFECT, delivery.queue)
            self._desk.report(Outcome(delivery, settlement=Settlement.REJECT))

    def _read(self, delivery: Delivery) -> tuple[Message | None, Event]:
        if isinstance(delivery.content, InvalidMessage):
            return None, Malformed(delivery.content)
        try:
            message = Message.parse(delivery.content, accept=self._settings.accept, limits=self._settings.limits)
            return message, self._ordered(message, lifecycle.classify(self._job(delivery, message)))
        except InvalidMessage as error:
            return None, Malformed(error)

    def _ordered(self, message: Message, event: Event) -> Event:
        """What becomes of a message by the orders of remote control."""
        if isinstance(event, (Ready, NotYet)) and self._orders.is_revoked(message):
            return Revoked()
        if isinstance(event, Ready) and (wait := self._orders.rate_wait(message.task)):
            return NotYet(datetime.now(timezone.utc) + timedelta(seconds=wait))
        return event

    def _advance(self, delivery: Delivery, message: Message | None, phase: Phase, event: Event) -> Event:
        """Take a delivery on from this event; gives the one that took its place where that could not be told."""
        try:
            outcome = self._decide(delivery, message, phase, event)
        except CeleriacError as error:
            return self._advance(delivery, message, phase, instead(event, error))
        self._note(delivery, message, event)
        if outcome.over:
            self._desk.report(outcome)
        elif message is not None and (outcome.settlement is None or self._settled(outcome)):
            if outcome.documents and outcome.settlement is None:
                self._desk.report(outcome)
            elif outcome.news:
                self._desk.tell(outcome.news)
            if message.task in self._async:
                self._launch(delivery, message)
            else:
                self._run(delivery, message)
        return event

    def _span(self, delivery: Delivery, message: Message) -> Span:
        return self._settings.tracing.start(message.task, message.id, delivery.queue, message.extra.headers)

    def _finish(self, delivery: Delivery, request: Request, event: Event, span: Span) -> None:
        """Tell how a run has ended, the sender first."""
        _end(span, event)
        event = self._advance(delivery, request.message, Phase.RUNNING, event)
        around.after(self._tasks[request.task], request, event)

    def _note(self, delivery: Delivery, message: Message | None, event: Event) -> None:
        """Log what happened, and have it counted."""
        saying.log(delivery, message, event)
        self._register.note(message, event, again=self._desk.came_due(delivery))

    def _settled(self, outcome: Outcome) -> bool:
        """Have a delivery acknowledged before its task runs; False when it will be delivered again instead."""
        answer: SimpleQueue[bool] = SimpleQueue()
        self._desk.report(replace(outcome, settled=answer, news=()))
        return answer.get()

    def _decide(self, delivery: Delivery, message: Message | None, phase: Phase, event: Event) -> Outcome:
        _, actions = lifecycle.step(phase, event, self._job(delivery, message, event))
        outcome = self._encode(delivery, message, actions)
        if self._orders.telling and message is not None:
            news = self._teller.news(message, event, again=self._desk.came_due(delivery))
            outcome = replace(outcome, news=news)
        if not outcome.outgoing:
            return outcome

        def if_refused(error: Exception) -> Outcome:
            return self._decide(delivery, message, phase, Unsent(error))

        return replace(outcome, if_refused=if_refused)

    def _encode(self, delivery: Delivery, message: Message | None, actions: tuple[events.Action, ...]) -> Outcome:
        """The outcome that the courier carries out."""
        outcome = encode(delivery, actions, stores=self._settings.backend is not None)
        if outcome.outgoing and self._settings.tracing is not NO_TRACING:
            carried = self._settings.tracing.carried(None if message is None else message.extra.headers)
            outgoing = tuple(replace(sent, wire=sent.wire.with_headers(carried)) for sent in outcome.outgoing)
            outcome = replace(outcome, outgoing=outgoing)
        counts = {chord_part(action): action for action in actions if isinstance(action, Count)}
        calls = tuple(
            errbacks.bound(action, self._tasks, self._request(delivery, action.message))
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
        job = self._job(delivery, message)

        def broken(error: Exception) -> Outcome:
            cause = ChordError(f"Callback error: {safe_repr(error)}")
            try:
                return replace(self._encode(delivery, message, broken_off(job, count.body, cause)), broken=True)
            except Exception:
                logger.exception("The failure of chord %s cannot be told", ascii(count.group_id))
                return Outcome(delivery, broken=True)

        # Whatever the entries hold, the thread that counts has to live.
        try:
            members = [chord_member(entry) for entry in all_there_is.entries]
            saved = None if all_there_is.saved is None else saved_group(all_there_is.saved)
            outcome = self._encode(delivery, message, gathered(job, count, members, saved))
        except Exception as error:
            logger.exception("The body of chord %s cannot be sent", ascii(count.group_id))
            return broken(error)
        return replace(outcome, broken=any(member.failed for member in members), if_refused=broken)

    def _job(self, delivery: Delivery, message: Message | None, event: Event | None = None) -> Job:
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
            new_id=lambda: str(uuid.uuid4()),
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

    def _request(self, delivery: Delivery, message: Message) -> Request:
        def store(state: str, meta: Any) -> None:
            documents = encode(delivery, (lifecycle.noted(message, state, meta),)).documents
            self._desk.report(Outcome(delivery, documents, over=False))

        return Request(message, delivery.queue, delivery.redelivered, self._settings.hostname, store=store)

    def _run(self, delivery: Delivery, message: Message) -> None:
        request = self._request(delivery, message)
        span = self._span(delivery, message)
        with span.active():
            self._finish(delivery, request, self._ran(delivery, request, span), span)

    def _ran(self, delivery: Delivery, request: Request, span: Span) -> Event:
        message = request.message
        task = self._tasks[message.task]
        token = current_request.set(request)
        hard, soft = self._orders.limits(message, task.options)
        until = time.monotonic() + hard if hard else math.inf
        slot = self._register.begin(message.id, until)
        self._total[message.task] += 1
        started = time.perf_counter()
        try:
            running = Running(delivery, message, time.time(), partial(self._ended, span), hard or None, until)
            value = self._watched(running, request, task, soft)
        except (ColdShutdown, Overdue):
            raise
        # SystemExit and the like too: a task that wants to leave ends as a failure, the worker stays.
        except BaseException as error:  # noqa: BLE001  # whatever a task raises is its result
            return raised(error, request, task.options)
        finally:
            self._register.end(slot)
            current_request.reset(token)
        return Succeeded(value, tuple(request.children), time.perf_counter() - started)

    def _launch(self, delivery: Delivery, message: Message) -> None:
        """Have a task run on the event loop, once there is a place for it."""
        task = self._tasks[message.task]
        request = self._request(delivery, message)
        hard, soft = self._orders.limits(message, task.options)
        flight = self._loop.flight()
        until = time.monotonic() + hard if hard else math.inf
        # A cancelled task may take its time to end.
        slot = self._register.begin(message.id, until + GRACE)
        self._total[message.task] += 1
        span = self._span(delivery, message)
        ended = partial(self._ended, span)
        running = Running(delivery, message, time.time(), ended, hard or None, until, flight.cancel)

        def landed(run: asyncio.Task[Event]) -> None:
            self._register.end(slot)
            if not self._desk.beside.part(running):
                return
            try:
                event = raised(asyncio.CancelledError(), request, task.options) if run.cancelled() else run.result()
                # Current to the end, so that what follows from the task belongs to its trace.
                with span.active():
                    self._finish(delivery, request, event, span)
            except Exception:
                logger.exception(DEFECT, delivery.queue)
                self._desk.report(Outcome(delivery, settlement=Settlement.REJECT))

        self._desk.begin_beside(running)
        flight.start(_run_async(task, request, soft, span), landed)

    def _watched(self, running: Running, request: Request, task: Runnable, soft: float | None) -> object:
        """Call the task, which may be ended from outside meanwhile: by a hard time limit, or by remote control."""
        self._desk.begin(running)
        try:
            with soft_time_limit(soft):
                around.before(task, request)
                return _call(task, running.message)
        finally:
            self._desk.lift()

    def _ended(self, span: Span, delivery: Delivery, message: Message, event: Event) -> Outcome:
        """The outcome of a task that was ended from outside. Called in the courier's thread."""
        _end(span, event)
        with span.active():
            self._note(delivery, message, event)
            return self._decide(delivery, message, Phase.RUNNING, event)


def _end(span: Span, event: Event) -> None:
    span.end(type(event).__name__.lower(), event.error if isinstance(event, Failed) else None)


async def _run_async(task: Runnable, request: Request, soft: float | None, span: Span) -> Event:
    current_request.set(request)
    started = time.perf_counter()
    try:
        with span.active():
            around.before(task, request)
            value = await limited(_call(task, request.message), soft)
    except BaseException as error:  # noqa: BLE001  # whatever a task raises is its result
        return raised(error, request, task.options)
    return Succeeded(value, tuple(request.children), time.perf_counter() - started)


def _call(task: Runnable, message: Message) -> Any:
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
