"""The application that the tests' workers run. What happens in a task is noted in a file, one line each."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from celeriac import Celeriac, Ignore, Reject, SoftTimeLimitExceeded, Task

#: Environment variable that names the file for notes.
NOTES = "CELERIAC_TEST_NOTES"

app = Celeriac("tests")


def note(text: str) -> None:
    with Path(os.environ[NOTES]).open("a") as notes:
        notes.write(f"{text}\n")


@app.task(name="t.add")
def add(x: Any, y: Any) -> Any:
    return x + y


@app.task(name="t.flood")
def flood(queue: str, count: int) -> None:
    note("flood begins")
    for _ in range(count):
        app.send_task("t.nobody", ("x" * 500,), queue=queue, confirm=False)


@app.task(name="t.note")
def take_note(text: str) -> str:
    note(text)
    return text


@app.task(name="t.delivery", bind=True)
def delivery(self: Task[Any, Any]) -> dict[str, Any]:
    return self.request.delivery_info


@app.task(name="t.tell", bind=True)
def tell(self: Task[Any, Any], progress: float) -> float:
    self.send_event("task-progress", progress=progress)
    return progress


@app.task(name="t.fail")
def fail(text: str) -> None:
    raise ValueError(text)


@app.task(name="t.sleep", bind=True)
def sleep(self: Task[Any, Any], seconds: float, name: str = "sleep") -> str:
    """Sleep in small steps, noting beginning and end; not once more when it is delivered again."""
    if self.request.redelivered:
        note(f"{name} again")
        return name
    note(f"{name} begins")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.05)
    note(f"{name} ends")
    return name


@app.task(name="t.until")
def until(gate: str, name: str) -> str:
    """Run until the file ``gate`` says "end"."""
    note(f"{name} begins")
    _wait_for(gate, "end")
    note(f"{name} ends")
    return name


@app.task(name="t.deaf")
def deaf(seconds: float, name: str = "deaf") -> None:
    """Catch whatever is raised into it."""
    note(f"{name} begins")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(BaseException):
            time.sleep(0.05)
    note(f"{name} ends")


@app.task(name="t.stuck")
def stuck() -> None:
    """Stay in C code, where no handler of a signal runs, for many seconds."""
    note("stuck begins")
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 50_000_000)


@app.task(name="t.die", bind=True)
def die(self: Task[Any, Any], times: int, name: str = "die") -> str:
    """Kill its own process, until it has done so ``times`` times."""
    died = Path(os.environ[NOTES]).read_text().count(f"{name} dies") if Path(os.environ[NOTES]).exists() else 0
    if died < times:
        note(f"{name} dies")
        os.kill(os.getpid(), signal.SIGKILL)
    note(f"{name} lives, redelivered {self.request.redelivered}")
    return name


@app.task(name="t.retry", bind=True, max_retries=5)
def retry(self: Task[Any, Any], times: int) -> int:
    if self.request.retries < times:
        raise self.retry(countdown=0)
    return int(self.request.retries)


@app.task(name="t.give_up", bind=True, max_retries=1)
def give_up(self: Task[Any, Any]) -> None:
    raise self.retry(exc=ValueError("no more"), countdown=0)


@app.task(name="t.soft")
def soft(seconds: float) -> str:
    try:
        time.sleep(seconds)
    except SoftTimeLimitExceeded:
        return "tidied up"
    return "slept"


@app.task(name="t.leave")
def leave(how: str) -> None:
    raise {"exit": SystemExit, "interrupt": KeyboardInterrupt}[how]("leaving")


@app.task(name="t.ignore")
def ignore() -> None:
    raise Ignore


@app.task(name="t.reject", bind=True)
def reject(self: Task[Any, Any], requeue: bool = False) -> str:
    if self.request.redelivered:
        return "second"
    raise Reject("not now", requeue=requeue)


class Flaky(ConnectionError):
    """What ``t.again`` meets until it has been tried often enough."""


@app.task(
    name="t.again",
    bind=True,
    autoretry_for=(OSError,),
    dont_autoretry_for=(BrokenPipeError,),
    retry_kwargs={"max_retries": 2, "countdown": 0},
)
def again(self: Task[Any, Any], times: int, kind: str = "flaky") -> int:
    """Fail so many times, with what is tried again by itself or not."""
    if self.request.retries < times:
        raise {"flaky": Flaky, "broken": BrokenPipeError, "value": ValueError}[kind](f"attempt {self.request.retries}")
    return int(self.request.retries)


@app.task(name="t.a_again", bind=True, autoretry_for=(OSError,), retry_backoff=True, retry_backoff_max=0.1)
async def a_again(self: Task[Any, Any], times: int) -> int:
    if self.request.retries < times:
        raise Flaky(f"attempt {self.request.retries}")
    return int(self.request.retries)


@app.task(name="t.progress", bind=True, track_started=True)
def progress(self: Task[Any, Any], gate: str) -> str:
    """Be STARTED, then in a state of its own, each until the file ``gate`` says so."""
    _wait_for(gate, "go on")
    self.update_state("PROGRESS", {"done": 3, "of": 10})
    _wait_for(gate, "end")
    return "done"


@app.task(name="t.a_progress", bind=True)
async def a_progress(self: Task[Any, Any]) -> str:
    self.update_state(state="PROGRESS", meta=[1])
    return "done"


@app.task(name="t.odd_state", bind=True)
def odd_state(self: Task[Any, Any]) -> None:
    self.update_state("ODD", object())


@app.task(name="t.lost_once", bind=True, reject_on_worker_lost=False)
def lost_once(self: Task[Any, Any], name: str) -> None:
    note(f"{name} begins")
    os.kill(os.getpid(), signal.SIGKILL)


def _wait_for(gate: str, text: str) -> None:
    while not Path(gate).exists() or text not in Path(gate).read_text():
        time.sleep(0.02)


@app.task(name="t.early", acks_late=False)
def early(name: str) -> None:
    note(f"{name} begins")
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="t.early_sleep", acks_late=False)
def early_sleep(seconds: float) -> None:
    note("early begins")
    time.sleep(seconds)


@app.task(name="t.early_hold", acks_late=False)
def early_hold() -> None:
    """Keep the interpreter's lock, so that no other thread of the process runs, for many seconds."""
    note("holds")
    re.match(r"(a+)+$", "a" * 40 + "b")


@app.task(name="t.length")
def length(text: str) -> int:
    return len(text)


@app.task(name="t.big")
def big(size: int) -> str:
    return "x" * size


@app.task(name="t.unwritable")
def unwritable() -> object:
    return object()


class Evil(ValueError):
    """An error that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")

    __str__ = __repr__


@app.task(name="t.evil")
def evil() -> None:
    raise Evil


@app.task(name="t.a_sleep")
async def a_sleep(seconds: float, name: str = "") -> float:
    if name:
        note(f"{name} begins")
    try:
        await asyncio.sleep(seconds)
    finally:
        if name:
            note(f"{name} ends")
    return seconds


@app.task(name="t.a_tidy")
async def a_tidy() -> str:
    try:
        await asyncio.sleep(60)
    except SoftTimeLimitExceeded:
        return "tidied up"
    return "slept"


@app.task(name="t.a_block", bind=True)
async def a_block(self: Task[Any, Any], seconds: float) -> None:
    """Let nothing else on the loop run."""
    if not self.request.redelivered:
        time.sleep(seconds)


_counted: list[int] = []


@app.task(name="t.a_count")
async def a_count(seconds: float) -> int:
    """How many of these run at the same time."""
    _counted.append(1)
    many = len(_counted)
    await asyncio.sleep(seconds)
    _counted.pop()
    return many


@app.task(name="t.pid")
def pid() -> int:
    return os.getpid()


_hoard: list[bytes] = []


@app.task(name="t.collect")
def collect() -> int:
    """How many kilobytes this process has for itself since the collector of garbage has been through all of it."""
    before = _private()
    gc.collect()
    return _private() - before


def _private() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty"))


@app.task(name="t.hoard")
def hoard(megabytes: int) -> int:
    """Keep so much memory."""
    _hoard.append(os.urandom(1 << 20) * megabytes)
    return os.getpid()


@app.task(name="t.rated", rate_limit="4/s")
def rated() -> float:
    return time.monotonic()


@app.task(name="t.parent")
def parent() -> str:
    """Send a child from inside."""
    return str(add.apply_async((1, 1), queue=os.environ["CELERIAC_TEST_CHILDREN"]).id)
