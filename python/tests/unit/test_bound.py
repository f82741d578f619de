"""What users write: signatures of an application, canvases of them, and the results they get."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from celeriac import (
    BoundSignature,
    Celeriac,
    GroupResult,
    InvalidCall,
    Message,
    Replace,
    Result,
    Signature,
    Task,
    TaskFailure,
    chain,
    chord,
    current_request,
    group,
)
from celeriac.async_result import AsyncResult
from celeriac.bound import Header
from celeriac.task import Request
from celeriac.transport import Document
from celeriac.tree import Node

from .client_parts import Fakes
from .worker_parts import NOW, message


class FakeGroups:
    """Notes what groups are told, and keeps what is saved."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.saved: dict[str, bytes] = {}

    def expect(self, sizes: list[tuple[str, int]]) -> None:
        self.told.append(list(sizes))

    def expect_more(self, group_id: str, more: int = 1) -> None:
        self.told.append((group_id, more))

    def save(self, group_id: str, document: bytes) -> None:
        self.saved[group_id] = document

    def load(self, group_id: str) -> bytes | None:
        return self.saved.get(group_id)

    def forget(self, group_id: str) -> None:
        self.saved.pop(group_id, None)

    def close(self) -> None:
        self.told.append("closed")


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> FakeGroups:
    made = FakeGroups()
    monkeypatch.setattr("celeriac.connections.open_groups", lambda *_args, **_options: made)
    return made


@pytest.fixture
def app(fakes: Fakes, groups: FakeGroups) -> Iterator[Celeriac]:
    with Celeriac("shop", broker="amqp://nowhere", backend="redis://nowhere") as made:
        yield made


@pytest.fixture
def add(app: Celeriac) -> Task[[int, int], int]:
    @app.task(name="shop.add")
    def add(x: int, y: int) -> int:
        return x + y

    return add


Add = Task[[int, int], int]


def done(fakes: Fakes, task_id: str, value: Any, **fields: Any) -> None:
    built = Result.from_success(task_id, value, date_done=NOW, **fields).build()
    fakes.reader.documents[task_id] = Document(task_id, built.body, built.content_type, built.content_encoding)


def failed(fakes: Fakes, task_id: str) -> None:
    built = Result.from_failure(task_id, ValueError("no"), date_done=NOW).build()
    fakes.reader.documents[task_id] = Document(task_id, built.body, built.content_type, built.content_encoding)


def test_a_signature_is_a_value_of_its_application(add: Add) -> None:
    signature = add.s(1)
    assert signature == Signature(task="shop.add", args=[1]) and signature.build()["args"] == [1]
    assert signature.set(queue="x").app is add.app and "queue" not in signature.options
    assert add.si(1).immutable and add.signature((1,), countdown=5).options == {"countdown": 5}
    assert signature.clone((0,)).args == [0, 1]
    assert add.s(2)(3) == 5, "one task runs here and now"
    with pytest.raises(InvalidCall, match="send it with delay"):
        add.app.signature("elsewhere")()


def test_partials_are_sent_with_arguments_in_front(add: Add, fakes: Fakes) -> None:
    add.s(2).delay(5)
    add.si(2, 4).delay(99)
    add.s(2).apply_async((5,), countdown=3, task_id="mine")
    assert [sent.args for sent in fakes.messages] == [[5, 2], [2, 4], [5, 2]]
    assert fakes.messages[2].eta is not None and fakes.messages[2].id == "mine"


def test_chains(add: Add, fakes: Fakes) -> None:
    callback, errback = add.s(7), add.s(8)
    result = (add.s(2, 3) | add.s(10)).link(callback).on_error(errback).apply_async(task_id="end", priority=5)
    (sent,) = fakes.messages
    assert result.parent is not None and (sent.id, sent.priority) == (result.parent.id, 5)
    assert sent.errbacks == [errback.build()] and sent.callbacks is None
    (step,) = sent.chain or ()
    assert step["options"]["task_id"] == result.id == "end"
    assert step["options"]["link"] == [callback.build()] and step["options"]["link_error"] == [errback.build()]
    assert chain([add.s(1, 1), add.s(2)]) == chain(add.s(1, 1), add.s(2)) == add.s(1, 1) | add.s(2)


def test_links_may_be_set_like_any_option(add: Add, fakes: Fakes) -> None:
    callback = add.s(7) | add.s(8)
    chain(add.s(2, 3).set(link=callback), add.s(10).set(link=[callback], link_error=add.s(9))).delay()
    (sent,) = fakes.messages
    assert sent.callbacks == [callback.build()]
    options = (sent.chain or ())[0]["options"]
    assert options["link"] == [callback.build()] and options["link_error"] == add.s(9).build()


def test_groups(add: Add, fakes: Fakes) -> None:
    result = group(add.s(i) for i in range(3)).delay(10)
    assert [sent.args for sent in fakes.messages] == [[10, 0], [10, 1], [10, 2]]
    assert {sent.group for sent in fakes.messages} == {result.id} and len(result) == 3
    assert [member.id for member in result] == [sent.id for sent in fakes.messages] and result[0].parent is None
    assert isinstance((add.s(1, 1) | group(add.s(1), add.s(2))).delay(), GroupResult)
    assert isinstance(group(add.s(1, 1)).set(queue="x").on_error(add.s(1))(), GroupResult)


def test_chords_tell_their_size_before_they_are_sent(add: Add, fakes: Fakes, groups: FakeGroups) -> None:
    result = chord([add.s(1, 1), add.s(2, 2)])(add.si(1, 2), task_id="body")
    assert result.id == "body" and isinstance(result.parent, GroupResult)
    assert groups.told == [[(result.parent.id, 2)]] and len(fakes.sent) == 2
    assert isinstance(chord([add.s(1, 1)]), Header)
    assert chord(group(add.s(1, 1)), add.s(1)).subtask_type == "chord"


def test_maps_and_chunks(add: Add, fakes: Fakes) -> None:
    add.map([1, 2]).delay()
    add.starmap([(1, 2)]).delay()
    assert isinstance(add.chunks([(i, i) for i in range(3)], 2).delay(), GroupResult)
    assert [sent.task for sent in fakes.messages] == ["celery.map", *["celery.starmap"] * 3]


def test_stamps(add: Add, fakes: Fakes) -> None:
    chain(add.s(1, 1), add.s(2)).stamp(tenant="acme").delay()
    (sent,) = fakes.messages
    assert (sent.stamped_headers, sent.stamps) == (["tenant"], {"tenant": "acme"})


def test_a_task_known_here_is_sent_with_its_own_options(app: Celeriac, fakes: Fakes) -> None:
    @app.task(name="slow", queue="slow", ignore_result=True)
    def slow() -> None: ...

    group(slow.s(), slow.s().set(queue="other"), app.signature("unknown"))()
    assert [outgoing.routing_key for outgoing in fakes.sent] == ["slow", "other", "celery"]
    assert [sent.ignore_result for sent in fakes.messages] == [True, True, False]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda add: chain(),
        lambda add: group(),
        lambda add: chain(Signature(task="t")),
        lambda add: group([add.s(1), 5]),  # type: ignore[list-item]
        lambda add: chain(add.s(1).set(countdwon=5)).delay(),
        lambda add: chord([add.s(1).set(countdown="x")])(add.s(1)),
        lambda add: add.s(1).link(add.s(1).set(nonsense=1)).delay(),
        lambda add: group(add.s(1)).link(add.s(1)),
        lambda add: group(add.s(1)).apply_async(link=add.s(1)),
        lambda add: add.s(object()).delay(),
        lambda add: add.app.apply(Signature(task="t", subtask_type="net")),
    ],
)
def test_mistakes_are_found_before_anything_is_sent(add: Add, fakes: Fakes, wrong: Any) -> None:
    with pytest.raises(InvalidCall):
        wrong(add)
    assert fakes.sent == []


def test_only_signatures_are_piped(add: Add) -> None:
    with pytest.raises(TypeError):
        _ = add.s(1) | 5  # type: ignore[operator]


# -- inside a task


@pytest.fixture
def request_() -> Iterator[Request]:
    member = message(id="parent", root_id="root", group="g", group_index=0, chord=Signature(task="body"))
    request = Request(member, "mail", False, "w1")
    token = current_request.set(request)
    yield request
    current_request.reset(token)


def test_a_canvas_sent_from_inside_knows_its_parent(add: Add, fakes: Fakes, request_: Request) -> None:
    result = group(add.s(1, 1), add.s(2, 2) | add.s(1)).delay()
    assert {(sent.parent_id, sent.root_id) for sent in fakes.messages} == {("parent", "root")}
    assert [node.id for node in request_.children] == [result.id]
    assert request_.children[0].members is not None


def test_replace_raises(add: Add, request_: Request) -> None:
    with pytest.raises(Replace) as caught:
        add.replace(add.s(1, 2))
    assert caught.value.signature == add.s(1, 2)
    with pytest.raises(InvalidCall):
        add.replace(add.s(1, 2).set(countdwon=5))


def test_replace_is_for_workers(add: Add) -> None:
    with pytest.raises(InvalidCall, match="does not run in a worker"):
        add.replace(add.s(1, 2))


def test_one_more_member_is_expected_before_it_is_sent(
    add: Add, fakes: Fakes, groups: FakeGroups, request_: Request
) -> None:
    add.add_to_chord(add.s(1, 2))
    (sent,) = fakes.messages
    assert groups.told == [("g", 1)] and sent.group == "g" and sent.chord is not None


def test_there_is_no_chord_to_add_to(add: Add) -> None:
    token = current_request.set(Request(message(), "mail", False, "w1"))
    try:
        with pytest.raises(InvalidCall, match="not a member of a chord"):
            add.add_to_chord(add.s(1, 2))
    finally:
        current_request.reset(token)


# -- results


def result_of_group(app: Celeriac) -> GroupResult:
    return app.GroupResult("g", ["a", "b"])


def test_results_of_a_group(app: Celeriac, fakes: Fakes) -> None:
    result = result_of_group(app)
    done(fakes, "a", 1)
    assert (result.ready(), result.waiting(), result.completed_count(), result.state) == (False, True, 1, "PENDING")
    done(fakes, "b", 2)
    assert result.get() == result.join() == [1, 2] == result.result
    assert (result.successful(), result.failed(), result.state) == (True, False, "SUCCESS")
    assert [child.id for child in result.children] == ["a", "b"] and result.traceback is None
    result.forget()
    assert fakes.reader.documents == {}


def test_failures_in_a_group(app: Celeriac, fakes: Fakes) -> None:
    result = result_of_group(app)
    failed(fakes, "a")
    done(fakes, "b", 2)
    with pytest.raises(TaskFailure, match="no"):
        result.get(timeout=1)
    first, second = result.get(timeout=1, propagate=False)
    assert isinstance(first, TaskFailure) and second == 2
    assert (result.failed(), result.successful(), result.ready(), result.state) == (True, False, True, "FAILURE")


def test_saved_groups_are_restored(app: Celeriac, groups: FakeGroups) -> None:
    result = result_of_group(app)
    result.save()
    restored = app.restore_group("g")
    assert restored is not None and [member.id for member in restored] == ["a", "b"]
    assert groups.saved["g"] == b'{"result": [["g", null], [[["a", null], null], [["b", null], null]]]}'
    result.forget()
    assert app.restore_group("g") is None


def test_groups_are_kept_by_redis_alone(fakes: Fakes) -> None:
    with Celeriac(broker="amqp://nowhere", backend="rpc://") as app:
        with pytest.raises(InvalidCall, match="redis"):
            result_of_group(app).save()
        with pytest.raises(InvalidCall, match="redis"):
            app.restore_group("g")
        result_of_group(app).forget()


def test_children_and_collect(app: Celeriac, fakes: Fakes) -> None:
    done(fakes, "root", 1, children=[Node("kid").as_tuple(), Node("g", members=(Node("a"), Node("b"))).as_tuple()])
    for task_id, value in (("kid", 2), ("a", 3), ("b", 4)):
        done(fakes, task_id, value)
    root = app.AsyncResult("root")
    assert [type(child) for child in root.children] == [AsyncResult, GroupResult]
    assert [value for _, value in root.collect(timeout=1)] == [1, 2, [3, 4], 3, 4]
    assert app.AsyncResult("unknown").children == []


def test_results_travel_as_tuples(app: Celeriac, add: Add) -> None:
    result = (add.s(1, 1) | add.s(2)).delay()
    back = app.result_from(result.as_tuple())
    assert back.parent is not None and result.parent is not None
    assert (back.id, back.parent.id) == (result.id, result.parent.id)
    assert isinstance(app.result_from(group(add.s(1, 1)).delay().as_tuple()), GroupResult)
    with pytest.raises(InvalidCall, match="not a group"):
        GroupResult(Node("a"), app._outbox.backend)


def test_an_error_in_place_of_a_value(app: Celeriac, fakes: Fakes) -> None:
    failed(fakes, "a")
    assert isinstance(app.AsyncResult("a").get(propagate=False), TaskFailure)


def test_bound_signatures_are_signatures(add: Add) -> None:
    bound: BoundSignature = add.s(1)
    sent = Message.create(task="t", id="1", origin="x", callbacks=[bound])
    assert sent.callbacks == [bound.build()]


def test_revoking_asks_for_all_members(app: Celeriac, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("celeriac.remote.Control.revoke", lambda _self, ids, **how: asked.append((ids, how)))
    app.AsyncResult("a").revoke()
    nested = Node("g", members=(Node("a"), Node("h", members=(Node("b"),))))
    app.result_from(nested.as_tuple()).revoke(terminate=True, signal="SIGUSR1")
    assert asked == [
        (["a"], {"terminate": False, "signal": "SIGTERM"}),
        (["a", "b"], {"terminate": True, "signal": "SIGUSR1"}),
    ]
