"""What breaks the testee protocol is found and named, and no fake ever makes a run green."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import Finished, fake, url_of

from celeriac_conformance import bench
from celeriac_conformance.testee import Answer, Hello, Refused, Testee, TesteeBroken

#: Of what comes on any machine, and of what never does.
SECONDS, NEVER = 60.0, 0.3


def _started(name: str) -> Testee:
    return Testee(fake(name))


BROKEN = [
    ("exits-at-once", "exited with code 3"),
    ("junk-on-stdout", "not JSON"),
]


@pytest.mark.parametrize(("name", "says"), BROKEN)
def test_broken_before_hello(name: str, says: str) -> None:
    testee = _started(name)
    try:
        with pytest.raises(TesteeBroken, match=says):
            testee.hello(SECONDS)
    finally:
        testee.kill()


BROKEN_LATER = [
    ("exits-mid-case", "exited with code 7"),
    ("wrong-ids", "which is not open"),
    ("against-the-schema", "against its schema"),
    ("two-answers-in-one", "against its schema"),
]


@pytest.mark.parametrize(("name", "says"), BROKEN_LATER)
def test_broken_in_a_case(name: str, says: str) -> None:
    testee = _started(name)
    try:
        testee.hello(SECONDS)
        with pytest.raises(TesteeBroken, match=says):
            testee.ask("publish", SECONDS, session="s", task="t", args=[], kwargs={}, options={})
    finally:
        testee.kill()


def test_silence_is_found_at_the_deadline() -> None:
    testee = _started("mute")
    try:
        with pytest.raises(TesteeBroken, match=r"no answer to 'hello' within 0\.3 s"):
            testee.hello(NEVER)
    finally:
        testee.kill()


def test_a_second_answer_is_found() -> None:
    testee = _started("answers-twice")
    try:
        testee.hello(SECONDS)
        testee.ask("open", SECONDS)
        with pytest.raises(TesteeBroken, match="not open"):
            testee.ask("close", SECONDS)
            testee.ask("close", SECONDS)
    finally:
        testee.kill()


def test_a_testee_that_does_not_go_is_found() -> None:
    testee = _started("does-not-go")
    try:
        testee.hello(SECONDS)
        with pytest.raises(TesteeBroken, match="still running"):
            testee.bye(3)
    finally:
        testee.kill()


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(TesteeBroken, match="cannot start"):
        Testee(["no-such-command-anywhere"])


def test_the_log_of_a_broken_testee_is_quoted() -> None:
    testee = Testee(["/bin/sh", "-c", "echo the reason why >&2; exit 4"])
    try:
        with pytest.raises(TesteeBroken, match="the reason why"):
            testee.hello(SECONDS)
    finally:
        testee.kill()


def test_lacking_is_legal_only_for_what_hello_has_a_word_for() -> None:
    hello = Hello({}, frozenset(), {"broker": ["amqp"], "confirm": True, "compression": []})
    assert hello.may_lack("broker.redis")
    assert hello.may_lack("compression")
    assert hello.may_lack("compression.zstd")
    assert not hello.may_lack("broker.amqp")
    assert not hello.may_lack("broker")
    assert not hello.may_lack("confirm")
    assert not hello.may_lack("publishing")


def test_an_answer_that_is_needed() -> None:
    assert Answer(ok={"task_id": "x"}).must("publish") == {"task_id": "x"}
    with pytest.raises(Refused, match="publish.*NoWay"):
        Answer(error={"kind": "NoWay", "message": ""}).must("publish")


#: The deadline of a step of a fake that is silent, which is waited for; the others never are.
SILENT = {"mute": "1", "mute-mid-case": "1", "says-ok-and-does-nothing": "1"}


def _patience(name: str) -> list[str]:
    return ["--timeout", SILENT.get(name, "60")]


#: fake -> exit code of a run of profile codec, and what the run says.
CODEC = [
    ("mute", 3, "the testee did not start: no answer to 'hello'"),
    ("junk-on-stdout", 3, "not JSON"),
    ("exits-at-once", 3, "exited with code 3"),
    ("exits-mid-case", 3, "the testee broke down 4 times"),
    ("mute-mid-case", 3, "the testee broke down 4 times"),
    ("junk-mid-case", 3, "not JSON"),
    ("wrong-ids", 3, "which is not open"),
    ("against-the-schema", 3, "against its schema"),
    ("claims-everything", 1, "not conformant"),
    ("claims-nothing", 1, "not conformant"),
    ("says-ok-and-does-nothing", 1, "not conformant"),
    ("lacks-what-it-claims", 1, "not conformant"),
    ("lacks-what-nobody-asked", 1, "not conformant"),
]


@pytest.mark.parametrize(("name", "code", "says"), CODEC)
def test_no_liar_goes_green_offline(
    name: str, code: int, says: str, suite: Callable[..., Finished], monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "mute":
        monkeypatch.setattr(bench, "HELLO_SECONDS", 1.0)
    done = suite("--only", "codec/task-v2/invalid", "--only", "codec/result", *_patience(name), testee=fake(name))
    assert done.code == code, done.out + done.err
    assert says in done.out


#: fake -> exit code of a run against a broker, and how its cases came out.
LIVE = [
    ("says-ok-and-does-nothing", 1, "no message came to the queue"),
    ("claims-everything", 1, "not done"),
    ("claims-nothing", 1, "role producer is not claimed"),
    ("lacks-what-it-claims", 1, "broker.redis"),
    ("lacks-what-nobody-asked", 1, "publishing"),
    ("exits-mid-case", 3, "exited with code 7"),
    ("mute-mid-case", 3, "no answer to 'open'"),
    ("junk-mid-case", 3, "not JSON"),
]


@pytest.mark.parametrize(("name", "code", "says"), LIVE)
def test_no_liar_goes_green_at_a_broker(
    name: str, code: int, says: str, suite: Callable[..., Finished], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "MOST_RESTARTS", 0)  # a worker that does not open is waited for long enough once
    url = url_of("redis")
    names = ("producer/headers/*id*", "producer/sending/confirmed", "result/values/[eifn]*", "worker/receive/e*")
    only = [part for name in names for part in ("--only", name)]
    done = suite("--broker", url, "--result", url, *_patience(name), *only, testee=fake(name))
    assert done.code == code, done.out + done.err
    assert says in done.out
    assert " pass" not in done.out.splitlines()[-3]
