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


@dataclass(frozen=True, slots=True)
class Running:
    """What runs, and since when (Unix time). ``limit`` is its hard time limit in seconds.

    ``settle`` gives the outcome when it ends by an event from outside instead of by itself.
    """

    delivery: Delivery
    message: Message
    since: float
    settle: Callable[[Event], Outcome]
    limit: float | None = None
    #: Monotonic time at which the limit is reached.
    until: float = math.inf

    def exceeded(self) -> Outcome:
        """The outcome of having run for too long."""
        return self.settle(Failed(TimeLimitExceeded(self.limit), ""))
