"""Signatures that know their application, and what puts them together: ``chain``, ``group``, ``chord``, ``|``.

(add.s(2, 3) | add.s(10)).apply_async().get()            # 15
group(add.s(i, i) for i in range(3))().get()             # [0, 2, 4]
chord([add.s(1, 1), add.s(2, 2)])(total.s()).get()       # 6
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol, overload

from celeriac import canvas
from celeriac.async_result import AsyncResult, GroupResult
from celeriac.calls import SendOptions
from celeriac.errors import InvalidCall
from celeriac.signature import Signature

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack


class Application(Protocol):
    """What a signature needs of its application."""

    def apply(self, signature: Signature) -> AsyncResult[Any]:
        """Send it, and all that it is made of."""

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Run a task of the application here and now."""

    def check_canvas(self, signature: Signature) -> None:
        """Raise ``InvalidCall`` for a chord where there is no backend that counts."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoundSignature(Signature):
    """A call not yet made, of an application that can make it: ``add.s(2)``, ``add.s(2) | add.s(3)``, ``group(...)``.

    It is a value: ``set``, ``link``, ``on_error``, ``stamp`` and ``clone`` give another one.
    """

    app: Application = field(repr=False, compare=False)

    def delay(self, *args: Any, **kwargs: Any) -> AsyncResult[Any]:
        """Send it, with these arguments in front of its own. Raises as ``apply_async``."""
        return self.apply_async(args, kwargs)

    def apply_async(
        self, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Unpack[SendOptions]
    ) -> AsyncResult[Any]:
        """Send it: the arguments go in front of its own, unless it is immutable, the options over its own.

        Of a chain, ``link`` is for its end, ``link_error`` for every step, everything else for its first step; of a
        chord, links are for its body. Gives the result of the end: for a group, or what ends with one, a
        ``GroupResult``. Raises ``InvalidCall`` before anything is sent, ``BrokerUnavailable``, ``PublishFailed``.
        """
        given: dict[str, Any] = dict(options)
        links, errbacks = given.pop("link", None), given.pop("link_error", None)
        # In the whole, the id is that of its end.
        own = given.pop("task_id", None)
        whole: Signature = canvas.called(self, args, kwargs)
        whole = whole.set(**given)
        for callback in canvas.listed(links):
            whole = canvas.linked(whole, callback)
        for errback in canvas.listed(errbacks):
            whole = canvas.with_errback(whole, errback)
        return self.app.apply(canvas.at_end(whole, lambda end: end.set(task_id=own)) if own else whole)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Of a canvas: send it. Of one task: run it here and now, and give its value."""
        if self.subtask_type is not None:
            return self.apply_async(args, kwargs)
        whole = self.clone(args, kwargs)
        return self.app.call(whole.task, whole.args, whole.kwargs)

    def __or__(self, other: Signature) -> BoundSignature:
        """This, then the other with the result of this. What follows a group waits for all of it, as a chord's body."""
        if not isinstance(other, Signature):
            return NotImplemented
        return bind(self.app, canvas.piped(self, other))

    def link(self, callback: Signature) -> Self:
        """With ``callback`` sent after its success, with its result: at the end of a chain, after a chord's body."""
        return self._with(canvas.linked(self, callback))

    def on_error(self, errback: Signature) -> Self:
        """With ``errback`` sent or called after its failure: that of any step or member, or of a chord's body."""
        return self._with(canvas.with_errback(self, errback))

    def stamp(self, **stamps: Any) -> Self:
        """With these stamps on each of its tasks, callbacks and errbacks."""
        return self._with(canvas.stamped(self, stamps))

    def _with(self, changed: Signature) -> Self:
        same: Self = type(self)(**_contents(changed), app=self.app)
        return same


class Group(BoundSignature):
    """Calls that run all at once; sent, they give a ``GroupResult``."""

    __slots__ = ()

    def apply_async(
        self, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Unpack[SendOptions]
    ) -> GroupResult:
        """See ``BoundSignature.apply_async``; ``task_id`` is the group's, other options are for each member."""
        result = BoundSignature.apply_async(self, args, kwargs, **options)
        assert isinstance(result, GroupResult)
        return result

    def delay(self, *args: Any, **kwargs: Any) -> GroupResult:
        """See ``BoundSignature.delay``."""
        return self.apply_async(args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> GroupResult:
        """Send it."""
        return self.apply_async(args, kwargs)


@dataclass(frozen=True, slots=True)
class Header:
    """A chord without its body: ``chord(header)(body)`` sends it."""

    members: tuple[Signature, ...]

    def __call__(self, body: Signature, **options: Unpack[SendOptions]) -> AsyncResult[Any]:
        """Send the chord; gives the result of its body. Raises as ``BoundSignature.apply_async``."""
        return chord(self.members, body).apply_async(**options)


def _contents(signature: Signature) -> dict[str, Any]:
    return {item.name: getattr(signature, item.name) for item in fields(Signature)}


def bind(app: Application, signature: Signature) -> BoundSignature:
    """A signature of an application. Raises ``InvalidCall`` for a chord that could not be counted."""
    app.check_canvas(signature)
    kind = Group if signature.subtask_type == canvas.GROUP else BoundSignature
    return kind(**_contents(signature), app=app)


def chain(*parts: Signature | Iterable[Signature]) -> BoundSignature:
    """One after the other, each with the result of the one before: ``chain(add.s(2, 3), add.s(10))``, or an iterable.

    A group in the middle becomes a chord: what follows gets the list of its results. Raises ``InvalidCall``.
    """
    steps = _listed(parts)
    return bind(_application(steps), canvas.chain_of(steps))


def group(*parts: Signature | Iterable[Signature]) -> Group:
    """All at once: ``group(add.s(1, 1), add.s(2, 2))``, or an iterable of them. Raises ``InvalidCall``."""
    members = _listed(parts)
    bound = bind(_application(members), canvas.group_of(members))
    assert isinstance(bound, Group)
    return bound


@overload
def chord(header: Signature | Iterable[Signature], body: Signature) -> BoundSignature: ...


@overload
def chord(header: Signature | Iterable[Signature], body: None = None) -> Header: ...


def chord(header: Signature | Iterable[Signature], body: Signature | None = None) -> BoundSignature | Header:
    """A group, and a body that gets the list of its results: ``chord(header)(body)``, or ``chord(header, body)()``.

    Raises ``InvalidCall`` where the application has no backend that counts chords, naming the one that it has.
    """
    members = _listed([header])
    if body is None:
        return Header(tuple(members))
    whole = canvas.chord_of(header if isinstance(header, Signature) else members, body)
    return bind(_application([*members, body]), whole)


def _listed(parts: Iterable[Signature | Iterable[Signature]]) -> list[Signature]:
    """The parts, given one by one or as one iterable."""
    given = list(parts)
    if len(given) == 1 and not isinstance(given[0], Signature):
        given = list(given[0])
    if not all(isinstance(part, Signature) for part in given):
        raise InvalidCall("a canvas is made of signatures, as add.s(1), or of one iterable of them")
    return [part for part in given if isinstance(part, Signature)]


def _application(parts: Sequence[Signature]) -> Application:
    for part in parts:
        if isinstance(part, BoundSignature):
            return part.app
    raise InvalidCall("no part of this canvas belongs to an application; make one with task.s() or app.signature()")
