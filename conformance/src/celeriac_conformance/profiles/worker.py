"""Profile worker: the witness puts raw messages into the queue and reads results and settlement back raw.

Every message that nothing visible may come of stands between two canaries: the second one's result
proves that the worker is up and has handled what came before it. How a message was settled is known
for certain only when the worker has gone, so documents are completed when its session ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from celeriac_conformance import wire
from celeriac_conformance.bench import Bench, Session, new_queue
from celeriac_conformance.cases import Case
from celeriac_conformance.profiles import Void
from celeriac_conformance.testee import Refused, TesteeBroken
from celeriac_conformance.waiting import until
from celeriac_conformance.witness import ACKED, UNSETTLED, Combo, RawTask

UP = "up"

#: How long a message may stay unsettled after its result: acknowledging follows storing, not the reverse.
SETTLE_SECONDS = 10.0

#: How long a worker may take to find what another has left behind: Celery looks every ten seconds, others less often.
FOUND_SECONDS = 60.0

#: As much of a body as a report shows.
LONGEST_BODY = 20_000

#: How many workers in a row may fail to start before the cases that are left are given up.
MOST_REFUSALS = 2


@dataclass
class _Sent:
    """A message under way, and the document that its case is judged by."""

    task: RawTask
    document: dict[str, Any]
    #: Under which id the result is to be found, and under which the task says that it ran.
    result_id: str
    run_id: str
    #: What is there once the message has been obeyed in place of read.
    mark: Path
    #: For how many seconds nothing can come of it.
    delay: float
    #: No later than the moment that the times in the message count from.
    began: float
    #: The evidence there was before the message, and, for poison, by the time of the canary after it.
    first_event: int
    last_event: int = -1


@dataclass
class WorkerGroup:
    """The worker cases of one combination: one worker as long as it lives, a new one when it does not."""

    bench: Bench
    combo: Combo
    concurrency: int = 1
    _open: list[_Sent] = field(default_factory=list)
    _issued: set[str] = field(default_factory=set)
    session: Session | None = None
    _refusals: int = 0

    def start(self) -> None:
        """Start a worker on a queue of its own, and see that it runs a task; raises Refused when it does not."""
        self._make_queue()
        self._open_worker()

    def _make_queue(self) -> None:
        self._open = []
        self.broker = self.bench.broker(self.combo)
        self.results = self.bench.results(self.combo)
        self.queue = new_queue()
        self.broker.create_for_worker(self.queue)

    def _open_worker(self) -> None:
        self.session = self.bench.open("worker", self.combo, self.queue, {"concurrency": self.concurrency})
        if not self._canary():
            raise Refused(f"a worker on {self.combo} said that it consumes but did not run the first task")

    def observe(self, case: Case) -> dict[str, Any]:
        """Put the case's message into the queue and wait as the case says."""
        if case.steps.get("left_behind"):
            return self._found(case)
        if self.session is None:
            self._start_again()
        if "poison" in case.steps:
            return self._sandwich(case)
        sent = self._send(case.steps["send"], 2 if case.steps.get("twice") else 1)
        waits = {
            "result": self._until_result,
            "canary": self._until_canary,
            "close": self._until_closed,
        }
        waits[case.steps.get("until", "result")](sent)
        return sent.document

    def _start_again(self) -> None:
        """Start another worker, unless that has failed so often in a row that it would only take time."""
        if self._refusals >= MOST_REFUSALS:
            raise Refused(f"no worker could be started on {self.combo}, {MOST_REFUSALS} times in a row")
        self._refusals += 1
        self.start()
        self._refusals = 0

    def _sandwich(self, case: Case) -> dict[str, Any]:
        if not self._canary():
            down = self._why_down()
            self._replace_worker()
            raise Void(f"the canary before the poison was not run: {down}")
        sent = self._send(case.steps["poison"], 2 if case.steps.get("twice") else 1)
        self._until_canary(sent)
        return sent.document

    def _found(self, case: Case) -> dict[str, Any]:
        """Have a new worker find a message that another one, which died, has left behind."""
        if self.session is not None:
            self._end()
        self._make_queue()
        sent = self._send(case.steps["send"], put=self.broker.leave_behind)
        self._open_worker()
        self._until_result(sent, max(self.bench.seconds, FOUND_SECONDS))
        return sent.document

    # -- sending ----------------------------------------------------------------------------------

    def _send(
        self, notation: dict[str, Any], times: int = 1, put: Callable[[str, RawTask], None] | None = None
    ) -> _Sent:
        began = time.monotonic()
        given = wire.substitutes(self.results.reply_to)
        task = wire.raw_task(notation, given)
        written = (task.headers or {}).get("id")
        run_id = written if isinstance(written, str) and written else given.task_id
        result_id = str(task.properties["correlation_id"]) if self.combo.result == "rpc" else run_id
        document = {
            "task_id": given.task_id,
            "sent": {
                "headers": task.headers,
                "properties": task.properties,
                "body": _shown(task.body),
            },
            "worker": UP,
        }
        sent = _Sent(
            task, document, result_id, run_id, given.mark, wire.delay(notation), began, len(self.bench.testee.events)
        )
        self.results.watch(result_id)
        self._open.append(sent)
        self._issued.add(run_id)
        for _ in range(times):
            (put or self.broker.put)(self.queue, task)
        return sent

    def _canary(self) -> bool:
        """Whether a task put into the queue now comes back with the right result in time."""
        given = wire.substitutes(self.results.reply_to)
        self._issued.add(given.task_id)
        self.results.watch(given.task_id)
        self.broker.put(self.queue, wire.raw_task({"args": [given.task_id]}, given))
        until(lambda: self.results.final(given.task_id) or self._down(), self.bench.seconds)
        final = self.results.final(given.task_id)
        return final is not None and final["document"].get("result") == given.task_id

    def _down(self) -> str | None:
        """Why the worker is known to have ended; raises TesteeBroken when the whole testee has."""
        assert self.session is not None
        if fault := self.bench.testee.fault:
            raise self.bench.testee.broken(fault)
        return self.session.down()

    def _why_down(self) -> str:
        return self._down() or f"no sign of life for {self.bench.seconds:g} s"

    # -- the ways to wait -------------------------------------------------------------------------

    def _until_result(self, sent: _Sent, seconds: float | None = None) -> None:
        seconds = seconds or self.bench.seconds + sent.delay
        final = until(lambda: self.results.final(sent.result_id) or self._down(), seconds)
        sent.document["took"] = time.monotonic() - sent.began
        if not isinstance(final, dict):
            sent.document["worker"] = UP if self._canary() else f"down: {self._why_down()}"
            if sent.document["worker"] != UP:
                self._replace_worker()
            return
        self._settle(sent)

    def _until_canary(self, sent: _Sent) -> None:
        if self._canary():
            sent.last_event = len(self.bench.testee.events)
            sent.document["settled_while_waiting"] = self.broker.settled(self.queue, sent.task.marker)
            self._settle(sent)
            return
        sent.document["worker"] = f"down: {self._why_down()}"
        self._replace_worker()

    def _until_closed(self, sent: _Sent) -> None:
        """Close the worker while the task runs: an orderly end waits for it."""
        if not self.bench.testee.until(lambda events: bool(_ran(events, sent.run_id)), self.bench.seconds):
            raise Refused("no evidence from the worker that the task has started")
        self._end()

    def _settle(self, sent: _Sent) -> None:
        settled = until(
            lambda: self.broker.settled(self.queue, sent.task.marker) != UNSETTLED,
            min(SETTLE_SECONDS, self.bench.seconds),
        )
        sent.document["settled"] = self.broker.settled(self.queue, sent.task.marker) if settled else UNSETTLED

    # -- the end of a worker ----------------------------------------------------------------------

    def _replace_worker(self) -> None:
        """Take leave of a worker that is down, whatever it says to that; the next case starts another."""
        with suppress(Refused):
            self._end()

    def _end(self) -> None:
        """Close the session and complete the documents of everything that was sent in it."""
        session, self.session = self.session, None
        fault: Exception | None = None
        if session is not None:
            try:
                session.close()
            except (Refused, TesteeBroken) as error:
                fault = error
        rejected = {sent.task.marker: self.broker.settled(self.queue, sent.task.marker) for sent in self._open}
        leftover = self.broker.leftover(self.queue)
        for sent in self._open:
            self._complete(sent, rejected[sent.task.marker], leftover)
        self._open = []
        self.broker.delete(self.queue)
        if fault is not None:
            raise fault

    def _complete(self, sent: _Sent, settled: str | None, leftover: set[str]) -> None:
        marker, document = sent.task.marker, sent.document
        document["given_back"] = marker in leftover
        if marker in leftover:
            document["settled"] = UNSETTLED
        elif document.get("settled") in (None, ACKED):
            document["settled"] = settled or ACKED
        events = _ran(self.bench.testee.events, sent.run_id) + self._strays(sent)
        history = self.results.history(sent.result_id)
        final = self.results.final(sent.result_id)
        document.update(
            {
                "ran": len(events),
                "marked": sent.mark.exists(),
                "events": events,
                "states": [(record.get("document") or {}).get("status") for record in history],
                "history": [record.get("document", record.get("raw")) for record in history],
            }
        )
        if final is not None:
            document["result"] = final["document"]
            document.update({name: final[name] for name in ("reply", "key") if name in final})

    def _strays(self, sent: _Sent) -> list[dict[str, Any]]:
        """Evidence of a task that ran under an id that nobody gave it while this message was the only one about."""
        window = self.bench.testee.events[sent.first_event : max(sent.first_event, sent.last_event)]
        return [event for event in window if event["event"] == "ran" and event["task_id"] not in self._issued]

    def finish(self, broken: bool) -> None:
        """Close the worker and complete the documents."""
        if broken:
            self.session = None
        self._end()


def _shown(body: bytes) -> str:
    text = body[:LONGEST_BODY].decode(errors="replace")
    return text if len(body) <= LONGEST_BODY else f"{text}... {len(body)} bytes"


def _ran(events: list[dict[str, Any]], task_id: str) -> list[dict[str, Any]]:
    return [event for event in list(events) if event["event"] == "ran" and event["task_id"] == task_id]
