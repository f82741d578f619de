"""Whatever canvases a message holds: a worker refuses it, or goes on, and raises nothing but errors of this package."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from celeriac import CeleriacError, InvalidMessage, Message, Signature
from celeriac.following import Member, broken_off, gathered
from celeriac.lifecycle import classify, step
from celeriac.lifecycle_events import Count, Failed, Phase, Ready, Succeeded
from celeriac.tree import Node

from .strategies import JUNK
from .worker_parts import job, message

OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "task_id": st.sampled_from(["a", "b"]) | JUNK,
        "group_id": st.just("g") | JUNK,
        "group_index": st.integers(0, 3) | JUNK,
        "reply_to": st.just("oid") | JUNK,
        "countdown": JUNK,
        "stamped_headers": JUNK,
        "link": JUNK,
        "link_error": JUNK,
        "chain": JUNK,
        "chord": JUNK,
        "queue": JUNK,
    },
)


def signatures() -> st.SearchStrategy[Any]:
    """Signatures, canvases of them, and what only looks like some."""
    plain = st.fixed_dictionaries(
        {"task": st.just("t")},
        optional={"args": st.lists(JUNK, max_size=2) | JUNK, "options": OPTIONS, "immutable": st.booleans() | JUNK},
    )

    def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        several = st.lists(inner, max_size=3)
        options: st.SearchStrategy[Any] = (
            st.just({}) | OPTIONS | st.fixed_dictionaries({"chain": several, "link": several})
        )
        tasks = st.fixed_dictionaries({"tasks": several | inner})
        chord = st.fixed_dictionaries({"header": several | inner, "body": inner})
        return st.one_of(
            st.fixed_dictionaries(
                {"task": st.just("c"), "subtask_type": st.sampled_from(["chain", "group"]), "kwargs": tasks},
                optional={"options": options},
            ),
            st.fixed_dictionaries(
                {"task": st.just("c"), "subtask_type": st.just("chord"), "kwargs": chord}, optional={"options": options}
            ),
        )

    return st.recursive(plain | JUNK, nested, max_leaves=6)


HELD = signatures()


def taken(fields: dict[str, Any]) -> Message | None:
    """The message as a worker takes it; None where it refuses it."""
    raw = replace(message(), **fields)
    try:
        about = Message.parse(raw.build())
        classify(job(about, counts_chords=True))
    except CeleriacError:
        return None
    return about


@given(st.sampled_from(["callbacks", "errbacks", "chain"]), st.lists(HELD, min_size=1, max_size=2))
def test_whatever_follows(place: str, held: list[Any]) -> None:
    about = taken({place: held})
    if about is None:
        return
    working = job(about, counts_chords=True)
    for event in (Succeeded(5), Failed(ValueError("no"), "tb")):
        with suppress(CeleriacError):
            step(Phase.RUNNING, event, working)


@given(HELD, st.sampled_from([None, Node("g", members=(Node("m"), Node("other")))]))
def test_whatever_body_a_chord_has(body: Any, saved: Node | None) -> None:
    about = taken({"chord": body, "group": "g", "group_index": 0})
    if about is None or about.chord is None:
        return
    working = job(about, counts_chords=True)
    count = Count("g", "m", 0, "SUCCESS", 1, Signature.parse(about.chord))
    for member in (Member("m", "SUCCESS", 1), Member("m", "FAILURE", {"exc_type": "E"})):
        with suppress(CeleriacError):
            gathered(working, count, [member], saved)
    with suppress(CeleriacError):
        broken_off(working, count.body, ValueError("no"))


@given(JUNK)
def test_whatever_is_no_result_tuple(source: Any) -> None:
    try:
        node = Node.parse(source)
    except InvalidMessage:
        return
    assert Node.parse(node.as_tuple()) == node


def test_the_strategy_finds_what_is_taken() -> None:
    whole = {"task": "c", "subtask_type": "chord", "kwargs": {"header": [{"task": "t"}], "body": {"task": "t"}}}
    about = taken({"chain": [whole]})
    assert about is not None and classify(job(about, counts_chords=True)) == Ready()
