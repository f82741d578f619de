"""What messages of one peer have in common, learnt from those that come first.

Of what one peer sends, most is the same for each message: it is compared, as it stands, with what was decoded once, and
only the texts between are decoded. What this gives is what decoding all of it would have given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from celeriac.message import HEADERS, PROPERTIES
from celeriac.wire import Wire

#: Casts that are kept; they are made of what comes first. A try in vain takes a tenth of what decoding takes.
MOST = 4
_HEADER_NAMES = frozenset(row.name for row in HEADERS)
_PROPERTY_NAMES = frozenset(row.name for row in PROPERTIES).difference({"expiration"})
#: Headers that have a new value in each message, or in many: of those that have one, few are alike.
CHANGING = ("shadow", "eta", "expires", "group", "group_index", "parent_id")
_SCALARS = frozenset({str, int, bool, type(None)})

#: A message as a transport has it before anything of it is decoded.
Encoded_contra = TypeVar("Encoded_contra", contravariant=True)


class Cast(Protocol[Encoded_contra]):
    """What messages have in common that differ in the texts of ``OWN`` alone."""

    def wire(self, encoded: Encoded_contra, /) -> Wire | None:
        """The raw message, with its kind; None when it is not of this cast."""


class Casts(Generic[Encoded_contra]):
    """The casts of what comes on one connection.

    ``cast_of`` makes one of a message and what decoding it gave; None where it cannot be followed.
    """

    def __init__(self, cast_of: Callable[[Encoded_contra, Wire], Cast[Encoded_contra] | None]) -> None:
        self._cast_of = cast_of
        self._casts: list[Cast[Encoded_contra]] = []

    def wire(self, encoded: Encoded_contra) -> Wire | None:
        """The raw message; None when it is like none that came before, and has to be decoded."""
        for cast in self._casts:
            wire = cast.wire(encoded)
            if wire is not None:
                return wire
        return None

    def learn(self, encoded: Encoded_contra, wire: Wire) -> None:
        """Know, from now on, messages that are like this one, which was decoded."""
        if len(self._casts) < MOST and is_plain(wire):
            cast = self._cast_of(encoded, wire)
            self._casts += () if cast is None else (cast,)


def is_plain(wire: Wire) -> bool:
    """Whether others are like it: a task message with nothing that differs but for ``OWN``."""
    headers, properties = wire.headers, wire.properties
    if not headers.keys() <= _HEADER_NAMES or not properties.keys() <= _PROPERTY_NAMES:
        return False
    return all(headers.get(name) is None for name in CHANGING) and all(map(_is_simple, headers.values()))


def _is_simple(value: Any) -> bool:
    if type(value) is dict:
        return _SCALARS.issuperset(map(type, value.values()))
    return _SCALARS.issuperset(map(type, value)) if type(value) is list else type(value) in _SCALARS


def changeable(wire: Wire) -> list[str]:
    """The headers whose values somebody may change: each message needs its own."""
    return [name for name, value in wire.headers.items() if type(value) in (list, dict)]
