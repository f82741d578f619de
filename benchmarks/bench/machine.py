"""What a run ran on: the machine, the versions of everything, and when."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

#: Distribution of each Python environment whose version stands for it.
_PACKAGES = (
    "import importlib.metadata as m; print(' '.join(sorted({f'{d.name}-{d.version}' for d in m.distributions()})))"
)
#: Packages that are worth naming in a report.
NAMED = re.compile(
    r"^(celeriac|celery|kombu|amqp|billiard|redis|hiredis|dramatiq|taskiq\S*|huey|rq|arq|aio-pika|pika|orjson)-[\d.]+$"
)


def facts() -> dict[str, str]:
    """The machine and the moment."""
    memory = _find(Path("/proc/meminfo"), r"MemTotal:\s+(\d+)")
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _find(Path("/proc/cpuinfo"), r"model name\s*:\s*(.+)") or platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{int(memory) / 1024 / 1024:.0f} GB" if memory else "unknown",
        "system": _find(Path("/etc/os-release"), r'PRETTY_NAME="(.+)"') or platform.system(),
        "kernel": platform.release(),
        "load before": f"{os.getloadavg()[0]:.1f}",
        "commit": _answer(["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent),
    }


def versions(programs: Mapping[str, str]) -> dict[str, str]:
    """What is installed: brokers, languages, and the packages of each environment."""
    found = {
        "RabbitMQ": _rabbitmq(),
        "Redis": _first(r"v=([\d.]+)", _answer(["redis-server", "--version"])),
        "Python": platform.python_version(),
        "Node": _answer(["node", "--version"]),
        "PHP": _first(r"PHP ([\d.]+)", _answer(["php", "--version"])),
    }
    for environment, program in programs.items():
        if Path(program).name.startswith("python"):
            names = _answer([program, "-c", _PACKAGES]).lower().split()
            found[environment] = " ".join(name for name in names if NAMED.match(name))
    return {name: version for name, version in found.items() if version}


def _rabbitmq() -> str:
    names = [path.name for path in Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*")]
    return names[0].partition("-")[2] if names else ""


def _answer(command: Sequence[str], cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1].strip() if found else ""


def _find(path: Path, pattern: str) -> str:
    return _first(pattern, path.read_text()) if path.exists() else ""
