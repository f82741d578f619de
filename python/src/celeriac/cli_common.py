"""What the commands have in common: exit codes, and errors as one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from celeriac.errors import BrokerUnavailable, CeleriacError, InvalidCall

LOG_FORMAT = "[%(asctime)s: %(levelname)s/%(process)d] %(message)s"
LEVELS = click.Choice(["debug", "info", "warning", "error", "critical"], case_sensitive=False)

#: Exit codes beside 0 and click's own 2 for a command line that cannot be understood. The last one is Celery's.
EXIT_TASK_FAILED, EXIT_UNAVAILABLE, EXIT_TIMEOUT, EXIT_NO_NODE = 1, 3, 4, 69


@contextmanager
def errors() -> Iterator[None]:
    """What the user or the broker did wrong is one line, not a traceback."""
    try:
        yield
    except BrokerUnavailable as error:
        fail(error, EXIT_UNAVAILABLE)
    except InvalidCall as error:
        fail(error, click.UsageError.exit_code)
    except CeleriacError as error:
        fail(error, EXIT_TASK_FAILED)


def fail(error: Exception | str, code: int) -> NoReturn:
    """Say what is wrong, and end."""
    click.echo(f"error: {error}", err=True)
    sys.exit(code)


def names_in(text: str) -> tuple[str, ...]:
    """The names of a list with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
