"""The events of tasks, written at once, are those that the long way writes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from celeriac import InvalidMessage, Retry
from celeriac import lifecycle_events as happened
from celeriac.events import Event, EventMessage, message_of
from celeriac.worker.clock import Clock
from celeriac.worker.telling import NEWS, Teller

from .worker_parts import NOW, message

TEXTS = st.text(max_size=300)
ERRORS = st.builds(ValueError, TEXTS)
TRACEBACKS = st.just("") | TEXTS
MESSAGES = st.builds(
    message,
    task=TEXTS.filter(bool),
    args=st.tuples(TEXTS),
    retries=st.integers(0, 9),
    root_id=st.none() | TEXTS,
    parent_id=st.none() | TEXTS,
    eta=st.none() | st.just(NOW),
)
HAPPENED: dict[type, st.SearchStrategy[Any]] = {
    happened.Ready: st.just(happened.Ready()),
    happened.NotYet: st.just(happened.NotYet(NOW)),
    happened.Succeeded: st.builds(happened.Succeeded, TEXTS | st.integers(), runtime=st.floats(0, 9)),
    happened.Failed: st.builds(happened.Failed, ERRORS, TRACEBACKS),
    happened.Unsent: st.builds(happened.Unsent, ERRORS),
    happened.Unknown: st.just(happened.Unknown()),
    happened.Unsupported: st.builds(happened.Unsupported, TEXTS),
    happened.Lost: st.builds(happened.Lost, ERRORS),
    happened.Lethal: st.builds(happened.Lethal, TEXTS),
    happened.Retried: st.builds(happened.Retried, st.just(Retry()), TRACEBACKS),
    happened.Refused: st.builds(happened.Refused, st.booleans()),
    happened.Expired: st.just(happened.Expired()),
    happened.Revoked: st.builds(happened.Revoked, signum=st.none() | st.just(15)),
}


def test_whatever_is_told_can_be_made_here() -> None:
    assert HAPPENED.keys() == NEWS.keys()


@given(MESSAGES, st.one_of(*HAPPENED.values()), st.booleans())
def test_as_the_long_way_writes_them(about: Any, event: Any, again: bool) -> None:
    told = Teller("w1@h", Clock()).news(about, event, again=again)
    documents = [json.loads(document) for document in told]
    events = [Event.parse(document) for document in documents]
    assert [list(event.build().items()) for event in events] == [list(document.items()) for document in documents]
    assert [event.clock for event in events] == list(range(1, len(events) + 1))
    assert not any(event.extra for event in events)
    if told:
        assert message_of("w1@h", told) == EventMessage.create("w1@h", events, is_array=True).build()


def test_what_is_refused_has_no_message() -> None:
    assert Teller("w1@h", Clock()).news(message(), happened.Malformed(InvalidMessage("x")), again=False) == ()
