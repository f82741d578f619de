"""What those who run tasks do with what comes in, until the worker is told to stop or the process is worn out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from celeriac.transport import Delivery
from celeriac.worker.holding import Inbox, Item
from celeriac.worker.outcome import Outcome, Settlement
from celeriac.worker.wear import Wear

logger = logging.getLogger("celeriac.worker")


class Source(Protocol):
    """Where it comes from: the courier."""

    @property
    def inbox(self) -> Inbox:
        """Where it gathers; None is the end."""

    def report(self, outcome: Outcome) -> None:
        """Hand over an outcome."""

    def stop(self) -> None:
        """End in order."""


class Shift:
    """``work`` until the end, on one thread or on several. ``handle`` is the executor's.

    ``take`` waits for what is next, where that is more than to look into the inbox. ``over`` is whether nothing more is
    begun, ``renewed`` whether that is because of wear.
    """

    def __init__(
        self, source: Source, handle: Callable[[Delivery], None], wear: Wear, take: Callable[[], Item] | None = None
    ) -> None:
        self._source = source
        self._take = take or source.inbox.get
        self._handle = handle
        self._wear = wear
        self.over = False
        self.renewed = False

    def work(self) -> None:
        """Run what comes. Raises what interrupts the whole process or, on a thread, the task."""
        while (item := self._take()) is not None:
            if not isinstance(item, Delivery):
                item()
            elif self.over:
                self._source.report(Outcome(item, settlement=Settlement.REQUEUE))
            else:
                self._handle(item)
            if not self.over and (reason := self._wear.reason()) is not None:
                logger.info("This process ends and another takes its place: %s", reason)
                self.over = self.renewed = True
                self._source.stop()
        # Others on this shift wait for it, too.
        self._source.inbox.put(None)
