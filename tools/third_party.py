"""The conformance suite against a client from npm, with the list of its known failures; on brokers of the environment.

python3 tools/third_party.py celery-ts-results REPORTS
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import venvs
from common import CONFORMANCE_PACKAGE, alone, become, digest, once, quiet, to_exit_code

FOLDER = CONFORMANCE_PACKAGE / "adapters" / "npm"
#: Run -> the client, the profiles of what it is for, and what is left out.
RUNS: dict[str, tuple[str, ...]] = {
    "celery-node": ("celery-node", "--profile", "producer,result"),
    # The case that is left out ends its process.
    "celery-ts": ("celery-ts", "--profile", "producer", "--skip", "producer/sending/queue-with-arguments"),
    # On Redis the first result that does not come holds the connection that all others are read by: whether one of them
    # is announced before it listens, chance decides.
    "celery-ts-results": ("celery-ts", "--profile", "result", "--broker", "$CELERIAC_AMQP_URL", "--result", "rpc://"),
    "node-celery": ("node-celery", "--profile", "producer"),
}
#: One case after the other, in the same order each time: what one does to these clients is felt by the next.
ORDER = ("--jobs", "1", "--seed", "1")


def install() -> None:
    """Bring what the adapters of these clients need, as the lock file says."""
    with once(FOLDER / "node_modules" / ".setup.stamp", digest(FOLDER / "package-lock.json")) as needed:
        if needed:
            quiet(["npm", "ci"], what="conformance/adapters/npm: npm ci", cwd=FOLDER)


def run(name: str, reports: Path) -> NoReturn:
    """Run what a client was made for, sending and reading results, as the process that was started."""
    with alone():
        install()
    client, *chosen = RUNS[name]
    options: list[str | Path] = [*map(os.path.expandvars, chosen), *ORDER, "--out", reports]
    options += ["--known-failing", FOLDER / f"{client}.toml"]
    become([venvs.DEV / "bin" / "celeriac-conformance", "run", *options, "--", "node", FOLDER / f"{client}.mjs"])


if __name__ == "__main__":
    sys.exit(to_exit_code(lambda: run(sys.argv[1], Path(sys.argv[2]))))
