"""Profile result: the witness plays the worker and stores raw results, the testee awaits them."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from celeriac_conformance.bench import Bench, Session, new_queue
from celeriac_conformance.bodies import raw
from celeriac_conformance.cases import Case
from celeriac_conformance.profiles import LegallyUnsupported, Void
from celeriac_conformance.testee import Answer, Pending, Refused
from celeriac_conformance.waiting import until
from celeriac_conformance.wire import Substitutes, substitutes
from celeriac_conformance.witness import Combo
from celeriac_conformance.witness.amqp import RpcResults

#: What a result document says when its case does not care.
PLAIN_RESULT: dict[str, Any] = {"status": "SUCCESS", "result": None, "traceback": None, "children": []}

#: The error of an await after which a reader has to go on: what it read was none.
REFUSED = "InvalidMessage"


@dataclass
class _Task:
    """The task whose result a case is about, and the answers to its awaits."""

    session: Session
    task_id: str
    reply_to: str
    seconds: float
    answers: list[Answer] = field(default_factory=list)
    pending: Pending | None = None
    #: What the broker says of the reply queue, of rpc alone, once the task message was there.
    reply_queue: dict[str, bool] = field(default_factory=dict)
    #: Whether each await was answered before its time was over.
    in_time: bool = True
    _over_at: float = 0.0

    def begin(self, options: dict[str, Any]) -> None:
        timeout_ms = options.get("timeout_ms", int(self.seconds * 1000))
        self._over_at = time.monotonic() + timeout_ms / 1000
        self.pending = self.session.testee.send(
            "await", session=self.session.name, task_id=self.task_id, timeout_ms=timeout_ms
        )

    def end(self) -> None:
        assert self.pending is not None
        self.answers.append(self.pending.wait(self.seconds * 2 + 5))
        self.in_time = self.in_time and time.monotonic() < self._over_at
        self.pending = None


@dataclass
class ResultGroup:
    """The result cases of one combination: a producer session, and a reader session where cases want one."""

    bench: Bench
    combo: Combo

    def start(self) -> None:
        """Make the queue that published tasks go to; sessions are opened by the first case that wants one."""
        self.broker = self.bench.broker(self.combo)
        self.results = self.bench.results(self.combo)
        self.queue = new_queue()
        self.broker.create(self.queue)
        self.session: Session | None = None
        self.reader: Session | None = None

    def observe(self, case: Case) -> dict[str, Any]:
        """Play the script: write raw results, have the testee await them, between canaries if it says so."""
        if case.steps.get("between") and not self._canary(case):
            raise Void("a result that is as it should be was not read before the one that is not")
        document = self._play(case)
        if case.steps.get("between"):
            document["canary"] = self._canary(case)
        if _spoilt(document):
            self._replace(case)
        return document

    def _replace(self, case: Case) -> None:
        """Give the next case another session than the one that this case has spoilt."""
        if case.steps.get("reader"):
            spoilt, self.reader = self.reader, None
        else:
            spoilt, self.session = self.session, None
        if spoilt is not None:
            with suppress(Refused):  # it may not close in order any more
                spoilt.close()

    def _canary(self, case: Case) -> bool:
        """Whether a plain result of another task is read right now."""
        task = self._task(case)
        self._write(task, {"set": {"result": task.task_id}}, substitutes(""))
        task.begin({})
        task.end()
        return bool(task.answers[0].document().get("ok", {}).get("result") == task.task_id)

    def _task(self, case: Case) -> _Task:
        return self._reader_task() if case.steps.get("reader") else self._published_task()

    def _play(self, case: Case) -> dict[str, Any]:
        task = self._task(case)
        given, began = substitutes(""), time.monotonic()
        for step in case.steps["script"]:
            ((verb, argument),) = step.items()
            if verb == "write":
                self._write(task, argument, given)
            if verb in ("await", "begin_await"):
                task.begin(argument)
            if verb in ("await", "end_await"):
                task.end()
        took = time.monotonic() - began
        for answer in task.answers:
            if answer.unsupported and self.bench.hello.may_lack(answer.unsupported["feature"]):
                raise LegallyUnsupported(f"{answer.unsupported['feature']}: {answer.unsupported['why']}")
        documents = [answer.document() for answer in task.answers]
        stored = self.results.final(task.task_id) or {}
        return {
            "task_id": task.task_id,
            "answers": documents,
            "answer": documents[-1],
            "took": took,
            "in_time": task.in_time,
            "stored": stored.get("document"),
            "marked": given.mark.exists(),
            "reply_queue": task.reply_queue,
        }

    def _published_task(self) -> _Task:
        if self.session is None:
            self.session = self.bench.open("producer", self.combo, self.queue, {})
        answer = self.session.publish({"task": "conf.echo", "args": [1]}, self.bench.seconds)
        task_id = answer.must("publish, before its result can be awaited")["task_id"]
        message = until(lambda: self.broker.take(self.queue), self.bench.seconds)
        if message is None:
            raise Refused("publish said ok, but no message came to the queue: nothing to answer to")
        reply_to = str(message["properties"].get("reply_to") or "")
        queue = self.results.reply_queue(reply_to) if isinstance(self.results, RpcResults) else {}
        return _Task(self.session, task_id, reply_to, self.bench.seconds, reply_queue=queue)

    def _reader_task(self) -> _Task:
        if self.reader is None:
            self.reader = self.bench.open("result", self.combo, self.queue, {})
        return _Task(self.reader, str(uuid.uuid4()), "", self.bench.seconds)

    def _write(self, task: _Task, notation: dict[str, Any], given: Substitutes) -> None:
        stored_for = notation.get("for", task.task_id)
        if stored_for == "$other":
            stored_for = str(uuid.uuid4())
        if self.combo.result == "rpc" and not task.reply_to:
            raise Refused("the message has no reply_to: nowhere to send the result")
        properties = {**notation.get("properties", {}), **({"quiet": True} if notation.get("quiet") else {})}
        self.results.write(stored_for, task.reply_to, result_body(notation, stored_for, given), properties)

    def finish(self, broken: bool) -> None:
        """Close the sessions and delete the queue."""
        try:
            for session in () if broken else filter(None, (self.session, self.reader)):
                session.close()
        finally:
            self.broker.delete(self.queue)


def _spoilt(document: dict[str, Any]) -> bool:
    """Whether the reader may be beyond reading: it lost the second canary, waited in vain, or broke."""
    kinds = [answer["error"]["kind"] for answer in document["answers"] if "error" in answer]
    return document.get("canary") is False or any(kind != REFUSED for kind in kinds)


def result_body(notation: dict[str, Any], task_id: str, given: Substitutes) -> bytes:
    """The bytes of a result document: ``raw`` as it stands, or the plain document with ``set`` and without ``drop``."""
    if "raw" in notation:
        return raw(given.fill(notation["raw"]))
    document = {**PLAIN_RESULT, "date_done": datetime.now(timezone.utc).isoformat(), "task_id": task_id}
    document.update(given.fill(notation.get("set", {})))
    for name in notation.get("drop", ()):
        if name not in document:
            raise Void(f"the case drops {name!r}, which is not there")
        del document[name]
    return json.dumps(document).encode()
