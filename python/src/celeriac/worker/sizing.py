"""How many processes a worker is to have: as it was started, as remote control says, or as there is work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celeriac.worker.settings import WorkerSettings

#: Seconds for which fewer processes have to be enough before others leave. Celery's.
CALM = 30.0


class Sizing:
    """Says how many are ``wanted``; the supervisor starts and ends them.

    With bounds (``--autoscale``) there are more when all have their hands full, up to one for each task in them; and
    fewer when fewer were enough for ``CALM`` seconds.
    """

    def __init__(self, settings: WorkerSettings, now: float) -> None:
        self.wanted = settings.concurrency
        #: The most and the least, as Celery names them.
        self.bounds = settings.autoscale
        self._highest = settings.most
        self._peak = 0
        self._until = now + CALM

    @property
    def state(self) -> dict[str, Any]:
        """What the node has to know."""
        return {"processes": self.wanted, "bounds": self.bounds}

    def take(self, order: Mapping[str, Any]) -> None:
        """Do as remote control says: so many more or, if that is negative, fewer; or within other bounds."""
        if "more" in order:
            self.wanted = min(max(self.wanted + order["more"], 1), self._highest)
            if self.bounds is not None:
                most, least = self.bounds
                self.bounds = (max(most, self.wanted), min(least, self.wanted))
        else:
            most, least = order["bounds"]
            self.bounds = (most, least)
            self.wanted = min(max(self.wanted, least), most)

    def look(self, now: float, tasks: int, *, full: bool) -> None:
        """See whether the work wants more or fewer: so many tasks run or are next; whether no process may hold more."""
        if self.bounds is None:
            return
        most, least = self.bounds
        self._peak = max(self._peak, tasks)
        if full and self.wanted < most:
            self.wanted = min(max(tasks, self.wanted + 1), most)
            self._until = now + CALM
        elif now >= self._until:
            self.wanted = max(least, min(self.wanted, self._peak))
            self._peak, self._until = tasks, now + CALM
