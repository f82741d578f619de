# ruff: noqa: E501  (tables: one case a line)
"""What to send for the vectors of task-v2/, task-v1/ and redis/: the text of each call is what is run and recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .cases_value import SAMPLES


@dataclass(frozen=True)
class Send:
    """One message of a real producer.

    ``args``, ``kwargs`` and ``options`` are Python source; ``call`` replaces the plain ``apply_async`` they make.
    ``expect`` holds neutral fields that the call decides. ``queue`` is where the message is found, ``take`` which
    one of several.
    """

    name: str
    about: str
    requirements: tuple[str, ...]
    args: str = "(2, 3)"
    kwargs: str = "{}"
    options: str = ""
    task: str = "add"
    call: str | None = None
    expect: Mapping[str, Any] = field(default_factory=dict)
    queue: str = "celery"
    take: int = 0

    def source(self) -> str:
        """The call as Python source."""
        if self.call is not None:
            return self.call
        kwargs = "" if self.kwargs == "{}" else self.kwargs
        return f"{self.task}.apply_async({', '.join(filter(None, (self.args, kwargs, self.options)))})"


BODY = ("TM-BODY-001", "TM-BODY-002", "TM-BODY-003")
TIME = ("TM-HDR-010", "TM-HDR-011")
LIMIT = ("TM-HDR-014", "TM-HDR-015")
ETA = "datetime(2030, 5, 17, 9, 30, tzinfo=timezone.utc)"
ETA_IST = "datetime(2030, 5, 17, 9, 30, 0, 250000, tzinfo=timezone(timedelta(hours=5, minutes=30)))"
GIVEN_ID = "6fa2b9e0-6a4f-4c0e-9a55-0f7a5ac31d2b"
GIVEN_GROUP = "0b0e2b52-93a7-4bd7-9d3b-6c4f0a1f7f10"

OPTIONS = (
    Send("plain", "two positional arguments, nothing else", ("TM-HDR-001", "TM-HDR-002", "TM-HDR-003", "TM-HDR-006", "TM-HDR-016", "TM-PROP-001", "TM-PROP-002", "TM-PROP-004", "SER-CT-001", "SER-CT-002", "TM-BODY-005", "BR-AMQP-006", *BODY)),
    Send("no-arguments", "neither positional nor keyword arguments", ("TM-BODY-004", *BODY), args="()", task="echo"),
    Send("kwargs", "keyword arguments only", BODY, args="()", kwargs="{'x': 2, 'y': 3}"),
    Send("args-and-kwargs", "both kinds of arguments", ("WK-RECV-003", *BODY), args="(2,)", kwargs="{'y': 3}"),
    Send("unicode", "text outside ASCII and outside the BMP", ("SER-JSON-002",), args="('Grüße, 世界 🐇',)", kwargs="{'naïve': '🐇'}", task="echo"),
    Send("long-arguments", "argsrepr is cut, the body is not", ("TM-HDR-019",), args="('x' * 3000,)", task="echo"),
    Send("task-id", "a task id given by the caller", ("TM-HDR-002", "TM-PROP-002"), options=f"task_id='{GIVEN_ID}'", expect={"id": GIVEN_ID, "root_id": GIVEN_ID, "correlation_id": GIVEN_ID}),
    Send("task-id-not-uuid", "an id is any text that is not empty", ("TM-HDR-004",), options="task_id='order-4711'", expect={"id": "order-4711", "correlation_id": "order-4711"}),
    Send("reply-to", "reply_to given by the caller", ("TM-PROP-003",), options="reply_to='answers'", expect={"reply_to": "answers"}),
    Send("queue", "sent to a queue by name: no priority property on AMQP", ("BR-AMQP-001", "BR-AMQP-010"), options="queue='shop.out'", queue="shop.out"),
    Send("countdown", "countdown=10 with the default options", TIME, options="countdown=10"),
    Send("countdown-zero", "countdown=0 sends no eta", ("TM-HDR-013",), options="countdown=0", expect={"eta": None}),
    Send("eta-utc", "an aware eta in UTC", ("WK-TIME-001", *TIME), options=f"eta={ETA}", expect={"eta": "2030-05-17T09:30:00+00:00"}),
    Send("eta-offset", "an aware eta keeps its own offset", ("TM-HDR-012", *TIME), options=f"eta={ETA_IST}", expect={"eta": "2030-05-17T09:30:00.250000+05:30"}),
    Send("eta-naive", "a naive eta goes without offset and is read as UTC", ("TM-HDR-029",), options="eta=datetime(2030, 5, 17, 9, 30)", expect={"eta": "2030-05-17T09:30:00"}),
    Send("expires-seconds", "expires as seconds from now", ("TM-PROP-005", *TIME), options="expires=60", expect={"expiration": "60000"}),
    Send("expires-datetime", "expires as an instant", TIME, options="expires=datetime.now(timezone.utc) + timedelta(hours=1)"),
    Send("timelimit-both", "time_limit=30, soft_time_limit=20", ("WK-TIME-007", *LIMIT), options="time_limit=30, soft_time_limit=20", expect={"timelimit": [30, 20]}),
    Send("timelimit-hard", "a hard limit alone", LIMIT, options="time_limit=30", expect={"timelimit": [30, None]}),
    Send("timelimit-soft", "a soft limit alone", LIMIT, options="soft_time_limit=2.5", expect={"timelimit": [None, 2.5]}),
    Send("priority", "priority 7", ("BR-AMQP-010",), options="priority=7", expect={"priority": 7}),
    Send("transient", "delivery_mode 1", ("TM-PROP-004",), options="delivery_mode='transient'", expect={"delivery_mode": 1}),
    Send("headers", "headers of the user lie flat beside the protocol's", ("TM-HDR-008", "TM-HDR-026"), options="headers={'tenant': 'acme', 'attempt': 1, 'flags': ['a', None], 'nested': {'deep': True}}"),
    Send("properties", "properties that only the caller gives", ("TM-PROP-007",), options="message_id='m-1', app_id='shop', type='order'"),
    Send("shadow", "another name for logs", ("TM-HDR-027",), options="shadow='shop.nightly'", expect={"shadow": "shop.nightly"}),
    Send("ignore-result", "ignore_result=True", ("TM-HDR-022",), options="ignore_result=True", expect={"ignore_result": True}),
    Send("root-and-parent", "root_id and parent_id given", ("TM-HDR-017", "TM-HDR-018"), options="root_id='r-1', parent_id='p-1'", expect={"root_id": "r-1", "parent_id": "p-1"}),
    Send("retries", "retries given by the caller", ("TM-HDR-016",), options="retries=2", expect={"retries": 2}),
    Send("compression-zlib", "the body as a zlib stream under the name application/x-gzip", ("SER-COMP-001", "SER-COMP-002", "SER-COMP-007"), options="compression='zlib'", expect={"compression": "application/x-gzip"}),
    Send("compression-gzip-alias", "compression='gzip' is the same zlib stream", ("SER-COMP-001", "SER-COMP-002"), options="compression='gzip'", expect={"compression": "application/x-gzip"}),
    Send("compression-bzip2", "the body as bzip2", ("SER-COMP-001",), options="compression='bzip2'", expect={"compression": "application/x-bz2"}),
)  # fmt: skip

TYPED = (
    *(Send(f"arg-{name}", about, ids, args=f"({source},)", task="echo") for name, about, ids, source in SAMPLES),
    Send("kwargs-typed", "typed values as keyword arguments", ("SER-TYPE-008",), args="()", kwargs="{'due': date(2026, 1, 2), 'price': Decimal('9.90'), 'raw': b'\\x00\\xff'}", task="echo"),
)  # fmt: skip

SIGNATURE = ("TM-BODY-008", "TM-BODY-009")
CANVAS = (
    Send("link", "one callback", SIGNATURE, call="add.apply_async((2, 3), link=add.s(10))"),
    Send("link-two", "two callbacks, one immutable and with options", SIGNATURE, call="add.apply_async((2, 3), link=[add.s(10), echo.si('done').set(queue='shop.out', countdown=5)])"),
    Send("link-error", "an errback", SIGNATURE, call="add.apply_async((2, 3), link_error=echo.s('broken'))"),
    Send("chain-of-3", "first message of a chain: the rest in reverse order", ("TM-BODY-010", "TM-BODY-014", *SIGNATURE), call="chain(add.s(2, 3), add.s(10), add.s(100)).apply_async()"),
    Send("group-member", "second member of a group", ("TM-HDR-023",), args="(3, 3)", call=f"group(add.s(2, 2), add.s(3, 3)).apply_async(task_id='{GIVEN_GROUP}')", take=1, expect={"group": GIVEN_GROUP, "group_index": 1}),
    Send("chord-header", "first header task of a chord", ("TM-BODY-011", "TM-HDR-023"), args="(1, 1)", call="chord([add.s(1, 1), add.s(2, 2)], total.s()).apply_async()", expect={"group_index": 0}),
    Send("stamps", "a stamped task", ("TM-HDR-024",), call="add.s(2, 3).stamp(tenant='acme').apply_async()", expect={"stamped_headers": ["tenant"]}),
    Send("stamps-link", "stamps of a callback lie flat in its options", ("TM-HDR-024", *SIGNATURE), call="add.signature((2, 3), link=add.s(10)).stamp(tenant='acme').apply_async()"),
)  # fmt: skip

TASKS = OPTIONS + TYPED + CANVAS

TYPES = "[1, 2.5, 1.0, True, None, 'Grüße 🐇', b'\\xff\\x00', 2**63]"
DATES = "(date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), b'raw')"
OTHERS = (
    Send("msgpack-plain", "the plain call as MessagePack", ("SER-CT-005", "TM-BODY-001"), options="serializer='msgpack'"),
    Send("msgpack-types", "MessagePack keeps text and bytes, integers and floats apart", ("SER-MP-001", "SER-MP-002"), args=f"({TYPES},)", task="echo", options="serializer='msgpack'"),
    Send("msgpack-chain", "the first message of a chain as MessagePack", ("SER-CT-005", "TM-BODY-010"), call="chain(add.s(2, 3), add.s(10)).apply_async(serializer='msgpack')"),
    Send("msgpack-compressed", "MessagePack inside a zlib stream", ("SER-COMP-002", "SER-COMP-006"), args="('x' * 200,)", task="echo", options="serializer='msgpack', compression='zlib'", expect={"compression": "application/x-gzip"}),
    Send("yaml-plain", "the plain call as YAML", ("SER-CT-005", "TM-BODY-001"), options="serializer='yaml'"),
    Send("yaml-kwargs", "YAML with text outside ASCII", ("SER-YAML-001",), args="()", kwargs="{'naïve': 'Grüße 🐇', 'none': None, 'yes': 'yes'}", task="echo", options="serializer='yaml'"),
    Send("yaml-types", "YAML has dates and bytes of its own", ("SER-YAML-001",), args=DATES, task="echo", options="serializer='yaml'"),
)  # fmt: skip

V1 = (
    Send("plain", "protocol 1, the plain call", ("TM-V1-001", "TM-V1-002")),
    Send("kwargs", "protocol 1 with keyword arguments", ("TM-V1-002",), args="()", kwargs="{'x': 2, 'y': 3}"),
    Send("options", "protocol 1 with eta, expires and limits", ("TM-V1-002",), options=f"eta={ETA}, expires=60, time_limit=30, soft_time_limit=20"),
    Send("chain", "protocol 1: a chain is nested links", ("TM-V1-002",), call="chain(add.s(2, 3), add.s(10), add.s(100)).apply_async()"),
    Send("typed", "protocol 1 with typed values", ("TM-V1-002", "SER-TYPE-008"), args="(datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), Decimal('1.10'))", task="echo"),
)  # fmt: skip

ENVELOPE = ("BR-REDIS-001", "BR-REDIS-002", "BR-REDIS-003", "BR-REDIS-004")
REDIS = (
    Send("plain", "the plain call", (*ENVELOPE, "BR-REDIS-005", "BR-REDIS-009")),
    Send("kwargs", "keyword arguments and unicode", ENVELOPE, args="()", kwargs="{'naïve': '🐇'}", task="echo"),
    Send("queue", "sent to a queue by name", ("BR-REDIS-001", "BR-REDIS-005"), options="queue='shop.out'", queue="shop.out", expect={"routing_key": "shop.out", "exchange": ""}),
    Send("priority-0", "priority 0: the list of the queue itself", ("BR-REDIS-007",), options="priority=0", expect={"priority": 0}),
    Send("priority-3", "priority 3: its own list", ("BR-REDIS-007",), options="priority=3", queue="celery\x06\x163", expect={"priority": 3}),
    Send("priority-5", "priority 5 goes to the list of step 3", ("BR-REDIS-007",), options="priority=5", queue="celery\x06\x163", expect={"priority": 5}),
    Send("priority-9", "priority 9: the last list to be read", ("BR-REDIS-007",), options="priority=9", queue="celery\x06\x169", expect={"priority": 9}),
    Send("eta", "an aware eta", ENVELOPE, options=f"eta={ETA_IST}", expect={"eta": "2030-05-17T09:30:00.250000+05:30"}),
    Send("expires", "expires: the property expiration is sent, Redis ignores it", ("TM-PROP-005", "BR-REDIS-011"), options="expires=60", expect={"expiration": "60000"}),
    Send("expires-past", "expires in the past: expiration 0, which RabbitMQ drops unread", ("TM-PROP-005", "WK-TIME-005"), options="expires=datetime(2020, 1, 1, tzinfo=timezone.utc)", expect={"expires": "2020-01-01T00:00:00+00:00", "expiration": "0"}),
    Send("typed", "typed values in the body", ENVELOPE, args="(date(2026, 1, 2), UUID('12345678-1234-5678-1234-567812345678'), b'\\xff\\x00')", task="echo"),
    Send("header-datetime", "a date in a header is tagged inside the envelope", ("BR-REDIS-006",), options="headers={'signed': datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)}"),
    Send("compression-zlib", "compressed first, base64 after", ("SER-COMP-005", "SER-COMP-002"), options="compression='zlib'", expect={"compression": "application/x-gzip"}),
    Send("no-arguments", "no arguments at all", ("TM-BODY-002", "TM-BODY-004"), args="()", task="echo"),
    Send("task-id", "the caller gives the id", ("TM-HDR-002", "TM-HDR-004", "TM-PROP-002"), options="task_id='order-4711'", expect={"id": "order-4711", "correlation_id": "order-4711"}),
    Send("timelimit-both", "hard and soft limit", ("TM-HDR-014",), options="time_limit=30, soft_time_limit=20", expect={"timelimit": [30, 20]}),
    Send("headers", "a header of the user", ("TM-HDR-008", "TM-HDR-026"), options="headers={'tenant': 'acme'}", expect={"extra": {"headers": {"tenant": "acme"}}}),
    Send("optional/option-unknown", "an option that Celery does not know becomes a property", ("TM-PROP-007", "TM-SEND-003"), options="periodic_task_name='nightly'", expect={"extra": {"properties": {"periodic_task_name": "nightly"}}}),
    Send("link", "a callback", ("TM-BODY-008", "TM-BODY-009"), options="link=echo.s()"),
    Send("chain-of-3", "first message of a chain", ("TM-BODY-010", "TM-BODY-014"), call="chain(add.s(2, 3), add.s(10), add.s(100)).apply_async()"),
    Send("chord-header", "second header task of a chord", ("TM-BODY-011",), args="(2, 2)", call="chord([add.s(1, 1), add.s(2, 2)], total.s()).apply_async()", take=1, expect={"group_index": 1}),
)  # fmt: skip
