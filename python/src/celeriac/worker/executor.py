"""Decodes messages, runs tasks, and hands in what is to be sent, stored and settled for what happened.

Lives in the main thread of a worker process, where tasks may use signals and whatever else wants that thread; or on
several threads (``threaded``).
"""

from __future__ import annotations

import inspect
import logging
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from celeriac import lifecycle
from celeriac.errors import CeleriacError, InvalidMessage
from celeriac.execution import around
from celeriac.execution.builtin import with_builtins
from celeriac.execution.ending import ColdShutdown, instead, raised
from celeriac.lifecycle_events import (
    Event,
    Failed,
    Malformed,
    NotYet,
    Phase,
    Ready,
    Revoked,
    Succeeded,
)
from celeriac.message import Message
from celeriac.task import Request, Runnable, TaskOptions, current_request
from celeriac.tracing import NO_TRACING, Span
from celeriac.transport import Delivery
from celeriac.worker import saying
from celeriac.worker.beside import GRACE
from celeriac.worker.deciding import Decider
from celeriac.worker.desk import Desk, Register
from celeriac.worker.evented import EventLoop, limited
from celeriac.worker.interrupts import Overdue, soft_time_limit
from celeriac.worker.orders import Orders
from celeriac.worker.outcome import Outcome, Settlement
from celeriac.worker.plain import READY
from celeriac.worker.running import Running
from celeriac.worker.settings import WorkerSettings
from celeriac.worker.telling import Teller

if TYPE_CHECKING:
    import asyncio

logger = logging.getLogger("celeriac.worker")

_UNLIMITED = nullcontext()
DEFECT = "Message from queue %s rejected: an error inside the worker"


class Executor:
    """``handle`` takes a delivery as far as it goes and reports the outcome; not ``async def`` tasks.

    Those go on on ``loop``, and what came of them is reported from there.
    ``deaths`` tells how many processes died while they ran the task of this id. ``orders`` are those of remote control.
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
        loop: EventLoop,
    ) -> None:
        self._settings = settings
        self._desk = desk
        self._register = register
        self._orders = orders
        self._loop = loop
        self._tasks = with_builtins(settings.tasks)
        self._silent = {name for name, task in self._tasks.items() if around.is_silent(task)}
        self._async = {name for name, task in self._tasks.items() if inspect.iscoroutinefunction(task.run)}
        self._decider = Decider(settings, self._tasks, desk, deaths, orders=orders, teller=teller)

    def handle(self, delivery: Delivery) -> None:
        """Decode, decide, run if it is to be run. Whatever the message holds, nothing is raised for it."""
        try:
            message, event = self._read(delivery)
            if event is READY and message is not None:
                self._start(delivery, message)
            else:
                self._advance(delivery, message, Phase.RECEIVED, event)
        except Exception:
            # A defect of ours. The message would meet it again, so it is refused rather than returned.
            logger.exception(DEFECT, delivery.queue)
            self._desk.report(Outcome(delivery, settlement=Settlement.REJECT))

    def mourn(self, delivery: Delivery, message: Message, reason: str) -> None:
        """Tell that the process died which ran a task, and why; nobody will deliver its message again."""
        try:
            event = lifecycle.lost(self._decider.job(delivery, message), reason)
            self._advance(delivery, message, Phase.RUNNING, event)
        except Exception:
            logger.exception("The loss of task %s cannot be told", ascii(message.id))
            self._desk.report(Outcome(delivery))

    def _read(self, delivery: Delivery) -> tuple[Message | None, Event]:
        if isinstance(delivery.content, InvalidMessage):
            return None, Malformed(delivery.content)
        try:
            message = Message.parse(delivery.content, accept=self._settings.accept, limits=self._settings.limits)
            return message, self._ordered(message, self._decider.classify(delivery, message))
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
            outcome = self._decider.decide(delivery, message, phase, event)
        except CeleriacError as error:
            return self._advance(delivery, message, phase, instead(event, error))
        self._note(delivery, message, event)
        if outcome.over:
            self._desk.report(outcome)
        elif message is not None and (outcome.settlement is None or self._promised(outcome, message)):
            if outcome.documents and outcome.settlement is None:
                self._desk.report(outcome)
            elif outcome.news:
                self._desk.tell(outcome.news)
            self._begin(delivery, message)
        return event

    def _start(self, delivery: Delivery, message: Message) -> None:
        """The short way of ``_advance`` for a plain message (``Plain``), which needs nothing before it runs."""
        news = self._decider.news(delivery, message, READY)
        self._note(delivery, message, READY)
        if news:
            self._desk.tell(news)
        self._begin(delivery, message)

    def _begin(self, delivery: Delivery, message: Message) -> None:
        if message.task in self._async:
            self._launch(delivery, message)
        else:
            self._run(delivery, message)

    def _span(self, delivery: Delivery, message: Message) -> Span:
        return self._settings.tracing.start(message.task, message.id, delivery.queue, message.extra.headers)

    def _finish(self, delivery: Delivery, request: Request, event: Event, span: Span) -> None:
        """Tell how a run has ended, the sender first."""
        if self._settings.tracing is not NO_TRACING:
            _end(span, event)
        event = self._advance(delivery, request.message, Phase.RUNNING, event)
        name = request.message.task
        task = self._tasks[name]
        if name not in self._silent or around.is_awaited(task, event):
            around.after(task, request, event)

    def _note(self, delivery: Delivery, message: Message | None, event: Event) -> None:
        """Log what happened, and have it counted."""
        saying.log(delivery, message, event)
        self._register.note(message, event, again=self._desk.came_due(delivery))

    def _promised(self, outcome: Outcome, message: Message) -> bool:
        """Have a delivery acknowledged before its task runs; False when it will be delivered again instead."""
        answer: SimpleQueue[bool] = SimpleQueue()
        self._desk.report(replace(outcome, settled=answer, news=()))
        if not answer.get():
            return False
        self._desk.promise(outcome.delivery, message)
        return True

    def _run(self, delivery: Delivery, message: Message) -> None:
        request = self._decider.request(delivery, message)
        span = self._span(delivery, message)
        with span.active():
            self._finish(delivery, request, self._ran(delivery, request, span), span)

    def _ran(self, delivery: Delivery, request: Request, span: Span) -> Event:
        message = request.message
        task = self._tasks[message.task]
        token = current_request.set(request)
        hard, soft = self._orders.limits(message, task.options)
        until = time.monotonic() + hard if hard else math.inf
        slot = self._register.begin(message, until)
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
        request = self._decider.request(delivery, message)
        hard, soft = self._orders.limits(message, task.options)
        flight = self._loop.flight()
        until = time.monotonic() + hard if hard else math.inf
        # A cancelled task may take its time to end.
        slot = self._register.begin(message, until + GRACE)
        span = self._span(delivery, message)
        ended = partial(self._ended, span)
        running = Running(delivery, message, time.time(), ended, hard or None, until, flight.cancel, outside=True)

        def landed(run: asyncio.Task[Event]) -> None:
            self._register.end(slot)
            if not self._desk.beside.part(running):
                return
            try:
                event = _came_of(run, request, task.options)
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
            with soft_time_limit(soft) if soft else _UNLIMITED:
                around.before(task, request)
                return call(task, running.message)
        finally:
            self._desk.lift()

    def _ended(self, span: Span, delivery: Delivery, message: Message, event: Event) -> Outcome:
        """The outcome of a task that was ended from outside. Called in the courier's thread."""
        _end(span, event)
        with span.active():
            self._note(delivery, message, event)
            return self._decider.decide(delivery, message, Phase.RUNNING, event)


def _end(span: Span, event: Event) -> None:
    span.end(type(event).__name__.lower(), event.error if isinstance(event, Failed) else None)


def _came_of(run: asyncio.Task[Event], request: Request, options: TaskOptions) -> Event:
    try:
        return run.result()
    # That it was cancelled: everything else is an event.
    except BaseException as error:  # noqa: BLE001
        return raised(error.with_traceback(None), request, options)


async def _run_async(task: Runnable, request: Request, soft: float | None, span: Span) -> Event:
    current_request.set(request)
    started = time.perf_counter()
    try:
        with span.active():
            around.before(task, request)
            value = await limited(call(task, request.message), soft)
    except BaseException as error:  # noqa: BLE001  # whatever a task raises is its result
        return raised(error, request, task.options)
    return Succeeded(value, tuple(request.children), time.perf_counter() - started)


def call(task: Runnable, message: Message) -> Any:
    """Call a task with what its message holds."""
    first = (task,) if task.options.bind else ()
    return task.run(*first, *message.args, **message.kwargs)
