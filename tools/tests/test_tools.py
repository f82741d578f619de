"""The tools decide what CI believes: a failure must never come out as success, nor a missing part as silence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import common
import parts
import pytest
import setup
import steps
from steps import FAILED, OK, SKIPPED, Result, Runner, Step


def step(name: str, code: str, *, needs: tuple[str, ...] = (), seconds: int = 30) -> Step:
    return Step(name=name, group="unit", command=(sys.executable, "-c", code), needs=needs, seconds=seconds)


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "LOGS", tmp_path)
    monkeypatch.setattr(steps, "LOGS", tmp_path)


def test_a_failing_step_is_reported_and_the_others_still_run(capfd: pytest.CaptureFixture[str]) -> None:
    table = [step("bad", "print('seen'); raise SystemExit(3)"), step("good", "print('also seen')")]
    results = Runner({}, jobs=1).run(table)
    assert [(result.verdict, result.detail) for result in results] == [(FAILED, "exit 3"), (OK, "")]
    assert steps.summary(results, 1.0) == 1
    printed = capfd.readouterr().out
    assert "seen\n" in printed
    assert "also seen\n" in printed
    assert printed.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"


def test_a_missing_part_skips_the_step_with_its_reason(capfd: pytest.CaptureFixture[str]) -> None:
    table = [step("needy", "raise SystemExit(1)", needs=("php",)), step("good", "pass")]
    results = Runner({"php": "php not found (remedy: get it)"}, jobs=2).run(table)
    assert results[0] == Result(table[0], SKIPPED, detail="php: php not found (remedy: get it)")
    assert steps.summary(results, 1.0) == 0
    assert "1 passed, 0 failed, 1 skipped" in capfd.readouterr().out


def test_nothing_run_is_not_success() -> None:
    assert steps.summary([Result(step("a", ""), SKIPPED, detail="no php")], 0.0) == 1
    assert steps.summary([], 0.0) == 1


def test_a_step_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))\n"
        "child.wait()\n"
    )
    (result,) = Runner({}, jobs=1).run([step("slow", code, seconds=2)])
    assert (result.verdict, result.detail) == (FAILED, "not over after 2 s")
    assert gone(int((tmp_path / "pid").read_text()))


def gone(pid: int, seconds: float = 5.0) -> bool:
    """Whether a process ends, or is a zombie that nobody has to wait for, within some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
        if state.stdout.strip()[:1] in ("", "Z"):
            return True
        time.sleep(0.05)
    return False


def test_steps_that_hold_the_same_thing_take_turns(tmp_path: Path) -> None:
    alone = (
        f"import os, time; os.mkdir({str(tmp_path / 'held')!r}); time.sleep(0.3); os.rmdir({str(tmp_path / 'held')!r})"
    )
    table = [
        Step(name=name, group="unit", command=(sys.executable, "-c", alone), holds="the folder")
        for name in ("a", "b", "c")
    ]
    table.insert(1, step("free", "pass"))
    results = Runner({}, jobs=2).run(table)
    assert [(result.step.name, result.verdict) for result in results] == [(one.name, OK) for one in table]


def test_a_command_that_does_not_exist_is_a_failure() -> None:
    (result,) = Runner({}, jobs=1).run([Step(name="none", group="unit", command=("/does/not/exist",))])
    assert result.verdict == FAILED
    assert "No such file" in result.detail


def test_steps_are_chosen_by_name_or_group_and_a_wrong_name_is_an_error() -> None:
    table = [step("a", ""), step("b", ""), Step(name="c", group="check", command=("true",))]
    assert [chosen.name for chosen in steps.choose(table, "a,check")] == ["a", "c"]
    assert steps.choose(table, "") == table
    long = Step(name="long", group="check", command=("true",), apart=True)
    assert steps.choose([*table, long], "") == table
    assert steps.choose([*table, long], "check") == [table[2], long]
    with pytest.raises(SystemExit, match="no step nope; known: unit, a, b, check, c"):
        steps.choose(table, "nope")


def test_finished_work_is_not_done_again_but_failed_work_is(tmp_path: Path) -> None:
    stamp = tmp_path / "stamp"
    with pytest.raises(common.Failed), common.once(stamp, "key"):
        raise common.Failed("broken")
    with common.once(stamp, "key") as needed:
        assert needed
    with common.once(stamp, "key") as needed:
        assert not needed
    with common.once(stamp, "another key") as needed:
        assert needed


def test_a_digest_sees_contents_and_names(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("content")
    before = common.digest(tmp_path)
    second.write_text("")
    assert common.digest(tmp_path) != before
    assert common.digest("ab", "c") != common.digest("a", "bc")


def test_a_failing_command_quotes_the_end_of_its_output(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('the cause'); raise SystemExit(7)"]
    with pytest.raises(common.Failed, match=r"(?s)a thing: exit 7.*the cause.*remedy: do this"):
        common.quiet(command, what="a thing", cwd=tmp_path, remedy="do this")


def test_a_required_part_that_is_missing_fails(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(parts.REQUIRE, raising=False)
    assert setup.report({"php": "php not found"}) == 0
    monkeypatch.setenv(parts.REQUIRE, "redis, php")
    assert setup.report({"php": "php not found"}) == 1
    assert setup.report({"node": "node not found"}) == 0
    assert "SKIPPED php: php not found" in capfd.readouterr().out


def test_an_unknown_required_part_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(parts.REQUIRE, "rabbit")
    with pytest.raises(SystemExit, match="names rabbit; known: rabbitmq"):
        parts.required()


def test_without_anything_on_path_every_part_is_missing_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.setattr(parts, "RABBITMQ_SERVER", Path(os.devnull) / "none")
    missing = parts.absences()
    assert set(missing) == {"rabbitmq", "redis", "php", "chromium", "node"}
    assert all("(remedy: " in reason for reason in missing.values())


@pytest.mark.parametrize(("text", "numbers"), [("v20.1.2", (20, 1)), ("8.2.35", (8, 2)), ("", (0, 0)), (None, (0, 0))])
def test_versions_are_read(text: str | None, numbers: tuple[int, int]) -> None:
    assert parts.numbers(text) == numbers


@pytest.mark.parametrize(
    ("ending", "code", "line"),
    [
        ("raise common.Failed('no disk')", 1, "error: no disk"),
        ("raise OSError('no network')", 1, "error: no network"),
        ("os.kill(os.getpid(), signal.SIGINT)", 130, "interrupted; everything is stopped"),
        ("os.kill(os.getpid(), signal.SIGTERM)", 143, ""),
        ("pass", 0, ""),
    ],
)
def test_how_a_command_ends_is_told_by_a_line_and_an_exit_code(ending: str, code: int, line: str) -> None:
    program = f"""
import os, signal, sys
import common
def work():
    try:
        {ending}
        return 0
    finally:
        print("cleaned up")
sys.exit(common.to_exit_code(work, OSError))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(common.__file__).parent,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as shells do in the background
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.split("\n", 1)) == (code, ["cleaned up", line + "\n" if line else ""])


def test_a_tool_that_becomes_a_command_is_that_process() -> None:
    program = """
import sys
import common
print("before")
code = "import os; print(os.getpid(), os.environ['SAID']); raise SystemExit(7)"
common.become([sys.executable, "-c", code], SAID="so")
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=Path(common.__file__).parent, stdout=subprocess.PIPE, text=True
    ) as process:
        answer = process.communicate(timeout=20)[0]
    assert (process.returncode, answer) == (7, f"before\n{process.pid} so\n")
