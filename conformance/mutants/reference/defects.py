"""Which defect is switched on, and how it acts.

The reference calls ``change`` where something crosses the wire, ``refuse`` where it turns something down, and
``has`` where a defect is a deed that no change of data can express. Without a defect all three do nothing of note.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: As the new value of an Edit: the member is removed.
DROP = object()


class InvalidMessage(Exception):
    """The peer broke the message. ``task_id`` is the id to say so under, where one can be read."""

    def __init__(self, message: str, task_id: str | None = None) -> None:
        super().__init__(message)
        self.task_id = task_id


class CallError(Exception):
    """What the caller is told instead of a result; ``kind`` is the kind of error of the testee protocol."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Edit:
    """At ``place``, the member at the dotted ``path`` becomes ``new``: a value, DROP, or a function of the old one."""

    place: str
    path: str
    new: Any


@dataclass(frozen=True, slots=True)
class Skip:
    """The check of that name is not made; a name that ends in ``*`` stands for all that begin so."""

    check: str


@dataclass(frozen=True, slots=True)
class Deed:
    """The code asks for the defect by its name."""


Effect = Edit | Skip | Deed

_name = ""
_effects: tuple[Effect, ...] = ()


def switch_on(name: str, effects: tuple[Effect, ...]) -> None:
    """Make this process the mutant of that name."""
    global _name, _effects
    _name, _effects = name, effects


def has(name: str) -> bool:
    """Whether this process is the mutant of that name."""
    return _name == name


def change(place: str, value: Any) -> Any:
    """The value as the mutant has it at that place; the very same object where no defect acts."""
    for effect in _effects:
        if isinstance(effect, Edit) and effect.place == place:
            value = _edited(copy.deepcopy(value), effect.path.split(".") if effect.path else [], effect.new)
    return value


def _edited(value: Any, path: list[str], new: Any) -> Any:
    if not path:
        return new(value) if callable(new) else new
    if not isinstance(value, (dict, list)):
        return value  # what the defect would change is not there
    key: Any = int(path[0]) if isinstance(value, list) else path[0]
    if isinstance(value, list) and key >= len(value):
        return value
    if len(path) == 1 and new is DROP:
        value.pop(key, None) if isinstance(value, dict) else value.pop(key)
        return value
    old = value.get(key) if isinstance(value, dict) else value[key]
    value[key] = _edited(old, path[1:], new)
    return value


def refuse(check: str, why: str, task_id: str | None = None) -> None:
    """Raise InvalidMessage, unless the defect is not to make that check."""
    for effect in _effects:
        if isinstance(effect, Skip) and (
            effect.check == check or (effect.check.endswith("*") and check.startswith(effect.check[:-1]))
        ):
            return
    raise InvalidMessage(why, task_id)


#: A function of one value: the commonest kind of ``new``.
Change = Callable[[Any], Any]
