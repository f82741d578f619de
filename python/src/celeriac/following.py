"""What follows when a task has ended: callbacks, the next step, errbacks, and what is stored and counted.

Pure, like ``lifecycle``, whose rows are made of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from celeriac.canvas import (
    CHORD,
    GROUP,
    as_one,
    at_end,
    body_of,
    ends_of,
    everywhere,
    kind_of,
    linked,
    listed,
    members_of,
    with_errback,
)
from celeriac.errors import InvalidCall
from celeriac.job import Job
from celeriac.lifecycle_events import Action, Call, Count, Send, Size, Store
from celeriac.message import Message
from celeriac.planning import Sender, plan
from celeriac.result import Result, State, exception_info
from celeriac.sending import Route
from celeriac.signature import Signature
from celeriac.tree import Node

#: States of a member with which a chord's body is not sent (CV-CHORD-009).
_BROKEN = frozenset({State.FAILURE.value, State.REVOKED.value})


class ChordError(Exception):
    """Stored for the body of a chord of which a member has failed."""


# What readers of results know this failure by.
ChordError.__module__ = "celery.exceptions"


def message_of(job: Job) -> Message:
    """The message, which only what is malformed may come without."""
    assert job.message is not None, "only Malformed may come without a message"
    return job.message


def late(job: Job) -> bool:
    """Whether the delivery is acknowledged after the run."""
    return job.options is None or job.options.acks_late


# -- storing and counting


def stored(job: Job, result: Result) -> tuple[Action, ...]:
    """The result made readable, unless nobody wants it."""
    message = job.message
    if message is not None:
        ignored = message.ignore_result
        if ignored is None:
            ignored = job.options is not None and job.options.ignore_result
        if ignored:
            return ()
    return (Store(result, job.address.reply_to, job.address.correlation_id),)


def count(message: Message | None, result: Result) -> tuple[Action, ...]:
    """The end of a member of a chord, counted."""
    if message is None or message.chord is None or not message.group:
        return ()
    body = Signature.parse(message.chord)
    return (Count(message.group, message.id, message.group_index, result.status, result.result, body),)


def failure(
    job: Job, error: BaseException, traceback: str | None, children: tuple[Node, ...] = ()
) -> tuple[Action, ...]:
    """The failure under the task's id, and under that of every later step of its chain: somebody waits for those."""
    task_id = job.address.task_id
    if task_id is None:
        return ()
    message = job.message
    result = Result.from_failure(
        task_id,
        error,
        traceback=traceback,
        date_done=job.now,
        children=[child.as_tuple() for child in children],
        parent_id=message.parent_id if message is not None else None,
        group_id=message.group if message is not None else None,
    )
    own = stored(job, result)
    steps = [] if message is None or not message.chain else reversed(message.chain)
    later = _failed_later((Signature.parse(step) for step in steps), result)
    return (*own, *count(message, result), *(action for action in later if own or isinstance(action, Count)))


def _failed_later(steps: Iterable[Signature], result: Result) -> Iterator[Action]:
    """The same failure for whatever can now never run: stored, and counted where a chord waits for it."""
    for step in steps:
        for end in ends_of(step):
            options = end.options
            task_id = _text(options.get("task_id"))
            if task_id is None:
                continue
            yield Store(replace(result, task_id=task_id), _text(options.get("reply_to")), task_id)
            group_id = _text(options.get("group_id"))
            if options.get("chord") and group_id is not None:
                index, body = options.get("group_index"), Signature.parse(options["chord"])
                place = index if isinstance(index, int) else None
                yield Count(group_id, task_id, place, result.status, result.result, body)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


# -- sending


def composed(
    job: Job, signature: Signature, prefix: Sequence[Any] = (), parent: Message | None = None
) -> tuple[tuple[Action, ...], Node]:
    """All that is sent for a signature, and where its result will be. Raises InvalidCall."""
    sender = Sender(
        origin=job.origin, now=job.now, new_id=job.new_id, parent=parent or job.message, defaults=job.defaults
    )
    planned = plan(signature, sender, prefix)
    if planned.sizes and not job.counts_chords:
        raise InvalidCall("a chord needs a result store that counts: start the worker with a redis:// backend")
    sizes = (Size(group_id, size) for group_id, size in planned.sizes)
    sends = (Send(message, route or Route("", job.default_queue)) for message, route in planned.messages)
    return (*sizes, *sends), planned.result


def continuations(job: Job, value: Any) -> tuple[tuple[Action, ...], tuple[Node, ...]]:
    """The callbacks, and the next step of the chain, which carries the rest of it; and where their results will be."""
    message = message_of(job)
    actions: list[Action] = []
    nodes: list[Node] = []
    for callback in message.callbacks or ():
        sent, node = composed(job, Signature.parse(callback), (value,))
        actions += sent
        nodes.append(node.alone())
    if message.chain:
        sent, node = _next_step(job, list(message.chain), value)
        actions += sent
        nodes.append(node.alone())
    return tuple(actions), tuple(nodes)


def _next_step(job: Job, chain: list[Any], value: Any) -> tuple[tuple[Action, ...], Node]:
    following = Signature.parse(chain.pop())
    if kind_of(following) is not None:
        return composed(job, following.set(chain=chain) if chain else following, (value,))
    # The rest goes on as it came (CV-CHAIN-008).
    (send, *_), node = composed(job, following, (value,))
    assert isinstance(send, Send)
    return (replace(send, message=replace(send.message, chain=chain)),), node


def errbacks(job: Job, error: BaseException, traceback: str | None) -> tuple[Action, ...]:
    """The errbacks: called here, those that want to know what went wrong; else sent, with the id (CV-LINK-004)."""
    message = message_of(job)
    return tuple(_errbacks(job, message, message.errbacks or (), error, traceback))


def _errbacks(
    job: Job, failed: Message, links: Iterable[Any], error: BaseException, traceback: str | None
) -> Iterator[Action]:
    for link in links:
        errback = Signature.parse(link)
        if kind_of(errback) is None and job.runs_inside(errback):
            yield Call(errback, failed, error, traceback)
        else:
            yield from composed(job, errback, (failed.id,), parent=failed)[0]


# -- chords


@dataclass(frozen=True, slots=True)
class Member:
    """What a member of a chord ended with, as it was counted."""

    task_id: str
    state: str
    result: Any

    @property
    def failed(self) -> bool:
        """Whether the body cannot run."""
        return self.state in _BROKEN


def gathered(job: Job, counted: Count, members: Sequence[Member], saved: Node | None) -> tuple[Action, ...]:
    """What follows when all members of a chord were counted; ``saved`` is the header where its results are nested.

    The body with their results in order (CV-CHORD-008), or, when one of them failed, its failure (CV-CHORD-009).
    """
    broken = next((member for member in members if member.failed), None)
    if broken is not None:
        error = ChordError(f"Dependency {broken.task_id} raised {_shown(broken.result)}")
        return broken_off(job, counted.body, error)
    values = {member.task_id: member.result for member in members}
    results = [member.result for member in members]
    if saved is not None and saved.members is not None:
        results = [_value(member, values) for member in saved.members]
    return composed(job, counted.body, (results,))[0]


def _value(node: Node, values: Mapping[str, Any]) -> Any:
    return values.get(node.id) if node.members is None else [_value(member, values) for member in node.members]


def _shown(info: Any) -> str:
    if not isinstance(info, Mapping) or "exc_type" not in info:
        return repr(info)
    arguments = info.get("exc_message")
    listing = arguments if isinstance(arguments, (list, tuple)) else [arguments]
    return f"{info['exc_type']}({', '.join(map(repr, listing))})"


def broken_off(job: Job, body: Signature, error: BaseException) -> tuple[Action, ...]:
    """The failure of a chord's body that is not sent: its errbacks, what is stored, and what outer chords count."""
    actions: list[Action] = []
    for task in _first_of(body):
        options = task.options
        task_id, reply_to = options.get("task_id") or job.new_id(), _text(options.get("reply_to"))
        failed = Message.create(task=task.task, id=task_id, origin=job.origin, reply_to=reply_to)
        actions += _errbacks(job, failed, listed(options.get("link_error")), error, None)
    rest = [Signature.parse(step) for step in reversed(listed(body.options.get("chain")))]
    result = Result.from_failure(
        body.options.get("task_id") or job.new_id(), exception_info(error), traceback=None, date_done=job.now
    )
    return (*actions, *_failed_later([body, *rest], result))


def _first_of(body: Signature) -> Iterator[Signature]:
    """The tasks that would have run as the body: one, or the members of a group."""
    kind = kind_of(body)
    if kind == CHORD:
        yield from _first_of(body_of(body))
    elif kind == GROUP:
        for member in members_of(body):
            yield from ends_of(member)
    else:
        yield from ends_of(body)


# -- replacement


def replacement(message: Message, signature: Signature) -> Signature:
    """What takes the place of a task: its id at the end, its links, its place and the rest of its chain (CV-REPL).

    Raises InvalidCall for a member of a chord.
    """
    if signature.options.get("chord"):
        raise InvalidCall("what replaces a task must not be a member of a chord: it takes the task's own place")
    whole = as_one(signature)
    for callback in message.callbacks or ():
        whole = linked(whole, callback)
    for errback in message.errbacks or ():
        whole = with_errback(whole, errback)
    place = {"group_id": message.group, "group_index": message.group_index, "chord": message.chord}
    nesting = (message.replaced_task_nesting or 0) + 1

    def nested(task: Signature) -> Signature:
        return task.set(replaced_task_nesting=nesting)

    whole = at_end(everywhere(whole, nested), lambda end: end.set(**place, task_id=message.id))
    rest = [everywhere(Signature.parse(step), nested).build() for step in message.chain or ()]
    return whole.set(chain=rest) if rest else whole
