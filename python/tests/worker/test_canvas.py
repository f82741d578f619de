"""Canvases, sent by this client and run by workers of Celeriac, of Celery, and by both on one queue."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from celeriac import BoundSignature, Celeriac, GroupResult, InvalidCall, TaskFailure, chain, chord, group
from tests.conftest import Broker
from tests.support.canvas_functions import NOTES, QUEUE
from tests.support.celery import CeleryWorker
from tests.support.waiting import PATIENCE, eventually
from tests.support.worker import Worker

pytestmark = pytest.mark.celery

#: broker and backend, and who works
COUNTING = [f"{setup}:{who}" for setup in ("redis", "rabbitmq-redis") for who in ("celeriac", "celery", "both")]
ALL = [*COUNTING, "rabbitmq-rpc:celeriac", "rabbitmq-rpc:celery"]
OURS = [crew for crew in COUNTING if crew.endswith(":celeriac")]


def with_crews(crews: list[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("crew", crews, indirect=True, scope="module")


@dataclass(frozen=True)
class Crew:
    """Workers on one queue, and a client of theirs."""

    app: Celeriac
    notes: Path

    def s(self, name: str, *args: Any) -> BoundSignature:
        return self.app.signature(f"c.{name}", args)

    def noted(self, text: str) -> None:
        eventually(lambda: self.notes.exists() and text in self.notes.read_text().split("\n"), f"noted: {text}")


def places(request: pytest.FixtureRequest, setup: str) -> Broker:
    if setup == "redis":
        url = request.getfixturevalue("redis_url")
        return Broker("redis", url, url)
    backend = "rpc://" if setup == "rabbitmq-rpc" else request.getfixturevalue("redis_url")
    return Broker("rabbitmq", request.getfixturevalue("amqp_url"), backend)


@pytest.fixture(scope="module")
def crew(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    setup, members = request.param.split(":")
    broker = places(request, setup)
    queue = f"test-{uuid.uuid4().hex[:12]}"
    notes = tmp_path_factory.mktemp("canvas") / "notes"
    with ExitStack() as running:
        if members in ("celery", "both"):
            variables = {"CELERY_APP_BACKEND": broker.backend, QUEUE: queue, NOTES: str(notes)}
            application = "tests.support.celery_tasks"
            node, log = f"{queue}@celery", notes.with_name("celery.log")
            running.enter_context(
                CeleryWorker(broker.url, queue, node, log, application=application, environment=variables)
            )
        if members in ("celeriac", "both"):
            environment = {QUEUE: queue}
            application = "tests.support.canvas_tasks"
            running.enter_context(
                Worker(broker.url, broker.backend, queue, notes, application=application, environment=environment)
            )
        app = running.enter_context(
            Celeriac("test", broker=broker.url, backend=broker.backend, task_default_queue=queue)
        )
        yield Crew(app, notes)
    broker.remove(queue)


@with_crews(ALL)
def test_partials_and_immutables(crew: Crew) -> None:
    assert crew.s("multiply", 2).delay(5).get(PATIENCE) == 10
    immutable = BoundSignature(task="c.multiply", args=[2, 4], immutable=True, app=crew.app)
    assert immutable.delay(99).get(PATIENCE) == 8
    assert (crew.s("multiply", 2, 3) | immutable | crew.s("add", 1)).apply_async().get(PATIENCE) == 9


@with_crews(ALL)
def test_chain(crew: Crew) -> None:
    result = chain(crew.s("multiply", 2, 3), crew.s("multiply", 4), crew.s("add", 1))()
    assert result.get(PATIENCE) == 25
    ids = [result.id]
    while result.parent is not None:
        result = result.parent
        ids.append(result.id)
    assert len(set(ids)) == 3
    assert [crew.app.AsyncResult(task_id).get(PATIENCE) for task_id in ids] == [25, 24, 6]


@with_crews(ALL)
def test_group(crew: Crew) -> None:
    result = group(crew.s("multiply", i, 2) for i in range(4)).apply_async()
    assert result.get(PATIENCE) == [0, 2, 4, 6]
    assert (len(result), result.completed_count(), result.successful(), result.ready()) == (4, 4, True, True)
    assert (result.failed(), result.waiting(), result.state) == (False, False, "SUCCESS")


@with_crews(ALL)
def test_map_starmap_chunks(crew: Crew) -> None:
    app = Celeriac(
        "test", broker=crew.app.broker, backend=crew.app.backend, task_default_queue=crew.app.conf.task_default_queue
    )
    with app:
        total = app.task(name="c.total")(sum)
        add = app.task(name="c.add")(lambda x, y: x + y)
        assert total.map([[1, 2], [3, 4]]).apply_async().get(PATIENCE) == [3, 7]
        assert add.starmap([(1, 2), (3, 4)]).apply_async().get(PATIENCE) == [3, 7]
        assert add.chunks([(i, i) for i in range(6)], 2)().get(PATIENCE) == [[0, 2], [4, 6], [8, 10]]


@with_crews(ALL)
def test_a_failed_step_fails_the_chain(crew: Crew) -> None:
    result = chain(crew.s("fail"), crew.s("add", 1), crew.s("add", 2))()
    with pytest.raises(TaskFailure, match="no stock"):
        result.get(PATIENCE)


@with_crews(ALL)
def test_links_and_errbacks(crew: Crew) -> None:
    mark = uuid.uuid4().hex
    old = crew.app.signature("c.old_errback")
    crew.s("fail").apply_async(link_error=[old, crew.s("new_errback")], task_id=f"a-{mark}")
    crew.noted(f"failed a-{mark}")
    crew.noted(f"inside a-{mark} ValueError")
    steps = chain(crew.s("add", 1, 1), crew.s("fail"), crew.s("add", 2)).on_error(old)
    failed = steps.apply_async()
    assert failed.parent is not None
    crew.noted(f"failed {failed.parent.id}")


@with_crews([crew for crew in ALL if crew != "rabbitmq-rpc:celery"])
def test_replacement(crew: Crew) -> None:
    """Not by Celery over rpc: what replaces a task there answers to the worker, and its caller never hears of it."""
    assert crew.s("replace", 2, 3).delay().get(PATIENCE) == 5
    assert (crew.s("replace", 2, 3) | crew.s("add", 1)).delay().get(PATIENCE) == 6


@pytest.mark.parametrize("backend", [None, "rpc://"])
def test_without_a_backend_that_counts_a_chord_is_refused_when_it_is_built(backend: str | None) -> None:
    s = Celeriac("test", broker="amqp://nowhere", backend=backend).signature
    named = "there is none" if backend is None else "rpc://"
    with pytest.raises(InvalidCall, match=named):
        chord([s("c.add", (1, 1))], s("c.total"))
    with pytest.raises(InvalidCall, match=named):
        chain(group(s("c.add", (1, 2)), s("c.add", (3, 4))), s("c.total"))


# -- chords


@with_crews(COUNTING)
def test_chords(crew: Crew) -> None:
    s = crew.s
    assert chord([s("add", i, i) for i in range(4)])(s("total")).get(PATIENCE) == 12
    assert chain(group(s("add", 1, 2), s("add", 3, 4)), s("total"))().get(PATIENCE) == 10
    assert chord([])(s("total")).get(PATIENCE) == 0


NESTED: dict[str, Any] = {
    "group in a chain": (
        lambda s: chain(s("add", 1, 1), group(s("add", 1), s("add", 2)), s("total"), s("add", 100)),
        107,
    ),
    "chain in a group": (lambda s: group(s("add", 1, 1) | s("add", 10), s("add", 2, 2) | s("add", 20)), [12, 24]),
    "chains in a chord": (lambda s: chord([s("add", 1, 1) | s("add", 10), s("add", 2, 2)], s("total")), 16),
    "chord in a chain": (lambda s: s("add", 1, 1) | chord([s("add", 1), s("add", 2)], s("total")) | s("add", 5), 12),
    "chord in a chord": (
        lambda s: chord([chord([s("add", 1, 1), s("add", 2, 2)], s("total")), s("add", 3, 3)], s("total")),
        12,
    ),
    "group of groups": (lambda s: group(s("add", 1, 1), group(s("add", 2, 2), s("add", 3, 3))), [2, 4, 6]),
    "group after a group": (
        lambda s: group(s("add", 1, 1), s("add", 2, 2)) | group(s("echo"), s("total")),
        [[2, 4], 6],
    ),
    "three levels": (
        lambda s: group(s("add", 1, 1), s("add", 2, 2)) | group(s("total"), s("total")) | s("total") | s("add", 1),
        13,
    ),
    "a member that ends with a group": (
        lambda s: chord([s("add", 1, 1) | group(s("add", 1), s("add", 2)), s("add", 3, 3)], s("echo")),
        [[3, 4], 6],
    ),
    "a member that is replaced": (lambda s: chord([s("replace", 1, 1), s("replace", 2, 2)], s("total")), 6),
    "replaced by a group": (lambda s: s("replace_by_group", 10) | s("total"), 23),
}


@with_crews(COUNTING)
@pytest.mark.parametrize("name", NESTED)
def test_nested(crew: Crew, name: str) -> None:
    build, expected = NESTED[name]
    assert build(crew.s).apply_async().get(PATIENCE) == expected


@with_crews(COUNTING)
def test_chord_as_one_task(crew: Crew) -> None:
    header = [crew.s("add", 1, 1).build(), crew.s("add", 2, 2).build()]
    kwargs = {"header": header, "body": crew.s("total").build(), "kwargs": {}}
    body = crew.app.send_task("celery.chord", (), kwargs).get(PATIENCE)
    assert crew.app.result_from(body).get(PATIENCE) == 6


FAILING: dict[str, Any] = {
    "member": lambda s: chord([s("add", 1, 1), s("fail")], s("total")),
    "step of a member": lambda s: chord([s("add", 1, 1) | s("fail") | s("add", 1), s("add", 1, 1)], s("total")),
    "step after the chord": lambda s: chord([s("add", 1, 1), s("fail")], s("total")) | s("add", 1),
}


@with_crews(COUNTING)
@pytest.mark.parametrize("name", FAILING)
def test_a_failed_member_fails_the_body(crew: Crew, name: str) -> None:
    mark = uuid.uuid4().hex
    errback = crew.s("new_errback")
    result = FAILING[name](crew.s).on_error(errback).apply_async(task_id=mark)
    with pytest.raises(TaskFailure) as caught:
        result.get(PATIENCE)
    error = caught.value
    assert (error.exc_type, error.exc_module) == ("ChordError", "celery.exceptions")
    assert str(error).startswith("ChordError: Dependency ") and str(error).endswith(" raised ValueError('no stock')")
    if name != "step after the chord":
        crew.noted(f"inside {mark} ChordError")


@with_crews(OURS)
def test_a_failed_chord_in_a_chord_fails_the_outer_body(crew: Crew) -> None:
    """With Celery 5.7 the outer chord waits for ever."""
    s = crew.s
    inner = chord([s("fail"), s("add", 2, 2)], s("total"))
    with pytest.raises(TaskFailure, match="ChordError"):
        chord([inner, s("add", 3, 3)])(s("total")).get(PATIENCE)


@with_crews(OURS)
def test_one_more_member(crew: Crew) -> None:
    s = crew.s
    assert sorted(chord([s("one_more", 1), s("add", 1, 1)])(s("echo")).get(PATIENCE)) == [1, 2, 101]


@with_crews(COUNTING)
def test_groups_are_saved_and_restored(crew: Crew) -> None:
    result = group(crew.s("add", i, i) for i in range(3)).apply_async()
    result.save()
    restored = crew.app.restore_group(result.id)
    assert isinstance(restored, GroupResult) and restored.get(PATIENCE) == [0, 2, 4]
    restored.forget()
    assert crew.app.restore_group(result.id) is None


@with_crews(COUNTING)
def test_children_and_collect(crew: Crew) -> None:
    result = (crew.s("add", 1, 1) | group(crew.s("add", 1), crew.s("add", 2))).apply_async()
    assert result.get(PATIENCE) == [3, 4] and result.parent is not None
    values = [value for _, value in result.parent.collect(PATIENCE)]
    assert values == [2, [3, 4], 3, 4]


@with_crews(ALL)
def test_stamps_travel(crew: Crew) -> None:
    steps = chain(crew.s("add", 1, 1), crew.s("add", 2)).stamp(tenant="acme")
    assert steps.apply_async().get(PATIENCE) == 4
