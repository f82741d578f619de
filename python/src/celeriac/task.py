"""What a task is to those who run it: options, the request it sees, and how it says that it is not done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from celeriac.message import Message
from celeriac.rates import per_second
from celeriac.signature import Signature
from celeriac.tree import Node


class Retry(Exception):
    """Raised by ``Task.retry``: run the task again at ``when``, with other ``args`` and ``kwargs`` where given."""

    def __init__(
        self,
        cause: BaseException | None = None,
        *,
        when: datetime | None = None,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.when = when
        self.args_override = args
        self.kwargs_override = kwargs


class MaxRetriesExceeded(Exception):
    """``Task.retry`` was called without an exception of its own when no retry was left."""


class Ignore(Exception):
    """Raised by a task: it is over, store nothing and acknowledge it."""


class Reject(Exception):
    """Raised by a task: refuse the message, to the dead-letter queue or (``requeue``) back to its queue."""

    def __init__(self, reason: object = None, requeue: bool = False) -> None:
        super().__init__(reason)
        self.requeue = requeue


class Replace(Exception):
    """Raised by ``Task.replace``: another call takes the task's place, and answers under its id."""

    def __init__(self, signature: Signature) -> None:
        super().__init__(signature)
        self.signature = signature


class Compose(Exception):
    """Raised by a task that is a canvas: send its parts; where the result will be is its value."""

    def __init__(self, signature: Signature) -> None:
        super().__init__(signature)
        self.signature = signature


class SoftTimeLimitExceeded(Exception):
    """Raised inside a task that has run for longer than its soft time limit (seconds); it may catch it and tidy up."""


class TimeLimitExceeded(Exception):
    """Stored for a task that was ended because it ran for longer than its hard time limit (seconds)."""


# What readers of results know these failures by.
MaxRetriesExceeded.__name__ = MaxRetriesExceeded.__qualname__ = "MaxRetriesExceededError"
MaxRetriesExceeded.__module__ = "celery.exceptions"
SoftTimeLimitExceeded.__module__ = TimeLimitExceeded.__module__ = "billiard.exceptions"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """How a task behaves; the names are Celery's.

    ``default_retry_delay`` is in seconds, ``max_retries`` None means without end. ``acks_late`` acknowledges after the
    run, so that a task whose worker dies runs again; switched off, the message is acknowledged before. Without
    ``reject_on_worker_lost`` it fails instead, with ``WorkerLostError``. ``track_started`` stores STARTED when it
    begins. ``queue``, ``priority``, ``serializer``, ``compression``, ``time_limit`` and ``soft_time_limit`` are for
    calls that do not say otherwise.

    Errors of ``autoretry_for`` (but none of ``dont_autoretry_for``) are retried, with ``retry_kwargs`` as those of
    ``Task.retry``: after ``default_retry_delay``; or, with ``retry_backoff``, after so many seconds (True: 1), twice as
    many the next time, at most ``retry_backoff_max``; with ``retry_jitter`` after a random part of that.
    ``rate_limit`` is how often a worker may start it, as ``"10/m"``. Raises ``TypeError`` for what is no error, or no
    option of ``Task.retry``; ``ValueError`` for what is no rate.
    """

    bind: bool = False
    ignore_result: bool = False
    max_retries: int | None = 3
    default_retry_delay: float = 180.0
    acks_late: bool = True
    queue: str | None = None
    priority: int | None = None
    serializer: str | None = None
    compression: str | None = None
    reject_on_worker_lost: bool = True
    track_started: bool = False
    rate_limit: str | float | None = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    autoretry_for: tuple[type[BaseException], ...] = ()
    dont_autoretry_for: tuple[type[BaseException], ...] = ()
    retry_kwargs: Mapping[str, Any] = field(default_factory=dict)
    retry_backoff: float = 0
    retry_backoff_max: float = 600.0
    retry_jitter: bool = True

    def __post_init__(self) -> None:
        for name in ("autoretry_for", "dont_autoretry_for"):
            object.__setattr__(self, name, _errors(name, getattr(self, name)))
        RetryOptions(**self.retry_kwargs)
        per_second(self.rate_limit)


def _errors(name: str, given: Iterable[Any]) -> tuple[type[BaseException], ...]:
    kinds = tuple(given)
    for kind in kinds:
        if not isinstance(kind, type) or not issubclass(kind, BaseException):
            raise TypeError(f"{name} holds {kind!r}, which is no class of errors")
    return kinds


#: Options of a task that are those of its calls as well.
_OF_MESSAGES = ("queue", "priority", "serializer", "compression", "time_limit", "soft_time_limit")


def send_defaults(options: TaskOptions) -> dict[str, Any]:
    """What a task's own options say about how it is sent, where its caller does not."""
    defaults: dict[str, Any] = {"ignore_result": options.ignore_result}
    for name in _OF_MESSAGES:
        if (value := getattr(options, name)) is not None:
            defaults[name] = value
    return defaults


class Runnable(Protocol):
    """What a worker needs of a task."""

    @property
    def name(self) -> str:
        """Name that messages call it by."""

    @property
    def options(self) -> TaskOptions:
        """How it behaves."""

    @property
    def run(self) -> Callable[..., Any]:
        """Called with the message's args and kwargs; the task itself goes first where ``options.bind``."""


@dataclass(frozen=True)
class Request:
    """The message a task runs for, and where it came from. ``self.request`` in a bound task.

    What the message says can be asked for by its wire name: ``request.id``, ``request.retries``, ``request.root_id``.
    """

    message: Message
    queue: str
    redelivered: bool
    hostname: str
    children: list[Node] = field(default_factory=list)
    #: Stores a state of the task's own; None where the task does not run in a worker.
    store: Callable[[str, Any], None] | None = None
    #: Exchange and routing key, where it did not come by the name of its queue.
    sent_to: tuple[str, str] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.message, name)

    @property
    def delivery_info(self) -> dict[str, Any]:
        """How its message came, as Celery says it: exchange, routing_key, priority and redelivered."""
        exchange, routing_key = self.sent_to or ("", self.queue)
        known = {"exchange": exchange, "routing_key": routing_key, "priority": self.message.priority}
        return {**known, "redelivered": self.redelivered}

    @property
    def headers(self) -> Mapping[str, Any]:
        """Headers of the user's own: what the protocol does not name."""
        return self.message.extra.headers


#: The request of the task that runs here and now; None outside of tasks.
current_request: ContextVar[Request | None] = ContextVar("current_request", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryOptions:
    """How a task asks to be run again; None: as the task's options or its message have it. Times are in seconds."""

    exc: BaseException | None = None
    eta: datetime | None = None
    countdown: float | None = None
    max_retries: int | None = None
    args: Sequence[Any] | None = None
    kwargs: Mapping[str, Any] | None = None


def retry(options: TaskOptions, request: Request, now: datetime, asked: RetryOptions) -> BaseException:
    """What ``Task.retry`` has to raise: a ``Retry``, or, when none is left, the error or ``MaxRetriesExceeded``."""
    limit = options.max_retries if asked.max_retries is None else asked.max_retries
    if limit is not None and request.retries >= limit:
        return asked.exc or MaxRetriesExceeded(
            f"cannot retry {request.task}[{request.id}]: it was retried {limit} times"
        )
    delay = options.default_retry_delay if asked.countdown is None else asked.countdown
    when = asked.eta or now + timedelta(seconds=delay)
    return Retry(asked.exc, when=when, args=asked.args, kwargs=asked.kwargs)


def retried_by_itself(
    options: TaskOptions, request: Request, now: datetime, error: BaseException, chance: float
) -> BaseException | None:
    """What ``autoretry_for`` makes of an error: as ``retry``; None where it is none of those.

    ``chance`` is a number between 0 and 1, drawn by the caller.
    """
    if not isinstance(error, options.autoretry_for) or isinstance(error, options.dont_autoretry_for):
        return None
    asked = dict(options.retry_kwargs)
    if options.retry_backoff:
        asked["countdown"] = backoff(options, request.retries, chance)
    return retry(options, request, now, RetryOptions(**{"exc": error, **asked}))


def backoff(options: TaskOptions, retries: int, chance: float = 1.0) -> float:
    """Seconds before the retry after so many; ``chance`` as for ``retried_by_itself``."""
    delay = min(options.retry_backoff_max, max(1.0, options.retry_backoff) * 2.0 ** min(retries, 64))
    return delay * chance if options.retry_jitter else delay
