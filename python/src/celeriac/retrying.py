"""How often what could not be sent is tried again: Celery's ``retry_policy``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from celeriac.errors import InvalidCall
from celeriac.text import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, and after how many seconds.

    ``max_retries`` None is without end. The first pause is ``interval_start``, each later one ``interval_step`` longer,
    up to ``interval_max`` longer than the first. The defaults are Celery's.
    """

    max_retries: int | None = 3
    interval_start: float = 0
    interval_step: float = 0.2
    interval_max: float = 1

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> RetryPolicy:
        """A policy by the names of its parts. Raises ``InvalidCall`` for a name or a value that is none."""
        for name, value in given.items():
            if name not in NAMES:
                raise InvalidCall(f"retry_policy has no {shown(name)}; it has {', '.join(NAMES)}")
            if name == "max_retries":
                if value is not None and not (_is(value, int) and value >= 0):
                    raise InvalidCall(f"max_retries is a whole number from 0 on, or None, not {shown(value)}")
            elif not (_is(value, int, float) and 0 <= value < math.inf):
                raise InvalidCall(f"{name} is a number of seconds from 0 on, not {shown(value)}")
        return cls(**given)

    def pauses(self) -> Iterator[float]:
        """Seconds to wait before each further try, as many as there may be."""
        tries = 0
        while self.max_retries is None or tries < self.max_retries:
            yield self.interval_start + min(self.interval_max, tries * self.interval_step)
            tries += 1


NAMES = tuple(part.name for part in fields(RetryPolicy))


def _is(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)
