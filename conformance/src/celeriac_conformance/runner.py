"""A run: batches of cases that share a session, on one bench or on several side by side.

Each outcome is handed on as soon as it is known; ``in_order`` has them in the order of the plan, however many benches
there were.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from redis.exceptions import RedisError

from celeriac_conformance.agenda import Agenda
from celeriac_conformance.bench import Bench, RestartsExhausted
from celeriac_conformance.cases import Case
from celeriac_conformance.plan import Batch, arrange
from celeriac_conformance.profiles import Group, LegallyUnsupported, Void, codec
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

#: What ends a run early: nothing more can be known.
_FATAL = (RestartsExhausted, BrokerDown, RedisError, TesteeBroken)

#: Seconds after which a wait for the next outcome is begun anew. A signal that comes between the last look at signals
#: and the wait does not end it.
_LOOK = 0.5

_Seen = list[tuple[Case, dict[str, Any], float]]


@dataclass
class Run:
    """One run over the selected cases. ``faults`` fills with what went wrong outside any case.

    ``jobs`` is how many batches may run at a time; each but the first has a bench of its own beside ``bench``.
    """

    bench: Bench
    specification: Specification
    strict: bool = False
    faults: list[str] = field(default_factory=list)
    jobs: int = 1
    _total: int = 0
    _batches: list[Batch] = field(default_factory=list)
    _done: set[tuple[str, Combo | None]] = field(default_factory=set)
    _twins: list[Bench] = field(default_factory=list)
    _agenda: Agenda = field(default_factory=lambda: Agenda([], {}))

    def outcomes(self, cases: Sequence[Case]) -> Generator[Outcome, None, None]:
        """The outcomes of the cases as they come; ends early, with a fault, when it cannot go on."""
        self._batches, unable = arrange(self.bench, cases)
        self._total = len(unable) + sum(len(batch.cases) for batch in self._batches)
        yield from map(self._marked, unable)
        jobs = max(1, min(self.jobs, len(self._batches)))
        self._agenda = Agenda(self._batches, self.bench.urls, jobs)
        with closing(self._work(self.bench) if jobs == 1 else self._side_by_side(jobs)) as found:
            yield from map(self._marked, found)

    @property
    def restarts(self) -> int:
        """How often a testee was replaced because it had broken down."""
        return sum(bench.restarts for bench in (self.bench, *self._twins))

    @property
    def total(self) -> int:
        """How many outcomes there will be, once the first has come."""
        return self._total

    def rest(self) -> Iterator[Outcome]:
        """What the run did not come to, as UNTESTED outcomes."""
        why = f"the run ended before: {self.faults[0] if self.faults else 'interrupted'}"
        for batch in self._batches:
            for case in batch.cases:
                if (case.name, batch.combo) not in self._done:
                    yield Outcome(case, batch.combo, UNTESTED, why)

    def in_order(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes in the order of the plan, behind those of what the testee does not claim."""
        planned = [(case.name, batch.combo) for batch in self._batches for case in batch.cases]
        places = {place: number for number, place in enumerate(planned)}
        return sorted(outcomes, key=lambda outcome: places.get((outcome.case.name, outcome.combo), -1))

    def _marked(self, outcome: Outcome) -> Outcome:
        self._done.add((outcome.case.name, outcome.combo))
        return outcome

    # -- one bench, or several --------------------------------------------------------------------

    def _work(self, bench: Bench) -> Generator[Outcome, None, None]:
        """Run batch after batch on the bench until none is left, or nothing more can be known."""
        try:
            with closing(self._agenda.batches()) as batches:
                for batch in batches:
                    yield from self._batch(bench, batch)
        except _FATAL as error:
            self._fault(str(error))

    def _note(self, fault: str) -> None:
        """Keep a fault, unless the run is over: what comes of its end is none."""
        if not self._agenda.over:
            self.faults.append(fault)

    def _fault(self, why: str) -> None:
        """Keep a fault after which nothing more can be known."""
        self._note(why)
        self._agenda.end()

    def _side_by_side(self, jobs: int) -> Generator[Outcome, None, None]:
        """The outcomes of several benches, each worked on by a thread; ended early it ends them all."""
        told: SimpleQueue[Outcome | None] = SimpleQueue()
        self._twins = [self.bench.twin() for _ in range(jobs - 1)]
        with ThreadPoolExecutor(jobs) as pool:
            left = jobs
            try:
                threads = [pool.submit(self._serve, self.bench, told)]
                threads += [pool.submit(self._serve_beside, bench, told) for bench in self._twins]
                while left:
                    if (outcome := _next(told)) is None:
                        left -= 1
                    else:
                        yield outcome
            finally:
                if left:
                    self._stop()
        for thread in threads:
            thread.result()  # a fault of the suite itself is raised here

    def _serve(self, bench: Bench, told: SimpleQueue[Outcome | None]) -> None:
        try:
            for outcome in self._work(bench):
                told.put(outcome)
        finally:
            told.put(None)

    def _serve_beside(self, bench: Bench, told: SimpleQueue[Outcome | None]) -> None:
        """As ``_serve``, on a bench whose testee is still to be started."""
        try:
            bench.start_like(self.bench)
        except TesteeBroken as error:
            self._fault(f"a second process of the testee (--jobs 1 has but one): {error}")
            bench.seat.kill()
            told.put(None)
            return
        try:
            self._serve(bench, told)
        finally:
            if (fault := bench.close()) is not None:
                self._note(f"end of the testee: {fault}")

    def _stop(self) -> None:
        self._agenda.end()
        for bench in (self.bench, *self._twins):
            bench.seat.clear()

    # -- running ----------------------------------------------------------------------------------

    def _batch(self, bench: Bench, batch: Batch) -> Iterator[Outcome]:
        return self._codec(bench, batch) if batch.combo is None else self._live(bench, batch, batch.combo)

    def _codec(self, bench: Bench, batch: Batch) -> Iterator[Outcome]:
        for case in batch.cases:
            began = time.monotonic()
            try:
                outcome = codec.examine(bench, case, self.specification, self.strict)
            except TesteeBroken as error:
                outcome = Outcome(case, None, ERROR, str(error))
            outcome.seconds = time.monotonic() - began
            yield outcome
            if self._agenda.over:
                return
            if outcome.verdict == ERROR:
                bench.restart()

    def _live(self, bench: Bench, batch: Batch, combo: Combo) -> Iterator[Outcome]:
        """Observe all cases, finish, then judge: settlement is known only at the end of a session."""
        group = GROUPS[batch.stage](bench, combo)
        seen: _Seen = []
        left = list(batch.cases)
        while left and not self._agenda.over:
            broken = False
            try:
                group.start()
                while left and not self._agenda.over:
                    yield from self._observe(group, combo, left, seen)
            except Refused as error:
                yield from (Outcome(case, combo, FAIL, str(error)) for case in left)
                left = []
            except TesteeBroken as error:
                broken = True
                yield Outcome(left.pop(0), combo, ERROR, str(error))
            broken = self._finish(bench, group, combo, broken)
            for case, document, seconds in seen:
                outcome = judge(case, combo, document, self.specification, self.strict)
                outcome.seconds = seconds
                yield outcome
            seen.clear()
            if broken and not self._agenda.over:
                bench.restart()

    def _finish(self, bench: Bench, group: Group, combo: Combo, broken: bool) -> bool:
        """End the group's session; the answer is whether the testee is broken now."""
        if broken:
            bench.seat.kill()
        try:
            group.finish(broken)
        except Refused as error:
            self._note(f"end of a session on {combo}: {error}")
        except TesteeBroken as error:
            self._note(f"end of a session on {combo}: {error}")
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


def _next(told: SimpleQueue[Outcome | None]) -> Outcome | None:
    while True:
        with suppress(Empty):
            return told.get(timeout=_LOOK)
