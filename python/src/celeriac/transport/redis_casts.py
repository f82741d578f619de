"""Items of Redis lists that are like an earlier one, read by what they have in common (``casts``)."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import replace
from json.decoder import scanstring  # type: ignore[attr-defined]  # typeshed leaves it out
from typing import TypeAlias

from celeriac.envelope import BASE64, ROOM, Envelope, body_of
from celeriac.errors import InvalidMessage
from celeriac.limits import DEFAULT_LIMITS
from celeriac.transport.casts import changeable
from celeriac.wire import OWN, Kind, Wire

#: What is each item's own, beside the texts of its message.
_BODY, _TAG = "body", "delivery_tag"
#: The beginning of a text of its own. In the middle of another text, its quotes would be escaped.
_BEGINNING = re.compile(f'"({"|".join(sorted({*OWN, _BODY, _TAG}))})": ?"')
#: What is the same up to a text, with its opening quote, and the name of that.
_Run: TypeAlias = tuple[str, str]


class Cast:
    """What alike items have in common: runs of text, and texts of their own between. Implements ``casts.Cast``."""

    def __init__(self, runs: Sequence[_Run], end: str, like: Wire) -> None:
        self._kind = Kind(like)
        self._runs = [(run, len(run), _place(name, like), name) for run, name in runs]
        self._end = end
        self._copied = changeable(like)

    def wire(self, item: bytes) -> Wire | None:
        """The raw message in an item; None when it is not of this cast."""
        try:
            return self._wire(item.decode()) if len(item) <= ROOM.body_bytes else None
        except (ValueError, InvalidMessage):
            return None

    def _wire(self, item: str) -> Wire | None:
        like = self._kind.like
        headers, properties = {**like.headers}, {**like.properties}
        beside: dict[str, str] = {}
        places = headers, properties, beside
        at = 0
        for run, size, place, name in self._runs:
            if not item.startswith(run, at):
                return None
            text, at = scanstring(item, at + size)
            if not text:
                return None
            places[place][name] = text
        if item[at:] != self._end:
            return None
        for name in self._copied:
            headers[name] = headers[name].copy()
        body = body_of(beside[_BODY], BASE64, DEFAULT_LIMITS)
        wire = Wire(body, like.content_type, like.content_encoding, headers, properties)
        wire.kind = self._kind
        return wire


def _place(name: str, like: Wire) -> int:
    """Which of the three a text belongs to: headers, properties, what is beside them."""
    return 0 if name in like.headers else 1 if name in like.properties else 2


def cast_of(item: bytes, wire: Wire) -> Cast | None:
    """A cast of this item, which holds this plain message; None where it cannot be followed."""
    runs, end = _split(item.decode())
    names = [name for _, name in runs]
    if len(set(names)) < len(names) or not {_BODY, _TAG} <= {*names}:
        return None
    made = Cast(runs, end, replace(wire, body=b""))
    # Whatever the texts are, they do not change what is around them: one try shows whether each is found where it is.
    marks = {name: f"a {name}" for name in names} | {_BODY: base64.b64encode(b"a body").decode()}
    sample = "".join(f'{run}{marks[name]}"' for run, name in runs) + end
    try:
        decoded = Envelope.parse(sample.encode()).wire
    except InvalidMessage:
        return None
    return made if made.wire(sample.encode()) == decoded else None


def _split(item: str) -> tuple[list[_Run], str]:
    """What stands before each of an item's own texts, and what stands behind the last."""
    runs: list[_Run] = []
    at = 0
    while begin := _BEGINNING.search(item, at):
        runs.append((item[at : begin.end()], begin[1]))
        _, at = scanstring(item, begin.end())
    return runs, item[at:]
