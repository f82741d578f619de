"""Plain calls by a short way: of the messages of one task, sent with the same options, most is the same.

The first of them goes the general way, through ``Message``; what came of it is the form that the others are filled
into. Pure: ids are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from celeriac.message import BODY_PARTS, EMBED, Message
from celeriac.sending import Route
from celeriac.serialization import dumps
from celeriac.signature import Signature
from celeriac.text import elided
from celeriac.wire import Filled, Form, Wire

_Key: TypeAlias = tuple[Any, ...]

#: Options that make the same of every message: they depend neither on the time nor on what else is sent.
CONSTANT = frozenset(
    {
        *("queue", "exchange", "routing_key", "priority", "reply_to", "ignore_result", "shadow"),
        *("time_limit", "soft_time_limit", "confirm", "retry"),
    }
)
#: Types of whose values two that are equal are the same: 1 is no True, and a list may change.
_CONSTANT_TYPES = frozenset({str, int, float, bool})
#: Forms that are kept; there are more only where options have ever new values.
MOST = 1000
_NOTHING_FOLLOWS = {row.name: None for row in EMBED}


class Forms:
    """The forms of what one sender sends, by task and options. Safe for many threads."""

    def __init__(self) -> None:
        self._known: dict[_Key, tuple[Form, Route]] = {}

    def filled(
        self,
        task: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: Mapping[str, Any],
        new_id: Callable[[], str],
    ) -> tuple[Filled, Route] | None:
        """The message of a call, and where it goes; None: it has to go the general way. Raises as that."""
        known = self._known.get(_key(task, options))
        if known is None or not _is_plain(args, kwargs):
            return None
        form, route = known
        body = dumps([args, kwargs, _NOTHING_FOLLOWS], name=BODY_PARTS).body
        return Filled(form, new_id(), elided(tuple(args)), elided(kwargs), body), route

    def learn(self, task: str, options: Mapping[str, Any], message: Message, route: Route) -> Wire:
        """The message of a client's call that was made the general way, from now on also the form of others."""
        wire = message.build()
        key = _key(task, options)
        if key:
            if len(self._known) >= MOST:
                self._known.clear()
            # What it was called with may be large.
            self._known[key] = Form(replace(wire, body=b"")), route
        return wire


def may_have_form(signature: Signature) -> bool:
    """Whether its message may be like others: it is one task, by itself."""
    return signature.subtask_type is None and signature.options.keys() <= CONSTANT


def _key(task: str, options: Mapping[str, Any]) -> _Key:
    """What a form is known by; empty: this call has none."""
    kinds = tuple(map(type, options.values()))
    if options.keys() <= CONSTANT and _CONSTANT_TYPES.issuperset(kinds):
        return (task, kinds, *options.items())
    return ()


def _is_plain(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether the types are those that the general way makes of any other."""
    if type(args) not in (tuple, list) or type(kwargs) is not dict:
        return False
    return not kwargs or all(type(name) is str for name in kwargs)
