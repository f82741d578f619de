"""What a worker does with a message, as one table: (phase, event) -> (phase, actions).

Pure: nothing here reads a clock, opens a connection or runs a task. The worker finds out what happened, asks
``step``, and performs the actions in the order in which they stand: what has to be safe before the message may
go comes first, the settlement last (WK-ACK).

    RECEIVED --Ready--> RUNNING --Succeeded, Failed, Retried, ...--> SETTLED
        |  ^                                                            ^
        |  +--Due-- WAITING <--NotYet--+                                |
        +--Malformed, Unknown, Unsupported, Expired, Lethal-------------+
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from celeriac.lifecycle_events import (
    Ack,
    Action,
    Decision,
    Event,
    Expired,
    Failed,
    Ignored,
    Lethal,
    Malformed,
    NotYet,
    Phase,
    Ready,
    Refused,
    Reject,
    Retried,
    Run,
    Send,
    Store,
    Succeeded,
    Unknown,
    Unsent,
    Unsupported,
    WaitUntil,
)
from celeriac.message import Message
from celeriac.result import Result
from celeriac.sending import Route, to_message
from celeriac.signature import Signature
from celeriac.task import TaskOptions
from celeriac.times import expiration, iso


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is known of a delivery when a decision is due.

    ``message`` is None where it could not be read, then ``address`` is all there is; ``options`` is None where the task
    is not known here. ``queue`` is where the delivery came from, ``default_queue`` where follow-up tasks go that name
    none. ``deaths`` counts the processes that died while they ran the task; at ``max_deaths`` it is not run again.
    """

    message: Message | None
    address: Address
    options: TaskOptions | None
    queue: str
    default_queue: str
    origin: str
    now: datetime
    new_id: Callable[[], str]
    deaths: int = 0
    max_deaths: int = 3


@dataclass(frozen=True, slots=True)
class Address:
    """Whom a result is for, as far as it can be read: the parts of a message that even a malformed one may have."""

    task_id: str | None
    reply_to: str | None
    correlation_id: str | None


def classify(job: Job) -> Event:
    """What a well-formed message is to this worker, now. A task that has expired does not wait for its eta."""
    message = _message(job)
    if job.options is None:
        return Unknown()
    missing = _not_implemented(message)
    if missing is not None:
        return Unsupported(f"this worker does not implement {missing}s, which the message asks for")
    if message.expires_at is not None and message.expires_at <= job.now:
        return Expired()
    if message.eta_at is not None and message.eta_at > job.now:
        return NotYet(message.eta_at)
    if job.deaths >= job.max_deaths:
        return Lethal(job.deaths)
    return Ready()


def _not_implemented(message: Message) -> str | None:
    """What the message wants done after the task that cannot be done here (WK-RECV-012); None: nothing."""
    if message.chord is not None:
        return "chord"
    following = (*(message.callbacks or ()), *(message.errbacks or ()), *(message.chain or ()))
    kinds = (Signature.parse(signature).subtask_type for signature in following)
    return next((kind for kind in kinds if kind is not None), None)


def step(phase: Phase, event: Event, job: Job) -> Decision:
    """The decision. An event that cannot happen in this phase is a defect of the caller: KeyError."""
    return TABLE[phase, type(event)](job, event)


# -- one function a row


def _malformed(job: Job, event: Malformed) -> Decision:
    return Phase.SETTLED, (*_failure(job, event.error, None), Reject())


def _unknown(job: Job, _event: Unknown) -> Decision:
    return Phase.SETTLED, (*_failure(job, NotRegistered(_message(job).task), None), Reject())


def _unsupported(job: Job, event: Unsupported) -> Decision:
    return Phase.SETTLED, (*_failure(job, NotImplementedError(event.reason), None), Reject())


def _expired(job: Job, _event: Expired) -> Decision:
    result = Result.from_revoked(_message(job).id, reason="expired", date_done=job.now)
    return Phase.SETTLED, (*_stored(job, result), Ack())


def _not_yet(_job: Job, event: NotYet) -> Decision:
    return Phase.WAITING, (WaitUntil(event.until),)


def _ready(job: Job, _event: Ready) -> Decision:
    early: tuple[Action, ...] = () if _late(job) else (Ack(),)
    return Phase.RUNNING, (*early, Run())


def _succeeded(job: Job, event: Succeeded) -> Decision:
    message = _message(job)
    sent = tuple(_continuations(job, event.value))
    children = [*event.children, *(send.message.id for send in sent)]
    result = Result.from_success(
        message.id,
        event.value,
        date_done=job.now,
        children=_tuples(children),
        parent_id=message.parent_id,
        group_id=message.group,
    )
    return Phase.SETTLED, (*sent, *_stored(job, result), *_ack_if_late(job))


def _failed(job: Job, event: Failed) -> Decision:
    sends = tuple(_errbacks(job))
    return Phase.SETTLED, (*sends, *_failure(job, event.error, event.traceback, event.children), *_ack_if_late(job))


def _retried(job: Job, event: Retried) -> Decision:
    message = _message(job)
    retry = event.retry
    again = replace(
        message,
        args=message.args if retry.args_override is None else list(retry.args_override),
        kwargs=message.kwargs if retry.kwargs_override is None else dict(retry.kwargs_override),
        retries=message.retries + 1,
        parent_id=message.id,
        eta=None if retry.when is None else iso(retry.when),
        expiration=None if message.expires_at is None else expiration(message.expires_at, job.now),
        origin=job.origin,
    )
    result = Result.from_retry(message.id, retry.cause, traceback=event.traceback)
    actions = (Send(again, Route("", job.queue)), *_stored(job, result), *_ack_if_late(job))
    return Phase.SETTLED, actions


def _lethal(job: Job, event: Lethal) -> Decision:
    error = WorkerLostError(f"{event.deaths} worker processes died while they ran this task")
    return Phase.SETTLED, (*_errbacks(job), *_failure(job, error, None), Reject())


def _unsent(job: Job, event: Unsent) -> Decision:
    settlement = (Reject(),) if _late(job) else ()
    return Phase.SETTLED, (*_failure(job, event.error, None), *settlement)


def _ignored(job: Job, _event: Ignored) -> Decision:
    return Phase.SETTLED, _ack_if_late(job)


def _refused(job: Job, event: Refused) -> Decision:
    return Phase.SETTLED, (Reject(event.requeue),) if _late(job) else ()


def _due(job: Job, event: Event) -> Decision:
    return step(Phase.RECEIVED, event, job)


TABLE: Mapping[tuple[Phase, type], Callable[[Job, Any], Decision]] = {
    (Phase.RECEIVED, Malformed): _malformed,
    (Phase.RECEIVED, Unknown): _unknown,
    (Phase.RECEIVED, Unsupported): _unsupported,
    (Phase.RECEIVED, Expired): _expired,
    (Phase.RECEIVED, NotYet): _not_yet,
    (Phase.RECEIVED, Lethal): _lethal,
    (Phase.RECEIVED, Ready): _ready,
    (Phase.WAITING, Expired): _due,
    (Phase.WAITING, NotYet): _due,
    (Phase.WAITING, Lethal): _due,
    (Phase.WAITING, Ready): _due,
    (Phase.RUNNING, Succeeded): _succeeded,
    (Phase.RUNNING, Failed): _failed,
    (Phase.RUNNING, Retried): _retried,
    (Phase.RUNNING, Ignored): _ignored,
    (Phase.RUNNING, Refused): _refused,
    (Phase.RUNNING, Unsent): _unsent,
    (Phase.RECEIVED, Unsent): _unsent,
    (Phase.WAITING, Unsent): _unsent,
}


# -- what the rows share


class NotRegistered(Exception):
    """Stored for a task that is not known here; readers know it by this name."""


class WorkerLostError(Exception):
    """Stored for a task whose processes died again and again while they ran it."""


# What readers of results know these failures by.
NotRegistered.__module__ = "celery.exceptions"
WorkerLostError.__module__ = "billiard.exceptions"


def _message(job: Job) -> Message:
    assert job.message is not None, "only Malformed may come without a message"
    return job.message


def _late(job: Job) -> bool:
    return job.options is None or job.options.acks_late


def _ack_if_late(job: Job) -> tuple[Action, ...]:
    return (Ack(),) if _late(job) else ()


def _stored(job: Job, result: Result) -> tuple[Action, ...]:
    message = job.message
    if message is not None:
        ignored = message.ignore_result
        if ignored is None:
            ignored = job.options is not None and job.options.ignore_result
        if ignored:
            return ()
    return (Store(result, job.address.reply_to, job.address.correlation_id),)


def _failure(
    job: Job, error: BaseException, traceback: str | None, children: tuple[str, ...] = ()
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
        children=_tuples(children),
        parent_id=message.parent_id if message is not None else None,
        group_id=message.group if message is not None else None,
    )
    own = _stored(job, result)
    later = (
        Store(replace(result, task_id=step_id), _text(step.options.get("reply_to")), step_id)
        for step in _chain(message)
        if (step_id := _text(step.options.get("task_id")))
    )
    return (*own, *later) if own else ()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _tuples(children: Iterable[str]) -> list[list[Any]]:
    """Result tuples of tasks that were sent: ``[[id, parent], children]``; neither is told for a task just sent."""
    return [[[child, None], None] for child in children]


def _chain(message: Message | None) -> list[Signature]:
    """What is left of the chain, in the order in which it runs (on the wire it stands reversed)."""
    steps = [] if message is None or not message.chain else message.chain
    return [Signature.parse(step) for step in reversed(steps)]


def _continuations(job: Job, value: Any) -> Iterator[Send]:
    """The callbacks, and the next step of the chain, which carries the rest of it."""
    message = _message(job)
    for callback in message.callbacks or ():
        yield _send(job, Signature.parse(callback), (value,))
    if message.chain:
        rest = list(message.chain)
        following = _send(job, Signature.parse(rest.pop()), (value,))
        yield replace(following, message=replace(following.message, chain=rest))


def _errbacks(job: Job) -> Iterator[Send]:
    message = _message(job)
    for errback in message.errbacks or ():
        yield _send(job, Signature.parse(errback), (message.id,))


def _send(job: Job, signature: Signature, prefix: tuple[Any, ...]) -> Send:
    message, route = to_message(
        signature, prefix=prefix, parent=_message(job), new_id=job.new_id, origin=job.origin, now=job.now
    )
    return Send(message, route or Route("", job.default_queue))
