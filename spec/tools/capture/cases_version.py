"""What older releases of Celery are captured for: a sample of the tables for the current one.

Their vectors lie in the same folders, under names that begin with the version: ``task-v2/celery-4-4-plain``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from . import cases_result, cases_task
from .cases_result import Run
from .cases_task import GIVEN_GROUP, Send

PIN = re.compile(r"^celery(?:\[[a-z,]+\])?==(?P<version>[0-9.]+)$", re.MULTILINE)

SAMPLES = (
    "datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)",
    "date(2026, 1, 2)",
    "UUID('12345678-1234-5678-1234-567812345678')",
    "Decimal('1.10')",
)
TYPED = Send(
    "dates-and-decimals",
    "date and time, date, UUID and decimal, as this version's kombu writes them",
    ("SER-TYPE-008", "SER-TYPE-013"),
    args=f"({', '.join(SAMPLES)})",
    task="echo",
)
TASKS = (
    "plain", "kwargs", "countdown", "eta-offset", "expires-seconds", "timelimit-both", "priority", "headers",
    "ignore-result", "compression-zlib", "link", "chain-of-3", "group-member", "chord-header", "stamps",
)  # fmt: skip
REDIS = ("plain", "priority-5", "expires")
RESULTS = (
    "success", "success-children", "success-group-id", "started", "retry", "revoked-expired", "failure",
    "failure-argument-not-json", "extended",
)  # fmt: skip
RPC = ("success", "failure")
WORKER_SENT = ("worker-retry", "worker-chain-step", "worker-replace")
#: What a version lacks: there is nothing to capture.
LACKS: Mapping[str, Sequence[str]] = {
    "4.4": ("stamps", "success-group-id", "delayed"),
    "5.2": ("stamps", "delayed"),
    "5.3": ("delayed",),
}
#: What a call decides in a version, where that is not what it decides in the current one.
TEXTS = ["2026-01-02T03:04:05Z", "2026-01-02T00:00:00", "12345678-1234-5678-1234-567812345678", "1.10"]
DECIDES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "4.4": {
        "dates-and-decimals": {"args": TEXTS},
        "expires-seconds": {},
        "expires": {},
        "ignore-result": {},
        "group-member": {"group": GIVEN_GROUP, "group_index": None},
        "worker-replace": {},
    },
    "5.2": {
        "dates-and-decimals": {"args": TEXTS},
        "group-member": {"group": GIVEN_GROUP, "group_index": None},
        "worker-replace": {},
    },
}

Case = TypeVar("Case", Send, Run)


def minor() -> str:
    """The installed Celery's version without its last number: "4.4"."""
    return ".".join(version("celery").split(".")[:2])


def prefix() -> str:
    """How the names of the vectors of the installed version begin, when it is an older one."""
    return f"celery-{minor().replace('.', '-')}-"


def is_current() -> bool:
    """Whether the installed Celery is the one of requirements.txt."""
    pinned = PIN.search((Path(__file__).parent / "requirements.txt").read_text(encoding="utf-8"))
    return pinned is not None and version("celery") == pinned["version"]


def has(name: str) -> bool:
    """Whether the installed version has what is called so in LACKS."""
    return name not in LACKS.get(minor(), ())


def named(folder: str, name: str) -> str:
    """Id of a vector, with the version in front of its name unless it is the current one."""
    return f"{folder}/{'' if is_current() else prefix()}{name}"


def about(text: str) -> str:
    """What a vector is about, with the version in front unless it is the current one."""
    return text if is_current() else f"Celery {minor()}: {text}"


def sample(table: Sequence[Case], names: Sequence[str]) -> list[Case]:
    """The cases of those names that the installed version has, named after the version."""
    return [versioned(case) for case in table if case.name in names and has(case.name)]


def versioned(case: Case) -> Case:
    """The case as the installed version is asked for it."""
    expect = DECIDES.get(minor(), {}).get(case.name, case.expect)
    return replace(case, name=f"{prefix()}{case.name}", about=about(case.about), expect=expect)


def tasks() -> list[Send]:
    """Messages for RabbitMQ."""
    return [*sample(cases_task.TASKS, TASKS), versioned(TYPED)]


def items() -> list[Send]:
    """List items for Redis."""
    return [*sample(cases_task.REDIS, REDIS), versioned(TYPED)]


def documents() -> list[Run]:
    """Result documents in Redis."""
    return sample(cases_result.REDIS, RESULTS)


def replies() -> list[Run]:
    """Result messages of rpc."""
    return sample(cases_result.REDIS, RPC)


def sent_by_worker() -> list[Send]:
    """Messages that a worker sends."""
    return sample(cases_result.WORKER_SENT, WORKER_SENT)
