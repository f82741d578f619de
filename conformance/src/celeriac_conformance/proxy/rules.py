"""Faults as data: which frame they wait for, and what happens then."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from celeriac_conformance.proxy.frames import Frame

TO_BROKER, TO_TESTEE = "to-broker", "to-testee"

#: Close both ends at once, the frame not passed on.
CUT = "cut"
#: Pass nothing on any more in either direction, and keep both ends open: a peer that has vanished from the network.
HOLD = "hold"
#: Leave out this one frame.
SWALLOW = "swallow"
#: Pass the frame on after ``seconds``; what follows waits behind it.
DELAY = "delay"
#: From here on pass on ``rate`` bytes a second in this direction.
THROTTLE = "throttle"
ACTIONS = (CUT, HOLD, SWALLOW, DELAY, THROTTLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One fault: ``action`` at the ``nth`` frame called ``name`` in ``direction``, counted over all connections.

    ``name`` can be several, joined by ``|``; ``about`` counts only frames whose text in the log has it.
    ``after`` passes the frame on before acting: the peer has got it, and the answer is lost.
    """

    action: str
    name: str
    nth: int = 1
    about: str = ""
    direction: str = TO_BROKER
    after: bool = False
    seconds: float = 0.0
    rate: int = 0

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"{self.action!r} is none of {', '.join(ACTIONS)}")
        if self.action == THROTTLE and self.rate <= 0:
            raise ValueError("a throttle needs a rate, in bytes a second")


@dataclass(eq=False)
class Fault:
    """A rule at work: it counts what crosses, and happens once."""

    rule: Rule
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _happened: threading.Event = field(default_factory=threading.Event)

    def meets(self, direction: str, frame: Frame) -> bool:
        """Whether this frame is the one; true for one frame ever."""
        rule = self.rule
        if direction != rule.direction or frame.name not in rule.name.split("|") or rule.about not in frame.text:
            return False
        with self._lock:
            self._count += 1
            return self._count == rule.nth

    def happen(self) -> None:
        """Note that it has happened."""
        self._happened.set()

    @property
    def happened(self) -> bool:
        """Whether it has."""
        return self._happened.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until it has happened; False when it does not in time."""
        return self._happened.wait(seconds)
