"""The harness is a package in the folder above, and starts brokers as the conformance suite does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(BENCHMARKS))
sys.path.insert(0, str(BENCHMARKS.parent / "conformance" / "src"))

from bench.stage import Stage  # noqa: E402 - its folder has to be on the path first


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """The brokers that the environment names, with this Python for every contestant."""
    urls = [os.environ.get(name) for name in ("CELERIAC_AMQP_URL", "CELERIAC_REDIS_URL")]
    if not all(urls):
        reason = "SKIPPED rabbitmq, redis: set CELERIAC_AMQP_URL and CELERIAC_REDIS_URL"
        if os.environ.get("CELERIAC_REQUIRE"):
            pytest.fail(reason)
        pytest.skip(reason)
    programs = dict.fromkeys(("celeriac", "drivers"), sys.executable)
    # The brokers are not ours, nor are their CPU seconds. Bare drivers use the virtual host that one gets unasked; the
    # database is one that no other test uses.
    rabbitmq = urlunsplit(urlsplit(str(urls[0]))._replace(path="//"))
    yield Stage(rabbitmq, str(urls[1]).rsplit("/", 1)[0] + "/13", os.getpid(), os.getpid(), programs, tmp_path)
