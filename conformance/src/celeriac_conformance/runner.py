"""A run: groups of cases that share a session, one after the other, each outcome handed on as soon as it is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError

from celeriac_conformance.bench import Bench, RestartsExhausted
from celeriac_conformance.cases import Case
from celeriac_conformance.profiles import Group, LegallyUnsupported, Void, codec
from celeriac_conformance.profiles.company import PARTS
from celeriac_conformance.profiles.durable import DurableGroup
from celeriac_conformance.profiles.play import PlayGroup
from celeriac_conformance.profiles.producer import ProducerGroup
from celeriac_conformance.profiles.result import ResultGroup
from celeriac_conformance.profiles.worker import WorkerGroup
from celeriac_conformance.requirements import Specification
from celeriac_conformance.testee import Refused, TesteeBroken
from celeriac_conformance.verdicts import ERROR, FAIL, UNSUPPORTED, UNTESTED, Outcome, judge
from celeriac_conformance.witness import BrokerDown, Combo

GROUPS: dict[str, Callable[[Bench, Combo], Group]] = {
    "producer": ProducerGroup,
    "worker": WorkerGroup,
    "result": ResultGroup,
    "play": PlayGroup,
    "durable": DurableGroup,
}

_Plan = list[tuple["Combo | None", list[Case]]]
_Seen = list[tuple[Case, dict[str, Any], float]]


@dataclass
class Run:
    """One run over the selected cases. ``faults`` fills with what went wrong outside any case."""

    bench: Bench
    specification: Specification
    strict: bool = False
    faults: list[str] = field(default_factory=list)
    _total: int = 0
    _plan: _Plan = field(default_factory=list)
    _done: set[tuple[str, Combo | None]] = field(default_factory=set)

    def outcomes(self, cases: Sequence[Case]) -> Iterator[Outcome]:
        """The outcomes of the cases in order of running; ends early, with a fault, when it cannot go on."""
        self._plan, unable = self._arrange(cases)
        self._total = len(unable) + sum(len(group) for _, group in self._plan)
        for outcome in unable:
            yield self._marked(outcome)
        try:
            for combo, group in self._plan:
                outcomes = self._codec(group) if combo is None else self._live(combo, group)
                yield from map(self._marked, outcomes)
        except (RestartsExhausted, BrokerDown, RedisError, TesteeBroken) as error:
            self.faults.append(str(error))

    @property
    def total(self) -> int:
        """How many outcomes there will be, once the first has come."""
        return self._total

    def rest(self) -> Iterator[Outcome]:
        """What the run did not come to, as UNTESTED outcomes."""
        why = f"the run ended before: {self.faults[0] if self.faults else 'interrupted'}"
        for combo, group in self._plan:
            for case in group:
                if (case.name, combo) not in self._done:
                    yield Outcome(case, combo, UNTESTED, why)

    def _marked(self, outcome: Outcome) -> Outcome:
        self._done.add((outcome.case.name, outcome.combo))
        return outcome

    # -- what runs where --------------------------------------------------------------------------

    def _arrange(self, cases: Sequence[Case]) -> tuple[_Plan, list[Outcome]]:
        """Groups of cases with their combination, and the outcomes of what the testee does not claim."""
        shuffled = list(cases)
        self.bench.random.shuffle(shuffled)
        shuffled.sort(key=_order)
        plan: _Plan = []
        unable: list[Outcome] = []
        for stage in ("codec", *GROUPS):
            able = []
            for case in (case for case in shuffled if case.stage == stage):
                if why := self._lacking(case):
                    unable.append(Outcome(case, None, UNSUPPORTED, f"{why} is not claimed"))
                else:
                    able.append(case)
            groups = [(None, able)] if stage == "codec" else self._by_combo(stage, able)
            plan += [(combo, group) for combo, group in groups if group]
            homeless = [case for case in able if not any(case in group for _, group in groups)]
            why = "no broker and result backend that it runs on is claimed and here"
            unable += [Outcome(case, None, UNSUPPORTED, why) for case in homeless]
        return plan, unable

    def _by_combo(self, stage: str, cases: list[Case]) -> _Plan:
        combos = self.bench.combos()
        once = combos_of("producer", combos)

        def runs(case: Case, combo: Combo) -> bool:
            return case.runs_on(combo) and suits(case, combo) and (combo in once or not case.steps.get("once"))

        return [(combo, [case for case in cases if runs(case, combo)]) for combo in combos_of(stage, combos)]

    def _lacking(self, case: Case) -> str | None:
        """The first role or feature that the case needs and the testee does not claim."""
        hello = self.bench.hello
        if missing := roles_of(case) - hello.roles:
            return f"role {min(missing)}"
        needs = case.needs if case.profile != "codec" else ()  # a codec case says itself what it lacks
        return next((f"{name}.{value}" for name, value in needs if not hello.claims(name, value)), None)

    # -- running ----------------------------------------------------------------------------------

    def _codec(self, cases: list[Case]) -> Iterator[Outcome]:
        for case in cases:
            began = time.monotonic()
            try:
                outcome = codec.examine(self.bench, case, self.specification, self.strict)
            except TesteeBroken as error:
                outcome = Outcome(case, None, ERROR, str(error))
            outcome.seconds = time.monotonic() - began
            yield outcome
            if outcome.verdict == ERROR:
                self.bench.restart()

    def _live(self, combo: Combo, cases: list[Case]) -> Iterator[Outcome]:
        """Observe all cases, finish, then judge: settlement is known only at the end of a session."""
        group = GROUPS[cases[0].stage](self.bench, combo)
        seen: _Seen = []
        left = list(cases)
        while left:
            broken = False
            try:
                group.start()
                while left:
                    yield from self._observe(group, combo, left, seen)
            except Refused as error:
                yield from (Outcome(case, combo, FAIL, str(error)) for case in left)
                left = []
            except TesteeBroken as error:
                broken = True
                yield Outcome(left.pop(0), combo, ERROR, str(error))
            broken = self._finish(group, combo, broken)
            for case, document, seconds in seen:
                outcome = judge(case, combo, document, self.specification, self.strict)
                outcome.seconds = seconds
                yield outcome
            seen.clear()
            if broken:
                self.bench.restart()

    def _finish(self, group: Group, combo: Combo, broken: bool) -> bool:
        """End the group's session; the answer is whether the testee is broken now."""
        if broken:
            self.bench.testee.kill()
        try:
            group.finish(broken)
        except Refused as error:
            self.faults.append(f"end of a session on {combo}: {error}")
        except TesteeBroken as error:
            self.faults.append(f"end of a session on {combo}: {error}")
            return True
        return broken

    def _observe(self, group: Group, combo: Combo, left: list[Case], seen: _Seen) -> Iterator[Outcome]:
        """Run the first of the cases that are left; a broken testee leaves it there for the caller."""
        case, began = left[0], time.monotonic()
        try:
            document = group.observe(case)
        except Void as void:
            outcome = Outcome(case, combo, ERROR, str(void))
        except LegallyUnsupported as lacking:
            outcome = Outcome(case, combo, UNSUPPORTED, str(lacking))
        except Refused as refused:
            outcome = Outcome(case, combo, FAIL, str(refused))
        else:
            left.pop(0)
            seen.append((case, document, time.monotonic() - began))
            return
        left.pop(0)
        yield outcome


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
