"""The task that runs in a process, as its other thread sees it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from celeriac.lifecycle_events import Event, Failed
from celeriac.message import Message
from celeriac.task import TimeLimitExceeded
from celeriac.transport import Delivery
from celeriac.worker.outcome import Outcome


@dataclass(slots=True, eq=False)
class Running:
    """What runs, and since when (Unix time). ``limit`` is its hard time limit in seconds.

    ``ended`` gives the outcome of its ending by an event from outside instead of by itself. One is made for every run,
    so it is not frozen, which would double its price; nobody changes it.
    """

    delivery: Delivery
    message: Message
    since: float
    ended: Callable[[Delivery, Message, Event], Outcome]
    limit: float | None = None
    #: Monotonic time at which the limit is reached.
    until: float = math.inf
    #: Has it cancelled, where that ends it without the process.
    cancel: Callable[[], None] | None = None
    #: Whether its delivery is held beside the prefetch window.
    outside: bool = False

    def settle(self, event: Event) -> Outcome:
        """The outcome of being ended by this event."""
        return self.ended(self.delivery, self.message, event)

    def exceeded(self) -> Outcome:
        """The outcome of having run for too long."""
        return self.settle(Failed(TimeLimitExceeded(self.limit), ""))
