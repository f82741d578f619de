"""Canvases: calls made of calls (CV). How they are put together, and taken apart into steps.

A canvas is a signature whose ``subtask_type`` says what it is and whose ``kwargs`` hold its parts, as objects of the
wire. Nothing here changes a signature; every function gives a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from celeriac.errors import InvalidCall, InvalidMessage
from celeriac.signature import Signature
from celeriac.text import shown

CHAIN, GROUP, CHORD = "chain", "group", "chord"
#: What a canvas is called where a task has its name.
NAMES: Mapping[str, str] = {CHAIN: "celery.chain", GROUP: "celery.group", CHORD: "celery.chord"}
MAP, STARMAP, ACCUMULATE = "celery.map", "celery.starmap", "celery.accumulate"

EMPTY_CHAIN = "a chain without steps: there is nothing to send and no result to wait for"

#: Options that say where the end of a canvas belongs.
PLACE = ("group_id", "group_index", "chord")
#: Options of a canvas that are not for its parts: who it is, and what is handed down in its own way.
OWN = frozenset({"task_id", "chain", "link", "link_error", "root_id", "parent_id", *PLACE})


# -- putting together


def chain_of(parts: Iterable[Signature]) -> Signature:
    """One after the other, each with the result of the one before."""
    return _canvas(CHAIN, {"tasks": [part.build() for part in parts]})


def group_of(parts: Iterable[Signature]) -> Signature:
    """All at once."""
    return _canvas(GROUP, {"tasks": [part.build() for part in parts]})


def chord_of(header: Signature | Iterable[Signature], body: Signature) -> Signature:
    """A group, and a body that gets the list of its results."""
    if isinstance(header, Signature) and header.subtask_type == GROUP:
        held: Any = header.build()
    else:
        held = [part.build() for part in ([header] if isinstance(header, Signature) else header)]
    return _canvas(CHORD, {"kwargs": {}, "header": held, "body": body.build()})


def map_of(task: Signature, items: Iterable[Any], *, star: bool = False) -> Signature:
    """One task that calls ``task`` for every item; ``star``: each item is a list of arguments (CV-MAP-001)."""
    listed = [list(item) for item in items] if star else list(items)
    return Signature(task=STARMAP if star else MAP, kwargs={"task": task.build(), "it": listed}, immutable=False)


def chunks_of(task: Signature, items: Iterable[Any], size: int) -> Signature:
    """A group of starmaps of ``size`` items each (CV-MAP-002)."""
    if size < 1:
        raise InvalidCall(f"chunks of {size} items; a chunk holds at least one")
    listed = list(items)
    return group_of(map_of(task, listed[at : at + size], star=True) for at in range(0, len(listed), size))


def piped(left: Signature, right: Signature) -> Signature:
    """``left | right``: a chain of both, with what chains they are taken apart."""
    parts = [part for side in (left, right) for part in (_plain_parts(side) or (side,))]
    return chain_of(parts)


def _plain_parts(signature: Signature) -> list[Signature]:
    """The parts of a chain that has nothing but its parts."""
    plain = signature.subtask_type == CHAIN and not signature.options and not signature.args
    return parts_of(signature) if plain else []


def _canvas(kind: str, kwargs: dict[str, Any]) -> Signature:
    return Signature(task=NAMES[kind], kwargs=kwargs, subtask_type=kind)


# -- taking apart


def kind_of(signature: Signature) -> str | None:
    """What canvas it is; None: it is one task. Raises InvalidMessage for a kind that there is not."""
    kind = signature.subtask_type
    if kind is not None and kind not in NAMES:
        raise InvalidMessage(f"subtask_type is {shown(kind)}; it is one of {', '.join(NAMES)}, or null")
    return kind


def parts_of(signature: Signature) -> list[Signature]:
    """The parts of a chain, the members of a group, the header of a chord. Raises InvalidMessage."""
    held = signature.kwargs.get("header" if kind_of(signature) == CHORD else "tasks")
    if isinstance(held, Mapping):
        # A header may be a group, or one task.
        whole = Signature.parse(held)
        return parts_of(whole) if whole.subtask_type == GROUP else [whole]
    if not isinstance(held, (list, tuple)):
        raise InvalidMessage(f"the parts of a {signature.subtask_type} are {shown(held)}; they are an array")
    return [Signature.parse(part) for part in held]


def body_of(signature: Signature) -> Signature:
    """The body of a chord. Raises InvalidMessage."""
    return Signature.parse(signature.kwargs.get("body"))


def header_of(signature: Signature) -> Signature:
    """The header of a chord, as a group. Raises InvalidMessage."""
    held = signature.kwargs.get("header")
    if isinstance(held, Mapping) and held.get("subtask_type") == GROUP:
        return Signature.parse(held)
    return group_of(parts_of(signature))


def with_parts(signature: Signature, parts: Iterable[Signature]) -> Signature:
    """A chain or group with other parts, or a chord with another header."""
    built: Any = [part.build() for part in parts]
    if kind_of(signature) == CHORD:
        header: Any = signature.kwargs["header"]
        if isinstance(header, Mapping) and header.get("subtask_type") == GROUP:
            built = {**header, "kwargs": {"tasks": built}}
        return replace(signature, kwargs={**signature.kwargs, "header": built})
    return replace(signature, kwargs={**signature.kwargs, "tasks": built})


def with_body(chord: Signature, body: Signature) -> Signature:
    """A chord with another body."""
    return replace(chord, kwargs={**chord.kwargs, "body": body.build()})


def steps_of(signature: Signature) -> list[Signature]:
    """What runs one after the other: tasks, chords whose body is no chain, and at the end perhaps a group.

    Chains in chains are taken apart, a group that has something after it becomes the header of a chord (CV-CHAIN-007),
    and the rest of a chord's body follows the chord. Options of a whole have come to the parts that they are for.
    """
    joined: list[Signature] = []
    for step in _spread(signature):
        if joined and _is_open(joined[-1]):
            joined[-1] = _closed(joined[-1], step)
        else:
            joined.append(step)
    return joined


def _spread(signature: Signature) -> list[Signature]:
    rest = signature.options.get("chain") or ()
    if not isinstance(rest, (list, tuple)):
        raise InvalidMessage(f"the option chain is {shown(rest)}; it is an array of the steps that follow")
    options = {name: value for name, value in signature.options.items() if name != "chain"}
    found = _SPREAD[kind_of(signature)](replace(signature, options=options))
    for step in reversed(rest):
        found += _spread(Signature.parse(step))
    # A group without members is nothing to wait for, unless it is all there is.
    return [step for step in found if not _is_empty(step)] or found[:1]


def _spread_chain(chain: Signature) -> list[Signature]:
    found = [step for part in given(chain, chain.args, {}, own=True) for step in _spread(part)]
    if not found:
        return []
    options = chain.options
    found[0] = found[0].set(**{name: value for name, value in options.items() if name not in OWN})
    found[-1] = ended(found[-1], {name: options[name] for name in ("task_id", *PLACE) if options.get(name) is not None})
    for errback in listed(options.get("link_error")):
        found = [with_errback(step, errback) for step in found]
    for callback in listed(options.get("link")):
        found[-1] = linked(found[-1], callback)
    return found


def _spread_chord(chord: Signature) -> list[Signature]:
    body = body_of(chord)
    for callback in listed(chord.options.get("link")):
        body = linked(body, callback)
    for errback in listed(chord.options.get("link_error")):
        body = with_errback(body, errback)
    body = ended(body, {name: chord.options[name] for name in PLACE if chord.options.get(name) is not None})
    first, *rest = steps_of(body) or [body]
    options = {name: value for name, value in chord.options.items() if name not in {"link", "link_error", *PLACE}}
    return [with_body(replace(chord, options=options), first), *rest]


_SPREAD: Mapping[str | None, Callable[[Signature], list[Signature]]] = {
    None: lambda task: [task],
    GROUP: lambda group: [group],
    CHAIN: _spread_chain,
    CHORD: _spread_chord,
}


def _is_empty(step: Signature) -> bool:
    return step.subtask_type == GROUP and not parts_of(step)


def _is_open(step: Signature) -> bool:
    """Whether it ends with many results, that what comes next has to wait for together."""
    return step.subtask_type == GROUP or (step.subtask_type == CHORD and _is_open(body_of(step)))


def _closed(step: Signature, following: Signature) -> Signature:
    if step.subtask_type == CHORD:
        return with_body(step, _closed(body_of(step), following))
    return chord_of(step, following)


def as_one(signature: Signature) -> Signature:
    """The same with one result: the many of a group at its end are gathered in a list."""
    steps = steps_of(signature)
    if steps and _is_open(steps[-1]):
        steps[-1] = _closed(steps[-1], Signature(task=ACCUMULATE, kwargs={"index": 0}))
    return steps[0] if len(steps) == 1 else chain_of(steps)


def members_of(group: Signature) -> list[Signature]:
    """The members of a group or a chord's header, groups in it taken apart, with what the whole hands down."""
    options = {name: value for name, value in group.options.items() if name not in OWN}
    errbacks = listed(group.options.get("link_error"))
    if group.options.get("link"):
        raise InvalidCall("a group has no end that a callback could follow; link it to a chord's body")
    members: list[Signature] = []
    for part in given(group, group.args, {}, own=True):
        member = part.set(**options)
        for errback in errbacks:
            member = with_errback(member, errback)
        if member.subtask_type == GROUP:
            members += members_of(member)
        elif steps_of(member):
            members.append(member)
    return members


def chords_in(signature: Signature) -> bool:
    """Whether something has to be counted before all of it can run. Raises InvalidMessage for a canvas that is none."""
    if signature.subtask_type is None and "chain" not in signature.options:
        return False
    return any(_counted(step) for step in steps_of(signature))


def _counted(step: Signature) -> bool:
    if step.subtask_type is None:
        return False
    chord = step.subtask_type == CHORD
    # All are looked at: one that is no canvas is found here.
    within = [chords_in(member) for member in members_of(header_of(step) if chord else step)]
    return chord or any(within)


def ends_of(signature: Signature) -> Iterator[Signature]:
    """The tasks under whose ids somebody may wait for a part of it: all steps, all members, the bodies."""
    kind = kind_of(signature)
    if kind is None:
        yield signature
    elif kind == CHORD:
        yield from ends_of(body_of(signature))
    else:
        for part in parts_of(signature):
            yield from ends_of(part)


# -- handing things to parts


def given(
    signature: Signature, args: Sequence[Any], kwargs: Mapping[str, Any], *, own: bool = False
) -> list[Signature]:
    """The parts of a canvas, those that begin with these arguments in front of theirs.

    ``own``: the arguments are the canvas's own; others are not for an immutable one.
    """
    parts = parts_of(signature)
    if not (args or kwargs) or (signature.immutable and not own):
        return parts
    first = 1 if kind_of(signature) == CHAIN else len(parts)
    return [called(part, args, kwargs) for part in parts[:first]] + parts[first:]


def called(signature: Signature, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> Signature:
    """A signature with arguments in front of its own: those of a canvas go to the parts that it begins with."""
    if kind_of(signature) is None:
        return signature.clone(args, kwargs)
    if not args and not kwargs:
        return signature
    return with_parts(signature, given(signature, args, kwargs or {}))


def at_end(signature: Signature, change: Callable[[Signature], Signature]) -> Signature:
    """A signature whose end is changed: the last step of a chain, the body of a chord, else itself."""
    kind = kind_of(signature)
    if kind == CHORD:
        return with_body(signature, at_end(body_of(signature), change))
    if kind != CHAIN:
        return change(signature)
    parts = parts_of(signature)
    if not parts:
        raise InvalidCall(EMPTY_CHAIN)
    return with_parts(signature, [*parts[:-1], at_end(parts[-1], change)])


def ended(signature: Signature, options: Mapping[str, Any]) -> Signature:
    """A signature whose end has these options, unless it has such already."""
    return at_end(signature, lambda end: replace(end, options={**options, **end.options})) if options else signature


def everywhere(signature: Signature, change: Callable[[Signature], Signature]) -> Signature:
    """A signature each of whose tasks is changed."""
    kind = kind_of(signature)
    if kind is None:
        return change(signature)
    if kind == CHORD:
        signature = with_body(signature, everywhere(body_of(signature), change))
    return with_parts(signature, [everywhere(part, change) for part in parts_of(signature)])


def linked(signature: Signature, callback: Any) -> Signature:
    """A signature after whose success ``callback`` is sent: at its end (CV-CHAIN-005). InvalidCall for a group."""

    def link(end: Signature) -> Signature:
        if end.subtask_type == GROUP:
            raise InvalidCall("a group has no end that a callback could follow: make it a chord, group(...) | callback")
        return _with_link(end, "link", callback)

    return at_end(signature, link)


def with_errback(signature: Signature, errback: Any) -> Signature:
    """A signature after whose failure ``errback`` is sent: of every step and member (CV-CHAIN-006), of a body."""
    kind = kind_of(signature)
    if kind == CHORD:
        return with_body(signature, with_errback(body_of(signature), errback))
    if kind is not None:
        return with_parts(signature, [with_errback(part, errback) for part in parts_of(signature)])
    return _with_link(signature, "link_error", errback)


def _with_link(signature: Signature, option: str, link: Any) -> Signature:
    built = link.build() if isinstance(link, Signature) else link
    known = listed(signature.options.get(option))
    return signature if built in known else signature.set(**{option: [*known, built]})


def listed(links: Any) -> list[Any]:
    """The links of an option, which may be one, several or none, as objects of the wire."""
    if not links:
        return []
    several = links if isinstance(links, (list, tuple)) else [links]
    return [link.build() if isinstance(link, Signature) else link for link in several]


def stamped(signature: Signature, stamps: Mapping[str, Any]) -> Signature:
    """A signature with stamps on each of its tasks, and on their callbacks and errbacks (CV-STAMP-001)."""
    return everywhere(signature, lambda task: _stamped_task(task, stamps)) if stamps else signature


def _stamped_task(task: Signature, stamps: Mapping[str, Any]) -> Signature:
    links = {
        option: [stamped(Signature.parse(link), stamps).build() for link in listed(task.options[option])]
        for option in ("link", "link_error")
        if task.options.get(option)
    }
    names = [*(task.options.get("stamped_headers") or ()), *stamps]
    return task.set(**links, **stamps, stamped_headers=list(dict.fromkeys(names)))
