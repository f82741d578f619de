"""From a signature to the message that is sent for it: callbacks, errbacks and the next step of a chain.

Pure: the time and the ids are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from celeriac.errors import InvalidCall
from celeriac.message import Message
from celeriac.serialization import content_type
from celeriac.signature import Signature
from celeriac.text import shown
from celeriac.times import in_utc

#: Options of a signature that are fields of the message, under the name that the field has.
_FIELD_OF = {
    "shadow": "shadow",
    "eta": "eta",
    "expires": "expires",
    "group_id": "group",
    "group_index": "group_index",
    "retries": "retries",
    "root_id": "root_id",
    "parent_id": "parent_id",
    "ignore_result": "ignore_result",
    "replaced_task_nesting": "replaced_task_nesting",
    "time_limit": "time_limit",
    "soft_time_limit": "soft_time_limit",
    "headers": "headers",
    "compression": "compression",
    "reply_to": "reply_to",
    "correlation_id": "correlation_id",
    "delivery_mode": "delivery_mode",
    "priority": "priority",
    "link": "callbacks",
    "link_error": "errbacks",
    "chain": "chain",
    "chord": "chord",
}
_LISTS = ("callbacks", "errbacks")
_NO_DEFAULTS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Route:
    """Where a message goes.

    Attributes:
        exchange: exchange by name; ``""`` is the one that hands on to the queue of the routing key's name.
        routing_key: routing key; the name of the queue when ``exchange`` is ``""``.

    """

    exchange: str
    routing_key: str


def to_message(
    signature: Signature,
    *,
    new_id: Callable[[], str],
    origin: str,
    now: datetime,
    parent: Message | None = None,
    prefix: Sequence[Any] = (),
    reply_to: str | None = None,
    defaults: Mapping[str, Any] = _NO_DEFAULTS,
) -> tuple[Message, Route | None]:
    """Give the message for a signature and where it goes (``None``: the signature does not say).

    ``prefix`` goes in front of the arguments unless the signature is immutable, ``defaults`` are options that it does
    not have itself. The id is that of the options, or ``new_id()``. With a parent, ``parent_id`` is its id and
    ``root_id`` its root. Results go to ``reply_to`` of the options, else to the given one, else to the parent's:
    whoever waits for the parent learns the end of its chain.
    ``countdown`` and a numeric ``expires`` count from ``now``. Options that are no field of a message are left to the
    sender. Raises InvalidCall for a canvas (a chain, group or chord is not one message) or a bad value.
    """
    if signature.subtask_type is not None:
        raise InvalidCall(f"{signature.task} is a {signature.subtask_type}, not one task; send its parts one by one")
    whole = signature.clone(prefix) if prefix else signature
    options = {**defaults, **whole.options}
    values = {
        _FIELD_OF[option]: value for option, value in options.items() if value is not None and option in _FIELD_OF
    }
    values.update(_times(options, now))
    values.update(_stamps(options))
    for name in _LISTS:
        if isinstance(values.get(name), Mapping):
            values[name] = [values[name]]
    if parent is not None:
        values["parent_id"] = parent.id
        values["root_id"] = parent.root_id or parent.id
        reply_to = reply_to or parent.reply_to
    values["reply_to"] = values.get("reply_to") or reply_to
    if options.get("serializer"):
        values["content_type"] = content_type(options["serializer"])
    task_id = options.get("task_id") or new_id()
    message = Message.create(
        task=whole.task, id=task_id, args=whole.args, kwargs=whole.kwargs, origin=origin, now=now, **values
    )
    return message, _route(options)


def _route(options: Mapping[str, Any]) -> Route | None:
    queue, exchange, routing_key = (options.get(name) for name in ("queue", "exchange", "routing_key"))
    if isinstance(queue, str) and queue:
        return Route("", queue)
    if exchange or routing_key:
        return Route(str(exchange or ""), str(routing_key or ""))
    return None


def _times(options: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Turn relative times into instants."""
    times = {}
    for option, name in (("countdown", "eta"), ("expires", "expires")):
        seconds = options.get(option)
        if isinstance(seconds, (int, float)) and not isinstance(seconds, bool):
            try:
                times[name] = in_utc(now) + timedelta(seconds=seconds)
            except (OverflowError, ValueError):
                raise InvalidCall(
                    f"{option} is {shown(seconds)} seconds; that is no instant of this calendar"
                ) from None
    return times


def _stamps(options: Mapping[str, Any]) -> dict[str, Any]:
    """Gather the stamps, which lie flat in the options of a signature."""
    names = options.get("stamped_headers")
    if not names:
        return {}
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise InvalidCall(f"stamped_headers is {shown(names)}; it is a list of names of stamps")
    return {"stamped_headers": list(names), "stamps": {name: options[name] for name in names if name in options}}
