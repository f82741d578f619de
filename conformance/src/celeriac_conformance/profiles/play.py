"""Plays: cases that are scripts, for areas where who sends and who answers changes from case to case.

A case says whom it casts (company.PARTS), and what happens in its ``script``. The sessions stay open from
case to case; a case that ends or changes one says so with ``fresh``, and gets and leaves a new one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from celeriac_conformance.bench import Bench
from celeriac_conformance.cases import Case
from celeriac_conformance.profiles.company import PARTS, Company, Place
from celeriac_conformance.profiles.scene import Scene, Stalled
from celeriac_conformance.profiles.verbs import control, events, faults, sending, working
from celeriac_conformance.testee import Refused
from celeriac_conformance.witness import Combo

#: Verb -> function(scene, argument).
VERBS: dict[str, Callable[[Scene, Any], Any]] = {
    **sending.VERBS,
    **working.VERBS,
    **control.VERBS,
    **events.VERBS,
    **faults.VERBS,
}


@dataclass
class PlayGroup:
    """The plays of one combination."""

    bench: Bench
    combo: Combo
    _company: Company | None = field(default=None, init=False)

    def start(self) -> None:
        """Make the queue that plays share; sessions are opened by the first case that casts them."""
        self.broker = self.bench.broker(self.combo)
        self.results = self.bench.results(self.combo)
        self._company = Company(self.bench, self.combo, self.broker)

    def observe(self, case: Case) -> dict[str, Any]:
        """Act the script until its end, or until a step waits in vain: the document then says so as ``stalled``."""
        company = self._company
        assert company is not None
        if case.steps.get("fresh"):
            company.leave(case.steps["cast"])
        heard = self._heard() if case.steps.get("listening") else 0
        places = _enter(company, case.steps["cast"])
        scene = Scene(self.bench, self.combo, case, company, self.broker, self.results, places)
        scene.notes["heard"] = heard
        self._furnish(scene)
        try:
            _act(scene, case.steps["script"])
        except Stalled as stalled:
            scene.document["stalled"] = f"before the script: {stalled}"
        finally:
            scene.document["answered_at"] = time.time()
            self._tidy(scene, company)
        return scene.document

    def _furnish(self, scene: Scene) -> None:
        """Put into the scene what verbs need beside what every play has."""

    def _heard(self) -> int:
        """Listen to events now; how many there have been."""
        mail = self.bench.mail(self.combo)
        mail.listen()
        return len(mail.events())

    def _tidy(self, scene: Scene, company: Company) -> None:
        """Leave nothing of a case to the next one."""
        for node in scene.notes.get("joined", ()):
            scene.mail.leave(node)
        company.rest()
        scene.bench.unwatch()
        broken = "stalled" in scene.document or "control" in scene.notes
        ended = [name for name, place in scene.places.items() if place.session.down() is not None]
        with suppress(Refused):  # a session that a case has spoilt may not close in order any more
            company.leave(scene.places if broken or scene.case.steps.get("fresh") else ended)

    def finish(self, broken: bool) -> None:
        """Close the sessions, delete the queues and complete the documents."""
        company, self._company = self._company, None
        if company is not None:
            company.disband(broken)


def _enter(company: Company, cast: list[str]) -> dict[str, Place]:
    """The places of a case's cast: workers first, as clients send to them."""
    places: dict[str, Place] = {}
    for name in sorted(cast, key=lambda name: PARTS[name].role != "worker"):
        worker = next((place for place in places.values() if place.node), None)
        places[name] = company.enter(name, worker)
    return {name: places[name] for name in cast}


def _act(scene: Scene, script: list[dict[str, Any]]) -> None:
    """See that new workers work, then take the steps of the script one after the other."""
    for name, place in scene.workers.items():
        if not place.proven:
            working.canary(scene, name)
            place.proven = True
    for number, step in enumerate(script, 1):
        ((verb, argument),) = ((key, value) for key, value in step.items() if key != "as")
        try:
            scene.document[step.get("as", verb)] = VERBS[verb](scene, argument)
        except Stalled as stalled:
            scene.document["stalled"] = f"step {number}, {verb}: {stalled}"
            return
