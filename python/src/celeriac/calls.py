"""What a caller asks for, checked and turned into the message that says it. Pure: ids and the clock are arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict

from celeriac.canvas import CHORD, body_of, kind_of, listed, parts_of
from celeriac.errors import InvalidCall, InvalidMessage
from celeriac.message import Message
from celeriac.retrying import RetryPolicy
from celeriac.serialization import SERIALIZERS, content_type, mime_name
from celeriac.signature import Signature
from celeriac.text import nearest
from celeriac.times import in_utc


class SendOptions(TypedDict, total=False):
    """How a task is sent; every option may be left out. The names are Celery's.

    ``queue``, or ``exchange`` and ``routing_key`` (AMQP), say where to. ``countdown`` (seconds) or ``eta`` (a datetime,
    naive is UTC) say when at the earliest, ``expires`` (seconds or a datetime) when it is too late. ``time_limit`` and
    ``soft_time_limit`` are seconds. ``priority`` is 0 to 255 on AMQP (9 is urgent), 0 to 9 on Redis (0 is urgent).
    ``serializer`` is json, msgpack or yaml, ``compression`` zlib, gzip, bzip2, zstd.
    ``retry`` has the sending tried again where the broker is away or does not confirm, as ``retry_policy`` says: a
    mapping of ``max_retries``, ``interval_start``, ``interval_step``, ``interval_max``.
    ``confirm=False`` does not wait until the broker has the message (AMQP): what is lost then is lost without an error.
    ``link`` and ``link_error`` are signatures sent when it succeeds or fails. ``headers`` are the caller's own.
    """

    queue: str
    exchange: str
    routing_key: str
    priority: int
    countdown: float
    eta: datetime
    expires: float | datetime
    time_limit: float
    soft_time_limit: float
    task_id: str
    ignore_result: bool
    headers: Mapping[str, Any]
    link: Signature | Sequence[Signature]
    link_error: Signature | Sequence[Signature]
    shadow: str
    serializer: str
    compression: str
    root_id: str
    parent_id: str
    reply_to: str
    retry: bool
    confirm: bool
    retry_policy: Mapping[str, Any]


#: Options that ``Message.create`` takes under the same name.
FIELDS_AS_THEY_ARE = (
    "priority", "time_limit", "soft_time_limit", "ignore_result", "headers", "shadow", "compression", "root_id",
    "parent_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """A checked call: the task, its arguments, the options that were given, and where it goes."""

    task: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    options: Mapping[str, Any]
    exchange: str
    routing_key: str

    def message(self, origin: str, reply_to: str, new_id: str, now: datetime) -> Message:
        """The message of this call. Raises ``InvalidCall`` for arguments that cannot be written."""
        options = self.options
        eta = options["countdown"] if "countdown" in options else options.get("eta")
        return Message.create(
            task=self.task,
            id=options.get("task_id") or new_id,
            args=self.args,
            kwargs=self.kwargs,
            origin=origin,
            now=now,
            reply_to=options.get("reply_to", reply_to),
            eta=_instant(eta, now),
            expires=_instant(options.get("expires"), now),
            callbacks=_signatures(options.get("link")),
            errbacks=_signatures(options.get("link_error")),
            content_type=content_type(options.get("serializer") or "json"),
            **{name: options[name] for name in FIELDS_AS_THEY_ARE if name in options},
        )


def to_call(
    task: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None, options: Mapping[str, Any], default_queue: str
) -> Call:
    """Check a call. Raises ``InvalidCall``, saying what to change."""
    if not _name(task):
        raise InvalidCall(f"task has to be the name of a task, not {task!r}")
    if isinstance(args, (str, bytes, Mapping)) or not isinstance(args, Sequence):
        raise InvalidCall(f"args has to be a list or tuple, not {args!r}; for one argument write ({args!r},)")
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise InvalidCall(f"kwargs has to be a dict, not {kwargs!r}")
    _check(options)
    exchange = options.get("exchange", "")
    routing_key = options.get("routing_key") or options.get("queue") or ("" if exchange else default_queue)
    return Call(task, args, kwargs or {}, options, exchange, routing_key)


#: Options that a canvas writes into the signatures that it is made of, and that ``Message`` takes.
OF_CANVASES = frozenset(
    {
        *("chain", "chord", "link", "link_error", "group_id", "group_index", "replaced_task_nesting", "retries"),
        *("compression", "correlation_id", "delivery_mode", "stamped_headers"),
    }
)


def check_signature(signature: Signature) -> None:
    """Check the options of a signature and of all that it is made of. Raises ``InvalidCall``."""
    options = signature.options
    try:
        stamps = set(options.get("stamped_headers") or ())
        _check({name: value for name, value in options.items() if name not in OF_CANVASES and name not in stamps})
        for link in (*listed(options.get("link")), *listed(options.get("link_error"))):
            check_signature(Signature.parse(link))
        kind = kind_of(signature)
        if kind == CHORD:
            check_signature(body_of(signature))
        for part in parts_of(signature) if kind else ():
            check_signature(part)
    except InvalidMessage as error:
        raise InvalidCall(f"{signature.task}: {error.reason}") from error


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _positive(value: Any) -> bool:
    return _number(value) and value > 0


def _priority(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255


def _name(value: Any) -> bool:
    # AMQP writes names as short strings.
    return isinstance(value, str) and 0 < len(value.encode("utf-8", "replace")) <= 255


def _compression(value: Any) -> bool:
    try:
        return value is None or bool(mime_name(value))
    except InvalidCall:
        return False


def _policy(value: Any) -> bool:
    try:
        return isinstance(value, Mapping) and bool(RetryPolicy.of(value))
    except InvalidCall:
        return False


def _links(value: Any) -> bool:
    return isinstance(value, Signature) or (
        isinstance(value, (list, tuple)) and all(isinstance(item, Signature) for item in value)
    )


#: option -> (test, what it has to be)
CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "queue": (_name, "the name of a queue, at most 255 bytes"),
    "exchange": (lambda value: value == "" or _name(value), "the name of an exchange, at most 255 bytes"),
    "routing_key": (_name, "text of at most 255 bytes"),
    "priority": (_priority, "an integer from 0 to 255"),
    "countdown": (_number, "a number of seconds"),
    "eta": (lambda value: isinstance(value, datetime), "a datetime"),
    "expires": (lambda value: _number(value) or isinstance(value, datetime), "a number of seconds or a datetime"),
    "time_limit": (_positive, "a number of seconds above 0"),
    "soft_time_limit": (_positive, "a number of seconds above 0"),
    "task_id": (_name, "text of 1 to 255 bytes"),
    "ignore_result": (lambda value: isinstance(value, bool), "true or false"),
    "headers": (lambda value: isinstance(value, Mapping) and all(map(_name, value)), "a dict with text keys"),
    "link": (_links, "a signature or a list of them, as add.s(1)"),
    "link_error": (_links, "a signature or a list of them, as add.s(1)"),
    "shadow": (lambda value: isinstance(value, str), "text"),
    "serializer": (lambda value: value in SERIALIZERS.values(), f"one of {', '.join(SERIALIZERS.values())}"),
    "compression": (_compression, "the name of a compression: zlib, gzip, bzip2, zstd"),
    "root_id": (_name, "the id of a task"),
    "parent_id": (_name, "the id of a task"),
    "reply_to": (_name, "the name of a queue, at most 255 bytes"),
    "retry": (lambda value: isinstance(value, bool), "true or false"),
    "confirm": (lambda value: isinstance(value, bool), "true or false"),
    "retry_policy": (
        _policy,
        "a dict of max_retries (None: no end), interval_start, interval_step, interval_max (seconds)",
    ),
}


def _check(options: Mapping[str, Any]) -> None:
    for name, value in options.items():
        if name not in CHECKS:
            close = nearest(name, CHECKS)
            hint = f"; did you mean {close}?" if close else f"; there are {', '.join(CHECKS)}"
            raise InvalidCall(f"unknown option {name!r}{hint}")
        test, expected = CHECKS[name]
        if not test(value):
            raise InvalidCall(f"option {name} has to be {expected}, not {value!r}")
    if "countdown" in options and "eta" in options:
        raise InvalidCall("countdown and eta exclude each other: give one of them")
    hard, soft = options.get("time_limit"), options.get("soft_time_limit")
    if hard is not None and soft is not None and soft >= hard:
        raise InvalidCall(f"soft_time_limit ({soft}) has to be less than time_limit ({hard}), or it has no effect")


def _instant(value: Any, now: datetime) -> datetime | None:
    """A datetime as it is (naive is UTC), a number as so many seconds from now."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return in_utc(value)
    try:
        return now + timedelta(seconds=value)
    except (OverflowError, ValueError):
        raise InvalidCall(f"{value!r} seconds from now is no instant of this calendar") from None


def _signatures(value: Any) -> list[dict[str, Any]] | None:
    if not value:
        return None
    return [signature.build() for signature in ([value] if isinstance(value, Signature) else value)]
