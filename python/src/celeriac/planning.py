"""From a signature, canvas or not, to all that is sent for it: messages, sizes of chords, and where the result is.

Pure: the time and the ids are arguments. What it gives is what the vectors of chapter 06 hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from celeriac.canvas import (
    CHAIN,
    CHORD,
    EMPTY_CHAIN,
    GROUP,
    OWN,
    PLACE,
    as_one,
    body_of,
    called,
    chain_of,
    ended,
    header_of,
    kind_of,
    members_of,
    steps_of,
    with_parts,
)
from celeriac.errors import InvalidCall
from celeriac.message import Message
from celeriac.sending import Route, to_message
from celeriac.signature import Signature
from celeriac.tree import Node

#: Options that make a task a part of something.
_PLACES = frozenset({"chain", *PLACE})
#: Options of a chord that delay its header, and its body by that alone.
_DELAYS = ("countdown", "eta")


def _no_defaults(_call: Signature) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sends, and when.

    Attributes:
        origin: how messages name their sender.
        now: what ``countdown`` and ``expires`` count from.
        new_id: gives an id that was never given before.
        reply_to: queue that answers over rpc go to; ``None``: the parent's.
        parent: message of the task that sends; ``None``: a client.
        defaults: options for a call that its signature does not have.

    """

    origin: str
    now: datetime
    new_id: Callable[[], str]
    reply_to: str | None = None
    parent: Message | None = None
    defaults: Callable[[Signature], Mapping[str, Any]] = _no_defaults

    @property
    def answers(self) -> str | None:
        """The queue for answers that is written into the steps (CV-CHAIN-003)."""
        return self.reply_to or (None if self.parent is None else self.parent.reply_to)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent.

    Attributes:
        messages: each with where it goes (``None``: its signature does not say), in order.
        sizes: groups whose results are counted and how many there will be; told to the store before the first message.
        result: where the result will be found.

    """

    messages: tuple[tuple[Message, Route | None], ...]
    sizes: tuple[tuple[str, int], ...]
    result: Node


def plan(signature: Signature, sender: Sender, prefix: Sequence[Any] = ()) -> Plan:
    """What is sent for a signature; ``prefix`` goes in front of the arguments of all that it begins with.

    Raises InvalidCall for what cannot be written and for a chain without steps, InvalidMessage for a canvas that is
    none.
    """
    if _is_plain(signature):
        return _plain(signature, sender, prefix)
    steps, nodes = _frozen_steps(steps_of(called(signature, prefix)), sender, {})
    if not steps:
        raise InvalidCall(EMPTY_CHAIN)
    first, *rest = steps
    if rest:
        # The next step last (CV-CHAIN-001).
        first = first.set(chain=[step.build() for step in reversed(rest)])
    drafts, sizes = _DRAFT[kind_of(first)](first, sender)
    return Plan(tuple(drafts), tuple(sizes), _one_after_the_other(nodes))


def _is_plain(signature: Signature) -> bool:
    """Whether it is one task, alone: what is sent most."""
    return signature.subtask_type is None and not _PLACES.intersection(signature.options)


def _plain(task: Signature, sender: Sender, prefix: Sequence[Any]) -> Plan:
    """As for any signature, by the short way: of one message, nothing has to be frozen before it is made."""
    ((message, route),), _ = _draft_task(called(task, prefix) if prefix else task, sender)
    return Plan(((message, route),), (), Node(message.id))


def _one_after_the_other(nodes: Sequence[Node]) -> Node:
    """The last one, each with the one before it as parent."""
    last = nodes[0]
    for node in nodes[1:]:
        last = node.after(last)
    return last


# -- ids for all parts: a signature that has been through this once comes back as it is


def _frozen_steps(
    steps: Sequence[Signature], sender: Sender, place: Mapping[str, Any]
) -> tuple[list[Signature], list[Node]]:
    """The steps with ids, the last one in its ``place`` in a group."""
    frozen = [_frozen(step, sender, place if step is steps[-1] else {}) for step in steps]
    return [step for step, _ in frozen], [node for _, node in frozen]


def _frozen(signature: Signature, sender: Sender, place: Mapping[str, Any]) -> tuple[Signature, Node]:
    return _FREEZE[kind_of(signature)](signature, sender, place)


def _frozen_task(task: Signature, sender: Sender, place: Mapping[str, Any]) -> tuple[Signature, Node]:
    task_id = task.options.get("task_id") or sender.new_id()
    options = {**task.options, "task_id": task_id}
    if sender.answers is not None and not options.get("reply_to"):
        options["reply_to"] = sender.answers
    options.update(place)
    if task.options.get("group_id") and "chord" not in place:
        options["group_id"] = task.options["group_id"]
    return replace(task, options=options), Node(task_id)


def _frozen_chain(chain: Signature, sender: Sender, place: Mapping[str, Any]) -> tuple[Signature, Node]:
    steps, nodes = _frozen_steps(steps_of(chain), sender, place)
    if not steps:
        raise InvalidCall(EMPTY_CHAIN)
    return (steps[0] if len(steps) == 1 else chain_of(steps)), _one_after_the_other(nodes)


def _frozen_group(group: Signature, sender: Sender, _place: Mapping[str, Any]) -> tuple[Signature, Node]:
    group_id = group.options.get("task_id") or sender.new_id()
    frozen = [_frozen(member, sender, {"group_index": at}) for at, member in enumerate(members_of(group))]
    whole = replace(
        group, args=[], kwargs={"tasks": [member.build() for member, _ in frozen]}, options={"task_id": group_id}
    )
    return whole, Node(group_id, members=tuple(node for _, node in frozen))


def _frozen_chord(chord: Signature, sender: Sender, place: Mapping[str, Any]) -> tuple[Signature, Node]:
    header = header_of(chord)
    body = body_of(chord)
    own_id = chord.options.get("task_id")
    if own_id and not header.options.get("task_id"):
        body = ended(body, {"task_id": own_id})
    single = with_parts(header, [as_one(member) for member in members_of(header)])
    single, gathered = _frozen_group(replace(single, options={"task_id": header.options.get("task_id")}), sender, {})
    body, node = _frozen(body, sender, place)
    whole = replace(chord, kwargs={**chord.kwargs, "header": single.build(), "body": body.build()})
    return whole.set(task_id=gathered.id), node.after(gathered)


_FREEZE: Mapping[str | None, Callable[[Signature, Sender, Mapping[str, Any]], tuple[Signature, Node]]] = {
    None: _frozen_task,
    CHAIN: _frozen_chain,
    GROUP: _frozen_group,
    CHORD: _frozen_chord,
}

# -- messages: of steps that have their ids

_Drafts = tuple[list[tuple[Message, Route | None]], list[tuple[str, int]]]


def _draft_task(task: Signature, sender: Sender) -> _Drafts:
    message = to_message(
        task,
        defaults=sender.defaults(task),
        new_id=sender.new_id,
        origin=sender.origin,
        now=sender.now,
        parent=sender.parent,
        reply_to=sender.answers,
    )
    return [message], []


def _draft_group(group: Signature, sender: Sender) -> _Drafts:
    place = {"group_id": group.options["task_id"]}
    return _draft_members(members_of(group), sender, place)


def _draft_members(members: Iterable[Signature], sender: Sender, place: Mapping[str, Any]) -> _Drafts:
    messages: list[tuple[Message, Route | None]] = []
    sizes: list[tuple[str, int]] = []
    for at, member in enumerate(members):
        placed, _ = _frozen(member, sender, {**place, "group_index": at})
        drawn = plan(placed, sender)
        messages += drawn.messages
        sizes += drawn.sizes
    return messages, sizes


def _draft_chord(chord: Signature, sender: Sender) -> _Drafts:
    header, body = header_of(chord), body_of(chord)
    group_id = header.options["task_id"]
    shared = {name: value for name, value in chord.options.items() if name not in OWN}
    body = body.set(**{name: value for name, value in shared.items() if name not in _DELAYS})
    if chord.options.get("chain"):
        body = body.set(chain=chord.options["chain"])
    if kind_of(body) is None and "group_id" not in body.options:
        body = body.set(group_id=group_id)
    members = members_of(header.set(**shared))
    if not members:
        # Nobody would ever send it (CV-CHORD-005).
        drawn = plan(body, sender, ([],))
        return list(drawn.messages), list(drawn.sizes)
    messages, sizes = _draft_members(members, sender, {"group_id": group_id, "chord": body.build()})
    return messages, [(group_id, len(members)), *sizes]


_DRAFT: Mapping[str | None, Callable[[Signature, Sender], _Drafts]] = {
    None: _draft_task,
    GROUP: _draft_group,
    CHORD: _draft_chord,
}
