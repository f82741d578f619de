"""Everybody against everybody: what `make matrix-full` runs. Celery of three versions, and the clients that npm has.

Apart from `make test`: it installs what nothing else needs, and takes minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys

import setup
import third_party
import venvs
from common import CACHE, CONFORMANCE_PACKAGE, ROOT, alone, to_exit_code

REPORT = CACHE / "reports" / "matrix-full.json"


def prepare() -> int:
    """Everything that the tests need, the older Celerys and the clients from npm; the exit code."""
    missing = setup.run()
    if missing:
        setup.report(missing)
        return 1
    with alone():
        for environment in venvs.OLDER.values():
            venvs.ensure(environment)
        third_party.install()
    return 0


def run() -> int:
    """Run the matrix on private brokers; its exit code."""
    interpreters = {
        "CELERIAC_PYTHON": venvs.DEV,
        "CELERY_PYTHON": venvs.WITNESS,
        **venvs.OLDER,
    }
    environment = {name: str(venvs.python(path)) for name, path in interpreters.items()}
    command = [str(venvs.DEV / "bin" / "celeriac-conformance"), "matrix"]
    options = ["--config", str(CONFORMANCE_PACKAGE / "matrix-full.yaml"), "--out", str(REPORT), "--timeout", "5"]
    return subprocess.run([*command, *options], cwd=ROOT, env={**os.environ, **environment}, check=False).returncode


if __name__ == "__main__":
    sys.exit(to_exit_code(lambda: prepare() or run()))
