"""The reports, read by programs that are not ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import junitparser
import pytest

from celeriac_conformance import data
from celeriac_conformance.cases import Case, Check
from celeriac_conformance.report import Story, files, text
from celeriac_conformance.requirements import Specification
from celeriac_conformance.testee import Hello
from celeriac_conformance.verdicts import ERROR, EXCUSED, UNSUPPORTED, UNTESTED, Outcome, exit_code, judge
from celeriac_conformance.witness import Combo

AMQP = Combo("amqp", "rpc")
CHECK = Check(("TM-HDR-014",), "headers.timelimit", "equals", [5, 2])
CASE = Case("producer/headers/limits", "producer", "limits are [hard, soft]", {}, (CHECK,))
SHOULD = Case(
    "producer/headers/origin", "producer", "", {}, (Check(("TM-HDR-021",), "headers.origin", "type", "string"),)
)
NASTY = 'control \x00\x0b, surrogate \ud83d, markup <a href="x">&amp;]]>, pipe |'


@pytest.fixture
def story(specification: Specification) -> Story:
    story = Story(["node", "a testee.mjs"], specification, 7, False, ["producer"])
    story.hello = Hello({"name": "x", "version": "1"}, frozenset({"producer"}), {"broker": ["amqp"]})
    story.combos = ["amqp+rpc"]
    documents: list[tuple[Case, dict[str, Any]]] = [
        (CASE, {"headers": {"timelimit": [5, 2], "origin": "x"}}),
        (CASE, {"headers": {"timelimit": [2, 5], "note": NASTY}}),
        (SHOULD, {"headers": {"origin": None}}),
    ]
    story.outcomes = [judge(case, AMQP, document, specification, False) for case, document in documents]
    story.outcomes += [
        Outcome(CASE, AMQP, UNSUPPORTED, "role producer is not claimed"),
        Outcome(CASE, AMQP, UNTESTED, "the run ended before"),
        Outcome(CASE, AMQP, EXCUSED, "at x", issue="https://example.org/1"),
        Outcome(CASE, AMQP, ERROR, NASTY),
    ]
    story.exit = exit_code(story.outcomes, [], [])
    return story


def test_junit_is_read_by_junitparser(story: Story, tmp_path: Path) -> None:
    files.write(story, tmp_path)
    document = junitparser.JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    (suite,) = list(document)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (7, 1, 2, 2)
    cases = list(suite)
    assert cases[0].is_passed
    assert cases[0].classname == "TM-HDR-014"
    failure = cases[1].result[0]
    assert isinstance(failure, junitparser.Failure)
    assert "expected 5, got 2" in failure.text
    assert "rerun: celeriac-conformance --only producer/headers/limits" in failure.text
    assert [type(case.result[0]).__name__ for case in cases[3:]] == ["Skipped", "Error", "Skipped", "Error"]


def test_the_report_follows_its_schema(story: Story, tmp_path: Path) -> None:
    files.write(story, tmp_path)
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert data.violation("schemas", "report", document) is None
    assert document["footer"]["complete"] is False  # a case was not reached
    assert document["footer"]["exit"] == 3
    assert document["footer"]["verdicts"]["pass"] == 1
    by_id = {row["id"]: row for row in document["requirements"]}
    assert by_id["TM-HDR-014"]["verdict"] == "error"
    assert by_id["TM-HDR-021"].items() >= {"level": "SHOULD", "verdict": "non-strict", "cases": 1}.items()
    assert by_id["TM-HDR-001"].items() >= {"level": "MUST", "verdict": "untested", "cases": 0}.items()
    assert by_id["TM-HDR-021"]["sentence"].startswith("A producer SHOULD write `origin`")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["badge.svg", "junit.xml", "report.html", "report.json"]


def test_a_report_without_footer_is_refused(story: Story) -> None:
    document = json.loads(json.dumps(files.report(story)))
    assert data.violation("schemas", "report", document) is None
    del document["footer"]
    assert "footer" in str(data.violation("schemas", "report", document))


def test_the_text_says_what_is_wrong(story: Story) -> None:
    told = "\n".join(text.lines(story))
    assert "FAIL producer/headers/limits [amqp+rpc]: limits are [hard, soft]" in told
    assert "at headers.timelimit.0: expected 5, got 2" in told
    assert "TM-HDR-014: A producer that sets a time limit" in told
    assert "rerun: celeriac-conformance --only producer/headers/limits -- node 'a testee.mjs'" in told
    assert "excused: producer/headers/limits [amqp+rpc]: https://example.org/1" in told
    assert told.splitlines()[-1].endswith("(exit code 3)")


def test_markdown_keeps_its_table(story: Story) -> None:
    rows = [line for line in files.markdown(story).splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) == 4
    assert all(row.replace("\\|", "").count("|") == 4 for row in rows)


def test_a_half_written_report_is_never_seen(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    files.whole(path, "old")
    with pytest.raises(TypeError):
        files.whole(path, None)  # type: ignore[arg-type]
    assert path.read_text() == "old"
