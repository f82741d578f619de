"""Captured of the current version alone: canvas, remote control, events, signatures, results of other serializers."""

from __future__ import annotations

from collections.abc import Iterator

from .drive_canvas import canvases
from .drive_control import controls
from .drive_event import events
from .drive_serializers import serializers
from .drive_signed import signed
from .vectors import Vector
from .wires import Rabbit, Store


def broad(rabbit: Rabbit, store: Store) -> Iterator[Vector]:
    """All vectors of canvas/, control/, events/ and security/, and the rest of serializers/."""
    yield from canvases(rabbit, store)
    yield from controls(rabbit, store)
    yield from events(rabbit, store)
    yield from signed(rabbit, store)
    yield from serializers(rabbit, store)
