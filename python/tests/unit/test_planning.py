"""One task is planned by a short way; it leads where the long one does."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from celeriac import InvalidCall, Message, Signature, planning
from celeriac.planning import Plan, Sender, plan

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
PARENT = Message.create(task="shop.parent", id="parent", origin="gen1@host", reply_to="theirs", now=NOW)
texts = st.sampled_from(["", "slow", "x" * 300])
options = st.fixed_dictionaries(
    {},
    optional={
        "task_id": texts,
        "queue": texts,
        "exchange": texts,
        "routing_key": texts,
        "reply_to": st.none() | texts,
        "priority": st.none() | st.integers(-1, 9),
        "countdown": st.floats(allow_nan=True) | st.integers(),
        "eta": st.none() | st.just(NOW),
        "expires": st.integers(-5, 5) | st.just(NOW + timedelta(hours=1)),
        "time_limit": st.none() | st.integers(),
        "headers": st.dictionaries(texts | st.just("task"), st.integers(), max_size=1),
        "link": st.just([Signature(task="shop.after").build()]),
        "compression": st.sampled_from(["gzip", "none of these"]),
        "serializer": st.sampled_from(["json", "msgpack"]),
        "stamped_headers": st.just(["who"]),
        "who": texts,
        "shadow": st.integers() | texts,
        "retries": st.integers(-1, 1),
        "unknown": st.integers(),
    },
)
tasks = st.builds(
    Signature,
    task=texts,
    args=st.lists(st.integers(), max_size=2),
    kwargs=st.dictionaries(texts, st.integers(), max_size=2),
    options=options,
    immutable=st.booleans(),
)


def sender(parent: Message | None, reply_to: str | None) -> Sender:
    ids = itertools.count(1)

    def defaults(call: Signature) -> dict[str, Any]:
        return {"queue": f"of {call.task} {call.args}", "ignore_result": True, "time_limit": 9}

    return Sender(
        origin="gen1@host",
        now=NOW,
        new_id=lambda: f"id-{next(ids)}",
        parent=parent,
        reply_to=reply_to,
        defaults=defaults,
    )


def planned(task: Signature, parent: Message | None, reply_to: str | None, prefix: list[int]) -> Plan | str:
    try:
        return plan(task, sender(parent, reply_to), prefix)
    except InvalidCall as error:
        return str(error)


@given(tasks, st.sampled_from([None, PARENT]), st.sampled_from([None, "", "oid"]), st.lists(st.integers(), max_size=2))
def test_both_ways_agree(task: Signature, parent: Message | None, reply_to: str | None, prefix: list[int]) -> None:
    short = planned(task, parent, reply_to, prefix)
    with mock.patch.object(planning, "_is_plain", lambda _: False):
        assert planned(task, parent, reply_to, prefix) == short
