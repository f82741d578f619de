"""Protocol 1, decode only: everything in one body object, headers are the user's own (TM-V1-002, TM-V1-003).

The fields become those of protocol 2, so that nothing behind ``Message.parse`` knows of protocol 1; a message read as
protocol 1 is written back as protocol 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from celeriac.errors import InvalidMessage
from celeriac.fields import on_wire, read, rest, table, write
from celeriac.tagged import to_tagged
from celeriac.text import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageV1:
    """The body of a protocol 1 message. Attributes bear the names of the wire and mean what they mean in protocol 2.

    ``taskset`` is the old name of ``group``. ``utc`` says nothing: text without an offset is UTC in any case, as
    workers since 4.0 have it. ``extra`` holds the keys that the specification does not name.
    """

    task: str = field(metadata=on_wire("body", "name"))
    id: str = field(metadata=on_wire("body", "name"))
    args: Sequence[Any] = field(default_factory=list, metadata=on_wire("body", "array"))
    kwargs: Mapping[str, Any] = field(default_factory=dict, metadata=on_wire("body", "object"))
    group: str | None = field(default=None, metadata=on_wire("body", "string", "null", writer="4.4 and later"))
    group_index: int | None = field(default=None, metadata=on_wire("body", "integer", "null", writer="4.4 and later"))
    retries: int = field(default=0, metadata=on_wire("body", "integer"))
    eta: str | None = field(default=None, metadata=on_wire("body", "date-time", "null"))
    expires: str | None = field(default=None, metadata=on_wire("body", "date-time", "null"))
    utc: bool = field(default=True, metadata=on_wire("body", "boolean"))
    callbacks: Sequence[Any] | None = field(default=None, metadata=on_wire("body", "array", "null"))
    errbacks: Sequence[Any] | None = field(default=None, metadata=on_wire("body", "array", "null"))
    timelimit: Sequence[float | None] | None = field(default=None, metadata=on_wire("body", "time-limit", "null"))
    taskset: str | None = field(default=None, metadata=on_wire("body", "string", "null"))
    chord: Mapping[str, Any] | None = field(default=None, metadata=on_wire("body", "object", "null"))
    extra: Mapping[str, Any] = field(default_factory=dict)
    absent: frozenset[str] = field(default=frozenset(), compare=False)

    @classmethod
    def parse(cls, body: Any) -> MessageV1:
        """Read the decoded body. Raises InvalidMessage, with ``task_id`` and ``task`` as far as they can be read."""
        if not isinstance(body, dict):
            raise InvalidMessage(f"task is missing in headers, and the body is {shown(body)}; send both as protocol 2")
        values: dict[str, Any] = {}
        try:
            absent = frozenset(read(FIELDS_V1, body, values))
        except InvalidMessage as error:
            raise error.about(body.get("id"), body.get("task")) from error.__cause__
        return cls(**values, extra=rest(body, _NAMES, len(FIELDS_V1) - len(absent)), absent=absent)

    def v2_fields(self) -> dict[str, Any]:
        """Give the fields of protocol 2 that this message holds."""
        fields = {name: getattr(self, name) for name in _NAMES - _OWN}
        if self.group is None:
            fields["group"] = self.taskset
        return fields

    def to_neutral(self) -> dict[str, Any]:
        """Give the flat neutral form of the vectors: the keys that are in the body, values tagged."""
        flat = {**write(FIELDS_V1, self, self.absent), **self.extra}
        return {name: to_tagged(value) for name, value in flat.items()}


#: The fields of a protocol 1 body.
FIELDS_V1 = table(MessageV1)
_NAMES = frozenset(row.name for row in FIELDS_V1)
#: Known to protocol 1 alone.
_OWN = frozenset({"taskset", "utc"})
