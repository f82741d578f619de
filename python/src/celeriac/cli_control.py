"""Commands for workers that run: ``status``, ``inspect``, ``control``, ``events``, ``queues``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from celeriac.cli_common import EXIT_NO_NODE, EXIT_TASK_FAILED, errors, fail, json_option, names_in
from celeriac.client import Celeriac
from celeriac.errors import InvalidCall
from celeriac.events import Event
from celeriac.remote import Reply
from celeriac.tagged import to_tagged
from celeriac.transport import count_waiting

#: Command -> its arguments by position; the last one takes all that is left where it ends in "...".
INSPECT: Mapping[str, tuple[str, ...]] = {
    "ping": (),
    "active": (),
    "reserved": (),
    "scheduled": (),
    "revoked": (),
    "registered": ("taskinfoitems...",),
    "query_task": ("ids...",),
    "active_queues": (),
    "stats": (),
    "conf": (),
    "report": (),
    "clock": (),
}
CONTROL: Mapping[str, tuple[str, ...]] = {
    "revoke": ("task_id...",),
    "terminate": ("signal", "task_id..."),
    "revoke_by_stamped_headers": ("headers...",),
    "rate_limit": ("task_name", "rate_limit"),
    "time_limit": ("task_name", "soft", "hard"),
    "add_consumer": ("queue", "exchange", "exchange_type", "routing_key"),
    "cancel_consumer": ("queue",),
    "enable_events": (),
    "disable_events": (),
    "heartbeat": (),
    "pool_grow": ("n",),
    "pool_shrink": ("n",),
    "autoscale": ("max", "min"),
    "shutdown": (),
}
#: Arguments that are numbers.
NUMBERS = {"soft": float, "hard": float, "n": int, "max": int, "min": int}
SILENT = frozenset({"shutdown"})


def asking(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that asks workers."""
    for option in (
        json_option("Print one JSON object, node by node."),
        click.option(
            "-t", "--timeout", type=float, default=1.0, show_default=True, help="Seconds to wait for replies."
        ),
        click.option("-d", "--destination", default="", metavar="NODE1,NODE2", help="Ask these nodes only."),
    ):
        function = option(function)
    return function


@click.command()
@asking
@click.pass_obj
def status(app: Celeriac, /, destination: str, timeout: float, as_json: bool) -> None:
    """Show which workers are online, ours and Celery's. Exit code 69 if none is.

    \b
    Examples:
      celeriac -A shop status
      celeriac -b amqp://guest@localhost// status -t 5 --json
    """
    replies = _ask(app, "ping", {}, destination, timeout)
    if as_json:
        _print_json(replies)
        return
    for reply in replies:
        click.echo(f"{reply.node}: {'OK' if reply.reply == {'ok': 'pong'} else _text(reply.reply)}")
    click.echo(f"\n{len(replies)} {'node' if len(replies) == 1 else 'nodes'} online.")


@click.command()
@click.argument("command", type=click.Choice(list(INSPECT)), metavar="COMMAND")
@click.argument("arguments", nargs=-1)
@asking
@click.pass_obj
def inspect(
    app: Celeriac, /, command: str, arguments: Sequence[str], destination: str, timeout: float, as_json: bool
) -> None:
    """Ask workers about themselves: active, reserved, scheduled, stats, registered, query_task ID..., and more.

    The commands are ping, active, reserved, scheduled, revoked, registered, query_task, active_queues, stats, conf,
    report and clock. Exit code 69 if no worker answers.

    \b
    Examples:
      celeriac -A shop inspect active
      celeriac -A shop inspect query_task 0b7c9c5e-3a51-4f2b-a2a2-1f0a6a5b8f11 --json
      celeriac -A shop inspect stats -d w1@example -t 5
    """
    _run(app, command, _arguments(command, INSPECT[command], arguments), destination, timeout, as_json)


@click.command()
@click.argument("command", type=click.Choice(list(CONTROL)), metavar="COMMAND")
@click.argument("arguments", nargs=-1)
@click.option("--terminate", is_flag=True, help="With revoke: also end the tasks where they run.")
@click.option("--signal", default="SIGTERM", show_default=True, help="With revoke --terminate: the signal.")
@asking
@click.pass_obj
def control(
    app: Celeriac,
    /,
    command: str,
    arguments: Sequence[str],
    terminate: bool,
    signal: str,
    destination: str,
    timeout: float,
    as_json: bool,
) -> None:
    """Give workers orders: revoke ID..., rate_limit TASK RATE, add_consumer QUEUE, enable_events, shutdown, and more.

    The commands are revoke ID..., terminate SIGNAL ID..., revoke_by_stamped_headers NAME=VALUE..., rate_limit TASK
    RATE, time_limit TASK SOFT [HARD], add_consumer QUEUE [EXCHANGE TYPE KEY], cancel_consumer QUEUE, enable_events,
    disable_events, heartbeat, pool_grow [N], pool_shrink [N], autoscale MAX MIN and shutdown. Exit code 69 if no worker
    answers, 1 if one answers with an error.

    \b
    Examples:
      celeriac -A shop control revoke 0b7c9c5e-3a51-4f2b-a2a2-1f0a6a5b8f11 --terminate
      celeriac -A shop control rate_limit shop.add 10/m -d w1@example
      celeriac -A shop control add_consumer mail
    """
    given = _arguments(command, CONTROL[command], arguments)
    if command == "revoke":
        given |= {"terminate": terminate, "signal": signal}
    if command in SILENT:
        with errors():
            app.control.broadcast(command, given, destination=names_in(destination) or None)
        click.echo(json.dumps({}) if as_json else f"{command}: sent; nobody replies to it")
        return
    _run(app, command, given, destination, timeout, as_json)


@click.command()
@click.option("-k", "--key", "keys", multiple=True, metavar="KEY", help="Routing key: worker.#, task.#.  [default: #]")
@click.option("-n", "--limit", type=click.IntRange(1), default=None, help="End after so many events.")
@click.option("-t", "--timeout", type=float, default=None, help="End after so many seconds.  [default: never]")
@click.option("-d", "--destination", default="", metavar="NODE1,NODE2", help="Print what these nodes tell only.")
@json_option("Print one JSON object a line.")
@click.pass_obj
def events(
    app: Celeriac,
    /,
    keys: Sequence[str],
    limit: int | None,
    timeout: float | None,
    destination: str,
    as_json: bool,
) -> None:
    """Print what workers tell, as it comes, until Ctrl-C.

    Workers tell of tasks when they were started with -E, or after `celeriac control enable_events`.

    \b
    Examples:
      celeriac -A shop events
      celeriac -A shop events -k 'task.#' --json
      celeriac -A shop events -d w1@example -n 10
    """
    nodes = names_in(destination)
    until = None if timeout is None else time.monotonic() + timeout
    left = limit
    with errors(), app.events(keys or ("#",)) as listening:
        while (left is None or left > 0) and (until is None or time.monotonic() < until):
            wait = 1.0 if until is None else min(1.0, max(0.0, until - time.monotonic()))
            told = [event for event in listening.receive(wait) if not nodes or event.hostname in nodes]
            for event in told[:left]:
                click.echo(json.dumps(to_tagged(event.build())) if as_json else _line(event))
                left = None if left is None else left - 1


@click.command()
@click.option("-Q", "--queues", "--queue", default="", metavar="Q1,Q2", help="These queues.  [default: the app's]")
@json_option()
@click.pass_obj
def queues(app: Celeriac, /, queues: str, as_json: bool) -> None:
    """Show how many messages wait in queues. What workers have taken already is not counted.

    \b
    Examples:
      celeriac -A shop queues
      celeriac -b redis://localhost/0 queues -Q celery,mail --json
    """
    with errors():
        names = names_in(queues) or (app.conf.task_default_queue,)
        waiting = {name: count_waiting(app.broker, name) for name in names}
    if as_json:
        click.echo(json.dumps(waiting))
        return
    for name, count in waiting.items():
        click.echo(f"{name}: {'no such queue' if count is None else f'{count} waiting'}")


def _run(
    app: Celeriac, command: str, given: Mapping[str, Any], destination: str, timeout: float, as_json: bool
) -> None:
    replies = _ask(app, command, given, destination, timeout)
    if as_json:
        _print_json(replies)
    else:
        for reply in replies:
            click.echo(f"{reply.node}: {_text(reply.reply)}")
    if any(isinstance(reply.reply, dict) and "error" in reply.reply for reply in replies):
        raise SystemExit(EXIT_TASK_FAILED)


def _ask(app: Celeriac, command: str, given: Mapping[str, Any], destination: str, timeout: float) -> list[Reply]:
    names = names_in(destination) or None
    with errors():
        replies = app.control.broadcast(command, given, destination=names, reply=True, timeout=timeout)
    if not replies:
        whom = f"none of {', '.join(names)}" if names else "no node"
        fail(
            f"{whom} replied within {timeout:g} s; is a worker running on this broker? (-t waits longer)", EXIT_NO_NODE
        )
    return sorted(replies, key=lambda reply: reply.node)


def _arguments(command: str, names: Sequence[str], given: Sequence[str]) -> dict[str, Any]:
    """The arguments of a command by name."""
    found: dict[str, Any] = {}
    rest = list(given)
    with errors():
        for name in names:
            if name.endswith("..."):
                if rest:
                    found[name.removesuffix("...")] = rest
                rest = []
            elif rest:
                found[name] = _number(name, rest.pop(0))
        if rest:
            shown = " ".join(name.upper() for name in names) or "no arguments"
            raise InvalidCall(f"{command} takes {shown}; {' '.join(rest)} is too much")
    return found


def _number(name: str, text: str) -> Any:
    if name not in NUMBERS:
        return text
    try:
        return NUMBERS[name](text)
    except ValueError:
        raise InvalidCall(f"{name} is a number, not {text!r}") from None


def _print_json(replies: Sequence[Reply]) -> None:
    click.echo(json.dumps({reply.node: to_tagged(reply.reply) for reply in replies}, indent=2))


def _text(reply: Any) -> str:
    """A reply for people: what was said, lists and objects one item a line."""
    if isinstance(reply, dict) and len(reply) == 1 and isinstance(next(iter(reply.values())), str):
        ((kind, text),) = reply.items()
        return text if kind == "ok" else f"{kind}: {text}"
    if isinstance(reply, list):
        return "".join(f"\n  - {_brief(item)}" for item in reply) or "none"
    if isinstance(reply, dict):
        return "".join(f"\n  {name}: {_brief(item)}" for name, item in reply.items()) or "none"
    return "OK" if reply is None else _brief(reply)


def _brief(item: Any) -> str:
    return item if isinstance(item, str) else json.dumps(to_tagged(item))


def _moment(timestamp: float) -> str:
    try:
        return datetime.fromtimestamp(timestamp).strftime("%H:%M:%S.%f")[:-3]  # noqa: DTZ006  # for people here
    except (ValueError, OverflowError, OSError):
        return str(timestamp)


def _line(event: Event) -> str:
    """One line for an event; texts of it are foreign (SEC-RED-003)."""
    moment = _moment(event.timestamp)
    said = (event.uuid, event.name, event.args, event.kwargs, event.result, event.exception)
    shown = " ".join(text for text in said if text)
    line = f"{moment} {event.hostname} {event.type} {shown}".rstrip()
    return line if line.isprintable() else ascii(line)[1:-1]
