"""The commands of remote control, one function each: what is said, or what the worker processes are asked for it.

Called with the keyword arguments of the request and nothing else: what does not fit is an error in the reply
(CT-CMD-004). The names, arguments and replies are Celery's.
"""

from __future__ import annotations

import inspect
import logging
import os
import platform
import signal as signals
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from celeriac.rates import per_second
from celeriac.worker.duties import Duties

logger = logging.getLogger("celeriac.worker")

#: What a command gives that has nothing to say, not even null.
NO_REPLY = object()
_SHOWN_BY_DEFAULT = ("exchange", "routing_key", "rate_limit")


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to all worker processes, and what their answers come to."""

    question: str
    arguments: Mapping[str, Any]
    conclude: Callable[[list[Any]], Any]


class Mistake(Exception):
    """A command that cannot be carried out; the text is the reply's."""


def call(duties: Duties, method: str, arguments: Mapping[str, Any]) -> Any:
    """Carry out a command: its reply, an ``Ask``, or ``NO_REPLY``. Never raises."""
    command = COMMANDS.get(method)
    if command is None:
        return {"error": repr(KeyError(method))}
    try:
        inspect.signature(command).bind(duties, **arguments)
        return command(duties, **arguments)
    except Mistake as mistake:
        return {"error": str(mistake)}
    except TypeError as error:
        return {"error": repr(error)}
    except Exception as error:
        logger.exception("Remote control command %s failed", method)
        return {"error": repr(error)}


def concluded(ask: Ask, answers: list[Any]) -> Any:
    """The reply that answers come to. Never raises."""
    try:
        return ask.conclude(answers)
    except Exception as error:
        logger.exception("Remote control failed after %s", ask.question)
        return {"error": repr(error)}


def _ok(text: str) -> dict[str, str]:
    return {"ok": text}


def _obey(state: Mapping[str, Any], text: str) -> Ask:
    """Tell the processes; the reply goes when they know."""
    return Ask("obey", state, lambda _answers: _ok(text))


# -- inspecting


def _ping(_duties: Duties) -> Any:
    return _ok("pong")


def _clock(duties: Duties) -> Any:
    return {"clock": duties.clock.value}


def _stats(duties: Duties) -> Any:
    def conclude(answers: list[Any]) -> Any:
        for answer in answers:
            duties.pulse.count(answer["number"], answer)
        return duties.stats()

    return Ask("count", {}, conclude)


def _tasks(place: str) -> Callable[..., Any]:
    def command(_duties: Duties, safe: object = None) -> Any:  # noqa: ARG001  # texts are safe either way
        return Ask("tasks", {}, lambda answers: [task for answer in answers for task in answer[place]])

    return command


def _query_task(_duties: Duties, ids: list[str] | str) -> Any:
    wanted = set(_ids(ids))

    def conclude(answers: list[Any]) -> Any:
        found = {}
        for answer in answers:
            for place in ("active", "reserved", "scheduled"):
                for entry in answer[place]:
                    task = entry["request"] if place == "scheduled" else entry
                    if task["id"] in wanted:
                        found[task["id"]] = [place, task]
        return found

    return Ask("tasks", {}, conclude)


def _revoked(duties: Duties) -> Any:
    return duties.revoked.ids(time.time())


def _registered(duties: Duties, taskinfoitems: Any = None, builtins: bool = False) -> Any:  # noqa: ARG001
    items = [item for item in taskinfoitems or _SHOWN_BY_DEFAULT if isinstance(item, str) and item[:1] != "_"]
    tasks = duties.settings.tasks

    def shown(name: str) -> str:
        values = ((item, getattr(tasks[name].options, item, None)) for item in items)
        known = " ".join(f"{item}={value}" for item, value in values if value is not None)
        return f"{name} [{known}]" if known else name

    return [shown(name) for name in sorted(tasks)]


def _active_queues(duties: Duties) -> Any:
    return [_queue(**given) for given in duties.queues.values()]


def _queue(
    queue: str, exchange: str | None = None, exchange_type: str | None = None, routing_key: str | None = None
) -> dict[str, Any]:
    """A queue as monitors expect it; by default it is reached by its own name."""
    return {
        "name": queue,
        "exchange": {
            "name": exchange or queue,
            "type": exchange_type or "direct",
            "arguments": None,
            "durable": True,
            "passive": False,
            "auto_delete": False,
            "delivery_mode": None,
            "no_declare": False,
        },
        "routing_key": routing_key or queue,
        **dict.fromkeys(("queue_arguments", "binding_arguments", "consumer_arguments", "alias", "no_declare")),
        "durable": True,
        "exclusive": False,
        "auto_delete": False,
        "no_ack": False,
        "bindings": [],
        **dict.fromkeys(("expires", "message_ttl", "max_length", "max_length_bytes", "max_priority")),
    }


def _conf(duties: Duties, with_defaults: bool = False) -> Any:  # noqa: ARG001  # all of it is shown
    return duties.conf()


def _report(duties: Duties) -> Any:
    conf = "\n".join(f"{name}: {value!r}" for name, value in duties.conf().items())
    system = f"python: {platform.python_version()}, {platform.platform()}, pid {os.getppid()}"
    return _ok(f"celeriac {duties.stats()['pool']['implementation']}\n{system}\n\n{conf}\n")


def _hello(duties: Duties, from_node: str, revoked: Any = None) -> Any:
    """Share what is revoked with a worker of Celery's that starts."""
    ids = [one for one in revoked or () if isinstance(one, str)]
    if from_node == duties.settings.hostname:
        return NO_REPLY
    told = duties.revoke(ids, {})
    reply = {"revoked": duties.revoked.ids(time.time()), "clock": duties.clock.forward()}
    return Ask("obey", told, lambda _answers: reply) if ids else reply


# -- ordering


def _revoke(duties: Duties, task_id: Any, terminate: bool = False, signal: Any = None, **_more: Any) -> Any:
    ids = _ids(task_id)
    told = duties.revoke(ids, {})
    shown = ", ".join(ids)
    logger.info("Tasks revoked: %s", ascii(shown))
    if not terminate:
        return _obey(told, f"tasks {shown} flagged as revoked")
    return _end({**told, "ids": ids, "signal": _signal(signal)}, "terminate: tasks unknown")


def _terminate(duties: Duties, signal: Any, task_id: Any, **_more: Any) -> Any:
    return _revoke(duties, task_id, terminate=True, signal=signal)


def _revoke_by_stamped_headers(
    duties: Duties, headers: Any, terminate: bool = False, signal: Any = None, **_more: Any
) -> Any:
    if isinstance(headers, list):
        headers = dict(str(header).partition("=")[::2] for header in headers)
    if not isinstance(headers, Mapping) or not headers:
        raise Mistake("headers is an object: names of stamps and their values")
    told = duties.revoke([], headers)
    if not terminate:
        return _obey(told, f"headers {dict(headers)} flagged as revoked, but not terminated")
    return _end({**told, "stamps": headers, "signal": _signal(signal)}, f"headers {dict(headers)} were not terminated")


def _end(told: Mapping[str, Any], nothing: str) -> Ask:
    def conclude(answers: list[Any]) -> Any:
        ended = sorted(task_id for answer in answers for task_id in answer)
        return _ok(f"terminate: {', '.join(ended)}" if ended else nothing)

    return Ask("end", told, conclude)


def _rate_limit(duties: Duties, task_name: str, rate_limit: Any, **_more: Any) -> Any:
    rate = _rate(rate_limit)
    if task_name not in duties.settings.tasks:
        raise Mistake("unknown task")
    text = "new rate limit set successfully" if rate else "rate limit disabled successfully"
    return _obey(duties.rate(task_name, rate), text)


def _time_limit(duties: Duties, task_name: str, hard: Any = None, soft: Any = None, **_more: Any) -> Any:
    for name, value in (("hard", hard), ("soft", soft)):
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
        if value is not None and not number:
            raise Mistake(f"{name} is a number of seconds or null, not {value!r}")
    if task_name not in duties.settings.tasks:
        raise Mistake("unknown task")
    return _obey(duties.limit(task_name, hard, soft), "time limits set successfully")


def _add_consumer(
    duties: Duties,
    queue: str,
    exchange: str | None = None,
    exchange_type: str | None = None,
    routing_key: str | None = None,
    **_more: Any,
) -> Any:
    names: tuple[Any, ...] = (queue, exchange or queue, routing_key or queue)
    if not all(isinstance(name, str) and 0 < len(name.encode()) <= 255 for name in names):
        raise Mistake("queue, exchange and routing_key are texts of 1 to 255 bytes")
    given = {"queue": queue}
    if exchange:
        given |= {"exchange": exchange, "exchange_type": exchange_type or "direct", "routing_key": routing_key or queue}
    duties.queues[queue] = given
    return _obey({"queues": list(duties.queues.values())}, f"add consumer {queue}")


def _cancel_consumer(duties: Duties, queue: str, **_more: Any) -> Any:
    duties.queues.pop(queue, None)
    return _obey({"queues": list(duties.queues.values())}, f"no longer consuming from {queue}")


def _events(on: bool) -> Callable[..., Any]:
    word = "enabled" if on else "disabled"

    def command(duties: Duties) -> Any:
        if duties.events is on:
            return _ok(f"task events already {word}")
        duties.events = on
        return _obey({"events": on}, f"task events {word}")

    return command


def _heartbeat(duties: Duties) -> Any:
    duties.pulse.hasten()


def _shutdown(duties: Duties, msg: str = "Got shutdown from remote", **_more: Any) -> Any:
    logger.warning("%s", ascii(msg))
    duties.shut_down()
    return NO_REPLY


def _pool_grow(duties: Duties, n: Any = 1, **_more: Any) -> Any:
    _check_size(duties, duties.processes + _whole("n", n))
    duties.order({"more": n})
    return _ok("pool will grow")


def _pool_shrink(duties: Duties, n: Any = 1, **_more: Any) -> Any:
    _check_size(duties, duties.processes - _whole("n", n))
    duties.order({"more": -n})
    return _ok("pool will shrink")


def _autoscale(duties: Duties, max: Any = None, min: Any = None) -> Any:  # noqa: A002  # Celery's names
    if duties.bounds is None:
        raise Mistake("Autoscale not enabled: start the worker with --autoscale max,min")
    most = duties.bounds[0] if max is None else _whole("max", max)
    least = duties.bounds[1] if min is None else _whole("min", min)
    if least > most:
        raise Mistake(f"min is {least}, which is more than max, {most}")
    _check_size(duties, most)
    duties.order({"bounds": [most, least]})
    return _ok(f"autoscale now max={most} min={least}")


def _check_size(duties: Duties, processes: int) -> None:
    if duties.settings.threads:
        raise Mistake(f"this worker runs tasks on threads, and has {duties.settings.threads} until it is started anew")
    most = duties.settings.most
    if not 1 <= processes <= most:
        raise Mistake(f"this worker may have 1 to {most} processes; there are {duties.processes}")


def _election(_duties: Duties, **_more: Any) -> Any:
    """Of Celery's workers among themselves; this one does not stand."""
    return NO_REPLY


# -- arguments


def _ids(given: Any) -> list[str]:
    """Task ids: a text or an array. A typed UUID is taken for the text that was meant (CT-REV-001)."""
    found = [str(one) if isinstance(one, UUID) else one for one in (given if isinstance(given, list) else [given])]
    if not found or not all(isinstance(one, str) and one for one in found):
        raise Mistake("task ids are text, one or an array of them")
    return found


def _whole(name: str, given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise Mistake(f"{name} is a whole number from 1 on, not {given!r}")
    return given


def _signal(given: Any) -> int:
    name = str(given or "SIGTERM").upper()
    try:
        return int(signals.Signals[name if name.startswith("SIG") else f"SIG{name}"])
    except KeyError:
        raise Mistake(f"there is no signal {given!r}") from None


def _rate(given: Any) -> float:
    try:
        return per_second(given)
    except ValueError as error:
        raise Mistake(str(error)) from None


COMMANDS: Mapping[str, Callable[..., Any]] = {
    "ping": _ping,
    "active": _tasks("active"),
    "reserved": _tasks("reserved"),
    "scheduled": _tasks("scheduled"),
    "query_task": _query_task,
    "revoked": _revoked,
    "registered": _registered,
    "active_queues": _active_queues,
    "stats": _stats,
    "conf": _conf,
    "report": _report,
    "clock": _clock,
    "hello": _hello,
    "revoke": _revoke,
    "terminate": _terminate,
    "revoke_by_stamped_headers": _revoke_by_stamped_headers,
    "rate_limit": _rate_limit,
    "time_limit": _time_limit,
    "add_consumer": _add_consumer,
    "cancel_consumer": _cancel_consumer,
    "enable_events": _events(True),
    "disable_events": _events(False),
    "heartbeat": _heartbeat,
    "pool_grow": _pool_grow,
    "pool_shrink": _pool_shrink,
    "autoscale": _autoscale,
    "election": _election,
    "shutdown": _shutdown,
    # Names of before Celery 4, which its newest worker still knows.
    "dump_active": _tasks("active"),
    "dump_reserved": _tasks("reserved"),
    "dump_schedule": _tasks("scheduled"),
    "dump_revoked": _revoked,
    "dump_tasks": _registered,
    "dump_conf": _conf,
}
