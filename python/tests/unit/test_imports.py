"""What importing the package brings in: what few need is imported where they need it, for a quick start."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Libraries by who needs them: code that awaits, a worker with metrics, bodies that are no JSON, a transport.
SELDOM = frozenset(
    {"asyncio", "concurrent.futures", "difflib", "http.server", "zoneinfo", "msgpack", "yaml", "kombu", "amqp", "redis"}
)
SELDOM_IN_WORKERS = SELDOM - {"concurrent.futures"}
#: What a transport does without.
OTHERS = {
    "import celeriac": SELDOM,
    "import celeriac.cli": SELDOM_IN_WORKERS,
    "from celeriac.worker import process": SELDOM_IN_WORKERS,
    "from celeriac.transport import redis, redis_consumer, redis_post, redis_results": frozenset({"kombu", "amqp"}),
    "from celeriac.transport import amqp, amqp_consumer, amqp_post": frozenset({"redis", "asyncio"}),
}


@pytest.mark.parametrize(("statement", "seldom"), OTHERS.items())
def test_what_is_seldom_needed_is_not_imported(statement: str, seldom: frozenset[str]) -> None:
    # In a process of its own: this one has imported all of it.
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not seldom & set(ran.stdout.split())
