"""What follows the end of a task: golden against what Celery's worker sends, and what chords and failures lead to."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from celeriac import InvalidCall, Message, Signature
from celeriac.canvas import chain_of, chord_of, group_of, with_errback
from celeriac.following import ChordError, Member, broken_off, composed, continuations, gathered, replacement
from celeriac.lifecycle import step
from celeriac.lifecycle_events import Action, Call, Count, Expired, Failed, Phase, Send, Size, Store, Succeeded
from celeriac.planning import Sender, plan
from celeriac.tree import Node

from .test_canvas_vectors import NOW, REPLY_TO, comparable, sizes_of, vector
from .worker_parts import job, message


def s(task: str, *args: Any, **options: Any) -> Signature:
    return Signature(task=f"shop.{task}", args=list(args), options=options)


def new_id() -> str:
    return str(uuid.uuid4())


def sends(actions: tuple[Action, ...]) -> list[Message]:
    return [action.message for action in actions if isinstance(action, Send)]


def stored(actions: tuple[Action, ...]) -> dict[str, tuple[str, Any]]:
    """What is stored: id -> state and exception class."""
    found = {}
    for action in actions:
        if isinstance(action, Store):
            result = action.result.result
            found[action.result.task_id] = (action.result.status, result.get("exc_type") if result else None)
    return found


def counted(actions: tuple[Action, ...]) -> list[tuple[str, str, int | None, str]]:
    return [(a.group_id, a.task_id, a.index, a.state) for a in actions if isinstance(a, Count)]


# -- golden: what a worker of Celery 5.7 sends


def steps_after(*later: Signature) -> Message:
    """The message of ``add(2, 3)`` with the rest of its chain, as its sender wrote it."""
    sender = Sender(origin="gen1@host", now=NOW, new_id=new_id, reply_to=REPLY_TO)
    return plan(chain_of([s("add", 2, 3), *later]), sender).messages[0][0]


def neutral(messages: list[Message]) -> list[dict[str, Any]]:
    return [Message.parse(one.build()).to_neutral() for one in messages]


def assert_golden(name: str, actions: tuple[Action, ...], *, drop: tuple[str, ...] = ()) -> None:
    """Equal to the vector; ``drop`` names fields in which Celeriac does better, or says less."""
    expected = vector(name)["message"]
    commands = [command for command in expected.get("commands", []) if command[0] in ("DEL", "SET")]
    sizes = [[action.group_id, action.size] for action in actions if isinstance(action, Size)]
    ours, theirs = neutral(sends(actions)), expected["messages"]
    for one in (*ours, *theirs):
        for field in drop:
            one.pop(field, None)
    assert comparable(ours, sizes) == comparable(theirs, sizes_of(commands) if sizes else [])


def immutable(*args: Any, **options: Any) -> Signature:
    return Signature(task="shop.echo", args=list(args), options=options, immutable=True)


def test_golden_next_step() -> None:
    partial = job(steps_after(s("echo", "second", queue="shop.out"), s("echo")), new_id=new_id)
    assert_golden("worker-step-partial", continuations(partial, 5)[0])
    fixed = job(steps_after(immutable("done", queue="shop.out"), s("echo")), new_id=new_id)
    assert_golden("worker-step-immutable", continuations(fixed, 5)[0])


def test_golden_group_as_callback() -> None:
    group = group_of([s("echo", 10, queue="shop.out"), s("echo", 20, queue="shop.out")])
    about = message(id=new_id(), reply_to=new_id(), callbacks=[group])
    assert_golden("worker-link-group", continuations(job(about, new_id=new_id), 5)[0])


def test_golden_chord_as_task() -> None:
    about = message(task="celery.chord", id=new_id(), reply_to=new_id())
    whole = chord_of([s("add", 1, 1, queue="shop.out"), s("add", 2, 2, queue="shop.out")], s("total"))
    actions, _ = composed(job(about, new_id=new_id, counts_chords=True), whole)
    assert_golden("worker-chord-as-task", actions)


def counted_member(body: Signature) -> tuple[Any, Count]:
    about = message(id=new_id(), reply_to=new_id(), group=new_id(), group_index=1, chord=body)
    assert about.group is not None
    return job(about, new_id=new_id, counts_chords=True), Count(about.group, about.id, 1, "SUCCESS", 4, body)


def test_golden_chord_body() -> None:
    body = s("total", queue="shop.out", task_id=new_id())
    about, count = counted_member(body)
    body = body.set(group_id=count.group_id, reply_to=about.message.reply_to)
    count = Count(count.group_id, count.task_id, 1, "SUCCESS", 4, body)
    members = [Member("one", "SUCCESS", 2), Member(count.task_id, "SUCCESS", 4)]
    assert_golden("worker-chord-body", gathered(about, count, members, None))


def test_golden_chord_failed() -> None:
    body = with_errback(s("total", task_id=new_id(), reply_to=new_id()), s("elsewhere", queue="shop.out"))
    about, count = counted_member(body)
    info = {"exc_type": "ValueError", "exc_message": ["no stock"], "exc_module": "builtins"}
    members = [Member("one", "SUCCESS", 2), Member("two", "FAILURE", info)]
    actions = gathered(about, count, members, None)
    # Celery sends an errback as a group of one.
    assert_golden("worker-chord-failed", actions, drop=("group", "group_index"))
    (store,) = (action for action in actions if isinstance(action, Store))
    assert store.result.result == {
        "exc_type": "ChordError",
        "exc_message": ["Dependency two raised ValueError('no stock')"],
        "exc_module": "celery.exceptions",
    }


def test_golden_errback() -> None:
    about = message(id="order-4711", reply_to=new_id(), errbacks=[s("elsewhere", queue="shop.out")])
    _, actions = step(Phase.RUNNING, Failed(ValueError("no stock"), "tb"), job(about, new_id=new_id))
    assert_golden("worker-errback-old-style", actions, drop=("group", "group_index"))


def test_golden_replacement() -> None:
    about = message(id=new_id(), reply_to=new_id())
    working = job(about, new_id=new_id, counts_chords=True)
    chain = chain_of([s("add", 1, 2), s("add", 10)])
    expected = composed(working, replacement(about, chain))[0]
    (sent,) = sends(expected)
    assert sent.chain is not None and sent.replaced_task_nesting == 1
    assert sent.chain[0]["options"]["task_id"] == about.id == sent.root_id == sent.parent_id
    group = group_of([s("add", 1, 2), s("add", 3, 4)])
    replaced = composed(working, replacement(about, group))[0]
    for one in sends(replaced):
        assert one.replaced_task_nesting == 1 and one.chord is not None
        assert (one.chord["task"], one.chord["kwargs"]) == ("celery.accumulate", {"index": 0})
        assert one.chord["options"]["task_id"] == about.id and one.chord["options"]["group_id"] is None


def test_golden_replacement_in_a_chain() -> None:
    first = steps_after(s("echo"))
    actions, _ = composed(job(first, new_id=new_id), replacement(first, s("add", 1, 2)))
    (sent,) = sends(actions)
    expected = vector("worker-replace-in-chain")["message"]["messages"][0]
    assert sent.id == sent.root_id == sent.parent_id and expected["id"] == expected["root_id"] == expected["parent_id"]
    assert sent.replaced_task_nesting == expected["replaced_task_nesting"] == 1
    assert sent.chain is not None
    (after,), (vector_step,) = sent.chain, expected["chain"]
    assert after["task"] == vector_step["task"] and set(after["options"]) == set(vector_step["options"])
    # Celery gives the worker's own queue for answers here, so that its caller over rpc waits for ever.
    assert sent.reply_to == first.reply_to


# -- chains and groups that go on


def test_a_group_in_the_middle_of_a_foreign_chain_becomes_a_chord() -> None:
    rest = [s("total", task_id="end").build(), group_of([s("add", 1), s("add", 2)]).build()]
    actions, (node,) = continuations(job(message(chain=rest), counts_chords=True), 5)
    assert [(one.args, one.chord and one.chord["options"]["task_id"]) for one in sends(actions)] == [
        ([5, 1], "end"),
        ([5, 2], "end"),
    ]
    assert node == Node("end")


def test_a_chord_that_follows_keeps_the_rest() -> None:
    rest = [s("last", task_id="end").build(), chord_of([s("add", 1)], s("total", task_id="body")).build()]
    (sent,) = sends(continuations(job(message(chain=rest), counts_chords=True), 5)[0])
    assert sent.chord is not None and sent.chord["options"]["chain"][0]["options"]["task_id"] == "end"
    count = Count("g", "m", 0, "SUCCESS", 6, Signature.parse(sent.chord))
    (body,) = sends(gathered(job(sent, counts_chords=True), count, [Member("m", "SUCCESS", 6)], None))
    assert (body.id, body.args) == ("body", [[6]])
    assert body.chain is not None and body.chain[0]["options"]["task_id"] == "end"


def test_a_chord_is_not_sent_where_nobody_counts() -> None:
    with pytest.raises(InvalidCall, match="redis://"):
        composed(job(message()), chord_of([s("add")], s("total")))


def test_tasks_go_where_their_options_say() -> None:
    about = job(message(callbacks=[s("known"), s("unknown")]), defaults=lambda call: _defaults(call.task))
    actions, _ = continuations(about, 1)
    assert [action.route.routing_key for action in actions if isinstance(action, Send)] == ["own", "celery"]


def _defaults(name: str) -> dict[str, Any]:
    return {"queue": "own"} if name == "shop.known" else {}


# -- counting


MEMBER = {"group": "g", "group_index": 3, "chord": s("total", task_id="body")}


def test_every_end_of_a_member_is_counted() -> None:
    about = job(message(**MEMBER), counts_chords=True)
    assert counted(step(Phase.RUNNING, Succeeded(5), about)[1]) == [("g", "task-1", 3, "SUCCESS")]
    assert counted(step(Phase.RUNNING, Failed(ValueError(), ""), about)[1]) == [("g", "task-1", 3, "FAILURE")]
    assert counted(step(Phase.RECEIVED, Expired(), about)[1]) == [("g", "task-1", 3, "REVOKED")]
    ignoring = job(message(**MEMBER, ignore_result=True), counts_chords=True)
    assert counted(step(Phase.RUNNING, Succeeded(5), ignoring)[1]) == [("g", "task-1", 3, "SUCCESS")]


def test_a_failed_step_is_counted_for_the_member_that_never_ends() -> None:
    place = {"group_id": "g", "group_index": 1, "chord": s("total").build(), "task_id": "last"}
    chain = [s("add", **place).build(), s("add", task_id="middle").build()]
    _, actions = step(Phase.RUNNING, Failed(ValueError(), ""), job(message(chain=chain), counts_chords=True))
    assert counted(actions) == [("g", "last", 1, "FAILURE")]
    assert set(stored(actions)) == {"task-1", "middle", "last"}


def test_a_failure_reaches_the_ends_of_a_chord_that_never_begins() -> None:
    chord = chord_of([s("add", task_id="m")], s("total", task_id="body"))
    _, actions = step(Phase.RUNNING, Failed(ValueError(), ""), job(message(chain=[chord.build()]), counts_chords=True))
    assert set(stored(actions)) == {"task-1", "body"}


# -- chords that end


def test_nested_results_keep_their_shape() -> None:
    saved = Node("g", members=(Node("inner", members=(Node("x"), Node("y"))), Node("z")))
    members = [Member("x", "SUCCESS", 1), Member("y", "SUCCESS", 2), Member("z", "SUCCESS", 3)]
    count = Count("g", "z", 1, "SUCCESS", 3, s("total"))
    (body,) = sends(gathered(job(message(), counts_chords=True), count, members, saved))
    assert body.args == [[[1, 2], 3]]


def test_a_broken_chord_fails_its_body_all_that_follows_and_the_chord_around_it() -> None:
    outer = {"group_id": "outer", "group_index": 0, "chord": s("outer").build()}
    chain = [s("last", task_id="end").build()]
    body = s("total", task_id="body", chain=chain, link_error=[s("errback").build()], **outer)
    actions = broken_off(job(message(), counts_chords=True), body, ChordError("why"))
    assert stored(actions) == {"body": ("FAILURE", "ChordError"), "end": ("FAILURE", "ChordError")}
    assert counted(actions) == [("outer", "body", 0, "FAILURE")]
    (errback,) = sends(actions)
    assert (errback.args, errback.parent_id, errback.root_id) == (["body"], "body", "body")


def test_a_broken_chord_whose_body_is_a_group_fails_every_member() -> None:
    body = group_of([s("a", task_id="a", link_error=[s("e").build()]), chain_of([s("b", task_id="b")])])
    actions = broken_off(job(message(), counts_chords=True), body, ChordError("why"))
    assert set(stored(actions)) == {"a", "b"} and [one.args for one in sends(actions)] == [["a"]]


def test_errbacks_that_want_to_know_are_called() -> None:
    about = job(message(errbacks=[s("inside"), s("elsewhere")]), runs_inside=lambda e: e.task == "shop.inside")
    error = ValueError("no stock")
    _, actions = step(Phase.RUNNING, Failed(error, "tb"), about)
    (call,) = (action for action in actions if isinstance(action, Call))
    assert (call.errback.task, call.error, call.traceback, call.message.id) == ("shop.inside", error, "tb", "task-1")
    assert [one.task for one in sends(actions)] == ["shop.elsewhere"]


def test_what_replaces_takes_links_and_place() -> None:
    about = message(**MEMBER, callbacks=[s("callback")], errbacks=[s("errback")], replaced_task_nesting=1)
    whole = replacement(about, s("add", 1, 2, task_id="of its own"))
    assert whole.options["task_id"] == "task-1" and whole.options["replaced_task_nesting"] == 2
    assert (whole.options["group_id"], whole.options["group_index"]) == ("g", 3)
    assert whole.options["chord"]["task"] == "shop.total"
    assert len(whole.options["link"]) == len(whole.options["link_error"]) == 1
    with pytest.raises(InvalidCall, match="member of a chord"):
        replacement(about, s("add", chord=s("total").build()))
