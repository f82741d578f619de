"""The command line: usage errors, list and explain, interruptions and reports that cannot be written."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Finished, fake, reference

from celeriac_conformance import cases, explain
from celeriac_conformance.cases import Case
from celeriac_conformance.requirements import Specification
from celeriac_conformance.waiting import until

Suite = Callable[..., Finished]

USAGE = [
    (["--only", "no/such/case", "--", "true"], "no case matches"),
    (["--profile", "juggler", "--", "true"], "juggler"),
    (["--known-failing", "no-such-file", "--", "true"], "no-such-file"),
    (["--broker", "kafka://x", "--", "true"], "kafka://x"),
    (["--no-such-option", "--", "true"], "no-such-option"),
    (["--spec", "/nowhere", "--", "true"], "/nowhere"),
    ([], "Missing argument"),
    (["explain", "TM-NONE-001"], "neither a requirement nor a case"),
    (["list", "--only", "no/such/case"], "no case matches"),
    (["matrix"], "--config"),
]


@pytest.mark.parametrize(("arguments", "says"), USAGE)
def test_usage_is_exit_code_2(arguments: list[str], says: str, suite: Suite) -> None:
    done = suite(*(arguments or ["run"]))
    assert done.code == 2, done.out + done.err
    assert says in done.err


def test_the_command_as_a_process() -> None:
    command = [sys.executable, "-m", "celeriac_conformance"]
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("run", "list", "explain", "matrix"))
    nothing = [*command, "--only", "no/such/case", "--", "true"]
    done = subprocess.run(nothing, capture_output=True, text=True, check=False)
    assert (done.returncode, "no case matches" in done.stderr) == (2, True)


def test_run_is_the_default(suite: Suite, tmp_path: Path) -> None:
    options = ["--profile", "codec", "--only", "codec/serialization", "--out", str(tmp_path)]
    assert suite(*options, testee=reference()).code == 0
    assert suite("run", *options, testee=reference()).code == 0


def test_codec_needs_no_broker(suite: Suite, tmp_path: Path) -> None:
    done = suite("--profile", "codec", "--out", str(tmp_path), testee=reference())
    footer = json.loads((tmp_path / "report.json").read_text())["footer"]
    assert done.code == 0, done.out
    assert footer["verdicts"]["pass"] > 40


def test_a_run_writes_a_summary(suite: Suite, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    suite("--only", "codec/serialization", "--summary-md", str(summary), testee=reference())
    assert summary.read_text().startswith("before\n## Conformance of reference")


def test_a_report_that_cannot_be_written_is_exit_code_3(suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = suite("--only", "codec/serialization", "--out", str(tmp_path / "file"), testee=reference())
    assert (done.code, "could not be written" in done.err) == (3, True)


def test_interrupted_is_exit_code_3_and_says_what_was_not_run(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    noting = ["sh", "-c", 'tee "$0" | "$@"', str(asked), *fake("mute-mid-case")]
    command = [sys.executable, "-m", "celeriac_conformance", "--only", "codec/task-v2", "--out", str(tmp_path)]
    run = subprocess.Popen([*command, "--timeout", "60", "--", *noting], stdout=subprocess.PIPE, text=True)
    try:
        # hello has been answered: interrupted before that there is nothing to report of
        assert until(lambda: asked.exists() and asked.read_text().count("\n") >= 2, 60)
        run.send_signal(signal.SIGINT)
        out, _ = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 3
    assert "interrupted" in out
    footer = json.loads((tmp_path / "report.json").read_text())["footer"]
    assert footer["complete"] is False
    assert footer["verdicts"]["untested"] > 10


def test_on_a_terminal_a_bar_says_how_far_it_is_and_what_was_last() -> None:
    command = [sys.executable, "-m", "celeriac_conformance", "--only", "codec/task-v1", "--", *reference()]
    terminal, other = pty.openpty()
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=other)
    os.close(other)
    shown = b""
    with contextlib.suppress(OSError):  # what a terminal says when the last one who wrote to it has gone
        while part := os.read(terminal, 65536):
            shown += part
    os.close(terminal)
    assert run.wait(60) == 0
    lines = shown.decode().split("\r\x1b[K")
    assert lines[-1] == ""  # it is taken away at the end
    done, total = lines[-2].split()[1].split("/")
    assert done == total
    assert lines[-2].startswith("█" * 20)
    assert "codec/task-v1/" in lines[-2]
    assert "░ 1/" in lines[1]


def test_list_names_cases_and_requirements(suite: Suite) -> None:
    done = suite("list", "--profile", "worker", "--only", "worker/poison")
    assert done.code == 0
    assert "worker/poison/no-id" in done.out
    assert "WK-POI-001" in done.out
    done = suite("list", "--requirements")
    assert "MUST   TM-HDR-014" in done.out


def test_explain_a_requirement_and_a_case(suite: Suite) -> None:
    done = suite("explain", "TM-HDR-014")
    assert "**" not in done.out
    assert "producer/headers/time-limits" in done.out
    done = suite("explain", "worker/poison/no-id")
    assert "WK-POI-005" in done.out
    assert "expects:" in done.out


def test_explain_says_why_shows_bytes_and_names_mutants(suite: Suite) -> None:
    lines = suite("explain", "TM-HDR-014").out.splitlines()
    assert lines[1].startswith("  A producer that sets a time limit MUST write the header `timelimit`")
    assert any(line.startswith("  Celery's own protocol page shows `(soft, hard)`") for line in lines)
    assert "  header timelimit: [30, 20]" in lines
    assert "  body, 81 bytes of application/json, utf-8:" in lines
    assert not any(line.startswith("  header task") for line in lines)  # what the example does not quote
    assert any(line.startswith("  swaps-timelimit: ") for line in lines)


def test_explain_opens_the_envelope_of_redis(suite: Suite) -> None:
    lines = suite("explain", "BR-REDIS-003").out.splitlines()
    assert any(line.startswith("  property delivery_tag: ") for line in lines)
    assert any(line.startswith("    [[2, 3], {}, {") for line in lines)


def test_explain_says_where_no_message_shows_it(suite: Suite) -> None:
    assert "no message shows it:" in suite("explain", "WK-POI-003").out


def test_explain_as_json(suite: Suite) -> None:
    told = json.loads(suite("explain", "TM-HDR-014", "--json").out)
    assert told["level"] == "MUST"
    assert told["bytes"][0]["vector"] == "task-v2/timelimit-both"
    assert "producer/headers/time-limits" in [case["case"] for case in told["cases"]]
    assert "swaps-timelimit" in [kill["mutant"] for kill in told["mutants"]]
    assert suite("explain", "worker/poison/no-id", "--json").code == 2


def test_every_case_can_be_explained(specification: Specification, library: list[Case]) -> None:
    for case in library:
        assert explain.explain(case.name, specification, library)
    for name in specification.requirements:
        assert explain.explain(name, specification, library)


def test_a_fault_of_the_suite_is_exit_code_3(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "load", lambda _: 1 // 0)
    done = suite("list")
    assert (done.code, "ZeroDivisionError" in done.err) == (3, True)
