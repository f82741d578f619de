"""Make the vectors of Celery 5.7 anew and compare them with those that are stored: what `make capture` runs.

    python3 tools/recapture.py                # exit code 0 when every one is, byte for byte, what is stored
    python3 tools/recapture.py --replay       # words go to spec/tools/capture, in place of its --check
    python3 tools/recapture.py --show task-v2/invalid/id-missing

Its own environment (.cache/capture), its own brokers; ids, times and process ids are replaced before the comparison.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import setup
import venvs
from common import CONFORMANCE_PACKAGE, ROOT, Failed, alone, answer, say, to_exit_code

sys.path.insert(0, str(CONFORMANCE_PACKAGE / "src"))
from celeriac_conformance import brokers

TOOL = ROOT / "spec" / "tools" / "capture"
#: Tracebacks are text of the Python that ran: the stored ones are of this version, on every machine.
PYTHON = (3, 11)
PARTS = ("rabbitmq", "redis")


def interpreter(path: str = os.environ["PATH"]) -> str:
    """A Python of the version that the vectors are made with. Raises Failed where there is none."""
    name = f"python{PYTHON[0]}.{PYTHON[1]}"
    for candidate in (sys.executable, *(str(Path(folder) / name) for folder in path.split(os.pathsep))):
        printed = answer([candidate, "-c", "import sys; print(*sys.version_info[:2])"])
        if printed == f"{PYTHON[0]} {PYTHON[1]}":
            return candidate
    raise Failed(f"{name} not found: the vectors are made with it (remedy: install {name} and put it on PATH)")


def prepare() -> int:
    """Brokers and the environment; the exit code: a broker that is missing cannot be done without."""
    missing = setup.run(PARTS)
    for name, reason in missing.items():
        say(f"error: {name}: {reason}")
    if not missing:
        with alone():
            venvs.ensure(venvs.CAPTURE)
    return 1 if missing else 0


def capture(words: Sequence[str]) -> int:
    """Run the capture on private brokers, whatever others the environment names: it empties their queues."""
    with ExitStack() as stack:
        rabbit, store = stack.enter_context(brokers.rabbitmq()), stack.enter_context(brokers.redis())
        environment = {**os.environ, brokers.ENV_AMQP: rabbit.url, brokers.ENV_REDIS: store.url}
        command = [str(venvs.python(venvs.CAPTURE)), str(TOOL), *words]
        return brokers.run(command, cwd=ROOT, env=environment)


def main(words: Sequence[str]) -> int:
    """Set up and capture; the exit code."""

    def work() -> int:
        wanted = interpreter()
        if sys.version_info[:2] != PYTHON:  # an environment is made of the Python that runs this file
            os.execv(wanted, [wanted, __file__, *words])
        return prepare() or capture(words or ("--check",))

    return to_exit_code(work, brokers.BrokerError)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
