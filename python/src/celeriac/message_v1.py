"""Protocol 1, decode only: everything in one body object, headers are the user's own (TM-V1).

The fields become those of protocol 2, so that nothing behind ``Message.parse`` knows of protocol 1; a message read as
protocol 1 is written back as protocol 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celeriac.errors import InvalidMessage

#: Keys of the body that protocol 2 knows under the same name.
_SAME = (
    *("task", "id", "args", "kwargs", "retries", "eta", "expires", "timelimit"),
    *("group", "group_index", "callbacks", "errbacks", "chord"),
)
#: Known to protocol 1 alone: ``taskset`` is the old name of ``group``. ``utc`` says nothing: text without an offset is
#: UTC in any case, as workers since 4.0 have it.
_OWN = ("taskset", "utc")
_KNOWN = frozenset((*_SAME, *_OWN))


def is_v1(headers: Mapping[str, Any], body: Any) -> bool:
    """Whether this is a protocol 1 message: no header ``task``, and a body object that has one."""
    return "task" not in headers and isinstance(body, dict) and "task" in body


def v2_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields that the body holds, under their names of protocol 2, not yet checked.

    ``args`` and ``kwargs`` may be absent. Raises InvalidMessage when the task id is missing.
    """
    if "id" not in body:
        raise InvalidMessage("id is missing in the body; send a unique, not empty text", field="id")
    fields = {name: body[name] for name in _SAME if name in body}
    fields.setdefault("args", [])
    fields.setdefault("kwargs", {})
    if fields.get("group") is None and body.get("taskset") is not None:
        fields["group"] = body["taskset"]
    return fields


def unknown_keys(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the keys of the body that protocol 1 does not define."""
    return {name: value for name, value in body.items() if name not in _KNOWN}
