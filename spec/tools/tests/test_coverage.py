"""The chain from sentence to mutant: what the gate says where a link is missing, and what it counts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SPEC, TOOLS, Copy

from check import coverage, floors, mutants, parity, promote, proved, requirements
from check.gate import main
from check.problems import Problem, Spec
from check.text import check as check_text

PAGE = "02-task-message.md"
NOTES = '*Example* (vector `task-v2/plain`): `"retries": 0`\n*Why it bites:* it does.\n'
NEW = """## Planted

#### TM-HDR-900 New
{state} · since 0.1 · producer Core · protocol 2

> A producer **{keyword}** be tested.

{notes}
## Common mistakes"""
CASES = "cases:\n  row:\n    checks:\n      - {id: TM-HDR-900, at: x}\n"
KILL = {"requirement": "TM-HDR-900", "case": "producer/new/row", "at": "headers.x"}


def row(**change: object) -> dict[str, object]:
    return {"mutant": "forgets-x", "defect": "leaves x out", "kills": [KILL], **change}


def plant(copy: Copy, state: str = "Stable", keyword: str = "MUST", notes: str = NOTES) -> None:
    """A new requirement in a section of its own."""
    copy.replace(PAGE, "## Common mistakes", NEW.format(state=state, keyword=keyword, notes=notes))


def found(problems: list[Problem], message: str) -> list[Problem]:
    return [problem for problem in problems if message in problem.message]


def obstacles(copy: Copy) -> list[str]:
    (proof,) = (proof for proof in coverage.proofs(copy.spec) if proof.requirement.id == "TM-HDR-900")
    return proof.obstacles


def test_a_stable_must_with_everything_passes(copy: Copy) -> None:
    plant(copy)
    copy.case("producer/new", CASES)
    copy.mutants([row()])
    assert obstacles(copy) == []
    assert not found(list(coverage.check(copy.spec)), "TM-HDR-900")


def test_a_stable_must_without_a_case(copy: Copy) -> None:
    plant(copy)
    copy.mutants([])
    (problem,) = found(list(coverage.check(copy.spec)), "TM-HDR-900 is Stable with no case, no mutant")
    assert problem.file == PAGE
    assert "leave its section Candidate" in problem.remedy


def test_a_stable_must_without_a_mutant(copy: Copy) -> None:
    plant(copy)
    copy.case("producer/new", CASES)
    copy.mutants([])
    assert found(list(coverage.check(copy.spec)), "TM-HDR-900 is Stable with no mutant")


def test_a_miss_of_a_should_is_no_kill_of_a_must(copy: Copy) -> None:
    plant(copy)
    copy.case("producer/new", CASES)
    copy.mutants([row(kills=[{**KILL, "verdict": "non-strict"}])])
    assert obstacles(copy) == ["no mutant"]


def test_a_stable_must_without_bytes(copy: Copy) -> None:
    plant(copy, notes="*Why it bites:* it does.\n")
    copy.case("producer/new", CASES)
    copy.mutants([row()])
    assert found(list(coverage.check(copy.spec)), "TM-HDR-900 is Stable with no schema or vector")


def test_a_reason_takes_the_place_of_bytes(copy: Copy) -> None:
    plant(copy, notes="*No bytes:* it is a habit.\n*Why it bites:* it does.\n")
    copy.case("producer/new", CASES)
    copy.mutants([row()])
    assert obstacles(copy) == []
    assert not list(requirements.check_notes(next(r for r in requirements.read(copy.spec) if r.id == "TM-HDR-900")))


def test_untested_is_never_stable(copy: Copy) -> None:
    plant(copy, notes=NOTES + "*Untested:* nobody did.\n")
    assert found(list(coverage.check(copy.spec)), "TM-HDR-900 is Stable with untested")


def test_a_should_keeps_nothing_from_stable(copy: Copy) -> None:
    plant(copy, keyword="SHOULD")
    assert obstacles(copy) == []


def test_a_vector_is_a_case_once_it_has_caught_a_mutant(copy: Copy) -> None:
    plant(copy)
    copy.edit("vectors/task-v2/plain.json", lambda vector: vector["requirements"].append("TM-HDR-900"))
    copy.mutants([])
    assert obstacles(copy) == ["no case", "no mutant"]
    copy.mutants([row(kills=[{**KILL, "case": "codec/task-v2/plain"}])])
    assert obstacles(copy) == []
    page = proved.rendered(copy.spec, (copy.folder / PAGE).read_text(encoding="utf-8"))
    assert "*Proved by:* case `codec/task-v2/plain`; mutant `forgets-x`" in page


def test_a_section_that_has_earned_it_is_promoted(copy: Copy) -> None:
    plant(copy, state="Draft")
    copy.case("producer/new", CASES)
    copy.mutants([])
    assert "TM-HDR-900" not in promote.promote(copy.spec)
    copy.mutants([row()])
    assert promote.promote(copy.spec) == ["TM-HDR-900"]
    assert promote.promote(copy.spec) == []


def test_a_page_is_promoted_with_its_last_section(copy: Copy) -> None:
    page = copy.folder / PAGE
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("Stable · since", "Candidate · since"), encoding="utf-8")
    copy.replace(PAGE, "**Status: Stable.**", "**Status: Candidate.**")
    copy.replace("README.md", "later messages keep, sending | Stable |", "later messages keep, sending | Candidate |")
    promote.promote(copy.spec)
    assert page.read_text(encoding="utf-8") == text
    assert not found(list(check_text(copy.spec)), "the README says")


def test_a_section_has_one_state(copy: Copy) -> None:
    copy.mutants([])
    copy.replace(PAGE, "Stable · since 0.1 · producer Core", "Candidate · since 0.1 · producer Core")
    assert found(list(coverage.check(copy.spec)), "the section 'Identity' is Candidate and Stable")


MUTANTS: dict[str, tuple[object, str]] = {
    "no list": ({"mutants": []}, "is not a list of mutants"),
    "no defect": ([{"mutant": "a", "kills": [KILL]}], "'a' lacks its name, its defect or its kills"),
    "kill without case": ([row(kills=[{"requirement": "TM-HDR-900", "at": ""}])], "without one of"),
    "caught by nothing": ([row(kills=[])], "is caught by nothing"),
    "twice": ([row(), row()], "is listed twice"),
    "case of another": ([row(kills=[{**KILL, "requirement": "TM-HDR-001"}])], "does not quote TM-HDR-001"),
    "case unknown": ([row(kills=[{**KILL, "case": "producer/new/gone"}])], "producer/new/gone does not exist"),
    "not caught": ([row(kills=[{**KILL, "verdict": "pass"}])], "the verdict 'pass'"),
}


@pytest.mark.parametrize(("rows", "message"), MUTANTS.values(), ids=MUTANTS)
def test_fault_in_the_table_of_mutants(copy: Copy, rows: object, message: str) -> None:
    copy.case("producer/new", CASES)
    copy.mutants(rows)
    problems = found(list(mutants.check(copy.spec, proved.cases(copy.spec))), message)
    assert problems
    assert problems[0].remedy


def test_mutants_that_are_no_yaml(copy: Copy) -> None:
    copy.mutants([])
    (copy.cases.parent / "mutants" / "mutants.yaml").write_text("- {mutant: [", encoding="utf-8")
    assert found(list(mutants.check(copy.spec, {})), "is not a list of mutants")


TABLES: dict[str, tuple[str, str]] = {
    "no YAML": ("cases: {row: [", "is not YAML"),
    "no cases": ("profile: producer\n", "has no cases"),
    "a name that is null": ("cases:\n  null:\n    checks: [{id: TM-HDR-001}]\n", "has the row None, which is no text"),
    "a row of nothing": ("cases:\n  row:\n    checks: [{at: x}]\n", "quotes no requirement"),
}


@pytest.mark.parametrize(("text", "message"), TABLES.values(), ids=TABLES)
def test_fault_in_a_table_of_cases(copy: Copy, text: str, message: str) -> None:
    copy.case("producer/new", text)
    assert found(list(proved.check(copy.spec)), message)


def test_names_in_quotes_and_shared_checks_are_counted(copy: Copy) -> None:
    """What YAML reads, the gate reads: the number of cases is that of the conformance suite."""
    copy.case(
        "producer/new",
        'cases:\n  "null":\n    checks: [&shared {id: [TM-HDR-001, TM-HDR-002]}]\n'
        "  other:\n    why: TM-HDR-003 is mentioned\n    checks: [*shared]\n",
    )
    rows = {name: ids for name, ids in proved.cases(copy.spec).items() if name.startswith("producer/new/")}
    assert rows == {f"producer/new/{name}": {"TM-HDR-001", "TM-HDR-002"} for name in ("null", "other")}


ADDED = {
    "no reason": ("*Example* (vector `task-v2/plain`)\n", "TM-HDR-900 does not say why it bites"),
    "no example": ("*Why it bites:* it does.\n", "TM-HDR-900 has no example"),
    "example of nothing": ("*Example*: `1`\n*Why it bites:* it does.\n", "has an example that is no vector"),
    "unknown note": (NOTES + "*Proofed by:* me\n", "has a note named 'Proofed by'"),
}


@pytest.mark.parametrize(("notes", "message"), ADDED.values(), ids=ADDED)
def test_fault_in_the_notes_of_a_requirement(copy: Copy, notes: str, message: str) -> None:
    plant(copy, state="Candidate", notes=notes)
    assert found(list(requirements.check(copy.spec)), message)


def remove(copy: Copy, pattern: str, keep: int) -> None:
    for path in sorted((copy.folder / "vectors").glob(pattern))[keep:]:
        path.unlink()


def test_too_few_vectors_of_a_kind(copy: Copy) -> None:
    assert not list(floors.check(copy.spec))
    remove(copy, "events/*.json", 14)
    assert found(list(floors.check(copy.spec)), "14 of the kind event, 15 at least")


def test_too_few_malformed_ones(copy: Copy) -> None:
    remove(copy, "*/invalid/*.json", 59)
    assert found(list(floors.check(copy.spec)), "59 malformed ones, 60 at least")


def test_too_few_of_an_older_celery(copy: Copy) -> None:
    remove(copy, "*/**/celery-4-4-*.json", 4)
    assert found(list(floors.check(copy.spec)), "4 from Celery 4.4, 5 at least")


PARITY = "export const TABLES = {\n  'task-v2': FIELDS,\n  envelope: E,\n  signature: S,\n  control: C,\n}\n"


def implementation(copy: Copy, text: str | None) -> list[Problem]:
    """The faults of a Node client beside the specification with that parity test."""
    path = copy.folder.parent / "clients/node/test/fields.test.ts"
    path.parent.mkdir(parents=True)
    if text is not None:
        path.write_text(text, encoding="utf-8")
    return list(parity.check(copy.spec))


def test_an_implementation_without_parity_test(copy: Copy) -> None:
    assert found(implementation(copy, None), "the parity test is missing")


def test_a_parity_test_that_leaves_a_section_out(copy: Copy) -> None:
    (problem,) = found(implementation(copy, PARITY), "does not hold the section result")
    assert problem.file == "clients/node/test/fields.test.ts"


def test_a_parity_test_with_every_section(copy: Copy) -> None:
    every = "".join(f"  '{name}': X,\n" for name in parity.sections(copy.spec))
    assert not implementation(copy, PARITY.replace("}", every + "}"))


def test_a_stale_table_of_coverage(copy: Copy) -> None:
    copy.append("README.md", "\n<!-- coverage -->\n| nothing |\n<!-- /coverage -->\n")
    assert found(list(coverage.check(copy.spec)), "its table of coverage is not what the cases say")
    readme = copy.folder / "README.md"
    readme.write_text(coverage.rendered(copy.spec, readme.read_text(encoding="utf-8")), encoding="utf-8")
    assert not found(list(coverage.check(copy.spec)), "its table of coverage")


def test_coverage_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--coverage"]) == 0
    lines = capsys.readouterr().out.splitlines()
    total = next(line.split() for line in lines if line.startswith("all       Core"))
    musts = [found for found in requirements.read(Spec(SPEC)) if found.keyword.startswith("MUST")]
    assert int(total[2]) == len(musts)


def test_coverage_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--coverage", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["requirements"]["TM-HDR-014"]["cases"]
    assert "task-v2/timelimit-both" in told["requirements"]["TM-HDR-014"]["vectors"]
    assert {row["section"] for row in told["sections"] if row["page"] == PAGE} >= {"Identity", "Time"}


def test_json_goes_with_coverage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--json"])
    assert ended.value.code == 2
    assert "--coverage" in capsys.readouterr().err


@pytest.mark.parametrize("tool", ["check", "render.py"])
def test_a_missing_package_is_one_sentence(tool: str, tmp_path: Path) -> None:
    """A Python without the packages: no traceback, the names and what to do."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nfor name in ('jsonschema', 'msgpack', 'yaml'): sys.modules[name] = None\n"
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name in ('jsonschema', 'msgpack', 'yaml') else find(name, *a)\n",
        encoding="utf-8",
    )
    environment = {"PYTHONPATH": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        [sys.executable, str(TOOLS / tool)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    (sentence,) = done.stderr.splitlines()
    assert "jsonschema and msgpack and PyYAML" in sentence
    assert "pip install jsonschema msgpack PyYAML" in sentence
