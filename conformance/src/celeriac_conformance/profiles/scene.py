"""A scene: one case of a play while it runs, with the words that stand for what is known by then.

A step of a script is one verb with its argument; what the verb returns is kept in the case's document
under the step's ``as`` (or the verb's own name), where later steps and the checks find it. A word that
begins with ``$`` stands for such a place (``$call.ok.task_id``), for one of the case's ``ids``, or for
an address (``$queue``, ``$node``, ``$side``, ...).
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from celeriac_conformance import wire
from celeriac_conformance.bench import Bench
from celeriac_conformance.cases import Case
from celeriac_conformance.profiles import LegallyUnsupported
from celeriac_conformance.profiles.company import PARTS, Company, Place
from celeriac_conformance.testee import Answer
from celeriac_conformance.values import ABSENT, look_up, shown
from celeriac_conformance.waiting import until
from celeriac_conformance.witness import Broker, Combo, Results
from celeriac_conformance.witness.commands import Commands
from celeriac_conformance.witness.mail import Mail

T = TypeVar("T")


class Stalled(Exception):
    """A step waited for something that did not come; the message says for what, and what came."""


@dataclass
class Scene:
    """What the verbs work with."""

    bench: Bench
    combo: Combo
    case: Case
    company: Company
    broker: Broker
    results: Results
    places: dict[str, Place]
    document: dict[str, Any] = field(default_factory=dict)
    #: What verbs note for each other during the case, by verb.
    notes: dict[str, Any] = field(default_factory=dict)
    #: The moment up to which nothing can come of what was sent: deadlines count from then on.
    earliest: float = 0.0

    def __post_init__(self) -> None:
        self.first_event = len(self.bench.testee.events)
        self.workers = {name: place for name, place in self.places.items() if PARTS[name].role == "worker"}
        worker = next(iter(self.workers.values()), None)
        ids = {name: str(uuid.uuid4()) for name in self.case.steps.get("ids", ())}
        nodes = {name: f"conf-{name}-{uuid.uuid4().hex[:8]}@suite.example" for name in self.case.steps.get("nodes", ())}
        self.document["ids"] = ids
        self.document["nodes"] = {**nodes, **{name: place.node for name, place in self.workers.items()}}
        self.words: dict[str, Any] = {
            "side": self.company.side,
            "queue": worker.queue if worker else "",
            "node": worker.node if worker else "",
            "reply_to": self.results.reply_to,
            **{f"{name}_node": place.node for name, place in self.workers.items()},
            **nodes,
            **ids,
        }
        self.document["words"] = self.words
        self.document["called_at"] = time.time()
        for task_id in ids.values():
            self.results.watch(task_id)

    # -- words ------------------------------------------------------------------------------------

    def fill(self, value: Any, task_id: str = "") -> Any:
        """A copy of ``value`` with every word filled in; ``$id`` is ``task_id``."""
        return self.substitutes(task_id).fill(value)

    def text(self, text: str) -> str:
        """``text`` with the words inside it filled in: ``celery-taskset-meta-${group}.s``."""
        return re.sub(r"\$\{([a-z0-9_.]+)\}", lambda match: str(self._look_up(f"${match[1]}")), text)

    def substitutes(self, task_id: str = "") -> wire.Substitutes:
        """The words as raw messages need them; a fresh id when none is given."""
        plain = wire.substitutes(self.results.reply_to)
        return wire.Substitutes(task_id or plain.task_id, plain.reply_to, plain.now, self._look_up)

    def _look_up(self, text: str) -> Any:
        name, _, path = text[1:].partition(".")
        if name in self.words and not path:
            return self.words[name]
        found = look_up(self.document, text[1:])
        if found is ABSENT:
            had = self.document.get(name, ABSENT)
            raise Stalled(f"there is no {text} that a step could go on with; {name} is {shown(had)}")
        return found

    # -- waiting ----------------------------------------------------------------------------------

    def wait(self, look: Callable[[], T], what: str, seconds: float | None = None) -> T:
        """What ``look`` returns as soon as that is true; raises Stalled when it is not in time or a worker ends."""
        allowed = self.bench.seconds + max(0.0, self.earliest - time.monotonic()) if seconds is None else seconds
        found = until(lambda: look() or self.down(), allowed)
        if self.bench.testee.fault:
            raise self.bench.testee.broken(self.bench.testee.fault)
        if found and (down := self.down()) is not None and found == down:
            raise Stalled(f"waiting for {what}: it ended: {down}")
        if not found:
            raise Stalled(f"waiting for {what}: nothing within {allowed:g} s")
        return found  # type: ignore[return-value]

    def down(self) -> str | None:
        """Why a session has ended that was not told to, or the testee as a whole; None while none has."""
        told = self.notes.get("gone", ())
        ends = (place.session.down() for name, place in self.places.items() if name not in told)
        return self.bench.testee.fault or next(filter(None, ends), None)

    # -- those who act ----------------------------------------------------------------------------

    def place(self, *names: str) -> Place:
        """The first of these parts that the case has cast."""
        return next(self.places[name] for name in names if name in self.places)

    def worker(self, name: str = "") -> Place:
        """The worker of that part, or the case's first."""
        return self.workers[name] if name else next(iter(self.workers.values()))

    @property
    def mail(self) -> Mail:
        """Remote control and events of the combination's broker."""
        return self.bench.mail(self.combo)

    @property
    def commands(self) -> Commands:
        """What Redis is told."""
        return self.bench.commands()

    def legal(self, answer: Answer) -> dict[str, Any]:
        """The answer as a document; raises LegallyUnsupported for what is rightly not done."""
        if answer.unsupported and self.bench.hello.may_lack(answer.unsupported["feature"]):
            raise LegallyUnsupported(f"{answer.unsupported['feature']}: {answer.unsupported['why']}")
        return answer.document()

    def evidence(self, event: str) -> list[dict[str, Any]]:
        """The testee's own lines of that kind since the case began."""
        return [row for row in self.bench.testee.events[self.first_event :] if row["event"] == event]
