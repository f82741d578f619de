"""The testee: a process that speaks ctp/1, JSON Lines on stdin and stdout (protocol/README.md).

Whatever the process does against the protocol (a line that is not JSON, an unknown id, an answer that
breaks its schema, silence, an early end) is a ``TesteeBroken``: the fault of nobody's case.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from celeriac_conformance import data

STDERR_TAIL = 2000

#: From the end of its stdout to the end of a process that ends: on a busy machine not at once.
EXIT_SECONDS = 10.0

#: The features that hello can claim (protocol/README.md, "hello").
FAMILIES = (
    "broker",
    "result",
    "serializer",
    "protocol",
    "compression",
    "kinds",
    "confirm",
    "time_limits",
    "canvas",
    "worker_canvas",
    "control",
    "events",
    "sent_events",
    "worker_tasks",
    "foreign",
)


class TesteeBroken(Exception):
    """The testee process broke the protocol, ended or fell silent; the message says how."""

    __test__ = False  # for pytest, which takes every Test... for tests


class Refused(Exception):
    """A testee answered ``unsupported`` or ``error`` where the runner needed ``ok`` to go on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: exactly one of ``ok``, ``unsupported`` and ``error`` is not None."""

    ok: dict[str, Any] | None = None
    unsupported: dict[str, Any] | None = None
    error: dict[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        """The answer as cases look at it: ``{"ok": ...}``, ``{"unsupported": ...}`` or ``{"error": ...}``."""
        for name in ("ok", "unsupported", "error"):
            if (content := getattr(self, name)) is not None:
                return {name: content}
        return {}

    def must(self, what: str) -> dict[str, Any]:
        """The content of ``ok``; raises Refused, naming ``what``, when the answer is another."""
        if self.ok is None:
            told = {name: value for name, value in (self.error or self.unsupported or {}).items() if name != "trace"}
            raise Refused(f"{what}: {'error' if self.error else 'unsupported'} {json.dumps(told, ensure_ascii=False)}")
        return self.ok


@dataclass(frozen=True, slots=True)
class Hello:
    """What a testee claims: fixed for the life of the process, and of every restart of it."""

    implementation: dict[str, str]
    roles: frozenset[str]
    features: dict[str, Any]

    def claims(self, feature: str, value: Any) -> bool:
        """Whether ``features[feature]`` is ``value`` or, where it is a list, holds it."""
        claimed = self.features.get(feature)
        return value in claimed if isinstance(claimed, list) else bool(claimed == value)

    def may_lack(self, feature: str) -> bool:
        """Whether ``unsupported`` is a legal answer for ``feature``: ``compression.zstd``, if that is not claimed.

        Only what hello has a word for can be unsupported; everything else is part of the role.
        """
        family, _, value = feature.partition(".")
        if family not in FAMILIES:
            return False
        return not self.claims(family, value) if value else not self.features.get(family)


@dataclass(eq=False)
class Pending:
    """A request that was sent and not yet waited for."""

    testee: Testee
    request: int
    op: str

    def wait(self, seconds: float) -> Answer:
        """The answer; raises TesteeBroken when none comes in time."""
        return self.testee.collect(self, seconds)


@dataclass
class Testee:
    """A running testee. ``events`` grows as evidence lines arrive; look through ``until``."""

    __test__ = False

    command: Sequence[str]
    cwd: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._answers: dict[int, Answer] = {}
        self._asked: dict[int, str] = {}
        self._next = 1
        self._fault: str | None = None
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        try:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.cwd,
                env={**os.environ, **self.environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                start_new_session=True,
            )
        except OSError as error:
            raise TesteeBroken(f"cannot start {self.command[0]!r}: {error.strerror or error}") from error
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    # -- requests ---------------------------------------------------------------------------------

    def hello(self, seconds: float) -> Hello:
        """Greet the testee and read what it claims; raises TesteeBroken when it does not answer properly."""
        answer = self.ask("hello", seconds, protocol=1)
        if answer.ok is None:
            raise TesteeBroken(f"hello was answered with {json.dumps(answer.document())}")
        ok = answer.ok
        return Hello(ok["implementation"], frozenset(ok["roles"]), ok["features"])

    def ask(self, op: str, seconds: float, **fields: Any) -> Answer:
        """Send a request and wait for its answer."""
        return self.send(op, **fields).wait(seconds)

    def send(self, op: str, **fields: Any) -> Pending:
        """Send a request without waiting; raises TesteeBroken when the testee no longer reads."""
        with self._changed:
            number, self._next = self._next, self._next + 1
            self._asked[number] = op
        line = json.dumps({"id": number, "op": op, **fields}, ensure_ascii=True) + "\n"
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except (OSError, ValueError):
            self._reader.join(EXIT_SECONDS)  # it sees the end of stdout and knows the exit code
            raise self.broken("the testee no longer reads its stdin") from None
        return Pending(self, number, op)

    def collect(self, pending: Pending, seconds: float) -> Answer:
        """The answer to ``pending``; see Pending.wait."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: self._fault or pending.request in self._answers, seconds)
            if pending.request in self._answers:
                return self._answers.pop(pending.request)
        raise self.broken(self._fault if arrived else f"no answer to {pending.op!r} within {seconds:g} s")

    def until(self, condition: Callable[[list[dict[str, Any]]], bool], seconds: float) -> bool:
        """Wait until the events fulfil the condition; False when they do not in time or the testee is broken."""
        with self._changed:
            self._changed.wait_for(lambda: self._fault or condition(self.events), seconds)
            return condition(self.events)

    @property
    def fault(self) -> str | None:
        """How the process broke the protocol, or None while it has not."""
        with self._changed:
            return self._fault

    # -- the end ----------------------------------------------------------------------------------

    def bye(self, seconds: float) -> None:
        """End the testee in order; raises TesteeBroken when it does not go, or not with exit code 0."""
        self.send("bye").wait(seconds)
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise self.broken(f"still running {seconds:g} s after bye") from None
        if code != 0:
            raise self.broken(f"exit code {code} after bye")

    def kill(self) -> None:
        """End the testee and everything it started, at once. Safe to call twice."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(5.0)
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError, ValueError):
                if stream is not None:
                    stream.close()

    def log(self) -> str:
        """The end of what the testee wrote to stderr."""
        with suppress(ValueError):
            size = os.fstat(self._stderr.fileno()).st_size
            return os.pread(self._stderr.fileno(), STDERR_TAIL, max(0, size - STDERR_TAIL)).decode(errors="replace")
        return ""

    def broken(self, why: str | None) -> TesteeBroken:
        """The exception for ``why``, with the end of the testee's log."""
        tail = self.log().strip()
        return TesteeBroken(f"{why or 'broken'}" + (f"; end of its stderr:\n{tail}" if tail else ""))

    # -- the reader thread ------------------------------------------------------------------------

    def _read(self) -> None:
        assert self._process.stdout is not None
        with suppress(ValueError):  # closed by kill()
            for line in self._process.stdout:
                fault = self._accept(line)
                if fault:
                    self._set_fault(fault)
                    return
        # EOF: the process is ending or has closed stdout, which is as final.
        deadline = time.monotonic() + EXIT_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        code = self._process.poll()
        self._set_fault("closed its stdout" if code is None else f"exited with code {code}")

    def _set_fault(self, fault: str) -> None:
        with self._changed:
            self._fault = self._fault or fault
            self._changed.notify_all()

    def _accept(self, line: bytes) -> str | None:
        """Take one line; the answer is what is wrong with it, or None."""
        try:
            document = json.loads(line)
        except ValueError:
            return f"wrote a line that is not JSON: {line[:200]!r}"
        if not isinstance(document, dict):
            return f"wrote a line that is no object: {line[:200]!r}"
        if "event" in document:
            return self._accept_event(document)
        if fault := data.violation("protocol", "answers", document):
            return f"wrote an answer against its schema: {fault}: {line[:200]!r}"
        return self._accept_answer(document)

    def _accept_event(self, document: dict[str, Any]) -> str | None:
        if fault := data.violation("protocol", "events", document):
            return f"wrote an event against its schema: {fault}"
        with self._changed:
            self.events.append(document)
            self._changed.notify_all()
        return None

    def _accept_answer(self, document: dict[str, Any]) -> str | None:
        with self._changed:
            op = self._asked.pop(document["id"], None)
        if op is None:
            return f"answered request {document['id']}, which is not open"
        if "ok" in document and (fault := data.violation_of("protocol", "answers", op, document["ok"])):
            return f"answered {op!r} against its schema: {fault}"
        with self._changed:
            self._answers[document["id"]] = Answer(
                document.get("ok"), document.get("unsupported"), document.get("error")
            )
            self._changed.notify_all()
        return None


class Seat:
    """The place of the testee in a run: one process at a time, and none any more once it is cleared.

    Whoever ends a run need not know who is just starting or replacing a testee: what comes too late does not start.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cleared = False
        self._testee: Testee | None = None

    @property
    def taken(self) -> bool:
        """Whether a testee has ever been started here."""
        return self._testee is not None

    @property
    def testee(self) -> Testee:
        """The testee that was started last."""
        assert self._testee is not None
        return self._testee

    def take(self, command: Sequence[str], cwd: Path | None) -> None:
        """Start a testee here in place of the one before, whose evidence it goes on with; raises TesteeBroken."""
        with self._lock:
            self.kill()
            if self._cleared:
                raise TesteeBroken("the run is over")
            self._testee = Testee(command, cwd, events=self._testee.events if self._testee else [])

    def kill(self) -> None:
        """End the testee and everything it started, at once, if there is one."""
        if self._testee is not None:
            self._testee.kill()

    def clear(self) -> None:
        """Kill the testee, and let none be started here again."""
        with self._lock:
            self._cleared = True
            self.kill()
