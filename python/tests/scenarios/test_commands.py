"""A7: the command line, asked about a worker of ours and one of Celery's on the same broker."""

from __future__ import annotations

import json
import uuid

from click.testing import CliRunner, Result

from celeriac.cli import main
from tests.scenarios.conftest import KINDS, Crew, Place, new_name
from tests.support.waiting import PATIENCE

#: Seconds that replies may take; known nodes are not waited for longer than they take.
REPLIES = "10"


def cli(place: Place, *words: str) -> Result:
    return CliRunner().invoke(main, ["-b", place.broker.url, "--backend", place.broker.backend, *words])


def test_a7_every_node_answers_once(place: Place) -> None:
    nodes = sorted(place.hand(kind).node for kind in KINDS)
    whom = ("-d", ",".join(nodes), "-t", REPLIES)
    status = cli(place, "status", *whom)
    assert status.exit_code == 0
    assert status.output.splitlines() == [*(f"{node}: OK" for node in nodes), "", "2 nodes online."]
    for command in ("active", "stats"):
        found = cli(place, "inspect", command, "--json", *whom)
        assert (found.exit_code, sorted(json.loads(found.output))) == (0, nodes)


def test_a7_call_and_result(crew: Crew) -> None:
    called = cli(crew.place, "call", "add", "-a", "[2, 3]", "-Q", crew.hand.queue)
    assert called.exit_code == 0
    task_id = called.output.strip()
    assert crew.app.AsyncResult(task_id).get(PATIENCE) == 5
    found = cli(crew.place, "result", task_id, "--timeout", str(PATIENCE))
    assert (found.exit_code, found.output) == (0, "5\n")


def test_a7_an_unknown_result(place: Place) -> None:
    unknown = cli(place, "result", str(uuid.uuid4()), "--timeout", "0.5")
    assert unknown.exit_code == 4 and "unknown to this backend" in unknown.output


def test_a7_purge(place: Place) -> None:
    queue = new_name()
    for _ in range(2):
        assert cli(place, "call", "add", "-a", "[2, 3]", "-Q", queue).exit_code == 0
    purged = cli(place, "purge", "-f", "-Q", queue)
    assert (purged.exit_code, purged.output) == (0, f"{queue}: 2 messages deleted\n")
    place.broker.remove(queue)
