"""What every tool shares: where things are, how to run a command, and stamps that make a second run quick.

Standard library only, Python 3.10 or newer: these files run before anything is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

if sys.version_info < (3, 10):  # noqa: UP036 - whoever runs this may have any Python
    sys.exit(f"error: Python 3.10 or newer is needed, this is {sys.version.split()[0]} (make PYTHON=python3.12 ...)")

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
LOGS = CACHE / "logs"
NODE = ROOT / "clients" / "node"
PHP = ROOT / "clients" / "php"
PYTHON_PACKAGE = ROOT / "python"
CONFORMANCE_PACKAGE = ROOT / "conformance"


class Failed(Exception):
    """A step of the set-up failed; the text says which, quotes the end of its output and names a remedy."""


def say(text: str) -> None:
    """One line to standard output, now: set-up is watched by people and by CI."""
    print(text, flush=True)


def relative(path: Path) -> str:
    """A path as a reader of the repository would write it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def quiet(
    command: Sequence[str | Path],
    *,
    what: str,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    remedy: str = "",
) -> None:
    """Run a command with its output in .cache/logs, saying only ``what`` and the seconds.

    Raises Failed with the end of the output when the command does not exit with 0.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / (re.sub(r"[^a-z0-9.]+", "-", what.lower()).strip("-.") + ".log")
    words = [str(word) for word in command]
    began = time.monotonic()
    with log.open("w") as output:
        output.write(f"$ {shlex.join(words)}\n")
        output.flush()
        try:
            code = subprocess.run(
                words,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        except OSError as error:
            raise Failed(f"{what}: {error}") from error
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        hint = f"\nremedy: {remedy}" if remedy else ""
        raise Failed(f"{what}: exit {code} from {words[0]} (all of it in {relative(log)})\n{tail}{hint}")
    say(f"  {what} ({time.monotonic() - began:.1f} s)")


def answer(command: Sequence[str]) -> str | None:
    """What a command prints, stripped; None when it cannot be run or exits with something else than 0."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def digest(*parts: str | Path) -> str:
    """A content hash of texts and files; a directory stands for every file below it, a missing one for nothing."""
    total = hashlib.sha256()
    for part in parts:
        for name, content in _contents(part):
            total.update(f"{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def _contents(part: str | Path) -> Iterable[tuple[str, bytes]]:
    if isinstance(part, str):
        return [("", part.encode())]
    files = sorted(file for file in part.rglob("*") if file.is_file()) if part.is_dir() else [part]
    return [(relative(file), file.read_bytes()) for file in files if file.exists()]


@contextlib.contextmanager
def once(stamp: Path, key: str) -> Iterator[bool]:
    """True when what ``stamp`` stands for was last done for another ``key``; records ``key`` if the block ends well."""
    needed = not stamp.exists() or stamp.read_text() != key
    if needed:
        stamp.unlink(missing_ok=True)
    yield needed
    if needed:
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(key)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Only one set-up at a time in this tree; a second one waits and then finds everything done."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def become(command: Sequence[str | Path], **variables: str) -> NoReturn:
    """Go on as this command, with these environment variables beside ours: whoever ends us ends it, not its parent."""
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execve(command[0], [str(word) for word in command], {**os.environ, **variables})


def to_exit_code(work: Callable[[], int], expected: type[Exception] = Failed) -> int:
    """Do the work of a command; Failed, and what else is expected to go wrong, becomes a line and exit code 1.

    SIGTERM becomes an exception, so that whatever the work started is stopped on the way out. SIGINT is one again:
    whoever starts us in the background may have had it ignored, and tests that interrupt something inherit that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _leave)
    try:
        return work()
    except (Failed, expected) as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; everything is stopped")
        return 128 + signal.SIGINT


def _leave(*_: object) -> None:
    # Another one interrupts nothing of what is stopped then.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + signal.SIGTERM)
