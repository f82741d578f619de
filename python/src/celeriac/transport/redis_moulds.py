"""Items of Redis lists, quickly where messages have a form. Both ways give the same, but for the delivery tag."""

from __future__ import annotations

import base64
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted

from celeriac.envelope import Envelope, list_for
from celeriac.ids import new_id
from celeriac.transport.moulds import MOST, sample, with_gaps
from celeriac.wire import Content, Filled, Form, Wire


def item_of(wire: Content, queue: str) -> bytes:
    """The item of a message for a queue, with a delivery tag of its own. Raises ``InvalidCall``."""
    return _mould(wire.form, queue).item(wire) if isinstance(wire, Filled) else _built(wire, queue, new_id())


def list_of(wire: Content, queue: str) -> str:
    """The list that a message for a queue goes to."""
    return list_for(queue, (wire.form.like if isinstance(wire, Filled) else wire).properties.get("priority"))


def _built(wire: Wire, queue: str, tag: str) -> bytes:
    return Envelope(wire=wire, delivery_tag=tag, exchange="", routing_key=queue, body_encoding="base64").build()


class _Mould:
    """The items of one form for one queue."""

    def __init__(self, form: Form, queue: str) -> None:
        like, marks = sample(form)
        tag = new_id()
        gaps = {_quoted(mark): f"%({name})s" for name, mark in marks.items()}
        text = _built(like, queue, tag).decode("ascii")
        self._text = with_gaps(text, "%", {**gaps, tag: "%(tag)s", _base64(like.body): "%(body)s"})

    def item(self, filled: Filled) -> bytes:
        """The item of one message."""
        gaps = {
            "id": _quoted(filled.id),
            "argsrepr": _quoted(filled.argsrepr),
            "kwargsrepr": _quoted(filled.kwargsrepr),
            "tag": new_id(),
            "body": _base64(filled.body),
        }
        return (self._text % gaps).encode("ascii")


_mould = lru_cache(MOST)(_Mould)


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode("ascii")
