"""What the commands have in common: exit codes, and errors as one line."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from celeriac import logs
from celeriac.errors import BrokerUnavailable, CeleriacError, InvalidCall

logger = logging.getLogger("celeriac")

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


def json_option(about: str = "Print one JSON object.") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option of every command that has something to print."""
    return click.option("-j", "--json", "as_json", is_flag=True, help=about)


def logging_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that logs."""
    for option in (
        click.option(
            "--log-format", type=click.Choice([logs.TEXT, logs.JSON]), default=logs.TEXT, show_default=True,
            help="Lines for people, or one JSON object a line.",
        ),
        click.option("-l", "--loglevel", type=LEVELS, default="warning", show_default=True, help="How much to log."),
    ):  # fmt: skip
        function = option(function)
    return function


def announce(command: str, name: str, facts: Mapping[str, str], form: str) -> None:
    """Say what starts, on stderr and in the form of the log."""
    if form == logs.JSON:
        logger.info("%s %s", command, name, extra=dict(facts))
        return
    width = max(map(len, facts))
    lines = [f"  {fact:{width}} {value}" for fact, value in facts.items()]
    click.echo("\n".join([f"{command} {name}", *lines]), err=True)
