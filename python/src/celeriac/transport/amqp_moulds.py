"""Encoded properties of messages, quickly where they have a form. Both ways give the same."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from celeriac.transport.amqp_tables import LENGTH, encoded, field_table, long_text, short_text
from celeriac.transport.moulds import MOST, sample, with_gaps
from celeriac.wire import Content, Filled, Form


def properties(wire: Content) -> bytes | None:
    """The encoded properties of a message; None where py-amqp has to encode them."""
    if not isinstance(wire, Filled):
        return encoded(wire)
    mould = _mould(wire.form)
    return None if mould is None else mould.properties(wire)


class _Mould:
    """The encoded properties of one form: what is before the table of headers, the table, and what is behind it."""

    def __init__(self, written: bytes, headers: bytes, marks: Mapping[str, str]) -> None:
        self._before, _, after = written.partition(headers)
        gaps = {long_text(mark): f"%({name})b".encode() for name, mark in marks.items()}
        self._headers = with_gaps(headers[LENGTH.size :], b"%", gaps)
        self._after = with_gaps(after, b"%", {short_text(marks["id"]): b"%b"})

    def properties(self, filled: Filled) -> bytes | None:
        """The properties of one message; None for text that is no UTF-8."""
        try:
            gaps = {
                b"id": long_text(filled.id),
                b"argsrepr": long_text(filled.argsrepr),
                b"kwargsrepr": long_text(filled.kwargsrepr),
            }
        except UnicodeEncodeError:
            return None
        content = self._headers % gaps
        return b"".join((self._before, LENGTH.pack(len(content)), content, self._after % short_text(filled.id)))


@lru_cache(MOST)
def _mould(form: Form) -> _Mould | None:
    like, marks = sample(form)
    written = encoded(like)
    return None if written is None else _Mould(written, field_table(like.headers), marks)
