"""The suite tested by mutants: a right testee with one deliberate defect each, which a case has to find.

``mutants.yaml`` says of each mutant what is wrong with it, and which case finds out in which words. The unmutated
testee has to pass every such case first; a mutant that a case lets through is a survivor.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import yaml

from celeriac_conformance import data
from celeriac_conformance.bench import Bench
from celeriac_conformance.cases import Case
from celeriac_conformance.requirements import Specification
from celeriac_conformance.runner import Run
from celeriac_conformance.testee import TesteeBroken
from celeriac_conformance.verdicts import BROKEN, FAIL, NOT_CONFORMANT, OK, PASS, Outcome

#: Members of a vector that say something about it and change nothing.
TOLD = frozenset({"about", "requirements", "provenance"})

#: The name of the testee without a defect.
UNMUTATED = ""


@dataclass(frozen=True, slots=True, eq=False)
class Kill:
    """What is expected: ``case`` says ``verdict`` of the mutant, for ``requirement``, with ``at`` in its words."""

    requirement: str
    case: Case
    at: str
    verdict: str = FAIL

    def seen_in(self, outcome: Outcome) -> bool:
        """Whether the outcome of the case is the one expected."""
        if outcome.verdict != self.verdict:
            return False
        missed = [f for f in outcome.findings if f.difference and self.requirement in f.requirements]
        return any(self.at in str(f.difference) for f in missed) or (not outcome.findings and self.at in outcome.why)

    def __str__(self) -> str:
        where = "".join(f" [{part}]" for part in (self.case.broker, self.case.result) if part)
        return f"{self.requirement} by {self.case.name}{where}"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A testee with one defect."""

    name: str
    defect: str
    kills: tuple[Kill, ...]


@dataclass(slots=True)
class Told:
    """What came of a run. ``survivors`` are sentences; so are ``faults``, which leave nothing to be said."""

    mutants: Sequence[Mutant]
    killed: dict[tuple[str, Kill], bool] = field(default_factory=dict)
    survivors: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def exit(self) -> int:
        """0 when every mutant is killed as expected, 1 when one survives, 3 when the unmutated testee does not pass."""
        if self.faults:
            return BROKEN
        return NOT_CONFORMANT if self.survivors else OK


def folder() -> Path:
    """The folder of the mutants, in the repository or in the installed package; raises DataError."""
    return data.folder("mutants")


def read(library: Sequence[Case], specification: Specification, path: Path | None = None) -> list[Mutant]:
    """The mutants of mutants.yaml; raises DataError when it names what is not there or proves what a case does not."""
    path = path or folder() / "mutants.yaml"
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    if fault := data.violation("schemas", "mutants", rows):
        raise data.DataError(f"{path}: {fault}")
    cases = {case.name: case for case in library}
    mutants = [_mutant(row, cases, specification, path) for row in rows]
    if doubled := [name for name, number in Counter(mutant.name for mutant in mutants).items() if number > 1]:
        raise data.DataError(f"{path}: {doubled[0]} is there twice")
    return mutants


def _mutant(row: dict[str, Any], cases: dict[str, Case], specification: Specification, path: Path) -> Mutant:
    kills = []
    for kill in row["kills"]:
        case = cases.get(kill["case"])
        if case is None:
            raise data.DataError(f"{path}: {row['mutant']}: no case {kill['case']}")
        specification.requirement(kill["requirement"])
        if kill["requirement"] not in case.requirements:
            raise data.DataError(f"{path}: {row['mutant']}: {case.name} does not prove {kill['requirement']}")
        only = {name: kill[name] for name in ("broker", "result") if name in kill}
        kills.append(
            Kill(kill["requirement"], dataclasses.replace(case, **only), kill["at"], kill.get("verdict", FAIL))
        )
    return Mutant(row["mutant"], row["defect"], tuple(kills))


def select(mutants: Sequence[Mutant], names: Sequence[str]) -> list[Mutant]:
    """The mutants of those names, or all; raises DataError for a name that none has."""
    if unknown := set(names) - {mutant.name for mutant in mutants}:
        raise data.DataError(f"no mutant is called {min(unknown)}")
    return [mutant for mutant in mutants if not names or mutant.name in names]


def profiles(mutants: Iterable[Mutant]) -> set[str]:
    """The profiles of the cases that the mutants are run on."""
    return {kill.case.profile for mutant in mutants for kill in mutant.kills}


# -- running ---------------------------------------------------------------------------------------


@dataclass
class Laboratory:
    """Where mutants are run: brokers by name, the deadline of a step in seconds, and how many at a time.

    A bench is kept from mutant to mutant: its testee becomes the next one, and is replaced when one has broken it.
    """

    specification: Specification
    urls: dict[str, str]
    seconds: float = 2.5
    jobs: int = 2
    _idle: SimpleQueue[Bench | None] = field(default_factory=SimpleQueue, init=False)

    def __post_init__(self) -> None:
        for _ in range(self.jobs):
            self._idle.put(None)

    def close(self) -> None:
        """End every testee."""
        for _ in range(self.jobs):
            if (bench := self._idle.get()) is not None:
                bench.close()
            self._idle.put(None)

    def run(self, mutants: Sequence[Mutant], on_mutant: Callable[[Mutant, list[str]], None]) -> Told:
        """Run the unmutated testee over every case that is used, then each mutant over its own."""
        told, began = Told(mutants), time.monotonic()
        try:
            self._run(told, on_mutant)
        finally:
            self.close()
        told.seconds = time.monotonic() - began
        return told

    def _run(self, told: Told, on_mutant: Callable[[Mutant, list[str]], None]) -> None:
        mutants = told.mutants
        told.faults += self._unmutated(mutants)
        if not told.faults:
            with ThreadPoolExecutor(self.jobs) as pool:
                for mutant, outcomes in zip(mutants, pool.map(self._outcomes_of, mutants), strict=True):
                    on_mutant(mutant, self._judge(told, mutant, outcomes))

    def _unmutated(self, mutants: Sequence[Mutant]) -> Iterator[str]:
        used = _distinct(kill.case for mutant in mutants for kill in mutant.kills)
        shares = [used[start :: self.jobs] for start in range(self.jobs)]
        with ThreadPoolExecutor(self.jobs) as pool:
            for outcomes in pool.map(lambda share: self.outcomes(UNMUTATED, share), shares):
                for outcome in outcomes:
                    if outcome.verdict != PASS:
                        yield f"the unmutated testee: {outcome.name}: {outcome.verdict}: {outcome.why}"

    def _outcomes_of(self, mutant: Mutant) -> list[Outcome]:
        return self.outcomes(mutant.name, _distinct(kill.case for kill in mutant.kills))

    def outcomes(self, mutant: str, cases: Sequence[Case]) -> list[Outcome]:
        """The outcomes of the cases, run against that mutant."""
        bench = self._idle.get()
        try:
            bench = self._become(bench, mutant)
            run = Run(bench, self.specification)
            outcomes = [*run.outcomes(cases), *run.rest()]
            if bench.testee.fault is not None or run.faults:
                self._ended(bench)
                bench = None
            return outcomes
        except TesteeBroken as error:
            raise data.DataError(f"{mutant or 'the unmutated testee'} does not start: {error}") from error
        finally:
            self._idle.put(bench)

    def _become(self, bench: Bench | None, mutant: str) -> Bench:
        """The bench with that mutant on it; raises TesteeBroken."""
        command = [sys.executable, str(folder() / "testee.py"), *([mutant] if mutant else [])]
        if bench is None:
            bench = Bench(command, self.urls, self.seconds, seed=0)
            bench.start()
        else:
            bench.command, bench.restarts = command, 0
            bench.testee.events.clear()
            bench.testee.ask("hello", self.seconds, protocol=1, mutant=mutant).must(f"becoming {mutant}")
        return bench

    @staticmethod
    def _ended(bench: Bench) -> None:
        with contextlib.suppress(TesteeBroken):  # some mutants end so; the case has said what there is to say
            bench.close()

    @staticmethod
    def _judge(told: Told, mutant: Mutant, outcomes: Sequence[Outcome]) -> list[str]:
        survivors = []
        for kill in mutant.kills:
            met = [outcome for outcome in outcomes if outcome.case == kill.case]
            survived = [outcome for outcome in met if not kill.seen_in(outcome)]
            told.killed[mutant.name, kill] = bool(met) and not survived
            survivors += [f"{mutant.name}: {kill}: {o.name}: {o.verdict}: {o.why or 'nothing amiss'}" for o in survived]
            survivors += [] if met else [f"{mutant.name}: {kill}: the case did not run"]
        told.survivors += survivors
        return survivors


def _distinct(cases: Iterable[Case]) -> list[Case]:
    return list({(case.name, case.broker, case.result): case for case in cases}.values())


# -- the kill rate ---------------------------------------------------------------------------------


def digest(mutants: Sequence[Mutant]) -> str:
    """A hash of all that decides whether a mutant is killed: the mutants, the testee, and the cases that are used."""
    parts = [json.dumps(_plain(mutant), sort_keys=True, default=str) for mutant in mutants]
    parts += [path.read_text(encoding="utf-8") for path in sorted(folder().rglob("*.py"))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _plain(mutant: Mutant) -> list[Any]:
    kills = [[kill.requirement, kill.at, kill.verdict, *_deciding(kill.case)] for kill in mutant.kills]
    return [mutant.name, mutant.defect, kills]


def _deciding(case: Case) -> list[Any]:
    """What of a case decides how it comes out; where it is listed and what it is about does not."""
    checks = [dataclasses.astuple(check) for check in case.checks]
    steps = {name: step for name, step in case.steps.items() if name not in TOLD}
    return [case.name, case.broker, case.result, case.needs, steps, checks]


def areas(told: Told) -> dict[str, dict[str, int]]:
    """By area of requirements: kills expected, kills seen, and requirements that a mutant has been killed for."""
    rows: dict[str, dict[str, int]] = {}
    proved: dict[str, set[str]] = {}
    for (_, kill), killed in told.killed.items():
        area = kill.requirement.rpartition("-")[0]
        row = rows.setdefault(area, {"kills": 0, "killed": 0, "requirements": 0})
        row["kills"] += 1
        row["killed"] += killed
        if killed:
            proved.setdefault(area, set()).add(kill.requirement)
            row["requirements"] = len(proved[area])
    return dict(sorted(rows.items()))


def document(told: Told, specification: Specification, version: str) -> dict[str, Any]:
    """The document of kill-rate.json (schemas/kill-rate.schema.json)."""
    survived = {name for (name, _), killed in told.killed.items() if not killed}
    proved = sorted({kill.requirement for (_, kill), killed in told.killed.items() if killed})
    return {
        "schema": 1,
        "suite": version,
        "specification": specification.version,
        "digest": digest(told.mutants),
        "made": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "mutants": {"total": len(told.mutants), "killed": len(told.mutants) - len(survived)},
        "areas": areas(told),
        "requirements": proved,
    }
