"""The gate as it is run, and what render writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from conftest import SPEC, TOOLS, Copy
from jsonschema import Draft7Validator, Draft202012Validator
from referencing import Registry, Resource

from check import asyncapi, ids, proved, requirements, tables
from check.gate import main, problems
from check.problems import Spec


def test_the_specification_passes() -> None:
    spec = Spec(SPEC, SPEC.parent / "conformance" / "cases")
    assert [str(problem) for problem in problems(spec)] == []


def test_the_command_passes() -> None:
    done = subprocess.run([sys.executable, str(TOOLS / "check")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("ok: ")


def test_the_command_fails_with_place_and_remedy(copy: Copy) -> None:
    copy.replace("05-worker.md", "## Poison", "## Poison\n\nIt must not happen.")
    command = [sys.executable, str(TOOLS / "check"), "--spec", str(copy.folder), "--cases", str(copy.cases)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    place, remedy, *_ = done.stdout.splitlines()
    assert place.startswith("05-worker.md:")
    assert remedy.strip().startswith("remedy: ")


def test_the_gate_needs_no_cases(copy: Copy) -> None:
    """The specification stands alone; then only what no case has to prove is proved."""
    found = problems(Spec(copy.folder, None))
    assert all("nothing proves" in problem.message for problem in found)


def test_the_command_runs_from_anywhere(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, str(TOOLS / "check")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_main_takes_a_folder(copy: Copy) -> None:
    assert main(["--spec", str(copy.folder), "--cases", str(copy.cases)]) == 0


def test_rendering_twice_changes_nothing(copy: Copy) -> None:
    for path in copy.spec.pages():
        once = proved.rendered(copy.spec, tables.rendered(copy.spec, path.read_text(encoding="utf-8")))
        assert proved.rendered(copy.spec, tables.rendered(copy.spec, once)) == once


PAGE = """# Page

#### TM-HDR-900 New
Candidate · since 0.1 · producer Core · protocol 2

> A producer **MUST** be tested.

*Untested:* nobody did.

#### TM-HDR-901 Other
Candidate · since 0.1 · producer Core · protocol 2

> A producer **MUST** rest.

## Common mistakes
"""
TABLE = """profile: producer
defaults:
  checks:
    - {id: TM-HDR-901, at: x}  # TM-HDR-902 is only mentioned
cases:
  first:
    checks:
      - {id: [TM-HDR-900, TM-HDR-901], at: y}
  second:
    about: nothing of its own
"""


def test_a_case_takes_the_place_of_untested(copy: Copy) -> None:
    copy.case("producer/new", TABLE)
    text = proved.rendered(Spec(copy.folder, copy.cases), PAGE)
    assert "*Untested:*" not in text
    assert "> A producer **MUST** be tested.\n\n*Proved by:* case `producer/new/first`\n\n#### TM-HDR-901" in text
    assert "*Proved by:* cases `producer/new/first`, `producer/new/second`\n\n## Common" in text


def test_defaults_count_for_every_row_and_comments_for_none(copy: Copy) -> None:
    copy.case("producer/new", TABLE)
    rows = {name: ids for name, ids in proved.cases(copy.spec).items() if name.startswith("producer/new/")}
    assert rows == {
        "producer/new/first": {"TM-HDR-900", "TM-HDR-901"},
        "producer/new/second": {"TM-HDR-901"},
    }


def test_a_new_case_is_rendered(copy: Copy) -> None:
    copy.case("producer/new", "cases:\n  row:\n    checks:\n      - {id: TM-HDR-001}\n")
    (problem,) = proved.check(copy.spec)
    assert (problem.file, "render.py" in problem.remedy) == ("02-task-message.md", True)
    page = copy.folder / problem.file
    page.write_text(proved.rendered(copy.spec, page.read_text(encoding="utf-8")), encoding="utf-8")
    assert not list(proved.check(copy.spec))


def test_requirements_are_read_as_they_stand(copy: Copy) -> None:
    row = next(found.row() for found in requirements.read(copy.spec) if found.id == "TM-HDR-014")
    assert row["keyword"] == "MUST"
    assert row["roles"] == {"producer": "Core"}
    assert row["text"].startswith("A producer that sets a time limit MUST write the header `timelimit`")
    assert row["file"] == "02-task-message.md"


def test_nothing_leaves_the_list_of_identifiers(copy: Copy) -> None:
    copy.append("ids.txt", "TM-HDR-999\n")
    assert "TM-HDR-999\n" in ids.text(copy.spec)


def references(value: object) -> set[str]:
    """Every $ref inside."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    own = value.get("$ref")
    return ({own} if isinstance(own, str) else set()).union(*map(references, value.values()))


def test_asyncapi_has_both_brokers_and_refers_to_what_is_there(copy: Copy) -> None:
    document = asyncapi.document(copy.spec)
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert {"/{db}.celery.pidbox", "/{db}.celeryev/{routingKey}", "{routingKey}.reply.celery.pidbox"} <= addresses
    for reference in references(document):
        found = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found, reference


def test_asyncapi_schemas_take_their_examples(copy: Copy) -> None:
    components = asyncapi.document(copy.spec)["components"]
    for name, message in components["messages"].items():
        validator = Draft7Validator({**message["payload"], "components": components})
        for example in message["examples"]:
            assert not list(validator.iter_errors(example["payload"])), name


def test_the_bundle_is_the_schemas(copy: Copy) -> None:
    """A validator that has the bundle and nothing else judges a vector as the single schemas do."""
    whole = Resource.from_contents(asyncapi.bundle(copy.spec))
    registry = Registry().with_resource("schemas.bundle.json", whole).crawl()
    validator = Draft202012Validator({"$ref": "schemas.bundle.json#/$defs/vector.schema.json"}, registry=registry)
    vector = json.loads((copy.folder / "vectors/task-v2/plain.json").read_text(encoding="utf-8"))
    assert validator.is_valid(vector)
    vector["message"]["retries"] = "0"
    assert not validator.is_valid(vector)
