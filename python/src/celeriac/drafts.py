"""Frozen objects at the price of a dict: a frozen dataclass sets each attribute by a call, a message has 33 of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def maker(cls: type[T]) -> Callable[[dict[str, Any]], T]:
    """What makes objects of a frozen dataclass without slots, as calling it with these values by name does.

    The values become what the object holds, so nobody else may keep them; simple defaults are the class's own.
    """
    own: Any = cls
    made_anew = [
        (item.name, item.default_factory)
        for item in dataclasses.fields(own)
        if item.default_factory is not dataclasses.MISSING
    ]
    new, set_attribute = cls.__new__, object.__setattr__

    def make(values: dict[str, Any]) -> T:
        for name, default in made_anew:
            if name not in values:
                values[name] = default()
        made = new(cls)
        set_attribute(made, "__dict__", values)
        return made

    return make
