"""The command line: ``celeriac -A module call``, ``result``, ``purge``; the other commands are in ``cli_...``."""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

import click

from celeriac.async_result import AsyncResult
from celeriac.cli_beat import beat
from celeriac.cli_common import EXIT_TASK_FAILED, EXIT_TIMEOUT, errors, names_in
from celeriac.cli_control import control, events, inspect, queues, status
from celeriac.cli_worker import worker
from celeriac.client import Celeriac
from celeriac.errors import InvalidCall, TaskFailure, TaskRevoked, TaskTimeout
from celeriac.tagged import to_tagged
from celeriac.transport import purge as purge_queue
from celeriac.transport import sanitized


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


@main.command()
@click.argument("task")
@click.option("-a", "--args", default="[]", help="Positional arguments as a JSON array.")
@click.option("-k", "--kwargs", default="{}", help="Keyword arguments as a JSON object.")
@click.option("-Q", "--queue", default=None, help="Queue to send to.")
@click.option("--countdown", type=float, default=None, help="Seconds before it may run.")
@click.option("--expires", type=float, default=None, help="Seconds after which it does not run any more.")
@click.option("--wait", type=float, default=None, metavar="SECONDS", help="Wait so long for the result and print it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def call(app: Celeriac, /, task: str, args: str, kwargs: str, wait: float | None, as_json: bool, **given: Any) -> None:
    """Send TASK and print its id. The code of the task need not be here.

    \b
    Examples:
      celeriac -A shop call shop.add --args '[2, 3]'
      celeriac -b redis://localhost/0 --backend redis://localhost/0 call shop.add -a '[2, 3]' --wait 10 --json
    """
    options = {name: value for name, value in given.items() if value is not None}
    with errors():
        sent = app.send_task(task, _json(args, "--args"), _json(kwargs, "--kwargs"), **options)
        if wait is not None:
            _print_result(sent, wait, as_json)
        else:
            click.echo(json.dumps({"task_id": sent.id}) if as_json else sent.id)


@main.command()
@click.argument("task_id")
@click.option("-t", "--timeout", type=float, default=0.0, show_default=True, help="Seconds to wait for the end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def result(app: Celeriac, task_id: str, timeout: float, as_json: bool) -> None:
    """Print the result of the task with this id.

    Exit code 1 if the task failed, 4 if it is not over, or unknown, within the timeout.

    \b
    Examples:
      celeriac --backend redis://localhost/0 result 0b7c9c5e-3a51-4f2b-a2a2-1f0a6a5b8f11 --timeout 10
    """
    with errors():
        _print_result(app.AsyncResult(task_id), timeout, as_json)


@main.command()
@click.option("-Q", "--queues", "--queue", default="", metavar="Q1,Q2", help="Queues to empty.  [default: the app's]")
@click.option("-f", "--force", is_flag=True, help="Do not ask.")
@click.pass_obj
def purge(app: Celeriac, queues: str, force: bool) -> None:
    """Delete all messages that wait in the queues. They cannot be had back.

    \b
    Examples:
      celeriac -A shop purge -Q mail --force
    """
    names = names_in(queues) or (app.conf.task_default_queue,)
    if not force:
        click.confirm(f"Delete all messages in {', '.join(names)} at {sanitized(app.broker)}?", abort=True)
    with errors():
        for name in names:
            click.echo(f"{name}: {purge_queue(app.broker, name)} messages deleted")


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


def _json(text: str, option: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidCall(f"{option} has to be JSON, not {text!r}: {error}") from None


for _command in (worker, beat, status, inspect, control, events, queues):
    main.add_command(_command)
