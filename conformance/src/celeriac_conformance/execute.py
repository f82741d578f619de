"""One whole run from the options to the exit code: brokers, testee, cases, expectations."""

from __future__ import annotations

import contextlib
import datetime
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from celeriac_conformance import brokers, cases, expectations, requirements, verdicts
from celeriac_conformance.bench import Bench
from celeriac_conformance.cases import Case
from celeriac_conformance.report import Story
from celeriac_conformance.runner import Run
from celeriac_conformance.testee import TesteeBroken
from celeriac_conformance.verdicts import Outcome
from celeriac_conformance.witness import BrokerDown

#: URL scheme -> the server it means.
SERVERS = {"amqp": "amqp", "redis": "redis", "rpc": "rpc"}


class BadUsage(Exception):
    """The options contradict each other or select nothing; the message says what to change."""


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    command: Sequence[str]
    broker: str | None = None
    result: str | None = None
    profiles: Sequence[str] = ()
    only: Sequence[str] = ()
    skip: Sequence[str] = ()
    known_failing: Path | None = None
    seed: int = 0
    spec: Path | None = None
    strict: bool = False
    seconds: float = 10.0
    #: how many batches of cases run at a time
    jobs: int = 1
    #: options to repeat in the rerun line of a failure
    extra: Sequence[str] = field(default=())

    @property
    def wanted(self) -> Sequence[str]:
        """The profiles to run: all of them when none is named."""
        return self.profiles or cases.PROFILES


def execute(options: Options, on_outcome: Callable[[Outcome, int], None]) -> Story:
    """Run, and tell the story. Raises BadUsage, DataError or BadExpectations before anything is started."""
    specification = requirements.load(options.spec)
    library = cases.load(specification)
    selected = cases.select(library, options.wanted, options.only, options.skip)
    if not selected:
        raise BadUsage("no case matches --profile, --only and --skip")
    today = datetime.datetime.now(datetime.timezone.utc).date()
    lines = expectations.read(options.known_failing, library, today) if options.known_failing else []
    story = Story(
        options.command,
        specification,
        options.seed,
        options.strict,
        options.wanted,
        options.only,
        options.skip,
        options.extra,
    )

    def ended(outcome: Outcome, total: int) -> None:
        expectations.excuse(lines, outcome)
        on_outcome(outcome, total)

    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        try:
            urls = servers(options, {case.profile for case in selected}, stack)
        except (brokers.BrokerError, BrokerDown) as error:
            story.faults.append(str(error))
        else:
            bench = Bench(options.command, urls, options.seconds, options.seed)
            _run(story, bench, options.jobs, selected, ended)
    story.stale = expectations.stale(lines, story.outcomes)
    story.seconds = time.monotonic() - began
    story.exit = verdicts.exit_code(story.outcomes, story.faults, story.stale, options.profiles)
    return story


def servers(options: Options, profiles: set[str], stack: contextlib.ExitStack) -> dict[str, str]:
    """The URLs of the servers by name: those named, else private ones, which the stack stops. None for codec alone."""
    named = {SERVERS.get(urlsplit(url).scheme, ""): url for url in (options.broker, options.result) if url}
    if "" in named:
        raise BadUsage(f"{named['']}: --broker and --result take amqp:// or redis:// URLs (--result also rpc://)")
    named.pop("rpc", None)
    if named or not profiles - {"codec"}:
        return named
    for server, variable, launcher in (
        ("amqp", brokers.ENV_AMQP, brokers.rabbitmq),
        ("redis", brokers.ENV_REDIS, brokers.redis),
    ):
        named[server] = os.environ.get(variable) or stack.enter_context(launcher()).url
    return named


def _run(
    story: Story, bench: Bench, jobs: int, selected: Sequence[Case], on_outcome: Callable[[Outcome, int], None]
) -> None:
    try:
        story.hello = bench.start()
    except TesteeBroken as error:
        story.faults.append(f"the testee did not start: {error}")
        bench.seat.kill()
        return
    story.combos = [str(combo) for combo in bench.combos()]
    run = Run(bench, story.specification, story.strict, story.faults, jobs)
    try:
        with contextlib.closing(run.outcomes(selected)) as outcomes:
            for outcome in outcomes:
                story.outcomes.append(outcome)
                on_outcome(outcome, run.total)
    except KeyboardInterrupt:
        story.faults.append("interrupted")
        bench.seat.clear()
    finally:
        story.outcomes = run.in_order([*story.outcomes, *run.rest()])
        story.restarts = run.restarts
        if (fault := bench.close()) is not None:
            story.faults.append(f"end of the testee: {fault}")
