"""What a worker does with a message, as one table: (phase, event) -> (phase, actions).

Pure: nothing here reads a clock, opens a connection or runs a task. The worker finds out what happened, asks
``step``, and performs the actions in the order in which they stand: what has to be safe before the message may
go comes first, the settlement last (WK-ACK).

    RECEIVED --Ready--> RUNNING --Succeeded, Failed, Retried, ...--> SETTLED
        |  ^                                                            ^
        |  +--Due-- WAITING <--NotYet--+                                |
        +--Malformed, Unknown, Unsupported, Expired, Lethal, Failed-----+
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from celeriac.canvas import CHORD, NAMES, chords_in
from celeriac.errors import InvalidMessage
from celeriac.following import (
    composed,
    continuations,
    count,
    errbacks,
    failure,
    late,
    message_of,
    replacement,
    stored,
)
from celeriac.job import Job
from celeriac.lifecycle_events import (
    Ack,
    Action,
    Composed,
    Decision,
    Event,
    Expired,
    Failed,
    Ignored,
    Lethal,
    Lost,
    Malformed,
    NotYet,
    Phase,
    Ready,
    Refused,
    Reject,
    Replaced,
    Retried,
    Revoked,
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
from celeriac.sending import Route
from celeriac.signature import Signature
from celeriac.task import TimeLimitExceeded
from celeriac.times import expiration, iso
from celeriac.tree import Node


def classify(job: Job) -> Event:
    """What a well-formed message is to this worker, now. A task that has expired does not wait for its eta.

    Raises InvalidMessage for a canvas in it that is none.
    """
    message = message_of(job)
    if job.options is None:
        return Unknown()
    try:
        asks = _asks_for_a_chord(message)
    except InvalidMessage as error:
        raise error.about(message.id, message.task) from error.__cause__
    if asks and not job.counts_chords:
        return Unsupported("this worker has no result store that counts, which the chord in the message asks for")
    if message.expires_at is not None and message.expires_at <= job.now:
        return Expired()
    if message.eta_at is not None and message.eta_at > job.now:
        return NotYet(message.eta_at)
    if job.overrun is not None:
        return Failed(TimeLimitExceeded(job.overrun), "")
    if job.deaths >= (job.max_deaths if job.options.reject_on_worker_lost else 1):
        return Lethal(f"{job.deaths} worker processes died while they ran this task")
    if job.returns >= job.max_returns and message.eta_at is None:
        return Lethal(f"its message came back to the queue {job.returns} times")
    return Ready()


def _asks_for_a_chord(message: Message) -> bool:
    """Whether something is to be counted after the task (WK-RECV-012). Raises InvalidMessage for a canvas that is none.

    Everything is looked at: what cannot be sent later makes the message malformed now.
    """
    held = [*(message.callbacks or ()), *(message.errbacks or ()), *(message.chain or ())]
    if message.chord is not None:
        held.append(message.chord)
    chords = [chords_in(Signature.parse(signature)) for signature in held]
    return message.chord is not None or message.task == NAMES[CHORD] or any(chords)


def lost(job: Job, reason: str) -> Lost:
    """What it is that the process died which ran a task whose message was acknowledged before."""
    return Lost(WorkerLostError(reason) if job.overrun is None else TimeLimitExceeded(job.overrun))


def step(phase: Phase, event: Event, job: Job) -> Decision:
    """The decision. An event that cannot happen in this phase is a defect of the caller: KeyError."""
    return TABLE[phase, type(event)](job, event)


def noted(message: Message, state: str, meta: Any) -> Action:
    """A state of the task's own, stored while it runs (``Task.update_state``)."""
    result = Result(task_id=message.id, status=state, result=meta, children=[])
    return Store(result, message.reply_to, message.correlation_id or message.id)


# -- one function a row


def _malformed(job: Job, event: Malformed) -> Decision:
    return Phase.SETTLED, (*failure(job, event.error, None), Reject())


def _unknown(job: Job, _event: Unknown) -> Decision:
    return Phase.SETTLED, (*failure(job, NotRegistered(message_of(job).task), None), Reject())


def _unsupported(job: Job, event: Unsupported) -> Decision:
    return Phase.SETTLED, (*failure(job, NotImplementedError(event.reason), None), Reject())


def _expired(job: Job, _event: Expired) -> Decision:
    result = Result.from_revoked(message_of(job).id, reason="expired", date_done=job.now)
    return Phase.SETTLED, (*stored(job, result), *count(message_of(job), result), Ack())


def _revoked(job: Job, event: Revoked) -> Decision:
    result = Result.from_revoked(message_of(job).id, reason=event.reason, date_done=job.now)
    return Phase.SETTLED, (*stored(job, result), *count(message_of(job), result), Ack())


def _terminated(job: Job, event: Revoked) -> Decision:
    result = Result.from_revoked(message_of(job).id, reason=event.reason, date_done=job.now)
    return Phase.SETTLED, (*stored(job, result), *count(message_of(job), result), *_ack_if_late(job))


def _not_yet(_job: Job, event: NotYet) -> Decision:
    return Phase.WAITING, (WaitUntil(event.until),)


def _ready(job: Job, _event: Ready) -> Decision:
    early: tuple[Action, ...] = () if late(job) else (Ack(),)
    if job.options is None or not job.options.track_started:
        return Phase.RUNNING, (*early, Run())
    begun = Result.started(message_of(job).id, pid=job.pid, hostname=job.hostname)
    return Phase.RUNNING, (*stored(job, begun), *early, Run())


def _succeeded(job: Job, event: Succeeded) -> Decision:
    sent, children = continuations(job, event.value)
    return Phase.SETTLED, (*sent, *_success(job, event.value, (*event.children, *children)), *_ack_if_late(job))


def _success(job: Job, value: Any, children: tuple[Node, ...]) -> tuple[Action, ...]:
    message = message_of(job)
    result = Result.from_success(
        message.id,
        value,
        date_done=job.now,
        children=[child.as_tuple() for child in children],
        parent_id=message.parent_id,
        group_id=message.group,
    )
    return (*stored(job, result), *count(message, result))


def _composed(job: Job, event: Composed) -> Decision:
    """A canvas that came as a task: its parts are sent, and the value says where its result will be (CV-CHORD-006)."""
    sent, node = composed(job, event.signature)
    value = node.as_tuple()
    following, children = continuations(job, value)
    children = (*event.children, *node.ancestors(), *children)
    return Phase.SETTLED, (*sent, *following, *_success(job, value, children), *_ack_if_late(job))


def _replaced(job: Job, event: Replaced) -> Decision:
    """Nothing is stored: what takes its place answers under its id."""
    sent, _ = composed(job, replacement(message_of(job), event.signature))
    return Phase.SETTLED, (*sent, *_ack_if_late(job))


def _failed(job: Job, event: Failed) -> Decision:
    actions = failure(job, event.error, event.traceback, event.children)
    return Phase.SETTLED, (*errbacks(job, event.error, event.traceback), *actions, *_ack_if_late(job))


def _failed_before(job: Job, event: Failed) -> Decision:
    """It failed when it was delivered before, and nobody could tell."""
    actions = failure(job, event.error, event.traceback)
    return Phase.SETTLED, (*errbacks(job, event.error, event.traceback), *actions, Ack())


def _retried(job: Job, event: Retried) -> Decision:
    message = message_of(job)
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
    actions = (Send(again, Route("", job.queue)), *stored(job, result), *_ack_if_late(job))
    return Phase.SETTLED, actions


def _lethal(job: Job, event: Lethal) -> Decision:
    error = WorkerLostError(event.reason)
    return Phase.SETTLED, (*errbacks(job, error, None), *failure(job, error, None), Reject())


def _lost(job: Job, event: Lost) -> Decision:
    return Phase.SETTLED, (*errbacks(job, event.error, None), *failure(job, event.error, None))


def _unsent(job: Job, event: Unsent) -> Decision:
    settlement = (Reject(),) if late(job) else ()
    return Phase.SETTLED, (*failure(job, event.error, None), *settlement)


def _ignored(job: Job, _event: Ignored) -> Decision:
    return Phase.SETTLED, _ack_if_late(job)


def _refused(job: Job, event: Refused) -> Decision:
    return Phase.SETTLED, (Reject(event.requeue),) if late(job) else ()


def _due(job: Job, event: Event) -> Decision:
    return step(Phase.RECEIVED, event, job)


TABLE: Mapping[tuple[Phase, type], Callable[[Job, Any], Decision]] = {
    (Phase.RECEIVED, Malformed): _malformed,
    (Phase.RECEIVED, Unknown): _unknown,
    (Phase.RECEIVED, Unsupported): _unsupported,
    (Phase.RECEIVED, Expired): _expired,
    (Phase.RECEIVED, Revoked): _revoked,
    (Phase.RECEIVED, NotYet): _not_yet,
    (Phase.RECEIVED, Lethal): _lethal,
    (Phase.RECEIVED, Ready): _ready,
    (Phase.WAITING, Expired): _due,
    (Phase.WAITING, Revoked): _due,
    (Phase.RUNNING, Revoked): _terminated,
    (Phase.WAITING, NotYet): _due,
    (Phase.WAITING, Lethal): _due,
    (Phase.RECEIVED, Failed): _failed_before,
    (Phase.WAITING, Failed): _due,
    (Phase.WAITING, Ready): _due,
    (Phase.RUNNING, Succeeded): _succeeded,
    (Phase.RUNNING, Composed): _composed,
    (Phase.RUNNING, Replaced): _replaced,
    (Phase.RUNNING, Failed): _failed,
    (Phase.RUNNING, Retried): _retried,
    (Phase.RUNNING, Ignored): _ignored,
    (Phase.RUNNING, Refused): _refused,
    (Phase.RUNNING, Lost): _lost,
    (Phase.RUNNING, Unsent): _unsent,
    (Phase.RECEIVED, Unsent): _unsent,
    (Phase.WAITING, Unsent): _unsent,
}


# -- what the rows share


class NotRegistered(Exception):
    """Stored for a task that is not known here; readers know it by this name."""


class WorkerLostError(Exception):
    """Stored for a task whose process died, or whose processes died again and again, while they ran it."""


# What readers of results know these failures by.
NotRegistered.__module__ = "celery.exceptions"
WorkerLostError.__module__ = "billiard.exceptions"


def _ack_if_late(job: Job) -> tuple[Action, ...]:
    return (Ack(),) if late(job) else ()
