"""Runs ``celeriac worker`` on the task catalogue and passes on what its tasks say."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from celeriac import BrokerUnavailable

HERE = Path(__file__).parent
#: Variable of Celeriac's that names the pool of its workers.
POOL = "CELERIAC_WORKER_POOL"
STDOUT = threading.Lock()


def start_worker(request: dict[str, Any]) -> subprocess.Popen[str]:
    """Start a worker and return once all its processes consume."""
    options = request.get("options", {})
    concurrency = options.get("concurrency", 1)
    command = [sys.executable, "-m", "celeriac", "-A", "conf_tasks", "-b", request["broker_url"]]
    if request.get("result_url"):
        command += ["--backend", request["result_url"]]
    command += ["worker", "-Q", request["queue"], "-c", str(concurrency), "-l", "info", "--max-deaths", "3"]
    command += ["-n", options["node"]] if "node" in options else []
    command += ["-E"] if options.get("events") else []
    environment = {**os.environ, "CONF_QUEUE": request["queue"]}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    worker = subprocess.Popen(command, cwd=HERE, env=environment, text=True, **pipes)
    threading.Thread(target=lambda: [say(line) for line in worker.stdout or ()], daemon=True).start()
    log = iter(worker.stderr or ())
    processes = 1 if os.environ.get(POOL) == "threads" else concurrency
    ready = 0
    for line in log:
        sys.stderr.write(line)
        ready += " ready: " in line
        if ready == processes:
            threading.Thread(target=lambda: sys.stderr.writelines(log), daemon=True).start()
            return worker
    raise BrokerUnavailable(f"the worker ended with exit code {worker.wait()}")


def say(line: str) -> None:
    """Write a line of the protocol, whole."""
    with STDOUT:
        sys.stdout.write(line)
        sys.stdout.flush()
