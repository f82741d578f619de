"""report.json, junit.xml, the page and badge made of the former, and the Markdown summary."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from celeriac_conformance.report import Story, kill_rate
from celeriac_conformance.report.badge import badge
from celeriac_conformance.report.excerpt import excerpt
from celeriac_conformance.report.page import page
from celeriac_conformance.verdicts import ERROR, EXCUSED, FAIL, NON_STRICT, UNSUPPORTED, UNTESTED, VERDICTS, Outcome

SUITE = "celeriac-conformance"

#: What XML 1.0 cannot hold, however it is written.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def suite_version() -> str:
    """The version of the installed suite, or "source" when it runs from a checkout."""
    try:
        return version(SUITE)
    except PackageNotFoundError:
        return "source"


def write(story: Story, directory: Path) -> None:
    """Write report.json, junit.xml, report.html and badge.svg into the directory, each as a whole or not at all."""
    directory.mkdir(parents=True, exist_ok=True)
    # What the page is made of is what a reader of the file would see.
    text = json.dumps(report(story), indent=1, ensure_ascii=False, default=str) + "\n"
    whole(directory / "report.json", text)
    whole(directory / "junit.xml", ElementTree.tostring(junit(story), encoding="unicode", xml_declaration=True) + "\n")
    write_pages(json.loads(text), directory)


def write_pages(document: dict[str, Any], directory: Path, matrix: dict[str, Any] | None = None) -> None:
    """Write report.html and badge.svg, both made from a document of report.json."""
    whole(directory / "report.html", page(document, matrix))
    whole(directory / "badge.svg", badge(document))


def whole(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of it or none."""
    half = path.with_name(path.name + ".part")
    half.write_text(text, encoding="utf-8", errors="backslashreplace")
    half.replace(path)


def report(story: Story) -> dict[str, Any]:
    """The document of report.json (schemas/report.schema.json)."""
    hello = story.hello
    return {
        "schema": 1,
        "suite": {"name": SUITE, "version": suite_version(), "kill_rate": kill_rate.known()},
        "specification": {"version": story.specification.version},
        "testee": {
            "command": list(story.command),
            "implementation": hello.implementation if hello else None,
            "roles": sorted(hello.roles) if hello else [],
            "features": hello.features if hello else {},
        },
        "run": {
            "started": story.started.isoformat(),
            "seed": story.seed,
            "strict": story.strict,
            "profiles": list(story.profiles),
            "combos": list(story.combos),
            "only": list(story.only),
            "skip": list(story.skip),
            "restarts": story.restarts,
        },
        "cases": [_case(story, outcome) for outcome in story.outcomes],
        "requirements": story.requirements(),
        "faults": story.faults,
        "stale": story.stale,
        "footer": {
            "complete": story.complete,
            "cases": len(story.outcomes),
            "verdicts": dict(story.counts()),
            "seconds": round(story.seconds, 3),
            "exit": story.exit,
        },
    }


def _case(story: Story, outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.case.name,
        "about": outcome.case.about,
        "profile": outcome.case.profile,
        "broker": outcome.combo.broker if outcome.combo else None,
        "result": outcome.combo.result if outcome.combo else None,
        "verdict": outcome.verdict,
        "why": outcome.why,
        "seconds": round(outcome.seconds, 4),
        "requirements": list(outcome.case.requirements),
        "findings": [
            {
                "requirements": list(finding.requirements),
                "level": finding.level,
                "difference": finding.difference
                and {
                    "path": finding.difference.path,
                    "expected": finding.difference.expected,
                    "actual": finding.difference.actual,
                },
            }
            for finding in outcome.findings
        ],
        "issue": outcome.issue,
        "rerun": story.rerun(outcome),
        "excerpt": excerpt(outcome),
    }


def junit(story: Story) -> ElementTree.Element:
    """The JUnit document: a suite per profile and combination; excused and unsupported are skipped, with the reason."""
    root = ElementTree.Element("testsuites", name=SUITE, time=f"{story.seconds:.3f}")
    properties = ElementTree.SubElement(root, "properties")
    ElementTree.SubElement(properties, "property", name="kill-rate", value=kill_rate.sentence(kill_rate.known()))
    suites: dict[str, list[Outcome]] = {}
    for outcome in story.outcomes:
        suites.setdefault(" ".join(filter(None, [outcome.case.profile, str(outcome.combo or "")])), []).append(outcome)
    totals: Counter[str] = Counter()
    for name, outcomes in suites.items():
        numbers = Counter(_JUNIT.get(outcome.verdict, "passed") for outcome in outcomes)
        totals.update(numbers)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            {
                "name": name,
                "tests": str(len(outcomes)),
                "failures": str(numbers["failure"]),
                "errors": str(numbers["error"]),
                "skipped": str(numbers["skipped"]),
                "time": f"{sum(outcome.seconds for outcome in outcomes):.3f}",
                "timestamp": story.started.replace(tzinfo=None, microsecond=0).isoformat(),
            },
        )
        for outcome in outcomes:
            _testcase(suite, story, outcome)
    root.attrib.update({"tests": str(len(story.outcomes)), "failures": str(totals["failure"])})
    root.attrib.update({"errors": str(totals["error"]), "skipped": str(totals["skipped"])})
    return root


_JUNIT = {FAIL: "failure", ERROR: "error", UNTESTED: "error", UNSUPPORTED: "skipped", EXCUSED: "skipped"}


def _testcase(suite: ElementTree.Element, story: Story, outcome: Outcome) -> None:
    classname = outcome.case.requirements[0] if outcome.case.requirements else outcome.case.profile
    case = ElementTree.SubElement(
        suite, "testcase", {"classname": classname, "name": outcome.name, "time": f"{outcome.seconds:.3f}"}
    )
    tag = _JUNIT.get(outcome.verdict)
    if tag is not None:
        why = " ".join(filter(None, [outcome.verdict + ":", outcome.why, outcome.issue]))
        child = ElementTree.SubElement(case, tag, {"message": _clean(why)})
        if tag != "skipped":
            child.set("type", outcome.verdict)
            child.text = _clean(f"{outcome.why}\n{excerpt(outcome)}\nrerun: {story.rerun(outcome)}")
    elif outcome.verdict == NON_STRICT:
        ElementTree.SubElement(case, "system-out").text = _clean(f"non-strict: {outcome.why}\n{excerpt(outcome)}")


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def markdown(story: Story) -> str:
    """A summary for a job page: a verdict line, the counts and the failures."""
    counts = story.counts()
    about = story.hello.implementation if story.hello else {"name": "the testee", "version": ""}
    rows = [
        f"## Conformance of {about['name']} {about['version']}: exit code {story.exit}",
        "",
        "| " + " | ".join(VERDICTS) + " |",
        "|" + "---|" * len(VERDICTS),
        "| " + " | ".join(str(counts[verdict]) for verdict in VERDICTS) + " |",
        "",
    ]
    bad = [outcome for outcome in story.outcomes if outcome.verdict in (FAIL, ERROR, EXCUSED, NON_STRICT)]
    if bad:
        rows += ["| verdict | case | why |", "|---|---|---|"]
        rows += [f"| {o.verdict} | `{o.name}` | {_cell(o.why)} |" for o in bad]
    rows += [f"- {_cell(text)}" for text in (*story.faults, *story.stale)]
    rows += ["", f"{kill_rate.sentence(kill_rate.known())}."]
    return "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return text.splitlines()[0].replace("|", "\\|") if text else ""
