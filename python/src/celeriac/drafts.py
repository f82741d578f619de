"""Frozen objects at the price of others: a frozen dataclass sets each attribute by a call, a message has 33 of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def maker(cls: type[T]) -> Callable[[dict[str, Any]], T]:
    """What makes objects of a frozen dataclass with slots, as calling it with these values by name does.

    Each is written as a draft, whose class has the same slots and may be written to, and then declared to be the thing.
    """
    rows = [
        (
            item.name,
            Any,
            dataclasses.field(default=item.default, default_factory=item.default_factory, kw_only=True),
        )
        for item in dataclasses.fields(cls)  # type: ignore[arg-type]
    ]
    draft: Any = dataclasses.make_dataclass("Draft", rows, slots=True, eq=False, repr=False)

    def make(values: dict[str, Any]) -> T:
        made: Any = draft(**values)
        made.__class__ = cls
        return made  # type: ignore[no-any-return]

    return make
