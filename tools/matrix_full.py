"""Everybody against everybody: what `make matrix-full` runs. Celery of three versions, and the clients that npm has.

Apart from `make test`: it installs what nothing else needs, and takes minutes.
"""

from __future__ import annotations

import sys
from typing import NoReturn

import setup
import third_party
import venvs
from common import CACHE, CONFORMANCE_PACKAGE, alone, become, to_exit_code

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


def run() -> NoReturn:
    """Run the matrix on private brokers, as the process that was started."""
    interpreters = {
        "CELERIAC_PYTHON": venvs.DEV,
        "CELERY_PYTHON": venvs.WITNESS,
        **venvs.OLDER,
    }
    environment = {name: str(venvs.python(path)) for name, path in interpreters.items()}
    suite, table = venvs.DEV / "bin" / "celeriac-conformance", CONFORMANCE_PACKAGE / "matrix-full.yaml"
    become([suite, "matrix", "--config", table, "--out", REPORT, "--timeout", "5"], **environment)


if __name__ == "__main__":
    sys.exit(to_exit_code(lambda: prepare() or run()))
