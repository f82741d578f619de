"""The task message: what a producer writes, what is kept, what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from celeriac import JSON, MSGPACK, Extra, InvalidCall, InvalidMessage, Limits, Message, Signature, Wire
from celeriac.compression import compress
from celeriac.message import FIELDS

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
ID = "2f3b6c1e-5d0a-4f7b-9c86-0d1f5e7a9b42"
BODY = b'[[2, 3], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'


def create(**options: Any) -> Message:
    return Message.create(
        **{"task": "shop.add", "id": ID, "args": (2, 3), "origin": "gen1@host", "now": NOW, **options}
    )


def wire(body: bytes = BODY, headers: dict[str, Any] | None = None, **others: Any) -> Wire:
    known = {"task": "shop.add", "id": ID} if headers is None else headers
    values = {"content_type": JSON, "content_encoding": "utf-8", "properties": {}, **others}
    return Wire(body=body, headers=known, **values)


def test_what_a_producer_writes() -> None:
    built = create(reply_to="me").build()
    assert built.body == BODY
    assert (built.content_type, built.content_encoding) == ("application/json", "utf-8")
    assert built.headers == {
        "lang": "py",
        "task": "shop.add",
        "id": ID,
        "shadow": None,
        "eta": None,
        "expires": None,
        "group": None,
        "group_index": None,
        "retries": 0,
        "timelimit": [None, None],
        "root_id": ID,
        "parent_id": None,
        "argsrepr": "(2, 3)",
        "kwargsrepr": "{}",
        "origin": "gen1@host",
        "ignore_result": False,
        "replaced_task_nesting": 0,
        "stamped_headers": None,
        "stamps": {},
    }
    assert built.properties == {"correlation_id": ID, "reply_to": "me", "delivery_mode": 2}


def test_every_field_marked_always_is_written() -> None:
    built = create().build()
    always = {row.name for row in FIELDS if row.writer == "always" and row.place in ("headers", "properties")}
    assert always == built.headers.keys() | built.properties.keys()


def test_options_of_a_producer() -> None:
    message = create(
        kwargs={"z": 1},
        eta=datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2))),
        expires=NOW + timedelta(seconds=60),
        time_limit=30,
        soft_time_limit=20,
        priority=7,
        headers={"tenant": "acme"},
        compression="application/x-gzip",
    )
    assert message.eta == "2026-01-02T03:04:05+00:00"
    assert (message.hard_limit, message.soft_limit) == (30, 20)
    built = message.build()
    assert built.headers["timelimit"] == [30, 20]
    assert built.headers["tenant"] == "acme"
    assert built.headers["compression"] == "application/x-gzip"
    assert (built.properties["expiration"], built.properties["priority"]) == ("60000", 7)
    assert Message.parse(built) == message


def test_signatures_are_sent_whole() -> None:
    message = create(callbacks=[{"task": "next"}, Signature(task="other")], chord={"task": "body"})
    assert message.callbacks == [Signature(task="next").build(), Signature(task="other").build()]
    assert message.chord == Signature(task="body").build()


def test_instants_are_written_with_offset_and_six_digits() -> None:
    assert create(eta="2026-01-02T03:04:05.123456789").eta == "2026-01-02T03:04:05.123456+00:00"


def test_expiration_is_left_out_when_too_far_and_zero_when_past() -> None:
    assert create(expires=NOW + timedelta(days=60)).build().properties.keys().isdisjoint({"expiration"})
    assert create(expires=NOW - timedelta(days=1)).expiration == "0"
    assert create(expires="2026-01-02T03:05:05Z").expiration == "60000"
    assert create(expires=NOW, now=None).expiration is None


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"id": ""}, "id is ''; it is text, not empty"),
        ({"task": None}, "task is None; it is text, not empty"),
        ({"nonsense": 1}, "unknown option nonsense; the options are the fields of a task message"),
        ({"headers": {"id": "x"}}, "headers may not hold id; pass it as an option"),
        ({"headers": 5}, "headers is 5; it is a dict"),
        ({"eta": "soon"}, "eta: 'soon' is no ISO 8601 text; write it like 2026-"),
        ({"eta": 5}, "eta is 5; pass a datetime or ISO 8601 text"),
        ({"expires": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))}, "expires: 0001-01-01T00:00:00"),
        ({"retries": None}, "retries is None; it is an integer"),
        ({"time_limit": "30"}, r"timelimit is \['30', None\]; it is \[hard, soft\] in seconds"),
        ({"retries": -1}, "retries is -1; it is 0 for a new call and never negative"),
        ({"stamps": {"tenant": "a"}}, r"stamps holds \['tenant'\]; name each in stamped_headers"),
        ({"stamps": 5}, "stamps is 5; it is an object"),
        ({"callbacks": [5]}, "callbacks: a signature is 5"),
        ({"priority": "high"}, "priority is 'high'; it is an integer"),
    ],
)
def test_refused_calls(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidCall, match=reason):
        create(**options)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"args": [1, {"x": {1}}]}, r"args\[1\]\['x'\]: set is not JSON; pass a list"),
        ({"kwargs": {"x": object()}}, r"kwargs\['x'\]: object is not JSON"),
        ({"kwargs": {1: 2}}, "kwargs has the key 1; names of keyword arguments are text"),
        ({"chord": {"task": b"", "args": [{1}]}}, r"embed\['chord'\]\['args'\]\[0\]: set is not JSON"),
        ({"content_type": "application/data"}, "content_type is 'application/data'; use one of application/json"),
        ({"compression": "shrink"}, "compression 'shrink' is unknown; use one of"),
    ],
)
def test_what_cannot_be_built(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidCall, match=reason):
        replace(create(), **changes).build()


def test_the_least_message() -> None:
    message = Message.parse(wire(b"[[2, 3], {}, {}]"))
    assert (message.task, message.id, message.args, message.kwargs) == ("shop.add", ID, [2, 3], {})
    assert (message.retries, message.stamps, message.ignore_result) == (0, {}, None)
    assert message.build() == wire(b"[[2, 3], {}, {}]")


def test_absent_fields_stay_absent_until_set() -> None:
    message = Message.parse(wire())
    assert "eta" not in message.build().headers
    again = replace(message, retries=1, eta="2026-01-02T03:04:05+00:00")
    assert again.build().headers == {"task": "shop.add", "id": ID, "retries": 1, "eta": "2026-01-02T03:04:05+00:00"}


def test_null_stays_null() -> None:
    headers = {"task": "t", "id": "i", "compression": None, "eta": None}
    assert Message.parse(wire(headers=headers)).build().headers == headers


def test_extra_is_kept_and_written_back() -> None:
    body = b'[[], {}, {"chain": null, "x": 1}]'
    message = Message.parse(wire(body, {"task": "t", "id": "i", "tenant": "a"}, properties={"app_id": "b"}))
    assert message.extra == Extra({"tenant": "a"}, {"app_id": "b"}, {"x": 1})
    assert message.build() == wire(body, {"task": "t", "id": "i", "tenant": "a"}, properties={"app_id": "b"})


def test_times_are_instants() -> None:
    message = Message.parse(
        wire(headers={"task": "t", "id": "i", "eta": "2026-01-02T03:04:05", "expires": "2026-01-03"})
    )
    assert message.eta_at == NOW
    assert message.expires_at == datetime(2026, 1, 3, tzinfo=timezone.utc)
    assert create().eta_at is create().expires_at is None


def test_no_time_limit() -> None:
    message = Message.parse(wire())
    assert message.hard_limit is message.soft_limit is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("callbacks", [{}]), ("callbacks", ["t"]), ("errbacks", [{"task": "t", "args": 1}]), ("chain", [None])]
    + [("chord", {"args": []}), ("callbacks", [{"task": ""}])],
)
def test_embedded_signatures_are_checked_before_the_task_runs(name: str, value: Any) -> None:
    message = replace(create(), **{name: value})
    with pytest.raises(InvalidMessage, match=f"{name}: ") as caught:
        Message.parse(message.build())
    assert (caught.value.field, caught.value.task_id, caught.value.task) == (name, ID, "shop.add")


def test_errors_carry_what_can_be_read() -> None:
    with pytest.raises(InvalidMessage) as caught:
        Message.parse(wire(b"[[2, 3]"))
    assert (caught.value.task_id, caught.value.task) == (ID, "shop.add")
    with pytest.raises(InvalidMessage) as caught:
        Message.parse(wire(headers={"task": 5, "id": ID}))
    assert (caught.value.task_id, caught.value.task, caught.value.field) == (ID, None, "task")


def test_limits_apply_after_decompression() -> None:
    headers = {"task": "t", "id": "i", "compression": "application/x-gzip"}
    bomb = wire(compress(b" " * 10**6 + BODY, "zlib"), headers)
    assert Message.parse(bomb).args == [2, 3]
    with pytest.raises(InvalidMessage, match="larger than 1000 bytes after decompression"):
        Message.parse(bomb, limits=Limits(body_bytes=1000))


@pytest.mark.parametrize("depth", [499, 5_000, 200_000])
def test_deep_nesting(depth: int) -> None:
    with pytest.raises(InvalidMessage, match="nested deeper than 500 levels"):
        Message.parse(wire(b"[[" + b"[" * depth + b"]" * depth + b"], {}, {}]"))


def test_msgpack_only_when_accepted() -> None:
    built = replace(create(), content_type=MSGPACK, content_encoding="binary").build()
    assert Message.parse(built, accept=frozenset({MSGPACK})).args == [2, 3]
    with pytest.raises(InvalidMessage, match="is not accepted"):
        Message.parse(built)
    keys = wire(b"\x93\x90\x81\x01\x02\x80", content_type=MSGPACK)
    with pytest.raises(InvalidMessage, match="kwargs has the key 1"):
        Message.parse(keys, accept=frozenset({MSGPACK}))


def test_json_is_written_as_utf_8_whatever_was_read() -> None:
    for encoding in (None, "latin-1"):
        assert Message.parse(wire(content_encoding=encoding)).build().content_encoding == "utf-8"


def test_no_message_is_refused_for_its_log_texts() -> None:
    headers = {"task": "t", "id": "i", "argsrepr": b"\xed\xa0\xbd", "kwargsrepr": 5, "origin": ["x"]}
    assert Message.parse(wire(headers=headers)).build().headers == headers


def test_log_form_hides_arguments() -> None:
    assert str(create(args=("secret",))) == f"shop.add[{ID}]"


def test_neutral_form_refuses_strangers() -> None:
    with pytest.raises(InvalidCall, match=r"unknown \['nonsense'\], missing \['args', 'id', 'kwargs'\]"):
        Message.from_neutral({"task": "t", "nonsense": 1})
