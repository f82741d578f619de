"""Result tuples: how the ids of tasks, their parents and their groups are written down (RS-DOC-006).

``[[id, parent], null]`` is a task, ``[[id, parent], [member, ...]]`` a group; ``parent`` is null or again such a pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from celeriac.errors import InvalidMessage
from celeriac.stored import read_document, write_document
from celeriac.text import shown


@dataclass(frozen=True, slots=True)
class Node:
    """Where a result is found, and what went before it.

    Attributes:
        id: id of the task, or of the group.
        parent: the step before it in a chain; of a chord's body, the header.
        members: what a group is made of; ``None``: it is no group.

    """

    id: str
    parent: Node | None = None
    members: tuple[Node, ...] | None = None

    def after(self, parent: Node | None) -> Node:
        """The same, with ``parent`` before the first of its ancestors."""
        if parent is None:
            return self
        return replace(self, parent=parent if self.parent is None else self.parent.after(parent))

    def alone(self) -> Node:
        """The same without its parents."""
        return replace(self, parent=None)

    def ancestors(self) -> Iterator[Node]:
        """Parent, its parent, and so on."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    def as_tuple(self) -> list[Any]:
        """The result tuple."""
        parent = None if self.parent is None else self.parent.as_tuple()
        members = None if self.members is None else [member.as_tuple() for member in self.members]
        return [[self.id, parent], members]

    @classmethod
    def parse(cls, source: Any) -> Node:
        """Read a result tuple; a plain id and Celery's older forms are taken, too. Raises InvalidMessage."""
        if isinstance(source, str) and source:
            return cls(source)
        if not isinstance(source, (list, tuple)) or len(source) != 2:
            raise InvalidMessage(f"a result tuple is {shown(source)}; it is [[id, parent], members or null]")
        head, members = source
        pair = head if isinstance(head, (list, tuple)) else [head, None]
        if len(pair) != 2 or not isinstance(pair[0], str) or not pair[0]:
            raise InvalidMessage(f"a result tuple begins with {shown(head)}; it begins with [id, parent]")
        if members is not None and not isinstance(members, (list, tuple)):
            raise InvalidMessage(f"members of a result tuple are {shown(members)}; they are an array or null")
        return cls(
            pair[0],
            None if pair[1] is None else cls.parse(pair[1]),
            None if members is None else tuple(cls.parse(member) for member in members),
        )


def saved_group(body: bytes) -> Node:
    """Read the document of a saved group. Raises InvalidMessage."""
    document, _ = read_document(body)
    node = Node.parse(document.get("result"))
    if node.members is None:
        raise InvalidMessage(f"the saved group {node.id} has no members; it has an array of them")
    return node


def saved_document(group: Node) -> bytes:
    """Give the document under which a group is saved."""
    return write_document({"result": group.as_tuple()}).body
