"""What messages of one form have in common, written once.

A mould is what the general way writes for a sample, with gaps where the sample has marks. Filled, it gives what the
general way would have given, for a fraction of the price.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from celeriac.ids import new_id
from celeriac.wire import Filled, Form, Wire

#: Moulds that are kept of each kind: those that were used last.
MOST = 1000
#: The headers that differ, other than those that repeat the id.
GAPS = ("id", "argsrepr", "kwargsrepr")
T = TypeVar("T", str, bytes)


def sample(form: Form) -> tuple[Wire, dict[str, str]]:
    """One of the messages of a form, and by name of its gap the mark in it, which is nowhere else."""
    marks = {name: new_id() for name in GAPS}
    return Filled(form, **marks, body=new_id().encode()).whole, marks


def with_gaps(written: T, percent: T, gaps: Mapping[T, T]) -> T:
    """A format for the operator ``%``, of what was written: with gaps in place of marks."""
    text = written.replace(percent, percent + percent)
    for mark, gap in gaps.items():
        text = text.replace(mark, gap)
    return text
