"""What of a run belongs together: batches of cases that share a session of the testee, in the order of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from celeriac_conformance.bench import Bench
from celeriac_conformance.cases import Case
from celeriac_conformance.profiles.company import PARTS
from celeriac_conformance.verdicts import UNSUPPORTED, Outcome
from celeriac_conformance.witness import Combo

#: The stages, in the order in which they are reported.
STAGES = ("codec", "producer", "worker", "result", "play", "durable")

#: Stages with sessions that hear what is said to everybody on a broker: requests of remote control, and events.
HEARING = frozenset({"worker", "play", "durable"})


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Cases of one stage on one combination (None for codec), which share sessions and are run one after the other."""

    stage: str
    combo: Combo | None
    cases: tuple[Case, ...]

    @property
    def alone(self) -> bool:
        """Whether it says to everybody on its broker what may harm who hears it."""
        return any(_alone(case) for case in self.cases)

    @property
    def hears(self) -> bool:
        """Whether it hears what is said to everybody on its broker."""
        return self.stage in HEARING


def arrange(bench: Bench, cases: Sequence[Case]) -> tuple[list[Batch], list[Outcome]]:
    """The batches of what the testee claims, and the outcomes of what it does not."""
    shuffled = list(cases)
    bench.random.shuffle(shuffled)
    shuffled.sort(key=_order)
    batches: list[Batch] = []
    unable: list[Outcome] = []
    for stage in STAGES:
        able = []
        for case in (case for case in shuffled if case.stage == stage):
            if why := _lacking(bench, case):
                unable.append(Outcome(case, None, UNSUPPORTED, f"{why} is not claimed"))
            else:
                able.append(case)
        placed = [Batch(stage, None, tuple(able))] if stage == "codec" else _by_combo(stage, able, bench.combos())
        batches += [batch for batch in placed if batch.cases]
        housed = {case.name for batch in placed for case in batch.cases}
        why = "hello claims no `broker` (and, for a worker or reader, `result`) that the case is for and that is here"
        unable += [Outcome(case, None, UNSUPPORTED, why) for case in able if case.name not in housed]
    return batches, unable


def _by_combo(stage: str, cases: list[Case], combos: list[Combo]) -> list[Batch]:
    on = combos_of(stage, combos)
    return [batch for combo in on for batch in _parted(stage, combo, _those_for(combo, cases, combos))]


def _those_for(combo: Combo, cases: list[Case], combos: list[Combo]) -> list[Case]:
    once = combos_of("producer", combos)
    fitting = [case for case in cases if case.runs_on(combo) and suits(case, combo)]
    return [case for case in fitting if combo in once or not case.steps.get("once")]


def _parted(stage: str, combo: Combo, cases: list[Case]) -> list[Batch]:
    """Several batches where cases have no use for each other's sessions, so that they can run side by side."""
    parts: dict[tuple[Any, ...], list[Case]] = {}
    for case in cases:
        table = case.name.rpartition("/")[0] if stage == "durable" else ""  # one such case can take half a minute
        apart = (_alone(case), "poison" in case.steps, bool(case.steps.get("own")))
        parts.setdefault((*apart, case.profile, table), []).append(case)
    return [Batch(stage, combo, tuple(part)) for part in parts.values()]


def _alone(case: Case) -> bool:
    return bool(case.steps.get("alone"))


def _lacking(bench: Bench, case: Case) -> str | None:
    """The first role or feature that the case needs and the testee does not claim."""
    hello = bench.hello
    if missing := roles_of(case) - hello.roles:
        return f"role {min(missing)}"
    needs = case.needs if case.profile != "codec" else ()  # a codec case says itself what it lacks
    return next((f"{name}.{value}" for name, value in needs if not hello.claims(name, value)), None)


def _order(case: Case) -> tuple[Any, ...]:
    """What may destroy a worker comes last; plays of the same cast follow each other."""
    return "poison" in case.steps, bool(case.steps.get("fresh")), case.steps.get("cast", [])


def roles_of(case: Case) -> set[str]:
    """The roles that a testee has to play for the case."""
    if "cast" in case.steps:
        reads = {"result"} if any("begin_await" in step for step in case.steps["script"]) else set()
        return reads | {PARTS[name].role for name in case.steps["cast"]}
    return {"result", "producer"} if case.stage == "result" and not case.steps.get("reader") else {case.profile}


def combos_of(stage: str, combos: Sequence[Combo]) -> list[Combo]:
    """The combinations a stage runs on. What a producer writes depends on the broker alone, so one of each."""
    if stage != "producer":
        return list(combos)
    return list({combo.broker: combo for combo in reversed(combos)}.values())[::-1]


def suits(case: Case, combo: Combo) -> bool:
    """A case for a mere reader of results needs a backend that can be read without sending: not rpc."""
    return not case.steps.get("reader") or combo.result != "rpc"
