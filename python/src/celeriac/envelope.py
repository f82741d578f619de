"""The Redis list item: a message and its delivery information as one JSON object (BR-REDIS-002 to 006).

Redis has no headers or properties, so the whole message lies in the item: the body as base64 text, the rest as plain
members. Pure: pushing and taking items is the transport's.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from celeriac.errors import InvalidCall, InvalidMessage
from celeriac.fields import on_wire, read, rest, table, write
from celeriac.message import Message
from celeriac.serialization import DEFAULT_LIMITS, JSON, Limits, dumps, loads
from celeriac.text import shown
from celeriac.wire import Wire

#: A queue is four lists; a message goes into the list of the highest step that is not above its priority.
PRIORITY_STEPS = (0, 3, 6, 9)
_SEPARATOR = "\x06\x16"
#: How ``body_encoding`` names base64.
BASE64 = "base64"
_TEXT_ENCODINGS = (None, "utf-8")
_KEYS = ("body", "content-encoding", "content-type", "headers", "properties")
#: Celery writes these behind the delivery information, and every other property before it.
_LAST_PROPERTIES = ("priority",)
_ENVELOPE_ORDER = ("body_encoding", "delivery_tag")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A list item.

    Attributes:
        wire: the message in it.
        delivery_tag: unique id of this delivery, a UUID. Two messages of one tag lose one of them.
        body_encoding: ``base64``; ``None``: the body is the text as it stands.
        exchange: ``""`` for a queue addressed by its name.
        routing_key: routing key; the queue's name when ``exchange`` is ``""``.
        extra: members that the specification does not name: ``item`` of the whole, ``delivery_info`` of that object.
        absent: names to leave out as long as they hold what their omission means; no part of comparison.

    """

    wire: Wire
    delivery_tag: str = field(metadata=on_wire("envelope", "name"))
    body_encoding: str | None = field(default=None, metadata=on_wire("envelope", "string", "null"))
    exchange: str = field(metadata=on_wire("delivery_info", "string"))
    routing_key: str = field(metadata=on_wire("delivery_info", "string"))
    extra: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    absent: frozenset[str] = field(default=frozenset(), compare=False)

    @classmethod
    def parse(cls, item: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Envelope:
        """Read a list item (BR-REDIS-012).

        Raises InvalidMessage and nothing else, with ``task_id`` as far as it can be read.
        """
        document = loads(item, JSON, "utf-8", limits=ROOM if limits is DEFAULT_LIMITS else _room(limits))
        document = _object(document, "the item")
        plain = _plain(cls, document, limits)
        if plain is not None:
            return plain
        headers = document.get("headers")
        try:
            return _parse(cls, document, _object(headers, "headers"), limits)
        except InvalidMessage as error:
            if isinstance(headers, dict):
                error.about(headers.get("id"), headers.get("task"))
            raise

    def build(self) -> bytes:
        """Give the item, its members in Celery's order. Raises InvalidCall for what cannot be written."""
        own = write(ENVELOPE_FIELDS, self, self.absent)
        delivery_info = {name: own.pop(name) for name in _DELIVERY_INFO_NAMES}
        delivery_info.update(self.extra.get("delivery_info", {}))
        properties = dict(self.wire.properties)
        last = {name: properties.pop(name) for name in _LAST_PROPERTIES if name in properties}
        properties["delivery_info"] = delivery_info
        properties.update(last)
        properties.update({name: own[name] for name in _ENVELOPE_ORDER if name in own})
        parts = (
            self._body_text(),
            self.wire.content_encoding,
            self.wire.content_type,
            dict(self.wire.headers),
            properties,
        )
        document = dict(zip(_KEYS, parts, strict=True))
        return dumps({**document, **self.extra.get("item", {})}, name="envelope").body

    def _body_text(self) -> str:
        if self.body_encoding == BASE64:
            return base64.b64encode(self.wire.body).decode("ascii")
        if self.body_encoding not in _TEXT_ENCODINGS:
            raise InvalidCall(f"body_encoding is {shown(self.body_encoding)}; use base64")
        try:
            return self.wire.body.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidCall("the body is not UTF-8 text; use body_encoding base64") from None

    def to_neutral(
        self, *, accept: frozenset[str] = frozenset({JSON}), limits: Limits = DEFAULT_LIMITS
    ) -> dict[str, Any]:
        """Give the flat neutral form: the task message in the item and the envelope's own fields.

        Raises InvalidMessage when the item holds no task message, or one of a content type that is not accepted.
        """
        flat = Message.parse(self.wire, accept=accept, limits=limits).to_neutral()
        flat.update(write(ENVELOPE_FIELDS, self, self.absent))
        if self.extra:
            flat["extra"] = {**flat.get("extra", {}), **self.extra}
        return flat

    @classmethod
    def from_neutral(cls, flat: Mapping[str, Any]) -> Envelope:
        """Read the flat neutral form. Raises InvalidCall for what is no field of an envelope or task message."""
        missing = [row.name for row in ENVELOPE_FIELDS if row.required and row.name not in flat]
        if missing:
            raise InvalidCall(f"not the neutral form of an envelope: {', '.join(missing)} missing")
        own = {row.name: flat[row.name] for row in ENVELOPE_FIELDS if row.name in flat}
        extra = {place: values for place, values in flat.get("extra", {}).items() if place in _EXTRA_PLACES}
        message = {name: value for name, value in flat.items() if name not in own and name != "extra"}
        left = {place: values for place, values in flat.get("extra", {}).items() if place not in _EXTRA_PLACES}
        wire = Message.from_neutral({**message, "extra": left}).build()
        absent = frozenset(row.name for row in ENVELOPE_FIELDS) - own.keys()
        return cls(wire=wire, extra=extra, absent=absent, **own)


#: The fields that belong to the envelope itself.
ENVELOPE_FIELDS = table(Envelope)
_ENVELOPE_ROWS, _DELIVERY_INFO_ROWS = (
    tuple(row for row in ENVELOPE_FIELDS if row.place == place) for place in ("envelope", "delivery_info")
)
_ENVELOPE_NAMES = frozenset(row.name for row in _ENVELOPE_ROWS)
_DELIVERY_INFO_NAMES = tuple(row.name for row in _DELIVERY_INFO_ROWS)
_EXTRA_PLACES = ("item", "delivery_info")
_OWN_PROPERTIES = ("delivery_info", *_ENVELOPE_NAMES)


def lists_for(queue: str) -> tuple[str, ...]:
    """Names of the four lists of a queue, in the order in which they are read: priority 0 first (BR-REDIS-013)."""
    return (queue, *(f"{queue}{_SEPARATOR}{step}" for step in PRIORITY_STEPS[1:]))


def list_for(queue: str, priority: int | None) -> str:
    """Name of the list for a message of this priority (BR-REDIS-007); none and below 0 count as 0."""
    if not priority:
        return queue
    below = sum(step <= priority for step in PRIORITY_STEPS)
    return lists_for(queue)[max(below, 1) - 1]


def _room(limits: Limits) -> Limits:
    """What an item may hold: base64 makes a body a third longer; the same again is left for headers."""
    return Limits(limits.body_bytes * 2, limits.depth)


#: The limits of an item by default.
ROOM = _room(DEFAULT_LIMITS)
_PLAIN_TYPES = [str, str, str, dict, dict]


def _plain(cls: type[Envelope], document: dict[str, Any], limits: Limits) -> Envelope | None:
    """As ``_parse``, for what Celery's producers write; None for all else, be it right or wrong.

    ``document`` is used up when there is an answer.
    """
    parts: list[Any] = [document.get(name) for name in _KEYS]
    if len(document) != len(_KEYS) or list(map(type, parts)) != _PLAIN_TYPES:
        return None
    text, content_encoding, content_type, headers, properties = parts
    delivery_info, tag = properties.get("delivery_info"), properties.get("delivery_tag")
    if type(tag) is not str or not tag:
        return None
    if type(delivery_info) is not dict or len(delivery_info) != len(_DELIVERY_INFO_NAMES):
        return None
    exchange, routing_key = delivery_info.get("exchange"), delivery_info.get("routing_key")
    if type(exchange) is not str or type(routing_key) is not str or properties.get("body_encoding") != BASE64:
        return None
    try:
        body = body_of(text, BASE64, limits)
    except InvalidMessage:
        return None
    for name in _OWN_PROPERTIES:
        del properties[name]
    return cls(
        wire=Wire(body, content_type, content_encoding, headers, properties),
        delivery_tag=tag,
        body_encoding=BASE64,
        exchange=exchange,
        routing_key=routing_key,
    )


def _parse(cls: type[Envelope], document: dict[str, Any], headers: dict[str, Any], limits: Limits) -> Envelope:
    properties = _object(document.get("properties"), "properties")
    delivery_info = _object(properties.get("delivery_info"), "delivery_info")
    own: dict[str, Any] = {}
    absent = frozenset(read(_ENVELOPE_ROWS, properties, own))
    read(_DELIVERY_INFO_ROWS, delivery_info, own)
    extra = {
        "item": {name: value for name, value in document.items() if name not in _KEYS},
        "delivery_info": rest(delivery_info, frozenset(_DELIVERY_INFO_NAMES), len(_DELIVERY_INFO_NAMES)),
    }
    wire = Wire(
        body=body_of(document.get("body"), own.get("body_encoding"), limits),
        content_type=_text_or_none(document, "content-type"),
        content_encoding=_text_or_none(document, "content-encoding"),
        headers=headers,
        properties={
            name: value for name, value in properties.items() if name != "delivery_info" and name not in _ENVELOPE_NAMES
        },
    )
    return cls(wire=wire, extra={place: values for place, values in extra.items() if values}, absent=absent, **own)


def body_of(text: Any, encoding: str | None, limits: Limits) -> bytes:
    """The body of the message in an item. Raises InvalidMessage."""
    if not isinstance(text, str):
        raise InvalidMessage(f"body is {shown(text)}; it is text", field="body")
    if encoding in _TEXT_ENCODINGS:
        return text.encode("utf-8", "surrogatepass")
    if encoding != BASE64:
        raise InvalidMessage(f"body_encoding is {shown(encoding)}; send base64", field="body_encoding")
    try:
        # Line breaks are allowed; the url-safe alphabet is not, it would decode to garbage.
        body = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidMessage(f"body is not base64: {error}", field="body") from error
    if len(body) > limits.body_bytes:
        raise InvalidMessage(f"the body has {len(body)} bytes, more than the {limits.body_bytes} accepted")
    return body


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidMessage(f"{name} is {shown(value)}; it is an object", field=name if " " not in name else None)
    return value


def _text_or_none(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidMessage(f"{name} is {shown(value)}; it is text", field=name)
    return value
