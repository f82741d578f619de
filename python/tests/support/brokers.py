"""Brokers for tests: those that the environment names, else private ones, else a skip that says so."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[3]
LAUNCHER = ROOT / "conformance" / "src" / "celeriac_conformance" / "brokers.py"
VARIABLES = {"rabbitmq": "CELERIAC_AMQP_URL", "redis": "CELERIAC_REDIS_URL"}


@contextmanager
def shared_broker(kind: str) -> Iterator[str]:
    """URL of the broker that the environment names, or of a private one."""
    variable = VARIABLES[kind]
    if url := os.environ.get(variable):
        yield url
        return
    with private_broker(kind) as broker:
        yield broker.url


@contextmanager
def private_broker(kind: str, **options: Any) -> Iterator[Any]:
    """A broker of the test's own, which it may stop and start; ``options`` are the launcher's."""
    launcher = _launcher(kind)
    with ExitStack() as running:
        try:
            broker = running.enter_context(getattr(launcher, kind)(**options))
        except launcher.BrokerError as error:
            _unavailable(kind, str(error))
        yield broker


def _launcher(kind: str) -> Any:
    if not LAUNCHER.exists():
        _unavailable(kind, "the conformance suite, which starts private ones, is not beside this package")
    name = "celeriac_conformance_brokers"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, LAUNCHER)
        assert spec is not None and spec.loader is not None
        module: ModuleType = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


def _unavailable(kind: str, why: str) -> NoReturn:
    reason = f"SKIPPED {kind}: set {VARIABLES[kind]} ({why})"
    if kind in os.environ.get("CELERIAC_REQUIRE", "").split(","):
        pytest.fail(f"CELERIAC_REQUIRE names {kind}, but: {reason}")
    pytest.skip(reason)
