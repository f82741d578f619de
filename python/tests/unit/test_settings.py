"""Settings: their names and values, where they come from, and what is said of those that do not exist."""

from __future__ import annotations

import re
import subprocess
from dataclasses import FrozenInstanceError, fields
from datetime import timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest

from celeriac import Celeriac, InvalidCall, Message, Settings, Signature, TaskOptions, crontab
from celeriac.absent import why_absent
from celeriac.serving import worker_settings
from celeriac.settings import KINDS, describe
from celeriac.worker.orders import Orders
from tests.support.celery import celery_python

from .client_parts import Fakes
from .worker_parts import message

README = Path(__file__).resolve().parents[2] / "README.md"
AMQP = "amqp://nowhere"


def test_defaults_and_keywords() -> None:
    app = Celeriac("shop", broker=AMQP, task_default_queue="shop", result_expires=timedelta(hours=1))
    assert (app.conf.broker_url, app.conf.task_default_queue, app.conf.result_expires) == (AMQP, "shop", 3600)
    assert (app.broker, app.backend) == (AMQP, None)
    assert app.conf.timezone is timezone.utc


def test_settings_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Celeriac().conf.task_default_queue = "other"  # type: ignore[misc]


def test_every_setting_is_described() -> None:
    assert [name for name, _, _ in describe()] == [item.name for item in fields(Settings)] == list(KINDS)
    assert all(about for _, _, about in describe())


def test_defaults_are_values_that_can_be_given() -> None:
    defaults = {item.name: getattr(Settings(), item.name) for item in fields(Settings)}
    assert Celeriac(**defaults).conf == Settings()


def test_the_readme_lists_them() -> None:
    listed = re.findall(r"^\| `([a-z_]+)` \| `(.*?)` \| (.*) \|$", README.read_text("utf-8"), re.MULTILINE)
    assert [row for row in listed if row[0] in KINDS] == describe()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"task_defualt_queue": "x"}, "there is no setting 'task_defualt_queue'; did you mean task_default_queue?"),
        ({"brokr": "x"}, "did you mean broker?"),
        # Celery's older names, and names as they stand in Django's settings.
        ({"BROKER_URL": "x"}, "no setting 'BROKER_URL'; did you mean broker_url?"),
        ({"CELERY_RESULT_BACKEND": "x"}, "did you mean result_backend?"),
        ({"CELERYBEAT_SCHEDULE": {}}, "did you mean beat_schedule?"),
        ({"CELERYD_CONCURRENCY": 1}, "did you mean worker_concurrency?"),
        ({"CELERY_DEFAULT_QUEUE": "x"}, "did you mean task_default_queue?"),
        ({"CELERY_TASK_RESULT_EXPIRES": 1}, "did you mean result_expires?"),
        ({"task_routes": {"a": {"quee": "x"}}}, "task_routes: 'a': unknown option 'quee'; did you mean queue?"),
        ({"task_routes": {"a*": {"priority": 999}}}, "task_routes: 'a*': option priority has to be an integer"),
        ({"zzz": 1}, "there is no setting 'zzz'; there are broker_url, result_backend, "),
        ({"task_protocol": 1}, "task_protocol is a setting of Celery's that Celeriac does not have: it is fixed by"),
        ({"mongodb_backend_settings": {}}, "does not have: results are stored in Redis or sent over rpc://"),
        ({"worker_concurrency": 0}, "worker_concurrency has to be a whole number from 1 on, or None, not 0"),
        ({"worker_concurrency": True}, "has to be a whole number from 1 on, or None, not True"),
        ({"task_acks_late": "yes"}, "task_acks_late has to be true or false, not 'yes'"),
        ({"task_serializer": "pickle"}, "has to be one of json, msgpack, yaml, not 'pickle'"),
        ({"accept_content": ["json", "pickle"]}, "accept_content has to be a list of json, msgpack, yaml, not"),
        ({"accept_content": "json"}, "accept_content has to be a list"),
        ({"task_compression": "rar"}, "compression 'rar' is unknown"),
        ({"timezone": "Europe/Nowhere"}, "timezone has to be the name of a time zone, as Europe/Berlin, or a tzinfo"),
        ({"task_time_limit": -1}, "task_time_limit has to be a number of seconds above 0"),
        ({"task_time_limit": float("nan")}, "task_time_limit has to be a number of seconds above 0"),
        ({"task_routes": 7}, "task_routes has to be a mapping of task names"),
        ({"task_routes": {"a": 7}}, "a route is the name of a queue, or options"),
        ({"beat_schedule": {"x": {"task": "t"}}}, "beat_schedule: 'x' is {'task': 't'}; it has task and schedule"),
        ({"beat_schedule": {"x": {"task": "t", "schedule": "often"}}}, "'x' has the schedule 'often'; it is a number"),
        ({"broker_url": "http://x"}, "its scheme is none of amqp://"),
    ],
)
def test_mistakes_say_what_is_right(settings: dict[str, Any], text: str) -> None:
    app = Celeriac("shop")
    before = app.conf
    with pytest.raises(InvalidCall) as caught:
        app.configure(**settings)
    assert text in str(caught.value)
    assert app.conf is before


def test_mistakes_say_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidCall, match=r"^Celeriac\('shop'\): there is no setting 'task_routs'"):
        Celeriac("shop", task_routs={})
    with pytest.raises(InvalidCall, match=r"^SimpleNamespace: there is no setting 'task_routs'"):
        Celeriac().config_from_object(SimpleNamespace(task_routs={}))
    with pytest.raises(InvalidCall, match=r"^tests.support.no_settings:x, CELERY_TASK_ROUTS: there is no"):
        monkeypatch.setitem(
            __import__("sys").modules, "tests.support.no_settings",
            SimpleNamespace(x=SimpleNamespace(CELERY_TASK_ROUTS={})),
        )  # fmt: skip
        Celeriac().config_from_object("tests.support.no_settings:x", namespace="CELERY")
    monkeypatch.setenv("CELERIAC_WORKER_CONCURENCY", "2")
    with pytest.raises(InvalidCall, match=r"^environment, CELERIAC_WORKER_CONCURENCY: .* did you mean worker_conc"):
        Celeriac()


class Django:
    """As Django's settings: much that is not ours, some of which does not want to be looked at."""

    CELERY_BROKER_URL = AMQP
    CELERY_TASK_ROUTES: ClassVar = {"shop.mail": {"queue": "mail"}}
    CELERY_TIMEZONE = "Europe/Berlin"
    DEBUG = True

    @property
    def USE_L10N(self) -> bool:  # noqa: N802
        raise AssertionError("was looked at")


def test_from_django() -> None:
    app = Celeriac("shop")
    app.config_from_object(Django(), namespace="CELERY")
    assert (app.broker, app.conf.timezone) == (AMQP, ZoneInfo("Europe/Berlin"))
    with pytest.raises(InvalidCall, match="its settings begin with CELERY_; say namespace='CELERY'"):
        app.config_from_object(Django)


def test_from_a_module_its_code_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop_settings.py").write_text(
        "from __future__ import annotations\nimport os\nfrom datetime import timedelta\nfrom celeriac import crontab\n"
        "_private = 1\nOTHER = 2\ntask_default_queue = 'shop'\nresult_expires = timedelta(minutes=1)\n"
        "def task_routes(name, args, kwargs, options):\n    return 'mail'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    app = Celeriac(broker=AMQP)
    app.config_from_object("shop_settings")
    assert (app.conf.task_default_queue, app.conf.result_expires, len(app.conf.task_routes)) == ("shop", 60, 1)
    with pytest.raises(InvalidCall, match="there is no module 'no_such_settings'"):
        app.config_from_object("no_such_settings")
    with pytest.raises(InvalidCall, match="module 'shop_settings' has no 'nothing'"):
        app.config_from_object("shop_settings:nothing")


def test_from_a_mapping() -> None:
    app = Celeriac(broker=AMQP)
    app.config_from_object({"task_default_queue": "a"})
    app.config_from_object({"SHOP_TASK_DEFAULT_QUEUE": "b", "OTHER": 1}, namespace="SHOP")
    assert app.conf.task_default_queue == "b"


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {
        "CELERIAC_BROKER_URL": AMQP,
        "CELERIAC_BACKEND": "redis://two",
        "CELERIAC_TASK_ACKS_LATE": "off",
        "CELERIAC_WORKER_CONCURRENCY": "3",
        "CELERIAC_TASK_TIME_LIMIT": "2.5",
        "CELERIAC_ACCEPT_CONTENT": "json, msgpack",
        "CELERIAC_TASK_ROUTES": '{"a.*": "letters"}',
        "CELERIAC_BEAT_SCHEDULE": '{"x": {"task": "t", "schedule": 10}}',
        "CELERIAC_TASK_DEFAULT_QUEUE": "",
        "CELERIAC_SOMETHING_ELSE": "1",
    }.items():
        monkeypatch.setenv(name, text)
    conf = Celeriac(task_time_limit=9).conf
    assert (conf.broker_url, conf.result_backend, conf.task_acks_late) == (AMQP, "redis://two", False)
    assert (conf.worker_concurrency, conf.task_time_limit, conf.task_default_queue) == (3, 9, "celery")
    assert conf.accept_content == {"application/json", "application/x-msgpack"}
    assert len(conf.task_routes) == 1 and conf.beat_schedule["x"]["schedule"] == 10
    monkeypatch.setenv("CELERIAC_TASK_ACKS_LATE", "maybe")
    with pytest.raises(InvalidCall, match="environment, CELERIAC_TASK_ACKS_LATE has to be true or false, not 'maybe'"):
        Celeriac()


def test_what_is_said_of_all_tasks_holds_for_those_declared_before() -> None:
    app = Celeriac(broker=AMQP)

    @app.task
    def plain() -> None: ...

    @app.task(acks_late=True)
    def late() -> None: ...

    app.configure(task_acks_late=False, task_ignore_result=True)
    assert plain.options == TaskOptions(acks_late=False, ignore_result=True)
    assert late.options == TaskOptions(acks_late=True, ignore_result=True)


# -- what they do to messages


def test_serializer_and_compression(fakes: Fakes) -> None:
    app = Celeriac(broker=AMQP, task_serializer="msgpack", task_compression="gzip")
    app.send_task("t", (1,))
    app.signature("t", (1,)).delay()
    app.send_task("t", (1,), serializer="json", compression="zlib")
    accept = frozenset({"application/json", "application/x-msgpack"})
    sent = [Message.parse(outgoing.wire.whole, accept=accept) for outgoing in fakes.sent]
    assert [message.content_type for message in sent] == [
        "application/x-msgpack",
        "application/x-msgpack",
        "application/json",
    ]
    # SER-COMP-001
    assert {outgoing.wire.whole.headers["compression"] for outgoing in fakes.sent[:2]} == {"application/x-gzip"}
    assert [message.args for message in sent] == [[1]] * 3


@pytest.mark.parametrize(
    ("routes", "queues"),
    [
        ({"shop.mail.send": "exact", "shop.mail.*": {"queue": "glob"}}, ["exact", "glob", "celery"]),
        ({"shop.mail.*": {"queue": "glob"}, "shop.mail.send": "exact"}, ["exact", "glob", "celery"]),
        ([("shop.mail.s*", "one"), ("shop.*", "two")], ["one", "two", "two"]),
        ({re.compile(r"shop\.(mail|sms)\."): {"queue": "pattern"}}, ["pattern", "pattern", "celery"]),
        (lambda name, _args, _kwargs, _options: name[-4:], ["send", "read", ".add"]),
        ([lambda *_: None, {"shop.add": "sums"}], ["celery", "celery", "sums"]),
    ],
)
def test_routes(fakes: Fakes, routes: Any, queues: list[str]) -> None:
    app = Celeriac(broker=AMQP, task_routes=routes)
    names = ("shop.mail.send", "shop.mail.read", "shop.add")
    for name in names:
        app.send_task(name)
    app.send_many([Signature(task=name) for name in names])
    assert [outgoing.routing_key for outgoing in fakes.sent] == queues * 2


def test_a_route_does_not_overrule_who_says_where_to(fakes: Fakes) -> None:
    app = Celeriac(broker=AMQP, task_routes={"*": {"exchange": "feeds", "routing_key": "k", "priority": 3}})

    @app.task(queue="own")
    def mine() -> None: ...

    app.send_task("t")
    app.send_task("t", queue="mail", priority=5)
    mine.delay()
    mine.s().delay()
    where = [(sent.exchange, sent.routing_key, sent.wire.whole.properties["priority"]) for sent in fakes.sent]
    assert where == [("feeds", "k", 3), ("", "mail", 5), ("", "own", 3), ("", "own", 3)]


def test_a_router_sees_the_call() -> None:
    seen: list[Any] = []
    app = Celeriac(broker=AMQP, task_routes=lambda *call: seen.append(call))
    call = Signature(task="t", args=[1], kwargs={"k": 2}, options={"priority": 3})
    assert app.habits.defaults(call, None) == {}
    assert seen == [("t", [1], {"k": 2}, {"priority": 3})]


def test_a_route_that_is_none() -> None:
    app = Celeriac(broker=AMQP, task_routes=lambda *_: 7)
    with pytest.raises(InvalidCall, match="task_routes gave 7; a route is the name of a queue"):
        app.send_task("t")


# -- what they do to workers


def test_time_limits_are_those_of_tasks_that_have_none() -> None:
    orders = Orders(time_limits=(5.0, 2.0))
    assert orders.limits(message()) == (5.0, 2.0)
    assert orders.limits(message(time_limit=9)) == (9, None)


def test_options_of_the_worker_come_before_settings() -> None:
    app = Celeriac(
        broker=AMQP,
        worker_concurrency=3,
        worker_prefetch_multiplier=2,
        worker_send_task_events=True,
        worker_enable_remote_control=False,
        worker_state_db="state",
        accept_content=["json", "yaml"],
    )
    silent: dict[str, Any] = dict.fromkeys(("concurrency", "prefetch", "state_file", "task_events", "control"))
    told = worker_settings(app, hostname="w@h", **silent)
    assert (told.concurrency, told.prefetch, told.task_events, told.control) == (3, 2, True, False)
    assert told.state_file == "state" and told.accept == {"application/json", "application/x-yaml"}
    told = worker_settings(app, hostname="w@h", concurrency=7, prefetch=9, state_file="mine", control=True)
    assert (told.concurrency, told.prefetch, told.state_file, told.control) == (7, 9, "mine", True)


def test_a_worker_waits_for_connections_as_long_as_is_said() -> None:
    app = Celeriac(broker=AMQP, broker_connection_timeout=9)
    assert worker_settings(app, hostname="w@h").needs().connect_timeout == 9


# -- beside Celery


def test_every_setting_of_celery_is_here_or_has_a_reason() -> None:
    program = "from celery.app.defaults import NAMESPACES, flatten; print(*(key for key, _ in flatten(NAMESPACES)))"
    names = subprocess.run([celery_python(), "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert len(names) > 150
    assert [name for name in names if name not in KINDS and why_absent(name) is None] == []
    # This package's own.
    assert {name for name in KINDS if name not in names} == {"beat_lock_timeout", "opentelemetry"}
    assert [name for name in KINDS if why_absent(name)] == []


def test_crontab_is_a_value() -> None:
    assert crontab(minute="*/5") == crontab("*/5") != crontab()
