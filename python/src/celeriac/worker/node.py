"""The process that speaks for a whole worker: answers remote control, and tells that the worker lives.

A process of its own, so that no command and no lost connection of its hurts the supervisor or the tasks. What only the
worker processes know it asks them through their channels; what they have to do it tells them there, and answers when
they have it, or shortly before nobody waits for the reply any more.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from celeriac.control import ControlReply, ControlRequest
from celeriac.errors import CeleriacError, InvalidCall, InvalidMessage, TransportError
from celeriac.transport import Post, open_post, requests_to
from celeriac.worker import panel
from celeriac.worker.channel import Channel
from celeriac.worker.clock import Clock
from celeriac.worker.duties import Duties
from celeriac.worker.panel import NO_REPLY, Ask
from celeriac.worker.pulse import Pulse
from celeriac.worker.settings import WorkerSettings

logger = logging.getLogger("celeriac.worker")

#: Seconds that worker processes have to answer, at least and at most, and those that the reply itself may take.
SHORTEST, LONGEST, ON_THE_WAY = 0.2, 10.0, 0.3
#: Seconds between looks at what is due.
TICK = 0.5
RECONNECT_FIRST, RECONNECT_MOST = 1.0, 30.0
_TRANSIENT = 1
#: Tells the supervisor that there is an order for it.
ORDER_SIGNAL = signal.SIGUSR2


@dataclass(slots=True)
class Pending:
    """A question to the processes: who has not answered, what the others said, and what to do then."""

    waiting: set[int]
    deadline: float
    conclude: Callable[[list[Any]], None]
    answers: list[Any] = field(default_factory=list)


class Node:
    """Runs until SIGTERM, or until its supervisor is gone.

    ``channels`` lead to the processes, by their number, ``line`` to the supervisor, which looks when it gets a signal.
    """

    def __init__(
        self, settings: WorkerSettings, channels: Mapping[int, Channel], line: Channel, clock: Clock, supervisor: int
    ) -> None:
        self._settings = settings
        self._channels = channels
        self._line = line
        self._clock = clock
        self._supervisor = supervisor
        self._pulse = Pulse(settings, clock)
        self._duties = Duties(settings, self._pulse, clock, supervisor, self._order)
        self._post: Post | None = None
        self._again = 0.0
        self._delay = RECONNECT_FIRST
        self._tried = False
        self._pending: dict[int, Pending] = {}
        self._numbers = itertools.count(1)
        self._stopping = False
        self._awake, self._wake = os.pipe()
        os.set_blocking(self._awake, False)
        os.set_blocking(self._wake, False)

    def run(self) -> int:
        """Work until told to stop; the exit code."""
        self._install_handlers()
        while not self._stopping:
            self._turn()
        self._leave()
        return 0

    def _turn(self) -> None:
        try:
            self._connect()
            self._wait()
            self._work()
        except TransportError as error:
            self._lost(error)

    def _install_handlers(self) -> None:
        def on_terminate(_signal: int, _frame: object) -> None:
            self._stopping = True

        signal.signal(signal.SIGTERM, on_terminate)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGQUIT, lambda *_: os._exit(0))
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    # -- connection

    def _connect(self) -> None:
        if self._post is not None or time.monotonic() < self._again:
            return
        try:
            subscription = requests_to(self._settings.hostname)
            self._post = open_post(self._settings.broker, subscription, connect_timeout=self._settings.connect_timeout)
        except InvalidCall as error:
            raise TransportError(str(error)) from error
        finally:
            self._tried = True
        self._delay = RECONNECT_FIRST
        self._pulse.begin(self._post)
        logger.info("%s answers remote control", self._settings.hostname)

    def _lost(self, error: TransportError) -> None:
        logger.warning("No remote control for %g seconds: %s", self._delay, error)
        post, self._post = self._post, None
        self._again = time.monotonic() + self._delay
        self._delay = min(2 * self._delay, RECONNECT_MOST)
        if post is not None:
            with contextlib.suppress(CeleriacError, OSError):
                post.close()

    def _leave(self) -> None:
        self._duties.save()
        if self._post is not None:
            with contextlib.suppress(CeleriacError, OSError):
                self._pulse.end(self._post)
                self._post.close()

    # -- the loop

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._awake, select.POLLIN)
        for channel in (self._line, *self._channels.values()):
            poll.register(channel, channel.interest)
        for fileno in self._post.filenos() if self._post is not None else ():
            poll.register(fileno, select.POLLIN)
        now = time.monotonic()
        due = min((pending.deadline - now for pending in self._pending.values()), default=TICK)
        poll.poll(max(0.0, min(TICK, due)) * 1000)
        with contextlib.suppress(BlockingIOError):
            os.read(self._awake, 4096)

    def _order(self, order: dict[str, Any]) -> None:
        self._line.send(order)
        os.kill(self._supervisor, ORDER_SIGNAL)

    def _work(self) -> None:
        for news in self._line.receive():
            self._resize(news)
        for number, channel in self._channels.items():
            for message in channel.receive():
                self._hear(number, channel, message)
        now = time.monotonic()
        for ticket in [ticket for ticket, pending in self._pending.items() if pending.deadline <= now]:
            self._conclude(ticket)
        if self._post is not None:
            for content in self._post.receive(0):
                self._take(content)
            self._post.tick()
            self._pulse.beat(self._post)
        self._duties.tick()
        if os.getppid() != self._supervisor:
            self._stopping = True

    def _resize(self, news: Mapping[str, Any]) -> None:
        """The supervisor has changed how many processes there are."""
        for number in news["gone"]:
            self._pulse.part(number)
            for ticket, pending in list(self._pending.items()):
                pending.waiting.discard(number)
                if not pending.waiting:
                    self._conclude(ticket)
        told = self._duties.resize(news["processes"], news["bounds"])
        for number in self._pulse.processes():
            self._channels[number].send({"id": 0, "ask": "obey", "arguments": told})

    def _hear(self, number: int, channel: Channel, message: Mapping[str, Any]) -> None:
        if "hello" in message:
            self._pulse.count(number, {"pid": message["hello"]})
            channel.send({"id": 0, "ask": "obey", "arguments": self._duties.state()})
        elif "count" in message:
            self._pulse.count(number, message["count"])
        elif message.get("id") in self._pending:
            pending = self._pending[message["id"]]
            pending.waiting.discard(number)
            pending.answers.append(message["answer"])
            if not pending.waiting:
                self._conclude(message["id"])

    def _conclude(self, ticket: int) -> None:
        pending = self._pending.pop(ticket)
        pending.conclude(pending.answers)

    # -- requests

    def _take(self, content: object) -> None:
        """Carry out a request, whatever it holds; nothing of it is raised."""
        try:
            if isinstance(content, InvalidMessage):
                raise content
            request = ControlRequest.parse(content, limits=self._settings.limits)  # type: ignore[arg-type]
            self._clock.adjust(request.clock)
            if request.is_for(self._settings.hostname):
                self._dispatch(request)
        except InvalidMessage as error:
            logger.warning("Remote control message dropped: %s", error)

    def _dispatch(self, request: ControlRequest) -> None:
        address = None if request.is_expired(time.time()) else request.reply_address
        logger.debug("Remote control: %s", ascii(request.method))

        def answer(value: Any) -> None:
            if address is not None and value is not NO_REPLY:
                self._reply(address, request.ticket, value)

        value = panel.call(self._duties, request.method, request.arguments or {})
        if isinstance(value, Ask):
            left = request.expires - time.time() - ON_THE_WAY if request.expires else LONGEST
            seconds = min(max(left, SHORTEST), LONGEST)
            self._ask(value, seconds, lambda answers: answer(panel.concluded(value, answers)))
        else:
            answer(value)

    def _ask(self, ask: Ask, seconds: float, conclude: Callable[[list[Any]], None]) -> None:
        ticket = next(self._numbers)
        there = self._pulse.processes()
        self._pending[ticket] = Pending(set(there), time.monotonic() + seconds, conclude)
        for number in there:
            self._channels[number].send({"id": ticket, "ask": ask.question, "arguments": ask.arguments})
        if not there:
            self._conclude(ticket)

    def _reply(self, address: Sequence[str], ticket: str | None, value: Any) -> None:
        reply = ControlReply(
            ticket=ticket,
            clock=self._clock.forward(),
            node=self._settings.hostname,
            reply=value,
            delivery_mode=_TRANSIENT,
            priority=0,
        )
        if self._post is None:
            return
        try:
            self._post.send(address[0], address[1], reply.build())
        except InvalidCall as error:
            logger.warning("A reply cannot be written: %s", error)
