"""``python -m capture.crew worker ...``: the shop's worker with settings from the environment; and how to run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import shop
from .wires import Rabbit, Store, eventually

TOOLS = Path(__file__).resolve().parents[1]
NODE = "w1@host.example"
QUEUE = "shop.in"
OUT = "shop.out"
SECONDS = 60
#: How long an answer of a worker that is up takes at most; one that is not answers never.
ANSWER_SECONDS = 1.0


@contextmanager
def crew(broker: Rabbit | Store, backend: Store | str, *options: str, **conf: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A real worker on the queue shop.in that answers remote control; stopped at the end unless it has stopped itself.

    ``backend`` holds its results, or is a URL; ``options`` are those of its command line, ``conf`` its settings.
    """
    results = backend if isinstance(backend, str) else backend.url
    variables = {"CAPTURE_BROKER": broker.url, "CAPTURE_BACKEND": results}
    environment = {**os.environ, **variables, "CAPTURE_CONF": json.dumps(conf), "PYTHONPATH": str(TOOLS)}
    command = [sys.executable, "-m", "capture.crew", "worker", "-Q", QUEUE, "-n", NODE, "-l", "warning"]
    command += ["--without-gossip", "--without-mingle", *options]
    devnull = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, cwd=TOOLS, stdout=devnull, stderr=devnull)
    try:
        with shop.build(broker.url, None) as app:
            eventually("an answer of the worker", lambda: app.control.ping(timeout=ANSWER_SECONDS, limit=1) or None)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


if __name__ == "__main__":
    settings = json.loads(os.environ["CAPTURE_CONF"])
    app = shop.build(os.environ["CAPTURE_BROKER"], os.environ["CAPTURE_BACKEND"], **settings)
    app.worker_main(sys.argv[1:])
