"""Remote control: a request to the workers, the reply of one, and whom a request means (CT).

Pure: who publishes, listens and carries out is elsewhere. Nothing of a request is evaluated: its method is looked up in
a table, its arguments are data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from celeriac.errors import InvalidMessage
from celeriac.fields import on_wire
from celeriac.framed import Framed, table_of
from celeriac.text import shown

#: Fanout exchange of requests, not durable (CT-REQ-001), and direct exchange of replies.
REQUEST_EXCHANGE = "celery.pidbox"
REPLY_EXCHANGE = f"reply.{REQUEST_EXCHANGE}"
#: Node names are short: a longer pattern means none of them, and costs its reader.
_LONGEST_PATTERN = 255

_ASKED = "when a reply is wanted"
_WHEN_ASKED = frozenset({"ticket", "reply_to"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRequest(Framed):
    """A command to all workers, or to those that it names.

    Attributes:
        clock: logical clock of the sender.
        expires: Unix time after which nobody waits for a reply; 0: somebody always does.
        method: the command.
        arguments: its keyword arguments.
        destination: names of the nodes that are meant; ``None``: everybody.
        pattern: pattern of the names of the nodes that are meant.
        matcher: how to read it: ``glob`` or ``pcre``.
        ticket: id of the call, when a reply is wanted; the reply carries it back.
        reply_to: ``exchange`` and ``routing_key`` for the reply.

    """

    clock: int | None = field(default=0, metadata=on_wire("headers", "integer", "null"))
    expires: float | None = field(default=0, metadata=on_wire("headers", "number", "null"))
    method: str = field(metadata=on_wire("body", "name"))
    arguments: Mapping[str, Any] | None = field(default_factory=dict, metadata=on_wire("body", "object", "null"))
    destination: Sequence[str] | None = field(default=None, metadata=on_wire("body", "array", "null"))
    pattern: str | None = field(default=None, metadata=on_wire("body", "string", "null"))
    matcher: str | None = field(default=None, metadata=on_wire("body", "string", "null"))
    ticket: str | None = field(
        default=None, metadata=on_wire("body", "string", "null", writer="when a reply is wanted")
    )
    reply_to: Mapping[str, Any] | None = field(
        default=None, metadata=on_wire("body", "object", "null", writer="when a reply is wanted")
    )
    absent: frozenset[str] = field(default=_WHEN_ASKED, compare=False)

    def is_for(self, node: str) -> bool:
        """Whether a node is meant (CT-REQ-004, CT-REQ-005); ``destination`` comes before ``pattern``, as in Celery.

        Raises InvalidMessage for a pattern that cannot be read.
        """
        if self.destination:
            return node in self.destination
        if self.pattern and self.matcher:
            return _matches(node, self.pattern, self.matcher)
        return True

    def is_expired(self, now: float) -> bool:
        """Whether nobody waits for the reply any more; ``now`` is Unix time."""
        return bool(self.reply_to and self.expires) and now > (self.expires or 0)

    @property
    def reply_address(self) -> tuple[str, str] | None:
        """Exchange and routing key for the reply, ``None`` when none is wanted (CT-REQ-007).

        Raises InvalidMessage when ``reply_to`` does not hold them.
        """
        if not self.reply_to:
            return None
        exchange, key = (self.reply_to.get(name) for name in ("exchange", "routing_key"))
        if not isinstance(exchange, str) or not isinstance(key, str):
            raise InvalidMessage(f"reply_to is {shown(self.reply_to)}; it is exchange and routing_key, both text")
        return exchange, key


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlReply(Framed):
    """What one node says to a request.

    Attributes:
        ticket: that of the request (CT-RPL-002).
        clock: logical clock of the node.
        node: name of the node that answers; on the wire the one key of the body (CT-RPL-001).
        reply: what the command says, the value under it; ``None`` is a reply too (CT-RPL-004).

    """

    ticket: str | None = field(default=None, metadata=on_wire("headers", "string", "null"))
    clock: int | None = field(default=0, metadata=on_wire("headers", "integer", "null"))
    node: str = field(metadata=on_wire("body", "string"))
    reply: Any = field(default=None, metadata=on_wire("body", "any"))

    @classmethod
    def read_body(cls, body: Any, values: dict[str, Any], _extra: dict[str, Mapping[str, Any]]) -> list[str]:
        """Take node and reply from the one pair that the body is."""
        if not isinstance(body, dict) or len(body) != 1:
            raise InvalidMessage(f"the reply is {shown(body)}; it is an object of one node")
        ((values["node"], values["reply"]),) = body.items()
        return []

    def body(self) -> Any:
        """Give the body: an object of one pair."""
        return {self.node: self.reply}


#: The fields of a request and of a reply, held against ``spec/fields.json`` by a test.
CONTROL_FIELDS = table_of(ControlRequest)
REPLY_FIELDS = table_of(ControlReply)


def _matches(node: str, pattern: str, matcher: str) -> bool:
    if len(pattern) > _LONGEST_PATTERN:
        raise InvalidMessage(f"pattern has {len(pattern)} characters; it has at most {_LONGEST_PATTERN}")
    if matcher == "glob":
        return fnmatchcase(node, pattern)
    if matcher != "pcre":
        raise InvalidMessage(f"matcher is {shown(matcher)}; it is glob or pcre", field="matcher")
    try:
        return re.match(pattern, node) is not None
    except (re.error, RecursionError, OverflowError) as error:
        raise InvalidMessage(f"pattern {shown(pattern)} is no regular expression: {error}", field="pattern") from error
