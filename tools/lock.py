"""Compile the lock files: every version pinned, every file by its hash, no address of any index.

    python tools/lock.py          # write them anew (needs uv and a package index)
    python tools/lock.py --check  # was each one compiled from its sources as they are? (offline)

A change in a package's dependencies asks for a new lock file, other changes of its pyproject.toml do not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import ROOT, digest, relative, say
from venvs import CAPTURE, DEMO, DEV, EMBEDDED, LOCKS, MEASURED, OLDER, PEERS, UV_ENVIRONMENT, WITNESS, uv

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = ROOT / "tools" / "requirements"
PYTHON = ROOT / "python" / "pyproject.toml"
CONFORMANCE = ROOT / "conformance" / "pyproject.toml"


@dataclass(frozen=True)
class Lock:
    """One lock file, what it is compiled from, and the further words of ``uv pip compile``."""

    output: Path
    sources: tuple[Path, ...]
    options: tuple[str, ...] = ()

    def key(self) -> str:
        """The first line of a lock file that was compiled from these sources."""
        return f"# compiled by tools/lock.py from inputs {digest(*map(_wishes, self.sources), *self.options)[:16]}\n"


def _wishes(source: Path) -> str:
    """What a source asks for; the rest of a pyproject.toml may change without a new lock file."""
    if source.suffix != ".toml":
        return source.read_text()
    content: dict[str, Any] = tomllib.loads(source.read_text())
    project = content["project"]
    wanted = (project.get("dependencies"), project.get("optional-dependencies"), content.get("dependency-groups"))
    return json.dumps(wanted, sort_keys=True)


#: All but `embedded`: not every platform has that wheel, and the tests start servers of their own.
EXTRAS = ("--extra=validate", "--extra=zstd")
TABLE = (
    Lock(
        LOCKS[DEV],
        (PYTHON, CONFORMANCE, FOLDER / "dev.in"),
        (*EXTRAS, *(f"--group={relative(file)}:dev" for file in (PYTHON, CONFORMANCE))),
    ),
    *(Lock(LOCKS[path], (FOLDER / f"{path.name}.in",)) for path in (WITNESS, *OLDER.values())),
    *(Lock(LOCKS[path], (LOCKS[path].with_suffix(".in"),)) for path in PEERS.values()),
    Lock(LOCKS[MEASURED], (PYTHON, LOCKS[MEASURED].with_suffix(".in"))),
    Lock(LOCKS[CAPTURE], (ROOT / "spec" / "tools" / "capture" / "requirements.txt",)),
    Lock(LOCKS[DEMO], (PYTHON, FOLDER / "demo.in")),
    Lock(EMBEDDED, (PYTHON,), ("--extra=embedded",)),
)
#: --universal: one file for every platform and every Python from 3.10 on.
COMPILE = ("--universal", "--python-version", "3.10", "--generate-hashes", "--no-header", "--no-annotate", "--quiet")


def compile_all() -> int:
    """Write every lock file; the exit code."""
    tool = uv()
    if tool is None:
        sys.exit("error: uv is needed to compile lock files (remedy: make setup, or install uv)")
    for lock in TABLE:
        sources = [relative(source) for source in lock.sources]
        command = [tool, "pip", "compile", *sources, *lock.options, *COMPILE, "-o", str(lock.output)]
        lock.output.unlink(missing_ok=True)  # or uv keeps what was there: this command is for newer versions
        done = subprocess.run(
            command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL, env={**os.environ, **UV_ENVIRONMENT}
        )
        if done.returncode:
            return done.returncode
        text = lock.output.read_text()
        if "://" in text:
            sys.exit(f"error: {relative(lock.output)} names an address")
        lock.output.write_text(lock.key() + text)
        say(f"{relative(lock.output)}: {text.count('==')} packages")
    return 0


def check() -> int:
    """1 if a lock file was not compiled from its sources as they are now."""
    stale = [relative(lock.output) for lock in TABLE if not _current(lock)]
    for name in stale:
        say(f"{name} is older than what it is compiled from (remedy: make lock)")
    return 1 if stale else 0


def _current(lock: Lock) -> bool:
    return lock.output.exists() and lock.output.read_text().startswith(lock.key())


if __name__ == "__main__":
    sys.exit(check() if sys.argv[1:] == ["--check"] else compile_all())
