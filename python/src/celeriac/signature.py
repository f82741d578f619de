"""Signatures: a call not yet made, as it lies in ``callbacks``, ``errbacks``, ``chain`` and ``chord`` (TM-BODY-009)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from celeriac.errors import InvalidMessage
from celeriac.fields import on_wire, read, rest, table, write
from celeriac.text import shown

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A task with its arguments and the options to send it with.

    Attributes:
        task: name of the task.
        args: positional arguments; what a parent hands on goes in front of them.
        kwargs: keyword arguments.
        options: how to send it: ``task_id``, ``queue``, ``countdown``, ``link``, ... as the caller gave them.
        subtask_type: ``None``, ``chain``, ``group`` or ``chord``.
        immutable: whether it ignores the arguments that a parent hands on.
        chord_size: number of tasks in a chord's header; written by Celery 4.4 alone.
        extra: keys that the specification does not name, written back by ``build``.

    """

    task: str = field(metadata=on_wire("signature", "name"))
    args: Sequence[Any] = field(default_factory=list, metadata=on_wire("signature", "array"))
    kwargs: Mapping[str, Any] = field(default_factory=dict, metadata=on_wire("signature", "object"))
    options: Mapping[str, Any] = field(default_factory=dict, metadata=on_wire("signature", "object"))
    subtask_type: str | None = field(default=None, metadata=on_wire("signature", "string", "null"))
    immutable: bool = field(default=False, metadata=on_wire("signature", "boolean"))
    chord_size: int | None = field(default=None, metadata=on_wire("signature", "integer", "null", writer="4.4 only"))
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        """Whether it says the same; whose it is does not matter."""
        if not isinstance(other, Signature):
            return NotImplemented
        return all(getattr(self, item.name) == getattr(other, item.name) for item in fields(Signature))

    @classmethod
    def parse(cls, source: Any) -> Signature:
        """Read a signature from its object on the wire; everything but ``task`` may be absent.

        Raises InvalidMessage.
        """
        if not isinstance(source, Mapping):
            raise InvalidMessage(f"a signature is {shown(source)}; it is an object with task, args, kwargs and options")
        values: dict[str, Any] = {}
        absent = read(SIGNATURE_FIELDS, source, values)
        extra = rest(source, _NAMES, len(SIGNATURE_FIELDS) - len(absent))
        return cls(**values, extra=extra)

    def build(self) -> dict[str, Any]:
        """Give the object of the wire, with all six keys: readers of Celery fail where one is missing.

        Signatures in its options are objects there, too. Raises InvalidCall for an attribute of a wrong type.
        """
        built = {**write(SIGNATURE_FIELDS, self, _WHEN_USED), **self.extra}
        held = {name: _built(self.options[name]) for name in _SIGNATURES if name in self.options}
        return {**built, "options": {**self.options, **held}} if held else built

    def clone(self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any) -> Self:
        """Give a copy with arguments of a parent in front of its own, more keyword arguments and more options.

        An immutable signature keeps its arguments, and takes the options.
        """
        merged = {**self.options, **options}
        if self.immutable:
            return replace(self, options=merged)
        return replace(self, args=[*args, *self.args], kwargs={**self.kwargs, **(kwargs or {})}, options=merged)

    def set(self, **options: Any) -> Self:
        """Give a copy with these options added or replaced."""
        return replace(self, options={**self.options, **options})


#: Options that hold signatures.
_SIGNATURES = ("link", "link_error", "chain", "chord")


def _built(held: Any) -> Any:
    """Signatures as objects of the wire; anything else as it is."""
    if isinstance(held, Signature):
        return held.build()
    return [_built(item) for item in held] if isinstance(held, (list, tuple)) else held


#: The fields of a signature, in the order in which they are written.
SIGNATURE_FIELDS = table(Signature)
_NAMES = frozenset(row.name for row in SIGNATURE_FIELDS)
_WHEN_USED = frozenset(row.name for row in SIGNATURE_FIELDS if row.writer != "always")
