"""action.yml: its schema is checked by `make check`; here its last script is run as the runner would run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import HERE

ACTION = yaml.safe_load((HERE.parent / "action.yml").read_text(encoding="utf-8"))
#: Stands in for the suite: notes its arguments and ends as it is told.
SUITE = """#!{python}
import json, os, sys
open(os.environ["NOTES"], "w").write(json.dumps(sys.argv[1:]))
sys.exit(int(os.environ["CODE"]))
"""


def _run(folder: Path, code: int, **inputs: str) -> tuple[int, list[str], str]:
    """Run the step with these inputs; its exit code, the arguments that the suite got, and the step's output."""
    suite = folder / "celeriac-conformance" / "bin" / "celeriac-conformance"
    suite.parent.mkdir(parents=True)
    suite.write_text(SUITE.format(python=sys.executable))
    suite.chmod(0o755)
    (step,) = [step for step in ACTION["runs"]["steps"] if step.get("id") == "run"]
    given = {name: inputs.get(name, about.get("default", "")) for name, about in ACTION["inputs"].items()}
    wanted = {name: given[text.removeprefix("${{ inputs.").removesuffix(" }}")] for name, text in step["env"].items()}
    notes = {"NOTES": str(folder / "notes"), "CODE": str(code), "GITHUB_OUTPUT": str(folder / "output")}
    runner = {"RUNNER_TEMP": str(folder), "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]  # as GitHub's documentation says
    done = subprocess.run(command, env={**os.environ, **notes, **runner, **wanted}, cwd=folder, check=False)
    return done.returncode, json.loads((folder / "notes").read_text()), (folder / "output").read_text()


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_exit_code_of_the_suite_is_that_of_the_step(code: int, tmp_path: Path) -> None:
    ended, arguments, output = _run(tmp_path, code, command="node ./testee.mjs")
    assert (ended, output) == (code, f"exit-code={code}\nreport={tmp_path}/conformance-report/report.json\n")
    summary = str(tmp_path / "summary.md")
    out = ["run", "--out", "conformance-report", "--summary-md", summary]
    assert arguments == [*out, "--", "bash", "-c", "exec node ./testee.mjs"]


def test_inputs_are_arguments_and_never_script(tmp_path: Path) -> None:
    evil = "$(touch taken-over); touch taken-over"
    _, arguments, _ = _run(
        tmp_path, 0, command="./testee", options=f"--strict {evil}", out=evil, **{"known-failing": "known failing.toml"}
    )
    assert not (tmp_path / "taken-over").exists()
    assert arguments[2] == evil
    assert arguments[arguments.index("--strict") :][:2] == ["--strict", "$(touch"]
    assert arguments[arguments.index("--known-failing") + 1] == "known failing.toml"


def test_options_may_stand_on_several_lines(tmp_path: Path) -> None:
    _, arguments, _ = _run(tmp_path, 0, command="./testee", options="--profile codec\n--strict\n")
    assert arguments[-7:-4] == ["--profile", "codec", "--strict"]
