"""report.html and badge.svg, read by foreign readers: headless Chromium and an XML parser."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from conftest import Finished

from celeriac_conformance.report.badge import badge
from celeriac_conformance.report.page import page
from celeriac_conformance.report.standing import standing

HOSTILE = "</script><img src=x onerror=\"document.title='taken over'\"><b>bold</b> & \N{SNOWMAN}"


def _case(name: str, verdict: str, profile: str = "producer", **more: Any) -> dict[str, Any]:
    case = {
        "name": name, "about": "what it does", "profile": profile, "broker": "amqp", "result": "rpc",
        "verdict": verdict, "why": "", "seconds": 0.25, "requirements": ["TM-HDR-014"], "findings": [],
        "issue": "", "rerun": f"celeriac-conformance --only {name} -- node testee.mjs", "excerpt": "",
    }  # fmt: skip
    return {**case, **more}


def _report(*cases: dict[str, Any], code: int = 1, **footer: Any) -> dict[str, Any]:
    verdicts = [case["verdict"] for case in cases]
    counts = {name: verdicts.count(name) for name in set(verdicts)}
    return {
        "schema": 1,
        "suite": {"name": "celeriac-conformance", "version": "0.1.0"},
        "specification": {"version": "0.1.0"},
        "testee": {
            "command": ["node", "testee.mjs"],
            "implementation": {"name": HOSTILE, "version": "1", "language": "js", "runtime": "20"},
            "roles": ["producer"],
            "features": {},
        },
        "run": {
            "started": "2026-01-02T03:04:05.678901+00:00", "seed": 7, "strict": False, "profiles": ["producer"],
            "combos": ["amqp+rpc"], "only": [], "skip": [], "restarts": 0,
        },
        "cases": list(cases),
        "requirements": [
            {"id": "TM-HDR-014", "level": "MUST", "sentence": "A producer MUST.", "verdict": "fail", "cases": 1}
        ],
        "faults": [],
        "stale": [],
        "footer": {"complete": True, "cases": len(cases), "verdicts": counts, "seconds": 1.5, "exit": code, **footer},
    }  # fmt: skip


DIFFERENCE = {"path": "headers.timelimit", "expected": "[5, 2]", "actual": HOSTILE}
FINDING = {"requirements": ["TM-HDR-014"], "level": "MUST", "difference": DIFFERENCE}
REPORT = _report(
    _case("producer/headers/good", "pass", excerpt="body: []"),
    _case("producer/headers/limits", "fail", why=HOSTILE, findings=[FINDING], excerpt=HOSTILE),
    _case("codec/task-v2/one", "pass", "codec", broker=None, result=None),
)
MATRIX = {
    "cells": [
        {"producer": "node", "worker": "celery", "combo": "amqp+rpc", "verdict": "fail",
         "calls": [{"call": "echo", "verdict": "fail", "why": HOSTILE}]},
        {"producer": "php", "worker": "python", "combo": "redis+redis", "verdict": "pass", "calls": []},
    ]
}  # fmt: skip


#: The parts of the page that are looked at, by the address behind its name. In the order of the page the cases are
#: the failure, codec/task-v2/one, producer/headers/good.
FILTERS = {
    "": [True, True, True],
    "#cases?verdict=fail": [True, False, False],
    "#cases?verdict=fail&verdict=pass": [True, True, True],
    "#cases?profile=codec": [False, True, False],
    "#cases?on=amqp%2Brpc&verdict=pass": [False, False, True],
    "#cases?text=tm-hdr-014+": [True, True, True],  # blanks at the ends do not count
    "#cases?text=TASK-v2": [False, True, False],
    "#cases?text=nothing": [False, False, False],
    "#TM-HDR-014": [True, True, True],
}
#: Shows the page once for each address and copies what came of it: one start of a browser for all of them.
FRAMES = """<!doctype html><meta charset="utf-8">%s<script>
onload = () => {
  const frames = [...document.querySelectorAll("iframe")];
  const pages = frames.map((frame) => frame.contentDocument.documentElement.outerHTML);
  document.body.textContent = JSON.stringify(pages);
};
</script>"""


def _chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        message = "SKIPPED chromium: not on PATH (remedy: apt-get install chromium)"
        if "chromium" in os.environ.get("CELERIAC_REQUIRE", "").split(","):
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The page as a browser has it when its script has run, by address."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "report.html").write_text(page(REPORT, MATRIX), encoding="utf-8")
    frames = "".join(f'<iframe src="report.html{html.escape(address)}"></iframe>' for address in FILTERS)
    (folder / "all.html").write_text(FRAMES % frames, encoding="utf-8")
    command = [_chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += ["--allow-file-access-from-files", f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    done = subprocess.run(
        [*command, (folder / "all.html").as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    body = re.search(r"<body>(.*)</body>", done.stdout, re.DOTALL)
    assert body is not None, done.stderr
    pages: list[str] = json.loads(html.unescape(body[1]))
    return dict(zip(FILTERS, pages, strict=True))


def test_the_browser_shows_every_case_and_nothing_of_a_testee_becomes_markup(seen: dict[str, str]) -> None:
    dom = seen[""]
    assert dom.count('<details class="cell') == 2
    assert "<title>taken over</title>" not in dom
    assert "<img" not in dom
    assert "<b>bold" not in dom
    assert dom.count("&lt;b&gt;bold") >= 4
    assert dom.index("headers/limits") < dom.index("headers/good"), "the worst comes first"


@pytest.mark.parametrize(("address", "shown"), FILTERS.items())
def test_filters_come_from_the_address(address: str, shown: list[bool], seen: dict[str, str]) -> None:
    cases = re.findall(r'<details class="case[^>]*>', seen[address])
    assert [" hidden" not in case for case in cases] == shown
    assert f">{sum(shown)} of 3 cases<" in seen[address]


def test_a_link_to_a_requirement_opens_its_area(seen: dict[str, str]) -> None:
    assert re.search(r'<details class="area"[^>]* open', seen["#TM-HDR-014"])
    assert not re.search(r'<details class="area"[^>]* open', seen[""])


def test_the_page_asks_no_network() -> None:
    text = page(REPORT, MATRIX)
    assert not re.search(r"<(?:link|img|iframe)\b|\bsrc=(?!x onerror)|@import|url\(", text.replace(HOSTILE, ""))


def test_both_messages_stand_side_by_side() -> None:
    row = re.search(r"<tr><td><code>headers\.timelimit</code>.*?</tr>", page(REPORT))
    assert row is not None
    assert row[0].index("[5, 2]") < row[0].index("&lt;/script&gt;")


@pytest.mark.parametrize(
    ("report", "text", "colour"),
    [
        (_report(_case("a", "pass"), code=0), "Strict", "green"),
        (_report(_case("a", "pass"), _case("b", "non-strict"), code=0), "Core", "green"),
        (_report(_case("a", "pass"), _case("b", "excused"), code=0), "1 known failure", "amber"),
        (_report(_case("a", "excused"), _case("b", "excused"), code=2), "2 known failures", "amber"),
        (_report(_case("a", "fail"), code=1), "not conformant", "red"),
        (_report(_case("a", "error"), code=3), "no verdict", "grey"),
        (_report(_case("a", "pass"), code=0, complete=False), "no verdict", "grey"),
    ],
)
def test_the_standing_of_a_run(report: dict[str, Any], text: str, colour: str) -> None:
    assert standing(report) == (text, colour)
    svg = ElementTree.fromstring(badge(report))
    assert svg.get("aria-label") == f"Celery protocol: {text}"
    assert [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")] == ["Celery protocol", text]


def test_the_command_makes_the_page_of_a_report(suite: Callable[..., Finished], tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(REPORT))
    done = suite("report", str(tmp_path / "report.json"), "--out", str(tmp_path / "new"))
    assert (done.code, sorted(path.name for path in (tmp_path / "new").iterdir())) == (0, ["badge.svg", "report.html"])
    (tmp_path / "report.json").write_text(json.dumps({**REPORT, "footer": {}}))
    done = suite("report", str(tmp_path / "report.json"))
    assert (done.code, "is no report" in done.err + done.out) == (2, True)
