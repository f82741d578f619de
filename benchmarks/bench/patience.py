"""Waiting that ends: who waits says what for, now and then, and gives up where nothing moves or time is over."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from bench.model import ContestantError

Say = Callable[[str], None]
#: Seconds without any progress after which something counts as stuck.
STUCK = 30.0
#: Seconds after which a wait is mentioned, again and again.
MENTION = 10.0


def _silent(_text: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Limit:
    """When a line has to be over, and who is told what it waits for."""

    deadline: float = math.inf
    say: Say = _silent

    @classmethod
    def of(cls, seconds: float, say: Say) -> Limit:
        """A limit that begins now."""
        return cls(time.monotonic() + seconds, say)

    @property
    def over(self) -> bool:
        """Whether there is no time left."""
        return time.monotonic() >= self.deadline


UNLIMITED = Limit()


@dataclass
class Patience:
    """One wait, for something that is counted; ``last_words`` are added where it is given up."""

    limit: Limit
    last_words: Callable[[], str] = str
    stuck: float = STUCK
    began: float = field(default_factory=time.monotonic)
    _done: int = -1
    _moved: float = field(default_factory=time.monotonic)
    _mentioned: int = 0

    def go_on(self, done: int, what: str) -> None:
        """It has come so far. Raises ``ContestantError`` when it is not worth waiting any longer."""
        now = time.monotonic()
        if done != self._done:
            self._done, self._moved = done, now
        if now - self._moved > self.stuck:
            self._give_up(f"stuck for {now - self._moved:.0f} s: {what}")
        if self.limit.over:
            self._give_up(f"no time left for this line: {what} after {now - self.began:.0f} s")
        if (now - self.began) // MENTION > self._mentioned:
            self._mentioned += 1
            self.limit.say(f"{what} after {now - self.began:.0f} s")

    def _give_up(self, reason: str) -> NoReturn:
        words = self.last_words()
        raise ContestantError(f"{reason}: {words}" if words else reason)
