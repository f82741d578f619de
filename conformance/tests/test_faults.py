"""When something else than the testee is at fault: exit code 3, or 2 where the command line is, and never green."""

from __future__ import annotations

import contextlib
import json
import resource
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from conftest import Finished, fake, reference, url_of

from celeriac_conformance.execute import Options, execute
from celeriac_conformance.verdicts import BROKEN, PASS, Outcome

Suite = Callable[..., Finished]
COMMAND = [sys.executable, "-m", "celeriac_conformance"]
QUICK = ["--only", "codec/serialization"]


class Forwarder:
    """A port that leads to a broker until it is cut: what both sides see then is a broker that has gone."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self.target = (parts.hostname, parts.port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.sockets: list[socket.socket] = []
        user = parts.netloc.rpartition("@")[0]
        here = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.url = urlunsplit(parts._replace(netloc=f"{user}@{here}" if user else here))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                pair = [self.listener.accept()[0], socket.create_connection(self.target)]
                self.sockets += pair
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            while True:
                for source in select.select([one, other], [], [])[0]:
                    content = source.recv(65536)
                    if not content:
                        return
                    (other if source is one else one).sendall(content)

    def cut(self) -> None:
        """Be a broker that has gone."""
        self.listener.close()
        for end in self.sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def forwarder(url: str) -> Iterator[Forwarder]:
    made = Forwarder(url)
    try:
        yield made
    finally:
        made.cut()


@pytest.mark.parametrize("part", ["redis", "rabbitmq"])
def test_a_broker_that_goes_in_the_middle_is_no_verdict(part: str) -> None:
    """It goes when the producer cases have come out, and before those of the reader have begun."""
    with forwarder(url_of(part)) as way:
        seen: list[Outcome] = []

        def on_outcome(outcome: Outcome, _: int) -> None:
            seen.append(outcome)
            way.cut()

        only = ["producer/headers/shadow", "result/values/integer", "result/values/text"]
        story = execute(Options(reference(), way.url, only=only, seconds=10.0), on_outcome)
    assert story.exit == BROKEN
    assert not story.complete
    assert seen[0].verdict == PASS
    assert all(outcome.verdict != PASS for outcome in story.outcomes[1:])


def _limited(arguments: list[str], stdout: int | None = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """The command in a process that cannot write files of more than a thousand bytes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    return subprocess.run(
        [*COMMAND, *arguments], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, preexec_fn=limit
    )


def test_a_full_disk_is_exit_code_3_and_leaves_no_half_a_report(tmp_path: Path) -> None:
    done = _limited([*QUICK, "--out", str(tmp_path), "--", *reference()])
    assert (done.returncode, "could not be written" in done.stderr) == (3, True), done.stderr
    assert not (tmp_path / "report.json").exists()


def test_a_summary_on_a_full_disk_is_exit_code_3(suite: Suite) -> None:
    done = suite(*QUICK, "--summary-md", "/dev/full", testee=reference())
    assert (done.code, "could not be written" in done.err) == (3, True), done.err


def test_a_report_on_a_full_terminal_is_no_success() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, *QUICK, "--", *reference()], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3


def test_a_kill_rate_on_a_full_disk_is_exit_code_3(suite: Suite) -> None:
    done = suite("mutants", "--only", "writes-date-as-datetime", "--out", "/dev/full/x")
    assert (done.code, "could not be written" in done.err) == (3, True), done.err


#: What the file says -> what the run says of it.
UNREADABLE = [
    (b"[[known-failing", "known.toml"),
    (b"\xff\xfe\x00", "known.toml"),
    (b"[[known-failing]]\ncase = 'codec'\n", "required"),
    (b"[known-failing]\ncase = 'codec'\n", "not of type"),
]


@pytest.mark.parametrize(("content", "says"), UNREADABLE)
def test_known_failing_that_cannot_be_read_is_exit_code_2(
    content: bytes, says: str, suite: Suite, tmp_path: Path
) -> None:
    path = tmp_path / "known.toml"
    path.write_bytes(content)
    done = suite(*QUICK, "--known-failing", str(path), testee=reference())
    assert (done.code, says in done.err) == (2, True), done.err
    assert "cases in" not in done.out  # nothing was run


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"schema": 1}'])
def test_a_report_that_cannot_be_read_is_exit_code_2(content: bytes, suite: Suite, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(content)
    done = suite("report", str(path))
    assert (done.code, "report.json" in done.err) == (2, True), done.err
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("content", [b"testees: [", b"\xff\xfe", b"- 1\n", b"{}"])
def test_a_matrix_that_cannot_be_read_is_exit_code_2(content: bytes, suite: Suite, tmp_path: Path) -> None:
    path = tmp_path / "matrix.yaml"
    path.write_bytes(content)
    assert suite("matrix", "--config", str(path)).code == 2


def test_a_filter_that_leaves_nothing_is_exit_code_2(suite: Suite) -> None:
    for filters in (["--only", "no/such"], ["--skip", "*"], ["--profile", "codec", "--only", "worker"]):
        done = suite(*filters, testee=fake("mute"))
        assert (done.code, "no case matches" in done.err) == (2, True), done.err
    assert suite("mutants", "--only", "no-such-mutant").code == 2


def test_a_slow_testee_is_judged_by_what_it_says_while_it_is_in_time(suite: Suite, tmp_path: Path) -> None:
    slow = ["--only", "codec/task-v2/invalid/kwargs-*", "--out", str(tmp_path)]
    in_time = suite(*slow, "--timeout", "60", testee=fake("slow"))
    assert in_time.code == 1, in_time.out
    verdicts = json.loads((tmp_path / "report.json").read_text())["footer"]["verdicts"]
    assert set(verdicts) == {"fail"}
    late = suite(*slow, "--timeout", "0.1", testee=fake("slow"))
    assert (late.code, "no answer to" in late.out) == (3, True), late.out
