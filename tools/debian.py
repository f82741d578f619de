"""Debian packages for what is missing: only those, listed before they are installed, only as root or by sudo -n."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from common import Failed, answer, quiet, say

LISTS = Path("/var/lib/apt/lists")
LISTS_SECONDS = 24 * 3600
#: A package's post-install script asks this program whether it may start its service.
POLICY = Path("/usr/sbin/policy-rc.d")


def lacking(packages: Sequence[str]) -> list[str]:
    """Those of ``packages`` that dpkg does not have as installed."""
    return [name for name in packages if answer(["dpkg-query", "-W", "-f", "${db:Status-Status}", name]) != "installed"]


def install(packages: Sequence[str]) -> None:
    """Install with apt; raises Failed when apt is absent, no root can be had, or a package cannot be installed."""
    names = lacking(packages) if shutil.which("dpkg-query") else list(packages)
    if not names:
        return
    if shutil.which("apt-get") is None:
        raise Failed("no apt-get here")
    root = _root()
    say(f"Debian packages to install: {' '.join(names)}")
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    if _stale():
        quiet([*root, "apt-get", "update", "-q"], what="apt-get update")
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *names]
    with _no_service_starts(root):
        quiet([*root, *_with(environment, bool(root)), *command], what="apt-get install", env=environment)


def _root() -> list[str]:
    """The words to put before a command so that root runs it; raises Failed when that is not to be had."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and answer(["sudo", "-n", "true"]) is not None:
        return ["sudo", "-n"]
    raise Failed("apt needs root, and sudo would ask for a password")


def _with(environment: dict[str, str], through_sudo: bool) -> list[str]:
    # sudo clears the environment; `env` behind it sets the variables again.
    return ["env", *(f"{name}={value}" for name, value in environment.items())] if through_sudo else []


def _stale() -> bool:
    newest = max((file.stat().st_mtime for file in LISTS.glob("*_Packages*")), default=0.0)
    return time.time() - newest > LISTS_SECONDS


@contextlib.contextmanager
def _no_service_starts(root: Sequence[str]) -> Iterator[None]:
    """Keep Debian from starting a RabbitMQ and a Redis of its own: the tests start private ones."""
    if POLICY.exists():
        yield
        return
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as script:
        script.write("#!/bin/sh\nexit 101\n")
        script.flush()
        subprocess.run([*root, "install", "-m", "755", script.name, str(POLICY)], check=True)
    try:
        yield
    finally:
        subprocess.run([*root, "rm", "-f", str(POLICY)], check=True)
