"""new-adapter: what it writes runs, claims nothing, and never overwrites."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Finished

from celeriac_conformance.skeleton import LANGUAGES

Suite = Callable[..., Finished]
#: What a runner needs beside itself.
NEEDS = {"shell": "jq"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_skeleton_is_a_testee_that_claims_nothing(language: str, suite: Suite, tmp_path: Path) -> None:
    runner = LANGUAGES[language].runner
    for command in filter(None, (runner[0], NEEDS.get(language))):
        if shutil.which(command) is None:
            pytest.skip(f"SKIPPED {language}: {command} is not on PATH")
    done = suite("new-adapter", language, "--to", str(tmp_path))
    assert done.code == 0, done.err
    (file,) = tmp_path.iterdir()
    assert f"--profile codec -- {' '.join(runner)} {file}" in done.out
    for profile in ("codec", "producer"):
        run = suite("--profile", profile, "--broker", "redis://127.0.0.1:1", testee=[*runner, str(file)])
        assert run.code == 1, run.out
        assert f"role {profile} is not claimed" in run.out
        assert "nothing that was asked for could be looked at" in run.out


def test_a_file_that_exists_is_left_alone(suite: Suite, tmp_path: Path) -> None:
    file = tmp_path / "testee.py"
    file.write_text("mine")
    done = suite("new-adapter", "python", "--to", str(tmp_path))
    assert (done.code, file.read_text()) == (2, "mine")
    assert "exists" in done.err
    assert suite("new-adapter", "python", "--to", str(tmp_path / "no" / "folder.py")).code == 2
    assert suite("new-adapter", "cobol").code == 2
