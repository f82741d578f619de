"""The sockets of a proxy: a listener, and two threads for each connection."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from urllib.parse import urlsplit

from celeriac_conformance.brokers import HOST, free_ports
from celeriac_conformance.proxy.amqp_frames import AmqpSplitter
from celeriac_conformance.proxy.frames import BadFrame, Frame, Splitter
from celeriac_conformance.proxy.log import Log
from celeriac_conformance.proxy.resp_frames import RespSplitter
from celeriac_conformance.proxy.rules import CUT, DELAY, HOLD, SWALLOW, THROTTLE, TO_BROKER, TO_TESTEE, Fault, Rule

CHUNK = 65536
CONNECT_SECONDS = 5.0
#: A throttled frame goes out in pieces of a tenth of a second.
PIECES_A_SECOND = 10

SPLITTERS: dict[str, Callable[[str], Splitter]] = {
    "amqp": lambda _: AmqpSplitter(),
    "redis": lambda direction: RespSplitter(commands=direction == TO_BROKER),
}


class Proxy:
    """Listens on a free port of 127.0.0.1 and relays to one broker. ``url`` is what a testee is given."""

    def __init__(self, scheme: str, target: tuple[str, int], url: Callable[[int], str]) -> None:
        self._scheme, self._target = scheme, target
        (self._port,) = free_ports(1)
        self._listener = socket.create_server((HOST, self._port))
        self.url = url(self._port)
        self.log = Log()
        self._faults: list[Fault] = []
        self._links: list[_Link] = []
        self._away = False
        self._refused = 0
        self._lock = threading.Lock()
        self._number = 0
        self._listen()

    @classmethod
    def of(cls, url: str) -> Proxy:
        """A proxy to the broker at ``url``, amqp:// or redis://; raises ValueError for another scheme."""
        parts = urlsplit(url)
        if parts.scheme not in SPLITTERS:
            raise ValueError(f"no proxy for {parts.scheme}://")
        user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        target = (parts.hostname or "127.0.0.1", parts.port or {"amqp": 5672, "redis": 6379}[parts.scheme])
        # Not urlunsplit: it takes the second slash of amqp://host:port// away, and with it the virtual host.
        path = url.split("://", 1)[1].partition("/")[2]
        return cls(parts.scheme, target, lambda port: f"{parts.scheme}://{user}127.0.0.1:{port}/{path}")

    def plan(self, rule: Rule) -> Fault:
        """Have a fault happen; frames are counted from now on."""
        fault = Fault(rule)
        with self._lock:
            self._faults.append(fault)
        return fault

    def cut(self) -> int:
        """Cut every connection now; the answer is how many there were."""
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            link.close()
        return len(links)

    def hold(self) -> None:
        """Let nothing cross the connections that there are any more, and keep them open."""
        with self._lock:
            for link in self._links:
                link.hold()

    def leave(self, *, counting: bool = False) -> None:
        """Be as a broker that is down, until ``heal``: cut every connection, and refuse new ones.

        ``counting``: close new ones at once instead, so that it can be seen who tries (``refused``).
        """
        with self._lock:
            self._away, self._refused = True, 0
        if not counting:
            self._deafen()
        self.cut()

    @property
    def refused(self) -> int:
        """How many connections have been refused since ``leave``."""
        with self._lock:
            return self._refused

    def heal(self) -> None:
        """Be as without a fault: forget those that have not happened, cut connections that one has spoilt."""
        with self._lock:
            self._away = False
            self._faults.clear()
            spoilt = [link for link in self._links if link.spoilt]
            self._links = [link for link in self._links if not link.spoilt]
        for link in spoilt:
            link.close()
        if self._listener.fileno() < 0:
            self._listener = socket.create_server((HOST, self._port))
            self._listen()

    def close(self) -> None:
        """Stop listening and cut every connection."""
        self._deafen()
        self.cut()

    def _listen(self) -> None:
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _deafen(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def met(self, direction: str, frame: Frame) -> Fault | None:
        """The fault that waits for this frame, if any."""
        with self._lock:
            faults = list(self._faults)
        return next((fault for fault in [f for f in faults if f.meets(direction, frame)]), None)

    def _accept(self) -> None:
        while True:
            try:
                testee, _ = self._listener.accept()
            except OSError:
                return  # closed
            self._number += 1
            if self._refuses(self._number):
                testee.close()
                continue
            try:
                broker = socket.create_connection(self._target, CONNECT_SECONDS)
            except OSError:
                testee.close()  # as a broker that is down
                continue
            broker.settimeout(None)
            link = _Link(self, self._scheme, self._number, testee, broker)
            with self._lock:
                self._links.append(link)
            link.start()

    def _refuses(self, number: int) -> bool:
        with self._lock:
            if self._away:
                self._refused += 1
                self.log.note(number, TO_BROKER, "connects", "refused")
            return self._away


class _Link:
    """One connection through the proxy. ``spoilt``: it does not pass on any more what it is given, as it is given."""

    def __init__(self, proxy: Proxy, scheme: str, number: int, testee: socket.socket, broker: socket.socket) -> None:
        self._proxy, self._scheme, self._number = proxy, scheme, number
        self._ends = {TO_BROKER: (testee, broker), TO_TESTEE: (broker, testee)}
        self._held = threading.Event()
        self.spoilt = False
        for end in (testee, broker):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self) -> None:
        """Relay in both directions, each in a thread of its own."""
        for direction in (TO_BROKER, TO_TESTEE):
            threading.Thread(target=self._relay, args=(direction,), daemon=True).start()

    def close(self) -> None:
        """Close both ends; the threads end by themselves."""
        for end, _ in self._ends.values():
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def hold(self) -> None:
        """Pass nothing on from now on."""
        self.spoilt = True
        self._held.set()

    def _relay(self, direction: str) -> None:
        source, target = self._ends[direction]
        splitter, rate = SPLITTERS[self._scheme](direction), 0
        with contextlib.suppress(OSError):
            while received := source.recv(CHUNK):
                try:
                    frames = splitter.feed(received)
                except BadFrame as error:
                    self._proxy.log.note(self._number, direction, f"not understood: {error}")
                    break
                for frame in frames:
                    rate = self._pass(direction, frame, target, rate)
        if not self._held.is_set():  # who has vanished does not say goodbye either
            self.close()

    def _pass(self, direction: str, frame: Frame, target: socket.socket, rate: int) -> int:
        """Pass a frame on, or do what a fault says; the answer is the rate from now on, 0 for no limit."""
        if self._held.is_set():
            return rate
        fault = self._proxy.met(direction, frame)
        rule = fault.rule if fault else None
        self.spoilt = self.spoilt or (rule is not None and rule.action in (SWALLOW, THROTTLE))
        self._proxy.log.note(self._number, direction, frame.text, rule.action if rule else "")
        if rule is not None and rule.after and rule.action == CUT:
            self._held.set()  # or the answer to the frame overtakes the cut
        if rule is None or rule.after or rule.action in (DELAY, THROTTLE):
            if rule is not None and rule.action == DELAY:
                time.sleep(rule.seconds)
            rate = rule.rate if rule is not None and rule.action == THROTTLE else rate
            _send(target, frame.raw, rate)
        if rule is not None and rule.action == HOLD:
            self.hold()
        if fault is not None:
            fault.happen()
        if rule is not None and rule.action == CUT:
            self.close()
            raise OSError("cut")
        return rate


def _send(target: socket.socket, raw: bytes, rate: int) -> None:
    if not rate:
        target.sendall(raw)
        return
    piece = max(1, rate // PIECES_A_SECOND)
    for start in range(0, len(raw), piece):
        target.sendall(raw[start : start + piece])
        time.sleep(1 / PIECES_A_SECOND)
