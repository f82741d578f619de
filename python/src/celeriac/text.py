"""Short, safe text of any value: for error messages and for the ``argsrepr`` and ``kwargsrepr`` headers.

Nothing here fails, whatever ``repr`` of a value does, and the length of the result is bounded before a large value is
turned into text as a whole.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from typing import Any

#: Longest text that :func:`elided` gives, as Celery cuts it.
ELIDED_LENGTH = 1024

_PLAIN_TYPES = frozenset({float, bool, type(None)})
_SMALL_TEXT = 128
_SMALL_COUNT = 8
#: Of a string among the arguments, more than that is cut out of its middle.
_TEXT = 512
_HUGE_INT_BITS = 4096


class _Elider(reprlib.Repr):
    """``reprlib`` with wider limits, and bytes and huge integers cut before they become text."""

    def __init__(self, *, items: int, text: int, level: int) -> None:
        super().__init__()
        self.maxlevel = level
        self.maxtuple = self.maxlist = self.maxdict = self.maxset = self.maxfrozenset = items
        self.maxstring = self.maxother = self.maxlong = text

    def repr_bytes(self, value: bytes, _level: int) -> str:
        shown = repr(value[: self.maxstring])
        return shown if len(value) <= self.maxstring else f"{shown}..."

    def repr_int(self, value: int, level: int) -> str:
        # Python refuses to print integers of more than 4300 digits.
        if value.bit_length() > _HUGE_INT_BITS:
            return f"<int of {value.bit_length()} bits>"
        return super().repr_int(value, level)


_ERROR_TEXT = _Elider(items=4, text=80, level=2)
_HEADER_TEXT = _Elider(items=64, text=_TEXT, level=3)


def shown(value: Any) -> str:
    """Text of ``value`` for an error message: at most about a hundred characters, never an exception."""
    return _cut(_safe(_ERROR_TEXT, value), 120)


def elided(value: Any) -> str:
    """Text of ``value`` for ``argsrepr`` and ``kwargsrepr``: at most ``ELIDED_LENGTH`` long, never an exception."""
    if _is_small(value):
        text = repr(value)
        if len(text) <= ELIDED_LENGTH:
            return text
    if _is_short(value):
        text = repr(value)
        if len(text) <= _TEXT:
            return text
    return _cut(_safe(_HEADER_TEXT, value), ELIDED_LENGTH)


def safe_repr(value: Any) -> str:
    """Give ``repr(value)``, or a stand-in when that itself fails."""
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  # repr is the user's code, and this is called while reporting an error
        return f"<unrepresentable {type(value).__name__}>"


def nearest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The known word that was meant by one that is not known; None when none of them is so much like it (0 to 1)."""
    # Imported for a mistake: nobody else has to wait for it.
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, list(known), n=1, cutoff=likeness)), None)


def _is_small(value: Any) -> bool:
    """Whether plain ``repr`` of the arguments of a call is cheap: the usual case, ten times faster."""
    if type(value) not in (tuple, list, dict) or len(value) > _SMALL_COUNT:
        return False
    items = [*value, *value.values()] if type(value) is dict else value
    return all(map(_is_short, items))


def _is_short(item: Any) -> bool:
    kind = type(item)
    if kind is str:
        return len(item) <= _SMALL_TEXT or (len(item) < _TEXT and len(repr(item)) <= _TEXT)
    if kind is int:
        return bool(item.bit_length() <= 64)
    return kind in _PLAIN_TYPES


def _safe(elider: _Elider, value: Any) -> str:
    try:
        return elider.repr(value)
    except Exception:  # noqa: BLE001  # see safe_repr
        return f"<unrepresentable {type(value).__name__}>"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."
