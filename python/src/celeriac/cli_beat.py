"""The command line of beat: ``celeriac -A module beat``, and what ``worker -B`` runs beside its processes."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import click

from celeriac import logs
from celeriac.beat import Beat, Memory, wait_for
from celeriac.cli_common import announce, errors, logging_options
from celeriac.client import Celeriac
from celeriac.transport import open_lock, sanitized
from celeriac.waiting import block

STOPS = frozenset({signal.SIGTERM, signal.SIGINT})


@dataclass(frozen=True, slots=True)
class BeatOptions:
    """How beat runs. ``schedule`` is the file, None: the setting's; ``lock`` the name of the lock, None: no lock."""

    schedule: str | None
    lock: str | None


def make_beat(app: Celeriac, options: BeatOptions) -> Beat:
    """Beat for an application, which from then on expects no results. Raises ``InvalidCall``."""
    # Nobody waits for the results of what it sends.
    app.configure(result_backend=None)
    lock = None if options.lock is None else open_lock(app.broker, options.lock, timeout=app.conf.beat_lock_timeout)
    return Beat(app, lock=lock, memory=Memory(Path(options.schedule or app.conf.beat_schedule_filename)))


def run_beside(app: Celeriac, options: BeatOptions) -> int:
    """Run beside the processes of a worker, which has blocked the signals, until told to stop; the exit code."""
    with app:
        # Ctrl-C reaches the whole process group; the supervisor decides what it means.
        make_beat(app, options).run(wait_for({signal.SIGTERM}, os.getppid()))
    return 0


@click.command()
@click.option("-s", "--schedule", metavar="FILE", default=None, help="File that remembers.  [default: the app's]")
@logging_options
@click.option("--lock", metavar="NAME", default=None, help="Name of the lock.  [default: that of the application]")
@click.option("--no-lock", is_flag=True, help="Send although another beat may send the same.")
@click.pass_obj
def beat(app: Celeriac, schedule: str | None, loglevel: str, log_format: str, lock: str | None, no_lock: bool) -> None:
    """Send the periodic tasks of the application when they are due.

    Of several at one broker only one sends, the others stand by.

    \b
    Examples:
      celeriac -A shop beat -l info
      celeriac -A shop beat -s /var/lib/shop/beat.json
    """
    logs.set_up(loglevel, log_format)
    options = BeatOptions(schedule, None if no_lock else lock or app.main)
    block(STOPS)
    with errors():
        made = make_beat(app, options)
        facts = {"broker": sanitized(app.broker), "lock": options.lock or "none"}
        announce("celeriac beat", app.main, facts, log_format)
        made.run(wait_for(STOPS))
