"""A1 to A3: two services, each with a worker and a queue of its own; results by rpc:// on RabbitMQ, else in Redis."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from celeriac import Celeriac
from celeriac.transport import count_waiting
from tests.conftest import Broker
from tests.scenarios.conftest import KINDS, Hand, new_name
from tests.support.brokers import ROOT
from tests.support.waiting import PATIENCE, eventually

CLIENTS = Path(__file__).parent / "clients"
#: What the command needs, and a file of its client.
LANGUAGES = {
    "node": (["node", str(CLIENTS / "chain.mjs")], ROOT / "clients" / "node" / "dist" / "index.js"),
    "php": (["php", str(CLIENTS / "chain.php")], ROOT / "clients" / "php" / "vendor" / "autoload.php"),
}


@dataclass
class Services:
    """Workers A and B of one kind; on one host, and those of Celeriac without names."""

    a: Hand
    b: Hand
    broker: Broker

    def client(self) -> Celeriac:
        return Celeriac("celery_rabbit_prototype", broker=self.broker.url, backend=self.broker.backend)


@pytest.fixture(scope="module", params=KINDS)
def services(
    request: pytest.FixtureRequest, broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("services")
    a, b = (Hand(request.param, broker, new_name(name), folder) for name in ("service_a", "service_b"))
    with ExitStack() as running:
        yield Services(running.enter_context(a), running.enter_context(b), broker)
    for hand in (a, b):
        broker.remove(hand.queue)


def run_pipeline(services: Services) -> tuple[int, float]:
    """The program of the scenario; its result, and the seconds it took from the first connection on."""
    began = time.monotonic()
    with services.client() as app:
        first = app.send_task("task_a", (5, 3), queue=services.a.queue)
        second = app.send_task("task_b", (first.get(PATIENCE),), queue=services.b.queue)
        return second.get(PATIENCE), time.monotonic() - began


def test_a1_two_services(services: Services) -> None:
    runs = [run_pipeline(services) for _ in range(3)]
    assert {value for value, _ in runs} == {16}
    assert min(seconds for _, seconds in runs) < 1, "the best of three: others use this machine, too"
    services.a.logged("Tâche A terminée : 5 + 3 = 8")
    services.b.logged("Tâche B terminée : 8 * 2 = 16")
    assert services.a.node != services.b.node


@pytest.mark.parametrize("language", LANGUAGES)
def test_a2_a_chain_from_elsewhere(services: Services, language: str) -> None:
    command, client = LANGUAGES[language]
    require(language, shutil.which(command[0]) is not None and client.exists(), f"{command[0]} and {client}")
    urls = (services.broker.url, services.broker.backend)
    done = subprocess.run(
        [*command, *urls, services.a.queue, services.b.queue], capture_output=True, text=True, timeout=40, check=False
    )
    assert (done.stdout, done.stderr) == ("16\n", "")


def require(language: str, there: bool, what: str) -> None:
    """Skip, with the reason, where a language is not here; fail where CELERIAC_REQUIRE names it."""
    if not there:
        reason = f"SKIPPED {language}: there has to be {what}"
        if language in os.environ.get("CELERIAC_REQUIRE", "").split(","):
            pytest.fail(f"CELERIAC_REQUIRE names {language}, but: {reason}")
        pytest.skip(reason)


def test_a3_a_service_that_comes_late(services: Services) -> None:
    services.b.kill()
    with services.client() as app:
        first = app.send_task("task_a", (5, 3), queue=services.a.queue)
        second = app.send_task("task_b", (first.get(PATIENCE),), queue=services.b.queue)
        eventually(lambda: count_waiting(services.broker.url, services.b.queue) == 1, "the second task waits")
        with services.b:
            assert second.get(PATIENCE) == 16
