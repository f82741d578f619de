"""A13 to A15 and A18 to A22: what is made of several calls. A19 to A22 are workflows, here as canvases."""

from __future__ import annotations

import os
import time

import pytest

from celeriac import Celeriac, GroupResult, InvalidCall, TaskFailure, TaskRevoked, chain, chord, group
from tests.scenarios.conftest import Crew, new_name
from tests.support.waiting import PATIENCE, eventually

#: Seconds after which a process that was to be ended is gone: 2 in the scenario, but others use this machine, too.
GONE = 5.0


def test_a13_chains(crew: Crew) -> None:
    result = chain(crew.s("multiply", 2, 3), crew.s("multiply", 4), crew.s("add", 1)).apply_async()
    assert result.get(PATIENCE) == 25
    ids = [result.id]
    while result.parent is not None:
        result = result.parent
        ids.append(result.id)
    assert len(set(ids)) == 3
    piped = crew.s("multiply", 2, 3) | crew.si("multiply", 5, 5) | crew.s("add", 1)
    assert piped.apply_async().get(PATIENCE) == 26


def test_a14_groups_and_chords(crew: Crew) -> None:
    assert group(crew.s("multiply", i, 2) for i in range(4)).apply_async().get(PATIENCE) == [0, 2, 4, 6]
    assert chord([crew.s("add", i, i) for i in range(4)])(crew.s("total")).get(PATIENCE) == 12


def test_a15_map_starmap_chunks(crew: Crew) -> None:
    with Celeriac("a15", broker=crew.app.broker, backend=crew.app.backend, task_default_queue=crew.hand.queue) as app:
        add = app.task(name="add")(lambda x, y: x + y)
        total = app.task(name="total")(sum)
        assert total.map([(1, 2), (3, 4)]).apply_async().get(PATIENCE) == [3, 7]
        assert add.starmap([(1, 2), (3, 4)]).apply_async().get(PATIENCE) == [3, 7]
        assert add.chunks([(i, i) for i in range(6)], 2)().get(PATIENCE) == [[0, 2], [4, 6], [8, 10]]


def test_a18_a_group_in_a_chain(crew: Crew) -> None:
    assert crew.app.send_task("add", (2, 3)).get(PATIENCE) == 5
    parts = group(crew.si("add", 1, 2), crew.si("add", 3, 4))
    assert chain(parts, crew.s("total")).apply_async().get(PATIENCE) == 10
    with Celeriac("a18", broker=crew.app.broker, task_default_queue=crew.hand.queue) as nowhere:
        add, total = nowhere.signature("add", (1, 2)), nowhere.signature("total")
        with pytest.raises(InvalidCall, match="backend"):
            chain(group(add, add), total).apply_async()


def test_a19_extract_transform_load(crew: Crew) -> None:
    texts = ["Extracting data", "Transforming data", "Loading data"]
    before = len(crew.hand.notes)
    result = chain(crew.s("step", text) if text == texts[0] else crew.si("step", text) for text in texts).apply_async()
    assert result.get(PATIENCE) == texts[-1]
    assert crew.hand.notes[before:] == texts
    for text in texts:
        crew.hand.logged(text)
    graph = []
    while result is not None:
        graph.append((result.state, result.get(PATIENCE)))
        result = result.parent  # type: ignore[assignment]
    assert graph[::-1] == [("SUCCESS", text) for text in texts]


def test_a20_the_sum_of_a_group(crew: Crew) -> None:
    header = group(crew.s("random", 5, 9), crew.s("random", 5, 9))
    result = (header | crew.s("total")).apply_async()
    value = result.get(PATIENCE)
    previous = result.parent
    assert isinstance(previous, GroupResult) and len(previous.results) == 2
    assert value == sum(previous.get(PATIENCE)) and 10 <= value <= 18


def test_a21_a_step_that_fails(crew: Crew) -> None:
    names = {what: new_name(what) for what in ("extract", "load", "success")}
    failing = crew.s("boom").on_error(crew.s("failed"))
    before = crew.hand.notes.count("failure hook")
    last = crew.si("say", names["load"]).link(crew.si("say", names["success"]))
    result = chain(crew.s("say", names["extract"]), failing, last).apply_async()
    middle = result.parent
    assert middle is not None and middle.parent is not None
    assert middle.parent.get(PATIENCE) == names["extract"]
    with pytest.raises(TaskFailure, match="BOOM") as failure:
        middle.get(PATIENCE)
    assert "RuntimeError: BOOM" in (failure.value.traceback or "")
    eventually(lambda: crew.hand.notes.count("failure hook") == before + 1, "the failure hook runs")
    assert crew.app.send_task("add", (1, 1)).get(PATIENCE) == 2
    assert crew.hand.notes.count("failure hook") == before + 1
    assert not {names["load"], names["success"]} & set(crew.hand.notes), "canceled"


def test_a22_a_step_that_is_cancelled(crew: Crew) -> None:
    slow, after = new_name("slow"), new_name("after")
    result = chain(crew.s("slow", slow), crew.si("say", after)).apply_async()
    running = result.parent
    assert running is not None
    pid = int(crew.hand.noted(f"{slow} begins").rsplit(" ", 1)[1])
    began = time.monotonic()
    running.revoke(terminate=True)
    eventually(lambda: not alive(pid), "the process is gone")
    assert time.monotonic() - began < GONE
    with pytest.raises(TaskRevoked):
        running.get(PATIENCE)
    assert crew.app.send_task("add", (1, 1)).get(PATIENCE) == 2
    assert running.state == "REVOKED", "and stays so"
    assert f"{slow} ends" not in crew.hand.notes
    assert after not in crew.hand.notes


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
