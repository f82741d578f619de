"""Canvases as values: how they are put together and taken apart, and what is refused."""

from __future__ import annotations

import itertools
from datetime import datetime, timezone
from typing import Any

import pytest

from celeriac import InvalidCall, InvalidMessage, Signature
from celeriac.canvas import (
    as_one,
    at_end,
    called,
    chain_of,
    chord_of,
    chords_in,
    chunks_of,
    ends_of,
    group_of,
    linked,
    map_of,
    members_of,
    parts_of,
    piped,
    stamped,
    steps_of,
    with_errback,
)
from celeriac.planning import Plan, Sender, plan
from celeriac.tree import Node, saved_document, saved_group

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def s(task: str, *args: Any, **options: Any) -> Signature:
    return Signature(task=task, args=list(args), options=options)


A, B, C, D = (s(name) for name in "abcd")


def planned(signature: Signature, *prefix: Any) -> Plan:
    ids = itertools.count(1)
    sender = Sender(origin="gen1@host", now=NOW, new_id=lambda: f"id-{next(ids)}", reply_to="oid")
    return plan(signature, sender, prefix)


def outline(signature: Signature) -> Any:
    """Names of tasks: a chain as a list, a group as a tuple, a chord as header and body."""
    kind = signature.subtask_type
    if kind is None:
        return signature.task
    parts = [outline(part) for part in parts_of(signature)]
    if kind == "chord":
        return {"header": parts, "body": outline(Signature.parse(signature.kwargs["body"]))}
    return parts if kind == "chain" else tuple(parts)


@pytest.mark.parametrize(
    ("canvas", "expected"),
    [
        (A, ["a"]),
        (chain_of([A, chain_of([B, C]), D]), ["a", "b", "c", "d"]),
        (chain_of([A, group_of([B, C])]), ["a", ("b", "c")]),
        (chain_of([group_of([A, B]), C]), [{"header": ["a", "b"], "body": "c"}]),
        (chain_of([group_of([A]), B]), [{"header": ["a"], "body": "b"}]),
        (
            chain_of([group_of([A, B]), group_of([C, D])]),
            [{"header": ["a", "b"], "body": ("c", "d")}],
        ),
        (
            chain_of([group_of([A]), group_of([B]), C, D]),
            [{"header": ["a"], "body": {"header": ["b"], "body": "c"}}, "d"],
        ),
        (chain_of([chord_of([A], B), C]), [{"header": ["a"], "body": "b"}, "c"]),
        (chord_of([A], chain_of([B, C])), [{"header": ["a"], "body": "b"}, "c"]),
        (chain_of([chord_of([A], group_of([B])), C]), [{"header": ["a"], "body": {"header": ["b"], "body": "c"}}]),
        (chain_of([group_of([]), A, group_of([]), chain_of([]), B]), ["a", "b"]),
        (chain_of([group_of([])]), [()]),
        (chain_of([]), []),
        (A.set(chain=[C.build(), B.build()]), ["a", "b", "c"]),
        (group_of([A]).set(chain=[B.build()]), [{"header": ["a"], "body": "b"}]),
    ],
)
def test_steps(canvas: Signature, expected: list[Any]) -> None:
    assert [outline(step) for step in steps_of(canvas)] == expected


def test_pipes_take_plain_chains_apart() -> None:
    assert outline(piped(piped(A, B), piped(C, D))) == ["a", "b", "c", "d"]
    assert outline(piped(piped(A, B).set(priority=1), C)) == [["a", "b"], "c"]


def test_arguments_go_to_what_begins() -> None:
    assert [part.args for part in parts_of(called(chain_of([s("a", 2), s("b", 3)]), (1,)))] == [[1, 2], [3]]
    assert [part.args for part in parts_of(called(group_of([s("a", 2), s("b", 3)]), (1,)))] == [[1, 2], [1, 3]]
    assert [part.args for part in parts_of(called(chord_of([s("a", 2)], B), (1,)))] == [[1, 2]]
    assert [part.kwargs for part in parts_of(called(group_of([A, B]), (), {"x": 1}))] == [{"x": 1}] * 2
    frozen = Signature(task="a", args=[1], immutable=True)
    assert called(chain_of([frozen, B]), (9,)) == chain_of([frozen, B])


def test_groups_hand_their_options_down_and_are_taken_apart() -> None:
    inner = group_of([s("b", queue="own"), C]).set(queue="inner", priority=1)
    members = members_of(group_of([A, inner]).set(queue="outer", task_id="g"))
    assert [(member.task, member.options) for member in members] == [
        ("a", {"queue": "outer"}),
        ("b", {"queue": "outer", "priority": 1}),
        ("c", {"queue": "outer", "priority": 1}),
    ]


def test_links_are_at_the_end_and_errbacks_everywhere() -> None:
    callback, errback = s("callback"), s("errback")
    whole = with_errback(linked(chain_of([A, chord_of([B], C)]), callback), errback)
    a, chord = parts_of(whole)
    body = Signature.parse(chord.kwargs["body"])
    assert a.options == {"link_error": [errback.build()]}
    assert body.options == {"link": [callback.build()], "link_error": [errback.build()]}
    assert [part.options for part in parts_of(chord)] == [{}]
    assert linked(linked(A, callback), callback) == linked(A, callback)


@pytest.mark.parametrize("group", [group_of([A]), chain_of([A, group_of([B])]), chord_of([A], group_of([B]))])
def test_a_group_has_no_end_to_link_to(group: Signature) -> None:
    with pytest.raises(InvalidCall, match="chord"):
        linked(group, C)


def test_stamps_reach_everything_that_will_run() -> None:
    whole = stamped(linked(chord_of([A, B], C), D), {"tenant": "x"})
    tasks = [*parts_of(whole), Signature.parse(whole.kwargs["body"])]
    tasks.append(Signature.parse(tasks[-1].options["link"][0]))
    assert [(task.options["tenant"], task.options["stamped_headers"]) for task in tasks] == [("x", ["tenant"])] * 4
    twice = stamped(stamped(A, {"x": 1}), {"y": 2, "x": 3})
    assert twice.options == {"x": 3, "y": 2, "stamped_headers": ["x", "y"]}


def test_chords_are_found_wherever_they_are() -> None:
    chord = chord_of([A], B)
    assert all(map(chords_in, (chord, chain_of([A, chord]), group_of([A, chain_of([chord])]), chord_of([], A))))
    assert chords_in(chain_of([group_of([A]), B]))
    assert not any(map(chords_in, (A, chain_of([A, group_of([B])]), group_of([A, group_of([B])]))))


def test_ends() -> None:
    whole = chain_of([A, chord_of([B], C), group_of([D, A])])
    assert [end.task for end in ends_of(whole)] == ["a", "c", "d", "a"]


def test_many_results_as_one() -> None:
    assert outline(as_one(group_of([A, B]))) == {"header": ["a", "b"], "body": "celery.accumulate"}
    assert as_one(A) == A


@pytest.mark.parametrize(
    "broken",
    [
        {"subtask_type": "net"},
        {"subtask_type": "chain"},
        {"subtask_type": "chain", "kwargs": {"tasks": [5]}},
        {"subtask_type": "group", "kwargs": {"tasks": "ab"}},
        {"subtask_type": "chord", "kwargs": {"header": []}},
        {"subtask_type": "chord", "kwargs": {"body": {"task": "a"}}},
        {"options": {"chain": 5}},
        {"options": {"chain": [5]}},
    ],
)
def test_what_is_no_canvas(broken: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage):
        chords_in(Signature.parse({"task": "a", **broken}))


# -- what is sent


def test_ids_of_all_steps_are_known_beforehand() -> None:
    drawn = planned(chain_of([A, group_of([B, C]), D]))
    ((message, route),) = drawn.messages
    assert route is None and message.reply_to == "oid" and message.chain is not None
    (chord,) = message.chain
    body = chord["kwargs"]["body"]["options"]
    assert (drawn.result.id, body["reply_to"]) == (body["task_id"], "oid")
    header, first = drawn.result.ancestors()
    assert (first.id, header.members and len(header.members)) == (message.id, 2)
    assert drawn.sizes == ()


def test_a_place_in_a_group_is_taken_once() -> None:
    drawn = planned(group_of([A, group_of([B, chain_of([C, D])])]))
    assert [(m.task, m.group, m.group_index) for m, _ in drawn.messages] == [
        ("a", drawn.result.id, 0),
        ("b", drawn.result.id, 1),
        ("c", None, None),
    ]
    last = (drawn.messages[2][0].chain or ())[0]["options"]
    assert (last["group_id"], last["group_index"]) == (drawn.result.id, 2)


def test_a_chord_in_a_chord_counts_its_body() -> None:
    inner, outer = chord_of([A, B], C), s("total")
    drawn = planned(chord_of([inner, D], outer))
    assert [size for _, size in drawn.sizes] == [2, 2]
    (first, _), *_ = drawn.messages
    assert first.chord is not None
    options = first.chord["options"]
    assert options["chord"]["task"] == "total" and options["group_index"] == 0
    assert options["group_id"] == drawn.sizes[0][0] != first.group


def test_options_of_a_chord_are_for_all_of_it_delays_for_its_header() -> None:
    drawn = planned(chord_of([A], B).set(queue="slow", countdown=5))
    ((message, route),) = drawn.messages
    assert route is not None and route.routing_key == "slow" and message.eta == "2026-01-02T03:04:10+00:00"
    assert message.chord is not None
    options = message.chord["options"]
    assert options["queue"] == "slow" and "countdown" not in options


def test_the_id_of_the_whole_is_that_of_its_end() -> None:
    for canvas in (A, chain_of([A, B]), chord_of([A], B), chain_of([group_of([A]), B])):
        assert planned(at_end(canvas, lambda end: end.set(task_id="mine"))).result.id == "mine"
    assert planned(group_of([A]).set(task_id="mine")).result == Node("mine", members=(Node("id-1"),))
    assert planned(chord_of([A], B).set(task_id="mine")).result.id == "mine"


@pytest.mark.parametrize("empty", [chain_of([]), chord_of([A], chain_of([])), chain_of([chain_of([])])])
def test_a_chain_without_steps_is_refused(empty: Signature) -> None:
    with pytest.raises(InvalidCall, match="without steps"):
        planned(empty)


def test_nothing_of_nothing() -> None:
    drawn = planned(group_of([]))
    assert (drawn.messages, drawn.sizes, drawn.result.members) == ((), (), ())
    assert planned(group_of([chain_of([])])).messages == ()


def test_chunks_and_maps() -> None:
    assert [len(part.kwargs["it"]) for part in parts_of(chunks_of(A, [(i, i) for i in range(5)], 2))] == [2, 2, 1]
    assert map_of(A, iter([1, 2])).kwargs["it"] == [1, 2]
    with pytest.raises(InvalidCall, match="at least one"):
        chunks_of(A, [], 0)


# -- result tuples

TREE = Node("b", Node("g", Node("a"), (Node("x"), Node("y"))))


def test_result_tuples_come_back() -> None:
    written = TREE.as_tuple()
    assert written == [["b", [["g", [["a", None], None]], [[["x", None], None], [["y", None], None]]]], None]
    assert Node.parse(written) == TREE
    assert [node.id for node in TREE.ancestors()] == ["g", "a"]
    assert TREE.alone() == Node("b") and Node("b").after(None) == Node("b")
    assert Node.parse("plain") == Node.parse(["plain", None]) == Node("plain")
    group = Node("g", members=(Node("x"),))
    assert saved_group(saved_document(group)) == group


@pytest.mark.parametrize("source", [None, 5, "", [], ["a"], [[5, None], None], [["a", None], 5], [["a", 5], None]])
def test_what_is_no_result_tuple(source: Any) -> None:
    with pytest.raises(InvalidMessage):
        Node.parse(source)


@pytest.mark.parametrize("document", [b"[]", b"{}", b'{"result": [["a", null], null]}', b"x"])
def test_what_is_no_saved_group(document: bytes) -> None:
    with pytest.raises(InvalidMessage):
        saved_group(document)
