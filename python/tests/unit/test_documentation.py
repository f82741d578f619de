"""What the documentation says is so: examples run, and every requirement that the code quotes exists."""

from __future__ import annotations

import json
import re
from pathlib import Path

import celeriac

from .spec_data import SPEC

PACKAGE = Path(celeriac.__file__).parent
README = Path(__file__).resolve().parents[2] / "README.md"
IDS = re.compile(r"\b(?:TM|SER|RS|WK|BR|CV|CT|EV|SEC)-[A-Z0-9-]*?[0-9]{3}\b")


def test_examples_of_the_readme_run() -> None:
    examples = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert examples
    for example in examples:
        named, _, code = example.partition("\n")
        if named.startswith("# examples/"):
            assert code in (README.parents[1] / named.removeprefix("# ")).read_text(encoding="utf-8")
        else:
            exec(compile(example, str(README), "exec"), {})


def test_quoted_requirements_exist() -> None:
    known = {
        requirement["id"] for requirement in json.loads((SPEC / "requirements.json").read_text("utf-8"))["requirements"]
    }
    quoted = {
        (path.name, quoted)
        for path in PACKAGE.rglob("*.py")
        for quoted in IDS.findall(path.read_text(encoding="utf-8"))
    }
    assert quoted
    assert {pair for pair in quoted if pair[1] not in known} == set()
