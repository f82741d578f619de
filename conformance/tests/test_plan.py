"""What is run together and what not at the same time: plan, agenda and turns, without a broker."""

from __future__ import annotations

import random
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from celeriac_conformance.agenda import Agenda
from celeriac_conformance.bench import Bench
from celeriac_conformance.cases import Case
from celeriac_conformance.plan import STAGES, Batch, arrange
from celeriac_conformance.testee import Hello
from celeriac_conformance.turns import Turn
from celeriac_conformance.verdicts import UNSUPPORTED
from celeriac_conformance.waiting import until
from celeriac_conformance.witness import Combo

URLS = {"amqp": "amqp://guest:guest@conf.example:5672//", "redis": "redis://conf.example:6379/0"}
AMQP, REDIS = Combo("amqp", "rpc"), Combo("redis", "redis")


@pytest.fixture(autouse=True)
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for the locks."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


# -- plan ------------------------------------------------------------------------------------------

CLAIMS: dict[str, Any] = {
    "broker": ["amqp", "redis"],
    "result": ["rpc", "redis"],
    "serializer": ["json"],
    "protocol": [2],
    "control": ["ping"],
    "events": True,
}


def _bench(seed: int, roles: frozenset[str] = frozenset({"codec", "producer", "worker", "result", "events"})) -> Bench:
    """A bench that has greeted a testee with these claims."""
    bench = Bench((), URLS, 1.0, seed)
    bench.hello = Hello({}, roles, CLAIMS)
    bench.random = random.Random(seed)
    return bench


def _names(batches: list[Batch]) -> list[list[str]]:
    return [[case.name for case in batch.cases] for batch in batches]


def test_a_seed_repeats_the_order_and_another_does_not(library: list[Case]) -> None:
    first, again, other = (_names(arrange(_bench(seed), library)[0]) for seed in (7, 7, 8))
    assert first == again
    assert first != other
    assert sorted(map(sorted, first)) == sorted(map(sorted, other))


def test_every_case_has_its_place_once_per_combination(library: list[Case]) -> None:
    batches, unable = arrange(_bench(1), library)
    placed = [(case.name, batch.combo) for batch in batches for case in batch.cases]
    assert len(placed) == len(set(placed))
    assert {name for name, _ in placed} | {outcome.case.name for outcome in unable} == {case.name for case in library}
    assert {outcome.verdict for outcome in unable} == {UNSUPPORTED}
    assert {batch.stage for batch in batches} == set(STAGES)


def test_what_may_harm_others_shares_no_batch_with_them(library: list[Case]) -> None:
    batches, _ = arrange(_bench(1), library)
    for mark in ("alone", "poison", "own"):
        assert any(all(mark in case.steps for case in batch.cases) for batch in batches), mark
        assert not any(len({mark in case.steps for case in batch.cases}) > 1 for batch in batches), mark
    assert all(batch.hears for batch in batches if batch.alone)


def test_a_role_that_is_not_claimed_is_unsupported(library: list[Case]) -> None:
    batches, unable = arrange(_bench(1, frozenset({"codec"})), library)
    assert {batch.stage for batch in batches} == {"codec"}
    assert {"role producer is not claimed", "role worker is not claimed"} <= {outcome.why for outcome in unable}


# -- turns -----------------------------------------------------------------------------------------


def test_many_listen_and_one_is_alone(locks: Path) -> None:
    one, other, alone = (Turn(URLS["redis"], alone) for alone in (False, False, True))
    assert (one.take(), other.take(), alone.take()) == (True, True, False)
    one.give_back()
    assert not alone.take()
    other.give_back()
    assert alone.take()
    assert not Turn(URLS["redis"], alone=False).take()
    alone.give_back()
    assert list(locks.iterdir()) == []


def test_another_database_and_another_virtual_host_are_other_brokers() -> None:
    held = [Turn(url, alone=True) for url in (*URLS.values(), URLS["redis"][:-1] + "1", URLS["amqp"] + "other")]
    assert all(turn.take() for turn in held)
    for turn in held:
        turn.give_back()


def test_user_and_password_do_not_make_another_broker() -> None:
    turn = Turn("amqp://one:secret@conf.example:5672//", alone=True)
    assert turn.take()
    assert not Turn("amqp://two:word@conf.example:5672//", alone=True).take()
    turn.give_back()


# -- agenda ----------------------------------------------------------------------------------------


def _case(name: str, **steps: Any) -> Case:
    return Case(name, name.partition("/")[0], "about", {"cast": ["worker"], "script": [], **steps})


LISTENING = Batch("play", AMQP, (_case("control/a/listening"),))
HARMFUL = Batch("play", AMQP, (_case("control/a/harmful", alone=True),))
ELSEWHERE = Batch("play", REDIS, (_case("control/a/elsewhere", alone=True),))
DEAF = Batch("producer", AMQP, (_case("producer/a/deaf"),))


def test_one_bench_takes_all_in_the_order_of_the_plan() -> None:
    batches = [DEAF, LISTENING, HARMFUL]
    assert list(Agenda(batches, URLS).batches()) == batches


def test_nobody_listens_where_something_harmful_is_said() -> None:
    agenda = Agenda([LISTENING, DEAF, HARMFUL, ELSEWHERE], URLS, jobs=3)
    with closing(agenda.batches()) as first, closing(agenda.batches()) as second, closing(agenda.batches()) as third:
        begun = {next(first), next(second), next(third)}
        assert begun == {HARMFUL, ELSEWHERE, DEAF}  # who listens on that broker has to wait
        assert next(first) is LISTENING
        assert list(second) == list(third) == []


def test_who_waits_for_a_turn_goes_when_all_is_over() -> None:
    agenda = Agenda([HARMFUL], URLS, jobs=2)
    held = Turn(URLS["amqp"], alone=False)  # of another suite on the same machine
    assert held.take()
    left: list[Batch] = []
    waiting = threading.Thread(target=lambda: left.extend(agenda.batches()))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    agenda.end()
    waiting.join(5)
    assert (waiting.is_alive(), left) == (False, [])
    held.give_back()


def test_a_turn_that_another_suite_gives_back_is_taken() -> None:
    agenda = Agenda([HARMFUL], URLS, jobs=2)
    held = Turn(URLS["amqp"], alone=False)
    assert held.take()
    left: list[Batch] = []
    waiting = threading.Thread(target=lambda: left.extend(agenda.batches()))
    waiting.start()
    held.give_back()
    assert until(lambda: left, 5) == [HARMFUL]
    waiting.join(5)
