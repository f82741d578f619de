"""The command line of the suite."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from celeriac_conformance import brokers, cases, data, explain, matrix, mutants, requirements, skeleton, verdicts
from celeriac_conformance.execute import BadUsage, Options, execute, servers
from celeriac_conformance.expectations import BadExpectations
from celeriac_conformance.report import Story, files, text
from celeriac_conformance.report import matrix as matrix_report
from celeriac_conformance.report import mutants as mutants_report
from celeriac_conformance.verdicts import Outcome
from celeriac_conformance.witness import BrokerDown


class _DefaultRun(click.Group):
    """A group whose command is ``run`` when none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "--version"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_DefaultRun, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(files.suite_version(), prog_name=files.SUITE)
def cli() -> None:
    """Prove an implementation of the Celery task message protocol against real brokers.

    celeriac-conformance [run] [OPTIONS] -- COMMAND...   where COMMAND starts the testee
    """


def _profiles(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    names = tuple(filter(None, (value or "").split(",")))
    if unknown := [name for name in names if name not in cases.PROFILES]:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(cases.PROFILES)}")
    return names


#: What stands before a password, and the password: reports are shown to others.
_PASSWORD = re.compile(r"(//[^:@/]*:)[^@/]*@")

_PATH = click.Path(path_type=Path)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_SELECTION = (
    click.option("--profile", "profiles", callback=_profiles, metavar="A,B", help=", ".join(cases.PROFILES)),
    click.option("--only", multiple=True, metavar="GLOB", help="run only cases that match, or lie in that folder"),
    click.option("--skip", multiple=True, metavar="GLOB", help="leave out cases that match"),
    click.option("--spec", type=_PATH, help="folder of the specification [default: the one that came along]"),
)


def _selection(command: click.decorators.FC) -> click.decorators.FC:
    for option in reversed(_SELECTION):
        command = option(command)
    return command


@cli.command()
@click.argument("command", nargs=-1, required=True)
@click.option("--broker", metavar="URL", help="broker to use, amqp:// or redis:// [default: private ones]")
@click.option("--result", metavar="URL", help="result backend to use, redis:// or rpc://")
@_selection
@click.option("--known-failing", type=_FILE, help="TOML file of failures that are known of")
@click.option("--out", type=_PATH, help="folder for report.json, report.html, junit.xml, badge.svg")
@click.option("--summary-md", type=_PATH, help="append a Markdown summary to this file")
@click.option("--seed", type=int, help="order of the cases [default: drawn, and shown]")
@click.option("--timeout", "seconds", type=float, default=10.0, show_default=True, help="deadline of a step, seconds")
@click.option("--jobs", type=click.IntRange(1), help="processes of the testee side by side [default: two per core]")
@click.option("--strict", is_flag=True, help="a SHOULD that is not met is a failure too")
@click.option("--quiet", is_flag=True, help="no progress while running")
def run(  # noqa: PLR0913 - the options of a command line
    command: tuple[str, ...],
    broker: str | None,
    result: str | None,
    profiles: tuple[str, ...],
    only: tuple[str, ...],
    skip: tuple[str, ...],
    spec: Path | None,
    known_failing: Path | None,
    out: Path | None,
    summary_md: Path | None,
    seed: int | None,
    seconds: float,
    jobs: int | None,
    strict: bool,
    quiet: bool,
) -> None:
    """Run the cases that the testee claims. Exit code: 0 conformant, 1 not, 2 usage or stale expectation, 3 broken."""
    seed = secrets.randbelow(10**6) if seed is None else seed
    jobs = jobs or 2 * (os.cpu_count() or 1)
    named = (("--broker", broker), ("--result", result))
    extra = [part for name, url in named if url for part in (name, _PASSWORD.sub(r"\1***@", url))]
    options = Options(
        command, broker, result, profiles, only, skip, known_failing, seed, spec, strict, seconds, jobs, tuple(extra)
    )
    progress = _Progress(quiet)
    try:
        story = execute(options, progress.show)
    except (BadUsage, BadExpectations, data.DataError) as error:
        raise _usage(error) from error
    progress.clear()
    _tell(story, out, summary_md)
    sys.exit(story.exit)


def _tell(story: Story, out: Path | None, summary_md: Path | None) -> None:
    """Print the report and write its files."""
    for line in text.lines(story):
        click.echo(line)
    click.echo(f"seed {story.seed}, on {', '.join(story.combos) or 'no broker'}")
    with _reports_written():
        if out is not None:
            files.write(story, out)
        if summary_md is not None:
            with summary_md.open("a", encoding="utf-8") as summary:
                summary.write(files.markdown(story))


@contextlib.contextmanager
def _reports_written() -> Iterator[None]:
    """A file that cannot be written is exit code 3: a run without its report proves nothing to anybody."""
    try:
        yield
    except OSError as error:
        click.echo(f"error: the report could not be written: {error}", err=True)
        sys.exit(verdicts.BROKEN)


class _Progress:
    """A bar that is written over on a terminal; elsewhere only what is not well."""

    def __init__(self, quiet: bool) -> None:
        self._live = not quiet and sys.stderr.isatty()
        self._spoken = not quiet
        self._counts: Counter[str] = Counter()

    def show(self, outcome: Outcome, total: int) -> None:
        self._counts[outcome.verdict] += 1
        if self._live:
            line = text.bar(self._counts, total, outcome.name)
            width = os.get_terminal_size(2).columns or 80  # a terminal may not know
            click.echo(f"\r\x1b[K{line[: width - 1]}", nl=False, err=True)
        elif self._spoken and outcome.verdict in (verdicts.FAIL, verdicts.ERROR):
            click.echo(text.progress(outcome, self._counts.total(), total), err=True)

    def clear(self) -> None:
        if self._live:
            click.echo("\r\x1b[K", nl=False, err=True)


@cli.command("list")
@_selection
@click.option("--requirements", "by_requirement", is_flag=True, help="requirements with their number of cases")
def list_(
    profiles: tuple[str, ...], only: tuple[str, ...], skip: tuple[str, ...], spec: Path | None, by_requirement: bool
) -> None:
    """Name the cases, one a line, with the requirements that they prove."""
    try:
        specification = requirements.load(spec)
        chosen = cases.select(cases.load(specification), profiles or cases.PROFILES, only, skip)
    except data.DataError as error:
        raise _usage(error) from error
    if not chosen:
        raise _usage(BadUsage("no case matches --profile, --only and --skip"))
    for line in explain.coverage(specification, chosen) if by_requirement else explain.listing(chosen):
        click.echo(line)


@cli.command("explain")
@click.argument("identifier")
@click.option("--spec", type=_PATH, help="folder of the specification")
@click.option("--json", "as_json", is_flag=True, help="a requirement as one JSON object")
def explain_(identifier: str, spec: Path | None, as_json: bool) -> None:
    """Explain a requirement (sentence, reason, bytes, what proves it) or a case (what it does and expects)."""
    try:
        specification = requirements.load(spec)
        if as_json and identifier not in specification.requirements:
            raise _usage(BadUsage(f"{identifier!r} is no requirement"))
        library = cases.load(specification)
        if as_json:
            click.echo(json.dumps(explain.facts(identifier, specification, library), indent=2, ensure_ascii=False))
            return
        lines = explain.explain(identifier, specification, library)
    except data.DataError as error:
        raise _usage(error) from error
    if not lines:
        raise _usage(BadUsage(f"{identifier!r} is neither a requirement nor a case"))
    for line in lines:
        click.echo(line)


@cli.command("report")
@click.argument("report", type=_FILE)
@click.option("--matrix", "matrix_file", type=_FILE, help="what `matrix --out` wrote, to be shown on the page too")
@click.option("--out", type=_PATH, help="folder to write into [default: that of the report]")
def report_(report: Path, matrix_file: Path | None, out: Path | None) -> None:
    """Make report.html and badge.svg of a report.json, which may come from another machine."""
    try:
        document = data.read_valid(report, "schemas", "report")
        shown = data.read_valid(matrix_file, "schemas", "matrix-report") if matrix_file else None
    except data.DataError as error:
        raise _usage(error) from error
    folder = out or report.parent
    with _reports_written():
        folder.mkdir(parents=True, exist_ok=True)
        files.write_pages(document, folder, shown)
    click.echo(f"{folder / 'report.html'}, {folder / 'badge.svg'}")


@cli.command("matrix")
@click.option("--config", type=_FILE, required=True, help="YAML or TOML file of testees")
@click.option("--broker", metavar="URL", help="AMQP broker to use [default: a private one]")
@click.option("--result", metavar="URL", help="Redis to use [default: a private one]")
@click.option("--out", type=_PATH, help="JSON file to write")
@click.option("--timeout", "seconds", type=float, default=10.0, show_default=True, help="deadline of a step, seconds")
def matrix_(config: Path, broker: str | None, result: str | None, out: Path | None, seconds: float) -> None:
    """Run producers against workers on every broker and result backend; exit code 0 when every wanted cell is green."""
    try:
        told = matrix.execute(matrix.read(config), broker, result, seconds, lambda line: click.echo(line, err=True))
    except data.DataError as error:
        raise _usage(error) from error
    for line in matrix_report.table(told):
        click.echo(line)
    if out is not None:
        matrix_report.write(told, out)
    sys.exit(told.exit)


@cli.command("mutants")
@click.option("--only", multiple=True, metavar="NAME", help="run only the mutant of that name")
@click.option("--broker", metavar="URL", help="AMQP broker to use [default: a private one]")
@click.option("--result", metavar="URL", help="Redis to use [default: a private one]")
@click.option("--out", type=_PATH, help="JSON file of the kill rate to write")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="how many mutants at a time")
@click.option("--timeout", "seconds", type=float, default=2.5, show_default=True, help="deadline of a step, seconds")
def mutants_(
    only: tuple[str, ...], broker: str | None, result: str | None, out: Path | None, jobs: int, seconds: float
) -> None:
    """Run the mutants: does the suite find what is wrong? Exit code 0 when all are killed, 1 when one survives."""
    try:
        specification = requirements.load()
        chosen = mutants.select(mutants.read(cases.load(specification), specification), only)
        with contextlib.ExitStack() as stack:
            urls = servers(Options((), broker, result), mutants.profiles(chosen), stack)
            told = mutants.Laboratory(specification, urls, seconds, jobs).run(chosen, _tell_of_mutant)
    except (data.DataError, BadUsage) as error:
        raise _usage(error) from error
    except (brokers.BrokerError, BrokerDown) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(verdicts.BROKEN)
    for line in mutants_report.lines(told, specification):
        click.echo(line)
    with _reports_written():
        if out is not None:
            mutants_report.write(told, specification, out)
    sys.exit(told.exit)


def _tell_of_mutant(mutant: mutants.Mutant, survivors: list[str]) -> None:
    """The line shown while the mutants are run."""
    click.echo(f"{'SURVIVES' if survivors else 'killed  '} {mutant.name}", err=True)


@cli.command("new-adapter")
@click.argument("language", type=click.Choice(list(skeleton.LANGUAGES)))
@click.option("--to", "path", type=_PATH, help="file to write [default: testee.* in this folder]")
def new_adapter(language: str, path: Path | None) -> None:
    """Write the beginning of an adapter that already runs, and say what to do next."""
    try:
        written = skeleton.write(language, path)
        steps = list(skeleton.next_steps(language, written))
    except data.DataError as error:
        raise _usage(error) from error
    for line in steps:
        click.echo(line)


def _usage(error: Exception) -> click.ClickException:
    return click.ClickException(str(error))  # main() makes it exit code 2


def main() -> None:
    """Entry point; Ctrl-C before a run has begun and faults of the suite are exit code 3 like any broken run.

    SIGTERM, which a CI sends to a cancelled job, is taken for Ctrl-C: private brokers are stopped on the way out.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(verdicts.USAGE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(verdicts.BROKEN)
    except Exception:  # noqa: BLE001 - a fault of the suite must not look like a verdict on the testee
        traceback.print_exc()
        sys.exit(verdicts.BROKEN)
