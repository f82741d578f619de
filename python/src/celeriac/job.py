"""What a worker knows of a delivery when a decision about it is due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from celeriac.message import Message
from celeriac.signature import Signature
from celeriac.task import TaskOptions


def _no_defaults(_call: Signature) -> Mapping[str, Any]:
    return {}


def _nowhere(_signature: Signature) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is known of a delivery when a decision is due.

    ``message`` is None where it could not be read, then ``address`` is all there is; ``options`` is None where the task
    is not known here. ``queue`` is where the delivery came from, ``default_queue`` where follow-up tasks go that name
    none. ``deaths`` counts the processes that died while they ran the task; at ``max_deaths`` it is not run again.
    ``returns`` is how often its message came back to its queue; at ``max_returns`` it is not run, unless it has an eta:
    whoever holds it until then and shuts down returns it.
    ``overrun`` is the hard limit (seconds) that an earlier run exceeded, whose end nobody could tell then.
    ``hostname`` and ``pid`` say who runs it. ``counts_chords`` says whether the result store counts; ``defaults`` gives
    the options of a call that it does not have itself, as far as its task is known here; ``runs_inside`` whether an
    errback is one that is called here with what went wrong.
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
    overrun: float | None = None
    max_deaths: int = 3
    returns: int = 0
    max_returns: int = 20
    hostname: str = ""
    pid: int = 0
    counts_chords: bool = False
    defaults: Callable[[Signature], Mapping[str, Any]] = _no_defaults
    runs_inside: Callable[[Signature], bool] = _nowhere


@dataclass(frozen=True, slots=True)
class Address:
    """Whom a result is for, as far as it can be read: the parts of a message that even a malformed one may have."""

    task_id: str | None
    reply_to: str | None
    correlation_id: str | None
