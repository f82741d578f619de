"""report.html: a whole run on one page that needs no network, made from the document of report.json alone."""

from __future__ import annotations

import functools
from collections import Counter
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from celeriac_conformance.report import kill_rate
from celeriac_conformance.report.standing import standing
from celeriac_conformance.verdicts import VERDICTS

Document = dict[str, Any]


def page(report: Document, matrix: Document | None = None) -> str:
    """The page for a document of report.json and, if there is one, of a matrix report.

    Everything that comes from a testee is escaped: what it wrote is shown and never becomes markup.
    """
    implementation = report["testee"]["implementation"] or {"name": "the testee", "version": ""}
    worst_first = sorted(report["cases"], key=lambda case: (-VERDICTS.index(case["verdict"]), case["name"]))
    cases = [_case(case) for case in worst_first]
    return _template().render(
        style=Markup(_text("page.css")),
        script=Markup(_text("page.js")),
        about=implementation,
        standing=standing(report),
        facts=_facts(report, implementation),
        report={**report, "cases": cases},
        sentences={row["id"]: row["sentence"] for row in report["requirements"]},
        counts=_in_order(Counter(case["verdict"] for case in cases)),
        profiles=sorted({case["profile"] for case in cases}),
        combos=sorted({case["on"] for case in cases} - {""}),
        areas=_areas(report["requirements"]),
        matrix=matrix and _matrix(matrix),
    )


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(_text("page.html.j2"))


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _facts(report: Document, implementation: Document) -> list[tuple[str, str]]:
    """What was run, where and when, as names and values."""
    run, footer = report["run"], report["footer"]
    facts = [
        ("language", " ".join(filter(None, [implementation.get("language"), implementation.get("runtime")]))),
        ("roles", ", ".join(report["testee"]["roles"])),
        ("brokers and results", ", ".join(run["combos"])),
        ("profiles", ", ".join(run["profiles"])),
        ("left out", ", ".join(run["skip"])),
        ("only", ", ".join(run["only"])),
        ("SHOULDs", "count as failures" if run["strict"] else "are shown as non-strict"),
        ("started", run["started"].partition(".")[0].replace("T", " ") + " UTC"),
        ("took", f"{footer['seconds']:.1f} s"),
        ("seed", str(run["seed"])),
        ("the suite itself", kill_rate.sentence(report["suite"].get("kill_rate"))),
        ("exit code", str(footer["exit"])),
    ]
    return [(name, value) for name, value in facts if value]


def _case(case: Document) -> Document:
    on = f"{case['broker']}+{case['result']}" if case["broker"] else ""
    return {**case, "on": on, "differences": [finding for finding in case["findings"] if finding["difference"]]}


def _areas(requirements: list[Document]) -> list[Document]:
    """The requirements by area, each with its verdicts counted."""
    areas: dict[str, list[Document]] = {}
    for row in requirements:
        areas.setdefault(row["id"].rpartition("-")[0], []).append(row)
    return [
        {"name": name, "rows": rows, "counts": _in_order(Counter(row["verdict"] for row in rows))}
        for name, rows in areas.items()
    ]


def _matrix(matrix: Document) -> Document:
    """A row per producer, a column per worker and combination; None where there is no cell."""
    cells = {(cell["producer"], cell["worker"], cell["combo"]): cell for cell in matrix["cells"]}
    columns = list(dict.fromkeys((worker, combo) for _, worker, combo in cells))
    producers = list(dict.fromkeys(producer for producer, _, _ in cells))
    return {
        "columns": [{"worker": worker, "combo": combo} for worker, combo in columns],
        "rows": [
            {"producer": name, "cells": [cells.get((name, worker, combo)) for worker, combo in columns]}
            for name in producers
        ],
    }


def _in_order(counts: Counter[str]) -> list[tuple[str, int]]:
    return [(verdict, counts[verdict]) for verdict in reversed(VERDICTS) if counts[verdict]]
