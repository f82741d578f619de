"""The command line as a user has it: what it prints, where, and with which exit code."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from celeriac import Envelope, Message
from celeriac.cli import main
from tests.conftest import Broker, Shop
from tests.support.proxy import mute_server
from tests.support.worker import PACKAGE

NOWHERE = "amqp://shop:secret@127.0.0.1:1//"


@dataclass(frozen=True)
class Done:
    """What a run of the command left."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def celeriac(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in this process, which is quicker than in one of its own."""
    for name in [name for name in os.environ if name.startswith("CELERIAC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "path", sys.path[:])

    def run(*arguments: str, given: str = "") -> Done:
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        with pytest.raises(SystemExit) as left:
            main(arguments, prog_name="celeriac")
        written = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Done(left.value.code, written.out, written.err)

    return run


def as_a_process(*arguments: str, cwd: Path = PACKAGE) -> Done:
    """Run the command as a shell does."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CELERIAC_")}
    done = subprocess.run(
        [sys.executable, "-m", "celeriac", *arguments],
        cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


def one_line(done: Done) -> str:
    """The error that was written, which is one line and no traceback."""
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize("command", ["", *main.commands])
def test_help(celeriac: Run, command: str) -> None:
    done = celeriac(*filter(None, [command]), "--help")
    assert done.returncode == 0 and "Examples:" in done.stdout and done.stderr == ""
    assert max(len(line) for line in done.stdout.splitlines()) <= 120


def test_the_readme_names_every_command() -> None:
    text = (PACKAGE / "README.md").read_text("utf-8")
    assert [name for name in main.commands if f"`celeriac -A shop {name}" not in text] == []


@pytest.mark.parametrize("command", [name for name in main.commands if name not in {"worker", "beat"}])
def test_whatever_prints_prints_json(command: str) -> None:
    assert {"-j", "--json"} <= {name for option in main.commands[command].params for name in option.opts}


def test_version() -> None:
    assert as_a_process("--version").stdout.strip().endswith("0.1.0")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("-b", "http://x", "call", "t"), 2, "its scheme is none of amqp://"),
        (("-A", "no_such_module", "call", "t"), 2, "-A no_such_module: there is no module no_such_module in "),
        (("-A", "json", "call", "t"), 2, "-A json: json holds no application named app or celeriac; use MODULE:NAME"),
        (("-A", "tests.support.tasks:nobody", "call", "t"), 2, "holds no application named nobody"),
        (("-b", "redis://x", "call", "t", "--args", "{"), 2, "--args has to be JSON, not '{'"),
        (("-b", "redis://x", "call", "t", "--args", "5"), 2, "args has to be a list or tuple, not 5"),
        (("-b", "redis://x", "call", "t", "--kwargs", "[]"), 2, "kwargs has to be a dict, not []"),
        (("-b", "redis://x", "call", "t", "-H", "tenant"), 2, "--header has to be NAME=VALUE, not 'tenant'"),
        (("-b", "redis://x", "result", "id"), 2, "no result backend: name one"),
        (("-b", "redis://x", "--backend", "rpc://", "call", "t"), 2, "sends results through an AMQP broker"),
        (("-b", NOWHERE, "call", "t"), 3, "cannot reach the broker at amqp://shop:**@127.0.0.1:1//"),
        (("-b", NOWHERE, "purge", "--force"), 3, "cannot reach the broker at amqp://shop:**@127.0.0.1:1//"),
        (("-b", "redis://127.0.0.1:1/0", "call", "t"), 3, "cannot use Redis at redis://127.0.0.1:1/0"),
        (("-b", "redis://127.0.0.1:1/0", "--backend", "redis://127.0.0.1:1/0", "result", "x"), 3, "cannot use Redis"),
    ],
)
def test_errors_are_one_line(celeriac: Run, arguments: tuple[str, ...], code: int, text: str) -> None:
    done = celeriac(*arguments)
    assert (done.returncode, text in one_line(done)) == (code, True), done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_a_broker_that_says_nothing(scheme: str) -> None:
    with mute_server() as port:
        started = time.monotonic()
        done = as_a_process("-b", f"{scheme}://127.0.0.1:{port}/", "call", "t")
        assert done.returncode == 3 and "127.0.0.1" in one_line(done)
        assert time.monotonic() - started < 30


def test_a_worker_without_a_broker() -> None:
    done = as_a_process("-b", NOWHERE, "worker")
    assert done.returncode == 3 and "Traceback" not in done.stderr
    assert "error: cannot reach the broker" in done.stderr


def test_an_error_in_the_users_module_shows_where(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import no_such_thing\n")
    done = as_a_process("-A", "shop", "call", "t", cwd=tmp_path)
    assert done.returncode == 1 and 'shop.py", line 1' in done.stderr


def test_usage_errors_are_clicks(celeriac: Run) -> None:
    assert celeriac("worker", "-c", "0").returncode == 2
    assert celeriac("nonsense").returncode == 2


# -- with a worker


def options(shop: Shop) -> tuple[str, ...]:
    return ("-b", shop.broker.url, "--backend", shop.broker.backend)


def test_call_prints_the_id(celeriac: Run, shop: Shop) -> None:
    done = celeriac(*options(shop), "call", "t.note", "-a", '["by hand"]', "-Q", shop.queue)
    assert done.returncode == 0 and uuid.UUID(done.stdout.strip()).version == 4
    shop.worker.noted("by hand")
    as_json = celeriac(*options(shop), "call", "t.note", "-a", '["x"]', "-Q", shop.queue, "--json")
    assert list(json.loads(as_json.stdout)) == ["task_id"]


@pytest.mark.parametrize(
    ("task", "args", "code", "out", "err"),
    [
        ("t.add", "[2, 3]", 0, "5\n", ""),
        ("t.add", '["a", "ü"]', 0, "aü\n", ""),
        ("t.add", "[[1], [null]]", 0, "[1, null]\n", ""),
        ("t.fail", '["sold out"]', 1, "", "ValueError: sold out"),
        ("t.nobody", "[]", 1, "", "t.nobody"),
    ],
)
def test_call_and_wait(celeriac: Run, shop: Shop, task: str, args: str, code: int, out: str, err: str) -> None:
    done = celeriac(*options(shop), "call", task, "-a", args, "-Q", shop.queue, "--wait", "15")
    assert (done.returncode, done.stdout) == (code, out), done.stderr
    assert err in done.stderr


def test_call_and_wait_as_json(celeriac: Run, shop: Shop) -> None:
    good = celeriac(*options(shop), "call", "t.add", "-a", "[2, 3]", "-Q", shop.queue, "--wait", "15", "--json")
    bad = celeriac(*options(shop), "call", "t.fail", "-a", '["x"]', "-Q", shop.queue, "--wait", "15", "--json")
    document = json.loads(good.stdout)
    assert (good.returncode, document["state"], document["result"]) == (0, "SUCCESS", 5)
    document = json.loads(bad.stdout)
    assert (bad.returncode, document["state"], document["exception"]["type"]) == (1, "FAILURE", "ValueError")


def test_waiting_ends(celeriac: Run, shop: Shop) -> None:
    arguments = ("call", "t.add", "-a", "[1, 1]", "-Q", shop.queue, "--countdown", "60", "--wait", "0.3")
    done = celeriac(*options(shop), *arguments)
    assert done.returncode == 4 and "did not end within 0.3 seconds" in done.stderr


def test_result(celeriac: Run, redis_url: str, shop: Shop) -> None:
    if shop.broker.name == "rabbitmq":
        # An answer over rpc:// is for the process that asked.
        done = celeriac(*options(shop), "result", "somebody-elses")
        assert done.returncode == 4
        return
    sent = shop.app.send_task("t.add", (2, 3))
    sent.get(timeout=15)
    done = celeriac("--backend", redis_url, "-b", redis_url, "result", sent.id, "--timeout", "5")
    assert (done.returncode, done.stdout) == (0, "5\n")
    started = time.monotonic()
    missing = celeriac("--backend", redis_url, "-b", redis_url, "result", "nobody", "-t", "0.5", "--json")
    assert missing.returncode == 4 and json.loads(missing.stdout)["state"] == "PENDING"
    assert time.monotonic() - started < 30


def test_the_options_of_call(celeriac: Run, redis_url: str, redis_queue: str) -> None:
    words = (
        *("-Q", redis_queue, "--eta", "2026-12-01T06:00:00+01:00", "--expires", "9", "--priority", "0"),
        *("--task-id", "mine", "--serializer", "yaml", "--compression", "zlib", "-H", "tenant=acme", "-H", "a=b=c"),
    )
    done = celeriac("-b", redis_url, "call", "t", *words)
    assert (done.returncode, done.stdout) == (0, "mine\n"), done.stderr
    with closing(redis.Redis.from_url(redis_url)) as client:
        item: Any = client.rpop(redis_queue)
    wire = Envelope.parse(item).wire
    message = Message.parse(wire, accept=frozenset({"application/x-yaml"}))
    assert (message.id, message.eta, message.extra.headers) == (
        "mine",
        "2026-12-01T05:00:00+00:00",
        {"tenant": "acme", "a": "b=c"},
    )
    assert wire.headers["compression"] == "application/x-gzip"
    wrong = celeriac("-b", redis_url, "call", "t", "--eta", "tomorrow")
    assert wrong.returncode == 2 and "'tomorrow' is no ISO 8601 text" in wrong.stderr


def test_purge(celeriac: Run, broker: Broker, queue: str) -> None:
    for _ in range(3):
        assert celeriac("-b", broker.url, "call", "t", "-Q", queue).returncode == 0
    kept = celeriac("-b", broker.url, "purge", "-Q", queue, given="n\n")
    assert kept.returncode == 1 and "Delete all messages in" in kept.stdout
    done = celeriac("-b", broker.url, "purge", "-Q", queue, "--force")
    assert (done.returncode, done.stdout) == (0, f"{queue}: 3 messages deleted\n")
    again = celeriac("-b", broker.url, "purge", "-Q", queue, "--json", given="y\n")
    assert (again.returncode, json.loads(again.stdout)) == (0, {queue: 0})
