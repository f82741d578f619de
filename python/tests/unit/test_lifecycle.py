"""What a worker decides: every row of the table, and the order of what it does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from celeriac import InvalidCall, InvalidMessage, Message, Retry, Signature, TaskOptions
from celeriac.job import Address, Job
from celeriac.lifecycle import TABLE, classify, step
from celeriac.lifecycle_events import (
    Ack,
    Action,
    Composed,
    Event,
    Expired,
    Failed,
    Ignored,
    Lethal,
    Lost,
    Malformed,
    NotYet,
    Phase,
    Ready,
    Refused,
    Reject,
    Replaced,
    Retried,
    Revoked,
    Run,
    Send,
    Store,
    Succeeded,
    Unknown,
    Unsent,
    Unsupported,
    WaitUntil,
)
from celeriac.tree import Node

from .worker_parts import NOW, ORIGIN, job, message

LATER = NOW + timedelta(minutes=5)
EARLIER = NOW - timedelta(minutes=5)
EARLY = TaskOptions(acks_late=False)


def shape(actions: tuple[Action, ...]) -> list[str]:
    """Kinds of actions, results by their state."""
    return [action.result.status if isinstance(action, Store) else type(action).__name__ for action in actions]


def signature(task: str = "shop.log", **fields: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {"task": task, "args": [], "kwargs": {}, "options": {}, "subtask_type": None}
    return {**whole, "immutable": False, **fields}


def decide(event: Event, about: Job, phase: Phase = Phase.RUNNING) -> tuple[Phase, tuple[Action, ...]]:
    return step(phase, event, about)


def sent(actions: tuple[Action, ...]) -> list[Send]:
    return [action for action in actions if isinstance(action, Send)]


def stored(actions: tuple[Action, ...]) -> list[Store]:
    return [action for action in actions if isinstance(action, Store)]


ERROR = ValueError("sold out")
DIED = Lethal("3 worker processes died while they ran this task")

#: (phase, event, options of the task) -> (next phase, actions): the whole table, for a message that asks for no more.
ROWS: list[tuple[Phase, Event, TaskOptions | None, Phase, list[str]]] = [
    (Phase.RECEIVED, Malformed(InvalidMessage("bad")), None, Phase.SETTLED, ["FAILURE", "Reject"]),
    (Phase.RECEIVED, Unknown(), None, Phase.SETTLED, ["FAILURE", "Reject"]),
    (Phase.RECEIVED, Unsupported("chords"), None, Phase.SETTLED, ["FAILURE", "Reject"]),
    (Phase.RECEIVED, Expired(), TaskOptions(), Phase.SETTLED, ["REVOKED", "Ack"]),
    (Phase.RECEIVED, Revoked(), TaskOptions(), Phase.SETTLED, ["REVOKED", "Ack"]),
    (Phase.WAITING, Revoked(), TaskOptions(), Phase.SETTLED, ["REVOKED", "Ack"]),
    (Phase.RUNNING, Revoked("terminated", 15), TaskOptions(), Phase.SETTLED, ["REVOKED", "Ack"]),
    (Phase.RUNNING, Revoked("terminated", 15), TaskOptions(acks_late=False), Phase.SETTLED, ["REVOKED"]),
    (Phase.RECEIVED, NotYet(LATER), TaskOptions(), Phase.WAITING, ["WaitUntil"]),
    (Phase.RECEIVED, Lethal("why"), TaskOptions(), Phase.SETTLED, ["FAILURE", "Reject"]),
    (Phase.RECEIVED, Failed(ERROR, ""), EARLY, Phase.SETTLED, ["FAILURE", "Ack"]),
    (Phase.WAITING, Failed(ERROR, ""), EARLY, Phase.SETTLED, ["FAILURE", "Ack"]),
    (Phase.RECEIVED, Unsent(ERROR), TaskOptions(), Phase.SETTLED, ["FAILURE", "Reject"]),
    (Phase.RECEIVED, Ready(), TaskOptions(), Phase.RUNNING, ["Run"]),
    (Phase.RECEIVED, Ready(), EARLY, Phase.RUNNING, ["Ack", "Run"]),
    (Phase.WAITING, Expired(), TaskOptions(), Phase.SETTLED, ["REVOKED", "Ack"]),
    (Phase.WAITING, NotYet(LATER), TaskOptions(), Phase.WAITING, ["WaitUntil"]),
    (Phase.WAITING, Lethal("why"), TaskOptions(), Phase.SETTLED, ["FAILURE", "Reject"]),
    (Phase.WAITING, Unsent(ERROR), TaskOptions(), Phase.SETTLED, ["FAILURE", "Reject"]),
    (Phase.WAITING, Ready(), TaskOptions(), Phase.RUNNING, ["Run"]),
    (Phase.WAITING, Ready(), EARLY, Phase.RUNNING, ["Ack", "Run"]),
    (Phase.RUNNING, Succeeded(5), TaskOptions(), Phase.SETTLED, ["SUCCESS", "Ack"]),
    (Phase.RUNNING, Succeeded(5), EARLY, Phase.SETTLED, ["SUCCESS"]),
    (Phase.RUNNING, Composed(Signature(task="a")), TaskOptions(), Phase.SETTLED, ["Send", "SUCCESS", "Ack"]),
    (Phase.RUNNING, Composed(Signature(task="a")), EARLY, Phase.SETTLED, ["Send", "SUCCESS"]),
    (Phase.RUNNING, Replaced(Signature(task="a")), TaskOptions(), Phase.SETTLED, ["Send", "Ack"]),
    (Phase.RUNNING, Replaced(Signature(task="a")), EARLY, Phase.SETTLED, ["Send"]),
    (Phase.RUNNING, Failed(ERROR, "tb"), TaskOptions(), Phase.SETTLED, ["FAILURE", "Ack"]),
    (Phase.RUNNING, Failed(ERROR, "tb"), EARLY, Phase.SETTLED, ["FAILURE"]),
    (Phase.RUNNING, Retried(Retry(), "tb"), TaskOptions(), Phase.SETTLED, ["Send", "RETRY", "Ack"]),
    (Phase.RUNNING, Retried(Retry(), "tb"), EARLY, Phase.SETTLED, ["Send", "RETRY"]),
    (Phase.RUNNING, Lost(ERROR), EARLY, Phase.SETTLED, ["FAILURE"]),
    (Phase.RUNNING, Ignored(), TaskOptions(), Phase.SETTLED, ["Ack"]),
    (Phase.RUNNING, Ignored(), EARLY, Phase.SETTLED, []),
    (Phase.RUNNING, Refused(False), TaskOptions(), Phase.SETTLED, ["Reject"]),
    (Phase.RUNNING, Refused(True), TaskOptions(), Phase.SETTLED, ["Reject"]),
    (Phase.RUNNING, Refused(True), EARLY, Phase.SETTLED, []),
    (Phase.RUNNING, Unsent(ERROR), TaskOptions(), Phase.SETTLED, ["FAILURE", "Reject"]),
    (Phase.RUNNING, Unsent(ERROR), EARLY, Phase.SETTLED, ["FAILURE"]),
]


@pytest.mark.parametrize(("phase", "event", "options", "following", "actions"), ROWS)
def test_rows(phase: Phase, event: Event, options: TaskOptions | None, following: Phase, actions: list[str]) -> None:
    decision = decide(event, job(message(), options=options), phase)
    assert (decision[0], shape(decision[1])) == (following, actions)


def test_every_row_is_tested() -> None:
    assert {(phase, type(event)) for phase, event, *_ in ROWS} == set(TABLE)


def test_an_event_out_of_place_is_a_defect() -> None:
    with pytest.raises(KeyError):
        decide(Succeeded(5), job(message()), Phase.RECEIVED)


# -- what a message is


@pytest.mark.parametrize(
    ("fields", "event"),
    [
        ({}, Ready()),
        ({"eta": EARLIER}, Ready()),
        ({"eta": NOW}, Ready()),
        ({"eta": LATER}, NotYet(LATER)),
        ({"expires": LATER}, Ready()),
        ({"expires": NOW}, Expired()),
        ({"expires": EARLIER, "eta": LATER}, Expired()),
        ({"expires": LATER, "eta": LATER}, NotYet(LATER)),
    ],
)
def test_time_decides(fields: dict[str, Any], event: Event) -> None:
    assert classify(job(message(**fields))) == event


def test_unknown_task() -> None:
    assert classify(job(message(expires=EARLIER), options=None)) == Unknown()


def chord_signature() -> dict[str, Any]:
    kwargs = {"header": [signature()], "body": signature(), "kwargs": {}}
    return signature("celery.chord", subtask_type="chord", kwargs=kwargs)


CHORDS: list[dict[str, Any]] = [
    {"chord": signature()},
    {"task": "celery.chord", "args": [], "kwargs": {"header": [], "body": signature()}},
    {"chain": [signature(), chord_signature()]},
    {"callbacks": [signature("celery.group", subtask_type="group", kwargs={"tasks": [chord_signature()]})]},
    {"errbacks": [chord_signature()]},
]


@pytest.mark.parametrize("fields", CHORDS)
def test_a_chord_that_nobody_could_count_is_refused_before_it_runs(fields: dict[str, Any]) -> None:
    event = classify(job(message(**fields)))
    assert isinstance(event, Unsupported) and "chord" in event.reason
    assert classify(job(message(**fields), counts_chords=True)) == Ready()


@pytest.mark.parametrize(
    "broken",
    [
        signature(subtask_type="group"),
        signature(subtask_type="chord", kwargs={"header": [signature()]}),
        signature(subtask_type="chain", kwargs={"tasks": [5]}),
        signature(subtask_type="net"),
        signature(options={"chain": 5}),
    ],
)
@pytest.mark.parametrize("place", ["callbacks", "errbacks", "chain", "chord"])
def test_a_canvas_that_is_none_is_malformed(place: str, broken: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage):
        classify(job(message(**{place: broken if place == "chord" else [broken]}), counts_chords=True))


@pytest.mark.parametrize(
    ("returns", "eta", "event"),
    [
        (19, None, Ready()),
        (20, None, Lethal("its message came back to the queue 20 times")),
        (99, EARLIER.isoformat(), Ready()),
    ],
)
def test_what_comes_back_again_and_again(returns: int, eta: str | None, event: Event) -> None:
    assert classify(job(message(eta=eta), returns=returns)) == event


@pytest.mark.parametrize(
    ("deaths", "event"),
    [(0, Ready()), (2, Ready()), (3, DIED), (4, Lethal("4 worker processes died while they ran this task"))],
)
def test_a_task_that_kills_is_not_run_for_ever(deaths: int, event: Event) -> None:
    assert classify(job(message(), deaths=deaths)) == event


def test_lethal_is_told_as_celery_tells_it() -> None:
    _, actions = decide(DIED, job(message(errbacks=[signature()])), Phase.RECEIVED)
    assert shape(actions) == ["Send", "FAILURE", "Reject"]
    assert stored(actions)[0].result.result == {
        "exc_type": "WorkerLostError",
        "exc_message": ["3 worker processes died while they ran this task"],
        "exc_module": "billiard.exceptions",
    }


# -- results


def test_result_goes_to_who_asked() -> None:
    _, actions = decide(Succeeded(5, (Node("child-1"),)), job(message(parent_id="parent", group="group")))
    (store,) = stored(actions)
    assert (store.reply_to, store.correlation_id) == ("client-oid", "task-1")
    result = store.result
    assert (result.task_id, result.result, result.parent_id, result.group_id) == ("task-1", 5, "parent", "group")
    assert result.children == [[["child-1", None], None]]
    assert result.done_at == NOW


def test_waiting_says_until_when() -> None:
    assert decide(NotYet(LATER), job(message()), Phase.RECEIVED)[1] == (WaitUntil(LATER),)


def test_malformed_without_an_id_stores_nothing() -> None:
    _, actions = decide(Malformed(InvalidMessage("bad")), job(None), Phase.RECEIVED)
    assert actions == (Reject(),)


def test_malformed_is_told_where_its_headers_say() -> None:
    unread = job(None, address=Address("task-9", "somebody", "their-9"))
    _, actions = decide(Malformed(InvalidMessage("body is null")), unread, Phase.RECEIVED)
    (store,) = stored(actions)
    assert (store.result.task_id, store.reply_to, store.correlation_id) == ("task-9", "somebody", "their-9")
    assert store.result.result["exc_type"] == "InvalidMessage"


def test_unknown_is_told_as_celery_tells_it() -> None:
    _, actions = decide(Unknown(), job(message(), options=None), Phase.RECEIVED)
    assert stored(actions)[0].result.result == {
        "exc_type": "NotRegistered",
        "exc_message": ["shop.add"],
        "exc_module": "celery.exceptions",
    }


@pytest.mark.parametrize(
    ("wire", "option", "ignored"),
    [(None, False, False), (None, True, True), (False, True, False), (True, False, True)],
)
@pytest.mark.parametrize("event", [Succeeded(5), Failed(ERROR, ""), Retried(Retry(), ""), Expired()])
def test_ignore_result(event: Event, wire: bool | None, option: bool, ignored: bool) -> None:
    """The message decides, and the task where the message says nothing."""
    phase = Phase.RECEIVED if isinstance(event, Expired) else Phase.RUNNING
    about = job(message(ignore_result=wire), options=TaskOptions(ignore_result=option))
    assert bool(stored(decide(event, about, phase)[1])) is not ignored


# -- what follows


def test_chain_goes_on_with_the_rest() -> None:
    """On the wire the next step stands last."""
    third, second = signature("shop.third"), signature("shop.second", args=[10], options={"task_id": "step-2"})
    _, actions = decide(Succeeded(5), job(message(chain=[third, second])))
    assert shape(actions) == ["Send", "SUCCESS", "Ack"]
    (send,) = sent(actions)
    following = send.message
    assert (following.task, following.id, following.args) == ("shop.second", "step-2", [5, 10])
    assert (following.parent_id, following.root_id, following.reply_to) == ("task-1", "task-1", "client-oid")
    assert following.chain == [third]
    assert (send.route.exchange, send.route.routing_key) == ("", "celery")
    assert stored(actions)[0].result.children == [[["step-2", None], None]]


def test_callbacks_get_the_value_unless_immutable() -> None:
    callbacks = [signature(args=[1], options={"queue": "logs"}), signature(args=[1], immutable=True)]
    _, actions = decide(Succeeded(5), job(message(callbacks=callbacks)))
    assert shape(actions) == ["Send", "Send", "SUCCESS", "Ack"]
    first, second = sent(actions)
    assert (first.message.args, second.message.args) == ([5, 1], [1])
    assert (first.route.routing_key, second.route.routing_key) == ("logs", "celery")
    assert [first.message.id, second.message.id] == ["new-1", "new-2"]


def test_errbacks_get_the_id() -> None:
    _, actions = decide(Failed(ERROR, "tb"), job(message(errbacks=[signature(args=["x"])], callbacks=[signature()])))
    assert shape(actions) == ["Send", "FAILURE", "Ack"]
    assert sent(actions)[0].message.args == ["task-1", "x"]


def test_failure_is_stored_for_the_later_steps_too() -> None:
    """Somebody waits for the end of the chain, which never comes."""
    chain = [
        signature("shop.third", options={"task_id": "step-3", "reply_to": "other-oid"}),
        signature("shop.second", options={"task_id": "step-2"}),
    ]
    _, actions = decide(Failed(ERROR, "tb"), job(message(chain=chain)))
    assert shape(actions) == ["FAILURE", "FAILURE", "FAILURE", "Ack"]
    known = [(store.result.task_id, store.reply_to, store.correlation_id) for store in stored(actions)]
    assert known == [
        ("task-1", "client-oid", "task-1"),
        ("step-2", None, "step-2"),
        ("step-3", "other-oid", "step-3"),
    ]


@pytest.mark.parametrize("task_id", [None, "", 5, ["x"]])
def test_later_steps_without_a_usable_id_are_left_out(task_id: object) -> None:
    chain = [signature(options={"task_id": task_id, "reply_to": 7})]
    assert shape(decide(Failed(ERROR, ""), job(message(chain=chain)))[1]) == ["FAILURE", "Ack"]


def test_what_cannot_be_sent_raises_before_anything_is_decided() -> None:
    with pytest.raises(InvalidCall):
        decide(Succeeded(5), job(message(callbacks=[signature(options={"countdown": 1e300})])))


# -- retry


def retried(retry: Retry, **fields: Any) -> tuple[Message, tuple[Action, ...]]:
    _, actions = decide(Retried(retry, "tb"), job(message(**fields)))
    (send,) = sent(actions)
    assert (send.route.exchange, send.route.routing_key) == ("", "mail")
    return send.message, actions


def test_retry_is_the_same_task_again() -> None:
    callbacks, chain = [signature()], [signature("shop.second")]
    fields = {"time_limit": 30, "priority": 3, "callbacks": callbacks, "chain": chain, "group": "group"}
    again, actions = retried(Retry(ERROR, when=LATER), headers={"tenant": "acme"}, root_id="root", **fields)
    assert (again.id, again.retries, again.parent_id, again.root_id) == ("task-1", 1, "task-1", "root")
    assert (list(again.args), again.kwargs, again.reply_to) == ([2, 3], {}, "client-oid")
    assert (again.timelimit, again.priority, again.group) == ([30, None], 3, "group")
    assert (again.callbacks, again.chain) == (callbacks, chain)
    assert again.extra.headers == {"tenant": "acme"}
    assert (again.eta_at, again.origin) == (LATER, ORIGIN)
    assert stored(actions)[0].result.result["exc_message"] == ["sold out"]
    assert stored(actions)[0].result.date_done is None


def test_retry_without_a_cause_or_a_time() -> None:
    again, actions = retried(Retry())
    assert again.eta is None
    assert stored(actions)[0].result.result is None


def test_retry_with_other_arguments() -> None:
    again, _ = retried(Retry(args=(4,), kwargs={"y": 5}))
    assert (again.args, again.kwargs) == ([4], {"y": 5})


@pytest.mark.parametrize(
    ("expires", "expiration"),
    [(LATER, "300000"), (EARLIER, "0"), (NOW + timedelta(days=60), None), (None, None)],
)
def test_retry_keeps_when_it_expires(expires: Any, expiration: str | None) -> None:
    """The instant stays; the broker's milliseconds count from now on."""
    again, _ = retried(Retry(when=LATER), expires=expires)
    assert (again.expires_at, again.expiration) == (expires, expiration)


def test_retry_can_be_written() -> None:
    again, _ = retried(Retry(ERROR, when=LATER), expires=LATER)
    assert Message.parse(again.build()) == again


def test_early_acknowledgement_comes_first() -> None:
    assert decide(Ready(), job(message(), options=EARLY), Phase.RECEIVED)[1] == (Ack(), Run())


def test_started_is_stored_where_that_is_asked_for() -> None:
    about = job(message(), options=TaskOptions(track_started=True), hostname="w1", pid=7)
    phase, actions = decide(Ready(), about, Phase.RECEIVED)
    assert (phase, shape(actions)) == (Phase.RUNNING, ["STARTED", "Run"])
    assert isinstance(actions[0], Store) and actions[0].result.result == {"pid": 7, "hostname": "w1"}
    early = job(message(), options=TaskOptions(track_started=True, acks_late=False))
    assert shape(decide(Ready(), early, Phase.RECEIVED)[1]) == ["STARTED", "Ack", "Run"]
    silent = job(message(ignore_result=True), options=TaskOptions(track_started=True))
    assert shape(decide(Ready(), silent, Phase.RECEIVED)[1]) == ["Run"]


def test_a_task_that_fails_with_its_first_process() -> None:
    about = job(message(), options=TaskOptions(reject_on_worker_lost=False), deaths=1)
    assert classify(about) == Lethal("1 worker processes died while they ran this task")
    assert classify(job(message(), deaths=1)) == Ready()
