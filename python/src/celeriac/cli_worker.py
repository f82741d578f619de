"""The command that runs tasks: ``celeriac -A module worker``."""

from __future__ import annotations

import socket
import sys
import uuid
from typing import Any

import click

from celeriac import logs
from celeriac.beat import check_schedule
from celeriac.cli_beat import BeatOptions, run_beside
from celeriac.cli_common import announce, errors, logging_options, names_in
from celeriac.client import Celeriac
from celeriac.serving import worker_settings
from celeriac.transport import sanitized
from celeriac.worker import BEAT, PREFORK, THREADS, Supervisor, WorkerSettings, node_name


def _bounds(_context: click.Context, _option: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """Read ``10,3``, or ``10`` for ``10,1``."""
    if text is None:
        return None
    most, _, least = text.partition(",")
    try:
        bounds = (int(most), int(least or 1))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not MAX,MIN: two numbers, as 10,3") from None
    if not 1 <= bounds[1] <= bounds[0]:
        raise click.BadParameter(f"{text!r} is not MAX,MIN: MIN is at least 1 and at most MAX")
    return bounds


@click.command()
@click.option("-Q", "--queues", "--queue", default="", metavar="Q1,Q2", help="Queues to consume.  [default: the app's]")
@click.option(
    "-P", "--pool", type=click.Choice([PREFORK, THREADS]), default=None,
    help="Run tasks in processes, or on threads of one process: for tasks that wait most of the time.  "
    f"[default: {PREFORK}]",
)  # fmt: skip
@click.option(
    "-c", "--concurrency", type=click.IntRange(1), default=None, help="Processes, or threads.  [default: one per CPU]"
)
@click.option(
    "--autoscale", callback=_bounds, default=None, metavar="MAX,MIN",
    help="As many processes as there are tasks to run, between these bounds.",
)  # fmt: skip
@click.option(
    "-n", "--hostname", default=None,
    help="Node name, no other worker's: mail-1@%h.  %h is the host, %n its name, %d its domain.  [default: a new one]",
)  # fmt: skip
@logging_options
@click.option(
    "--async-concurrency", type=click.IntRange(1), default=100, show_default=True,
    help="async def tasks that a process runs at a time.",
)  # fmt: skip
@click.option(
    "--prefetch", type=click.IntRange(1), default=None, help="Messages held per process, or thread.  [default: 4]"
)
@click.option(
    "--max-deaths", type=click.IntRange(1), default=3, show_default=True,
    help="Processes that may die running a task before it is failed.",
)  # fmt: skip
@click.option(
    "--max-returns", type=click.IntRange(1), default=20, show_default=True,
    help="How often a quorum queue may get a message back before its task is failed.",
)  # fmt: skip
@click.option(
    "--max-tasks-per-child", "max_tasks", type=click.IntRange(1), default=None, metavar="N",
    help="Tasks that a process runs before another takes its place.",
)  # fmt: skip
@click.option(
    "--max-memory-per-child", "max_memory", type=click.IntRange(1), default=None, metavar="KIB",
    help="Memory that a process may have after a task before another takes its place.",
)  # fmt: skip
@click.option("-I", "--include", default="", metavar="M1,M2", help="Modules with tasks to import.")
@click.option("-E", "--task-events", is_flag=True, default=None, help="Tell monitors of every task, from the start.")
@click.option("--statedb", "state_file", metavar="FILE", default=None, help="File that remembers what was revoked.")
@click.option(
    "--no-control", "control", is_flag=True, flag_value=False, default=None,
    help="Answer no remote control, send no heartbeats.",
)  # fmt: skip
@click.option(
    "--soft-shutdown-timeout", type=click.FloatRange(0, min_open=True), default=None, metavar="SECONDS",
    help="How long running tasks may go on after SIGTERM; then they go back to their queues.  [default: to their end]",
)  # fmt: skip
@click.option("--ready-file", metavar="FILE", default=None, help="File that is there while all processes consume.")
@click.option(
    "--metrics-port", type=click.IntRange(0, 65535), default=None,
    help="Serve numbers for Prometheus at /metrics, and /ready, on this port; 0: one that is free.",
)  # fmt: skip
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="Address to serve them at.")
@click.option("-B", "--beat", "with_beat", is_flag=True, help="Send the periodic tasks, too, as `celeriac beat` does.")
@click.option("-s", "--schedule", metavar="FILE", default=None, help="File that beat remembers in.")
@click.pass_obj
def worker(
    app: Celeriac,
    /,
    queues: str,
    include: str,
    hostname: str | None,
    loglevel: str,
    log_format: str,
    with_beat: bool,
    schedule: str | None,
    **given: Any,
) -> None:
    """Run the application's tasks until told to stop.

    SIGTERM or Ctrl-C finishes the running tasks and leaves the rest in the queue; a second one gives the running tasks
    back, too.

    \b
    Examples:
      celeriac -A shop worker
      celeriac -A shop worker -Q mail -c 4 -l info -n mail-1@%h
      celeriac -A shop worker -P threads -c 50 -l info
      celeriac -A shop worker -l info --log-format json --soft-shutdown-timeout 25 --ready-file /tmp/ready
    """
    logs.set_up(loglevel, log_format)
    if include:
        app.configure(include=(*app.conf.include, *names_in(include)))
    with errors():
        settings = worker_settings(
            app,
            hostname=node_name(hostname, socket.gethostname(), uuid.uuid4().hex[:8]),
            queues=names_in(queues) or (app.conf.task_default_queue,),
            **given,
        )
        if with_beat:
            check_schedule(app)
        announce("celeriac worker", settings.hostname, _banner(settings), log_format)
        helpers = {BEAT: lambda: run_beside(app, BeatOptions(schedule, app.main))} if with_beat else {}
        code = Supervisor(settings, helpers).run()
    sys.exit(code)


def _banner(settings: WorkerSettings) -> dict[str, str]:
    return {
        "broker": sanitized(settings.broker),
        "results": sanitized(settings.backend) if settings.backend else "not stored",
        "queues": ", ".join(settings.queues),
        "processes": _processes(settings),
        **({"threads": str(settings.threads)} if settings.threads else {}),
        "tasks": ", ".join(sorted(settings.tasks)) or "none",
    }


def _processes(settings: WorkerSettings) -> str:
    if settings.autoscale is None:
        return str(settings.concurrency)
    most, least = settings.autoscale
    return f"{least} to {most}"
