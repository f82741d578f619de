"""The command line: ``celeriac -A module call``, ``result``, ``purge``; the other commands are in ``cli_...``."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import click

from celeriac.async_result import AsyncResult
from celeriac.cli_beat import beat
from celeriac.cli_common import EXIT_TASK_FAILED, EXIT_TIMEOUT, errors, json_option, names_in
from celeriac.cli_control import control, events, inspect, queues, status
from celeriac.cli_worker import worker
from celeriac.client import Celeriac
from celeriac.errors import InvalidCall, TaskFailure, TaskRevoked, TaskTimeout
from celeriac.serialization import SERIALIZERS
from celeriac.tagged import to_tagged
from celeriac.times import instant
from celeriac.transport import purge as purge_queue
from celeriac.transport import sanitized


class Instant(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic from click 8.2 on
    """A date and time."""

    name = "iso"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """See ``click.ParamType.convert``."""
        try:
            return value if isinstance(value, datetime) else instant(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-A", "--app", "app_path", metavar="MODULE[:NAME]", help="Module that holds the application.")
@click.option("-b", "--broker", envvar="CELERIAC_BROKER", help="Broker URL, in place of the application's.")
@click.option("--backend", "--result-backend", envvar="CELERIAC_BACKEND", help="Result backend URL, likewise.")
@click.version_option(package_name="celeriac")
@click.pass_context
def main(context: click.Context, app_path: str | None, broker: str | None, backend: str | None) -> None:
    """Run and send tasks over the protocol that Celery speaks.

    \b
    Examples:
      celeriac -A shop worker -Q celery,mail -c 2 -l info
      celeriac -b amqp://guest@localhost// --backend redis://localhost/0 call shop.add --args '[2, 3]' --wait 10
      celeriac -A shop result 0b7c9c5e-3a51-4f2b-a2a2-1f0a6a5b8f11 --timeout 10
      celeriac -A shop purge -Q mail --force
      celeriac -A shop inspect active
      celeriac -A shop control revoke 0b7c9c5e-3a51-4f2b-a2a2-1f0a6a5b8f11
    """
    with errors():
        context.obj = _find_app(app_path, broker, backend)
        context.call_on_close(context.obj.close)


#: Options of ``apply_async`` that the command line has, their types, and what they are for.
SENDING: Sequence[tuple[Sequence[str], Any, str]] = (
    (("-Q", "--queue"), str, "Queue to send to."),
    (("--exchange",), str, "Exchange to send to, in place of a queue (AMQP)."),
    (("--routing-key",), str, "Routing key for the exchange."),
    (("--countdown",), float, "Seconds before it may run."),
    (("--eta",), Instant(), "When it may run, in ISO 8601; without an offset it is UTC."),
    (("--expires",), float, "Seconds after which it does not run any more."),
    (("--priority",), int, "Priority: AMQP 0 to 255, the highest first; Redis 0 to 9, the lowest first."),
    (("--task-id",), str, "Its id.  [default: a new one]"),
    (("--serializer",), click.Choice(list(SERIALIZERS.values())), "How its body is written.  [default: the app's]"),
    (("--compression",), str, "How its body is compressed: zlib, gzip, bzip2, zstd."),
)


def sending(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that sends a task."""
    for names, kind, about in reversed(SENDING):
        function = click.option(*names, type=kind, default=None, help=about)(function)
    return function


@main.command()
@click.argument("task")
@click.option("-a", "--args", default="[]", help="Positional arguments as a JSON array.")
@click.option("-k", "--kwargs", default="{}", help="Keyword arguments as a JSON object.")
@sending
@click.option("-H", "--header", "headers", multiple=True, metavar="NAME=VALUE", help="A header of your own.")
@click.option("--wait", type=float, default=None, metavar="SECONDS", help="Wait so long for the result and print it.")
@json_option()
@click.pass_obj
def call(
    app: Celeriac,
    /,
    task: str,
    args: str,
    kwargs: str,
    headers: Sequence[str],
    wait: float | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Send TASK and print its id. The code of the task need not be here.

    With --wait: exit code 1 if the task failed, 4 if it is not over by then.

    \b
    Examples:
      celeriac -A shop call shop.add --args '[2, 3]'
      celeriac -A shop call shop.report -k '{"year": 2026}' -Q slow --eta 2026-12-01T06:00:00+01:00
      celeriac -b redis://localhost/0 --backend redis://localhost/0 call shop.add -a '[2, 3]' --wait 10 --json
    """
    options = {name: value for name, value in given.items() if value is not None}
    with errors():
        if headers:
            options["headers"] = dict(map(_header, headers))
        sent = app.send_task(task, _json(args, "--args"), _json(kwargs, "--kwargs"), **options)
        if wait is not None:
            _print_result(sent, wait, as_json)
        else:
            click.echo(json.dumps({"task_id": sent.id}) if as_json else sent.id)


@main.command()
@click.argument("task_id")
@click.option("-t", "--timeout", type=float, default=0.0, show_default=True, help="Seconds to wait for the end.")
@json_option()
@click.pass_obj
def result(app: Celeriac, task_id: str, timeout: float, as_json: bool) -> None:
    """Print the result of the task with this id.

    Exit code 1 if the task failed, 4 if it is not over, or unknown, within the timeout.

    \b
    Examples:
      celeriac -A shop result 0b7c9c5e-3a51-4f2b-a2a2-1f0a6a5b8f11 --json
      celeriac --backend redis://localhost/0 result 0b7c9c5e-3a51-4f2b-a2a2-1f0a6a5b8f11 --timeout 10
    """
    with errors():
        _print_result(app.AsyncResult(task_id), timeout, as_json)


@main.command()
@click.option("-Q", "--queues", "--queue", default="", metavar="Q1,Q2", help="Queues to empty.  [default: the app's]")
@click.option("-f", "--force", is_flag=True, help="Do not ask.")
@json_option()
@click.pass_obj
def purge(app: Celeriac, queues: str, force: bool, as_json: bool) -> None:
    """Delete all messages that wait in the queues. They cannot be had back.

    \b
    Examples:
      celeriac -A shop purge -Q mail --force
      celeriac -b redis://localhost/0 purge -Q mail,slow --force --json
    """
    names = names_in(queues) or (app.conf.task_default_queue,)
    if not force:
        click.confirm(f"Delete all messages in {', '.join(names)} at {sanitized(app.broker)}?", abort=True, err=as_json)
    deleted: dict[str, int] = {}
    with errors():
        for name in names:
            deleted[name] = purge_queue(app.broker, name)
            if not as_json:
                click.echo(f"{name}: {deleted[name]} messages deleted")
    if as_json:
        click.echo(json.dumps(deleted))


def _print_result(sent: AsyncResult[Any], timeout: float, as_json: bool) -> None:
    report: dict[str, Any] = {"task_id": sent.id}
    code = 0
    try:
        value = sent.get(timeout=timeout)
        report |= {"state": "SUCCESS", "result": to_tagged(value)}
        text = value if isinstance(value, str) else json.dumps(report["result"], ensure_ascii=False)
    except TaskFailure as error:
        code, text = EXIT_TASK_FAILED, error.traceback or str(error)
        report |= {"state": "FAILURE", "exception": {"type": error.exc_type, "message": str(error)}}
    except TaskRevoked as error:
        code, text = EXIT_TASK_FAILED, f"revoked: {error}"
        report |= {"state": "REVOKED"}
    except TaskTimeout as error:
        code, text = EXIT_TIMEOUT, f"{error}; it is pending, running, or unknown to this backend"
        report |= {"state": sent.state}
    click.echo(json.dumps(report) if as_json else text, err=bool(code) and not as_json)
    if code:
        sys.exit(code)


def _find_app(path: str | None, broker: str | None, backend: str | None) -> Celeriac:
    if path is None:
        return Celeriac(broker=broker, backend=backend)
    app = _load(path)
    if broker or backend:
        app.use(broker=broker, backend=backend)
    return app


def _load(path: str) -> Celeriac:
    module_name, _, attribute = path.partition(":")
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - sys.path holds text
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name.split(".")[0] and error.name != module_name:
            raise
        raise InvalidCall(f"-A {path}: there is no module {module_name} in {os.getcwd()} or on the path") from None  # noqa: PTH109
    names = (attribute,) if attribute else ("app", "celeriac")
    for name in names:
        if isinstance(found := getattr(module, name, None), Celeriac):
            return found
    apps = [value for value in vars(module).values() if isinstance(value, Celeriac)]
    if len(apps) == 1 and not attribute:
        return apps[0]
    raise InvalidCall(f"-A {path}: {module_name} holds no application named {' or '.join(names)}; use MODULE:NAME")


def _header(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise InvalidCall(f"--header has to be NAME=VALUE, not {text!r}")
    return name, value


def _json(text: str, option: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidCall(f"{option} has to be JSON, not {text!r}: {error}") from None


for _command in (worker, beat, status, inspect, control, events, queues):
    main.add_command(_command)
