"""The ends of a chord's members as they are counted."""

from __future__ import annotations

from celeriac.errors import InvalidMessage
from celeriac.following import Member
from celeriac.lifecycle_events import Count
from celeriac.serialization import JSON, dumps, loads
from celeriac.text import shown
from celeriac.transport import ChordPart


def chord_part(count: Count) -> ChordPart:
    """The end of a member as it is counted. Raises InvalidCall for a result that cannot be written."""
    entry = dumps([1, count.task_id, count.state, count.result], name="result")
    return ChordPart(count.group_id, count.task_id, count.index, entry.body)


def chord_member(entry: bytes) -> Member:
    """Read an entry of a chord. Raises InvalidMessage."""
    found = loads(entry, JSON, "utf-8")
    if not isinstance(found, list) or len(found) != 4:
        raise InvalidMessage(f"an entry of a chord is {shown(found)}; it is [1, id, state, result]")
    return Member(str(found[1]), str(found[2]), found[3])
