"""What a reader does that loses its connection while somebody waits for a result."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat

from celeriac.errors import BrokerUnavailable

logger = logging.getLogger(__name__)

#: Seconds before the first tries to connect again, and before each later one.
DELAYS, LATER = (0.05, 0.1, 0.2, 0.5), 1.0


class Patience:
    """Of one wait, up to ``deadline`` (of the monotonic clock; None: for ever) (RS-WAIT-001, RS-WAIT-002)."""

    def __init__(self, deadline: float | None) -> None:
        self._deadline = deadline
        self._rested()

    def _rested(self) -> None:
        self._delays = chain(DELAYS, repeat(LATER))
        self._told = False

    @property
    def over(self) -> bool:
        """Whether there is no time left."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    def restored(self) -> None:
        """The connection is there: the next loss is a new one."""
        if self._told:
            logger.info("connected again, the wait for a result goes on")
            self._rested()

    @contextmanager
    def outliving(self, worthwhile: Callable[[], bool]) -> Iterator[None]:
        """Of a loss inside make a pause, after which to connect again; where that is not worthwhile, it is raised."""
        try:
            yield
        except BrokerUnavailable as error:
            if not worthwhile():
                raise
            self._pause(error)

    def _pause(self, error: BrokerUnavailable) -> None:
        if not self._told:
            logger.warning("the wait for a result goes on as soon as there is a connection: %s", error)
            self._told = True
        delay = next(self._delays)
        if self._deadline is not None:
            delay = min(delay, self._deadline - time.monotonic())
        time.sleep(max(0.0, delay))
