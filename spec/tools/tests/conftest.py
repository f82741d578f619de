"""A copy of the specification in which tests plant their faults."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOOLS))

from check import coverage, proved, requirements  # noqa: E402
from check.problems import Spec  # noqa: E402

SPEC = TOOLS.parent


@dataclass(frozen=True)
class Copy:
    """The copy, with handles to change it."""

    spec: Spec

    @property
    def folder(self) -> Path:
        return self.spec.folder

    @property
    def cases(self) -> Path:
        assert self.spec.cases is not None
        return self.spec.cases

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace the first occurrence of ``old``, which is there."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {name}: the test needs another place for its fault"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def append(self, name: str, text: str) -> None:
        """Add text at the end of a file."""
        path = self.folder / name
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")

    def edit(self, name: str, change: Callable[[Any], None]) -> None:
        """Change the JSON of a file in place."""
        path = self.folder / name
        value = json.loads(path.read_text(encoding="utf-8"))
        change(value)
        path.write_text(json.dumps(value), encoding="utf-8")

    def mutants(self, rows: object) -> None:
        """Write the table of mutants; JSON is YAML."""
        path = self.cases.parent / "mutants" / "mutants.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(rows), encoding="utf-8")

    def case(self, name: str, text: str) -> None:
        """Write a table of conformance cases."""
        path = self.cases / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """The specification and its conformance cases, free to be spoiled."""
    folder, cases = tmp_path / "spec", tmp_path / "cases"
    shutil.copytree(SPEC, folder, ignore=shutil.ignore_patterns("tools"))
    real = SPEC.parent / "conformance" / "cases"
    if real.is_dir():
        shutil.copytree(real, cases)
    if (real.parent / "mutants").is_dir():
        shutil.copytree(real.parent / "mutants", tmp_path / "mutants")
    spec = Spec(folder, cases)
    for path in spec.chapters():  # whoever is busy with the cases does not disturb these tests
        path.write_text(proved.rendered(spec, path.read_text(encoding="utf-8")), encoding="utf-8")
    readme = folder / "README.md"
    readme.write_text(coverage.rendered(spec, readme.read_text(encoding="utf-8")), encoding="utf-8")
    (folder / "requirements.json").write_text(requirements.text(spec), encoding="utf-8")
    return Copy(spec)
