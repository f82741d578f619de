"""The matrix as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from celeriac_conformance.matrix import PASS, Told
from celeriac_conformance.report.files import whole


def table(told: Told) -> Iterator[str]:
    """A row per producer, a column per worker and combination; then every call that was not green, with its reason."""
    columns = [(worker, combo) for worker in told.config.workers for combo in told.config.combos]
    heads = [f"{worker} {combo}" for worker, combo in columns]
    yield f"{'producer':12}" + "".join(f"{head:>24}" for head in heads)
    for producer in told.config.producers:
        cells = {(cell.worker, cell.combo): cell for cell in told.cells if cell.producer == producer}
        row = []
        for column in columns:
            cell = cells.get(column)
            green = sum(verdict == PASS for _, verdict, _ in cell.calls) if cell else 0
            row.append(f"{cell.verdict} {green}/{len(cell.calls)}" if cell else "not run")
        yield f"{producer:12}" + "".join(f"{text:>24}" for text in row)
    for cell in told.cells:
        for name, verdict, why in cell.calls:
            if verdict != PASS:
                yield f"{verdict}: {cell.producer} -> {cell.worker} on {cell.combo}: {name}: {why}"
        if cell.unwanted:
            yield f"unwanted: {cell.producer} -> {cell.worker} on {cell.combo}: {told.config.why_unwanted(cell)}"
    for fault in told.faults:
        yield f"not as it should be: {fault}"
    green = sum(cell.verdict == PASS for cell in told.cells)
    yield f"{green} of {len(told.cells)} cells green in {told.seconds:.1f} s (exit code {told.exit})"


def report(told: Told) -> dict[str, Any]:
    """The document that ``--out`` writes (schemas/matrix-report.schema.json)."""
    return {
        "schema": 1,
        "testees": told.testees,
        "cells": [
            {
                "producer": cell.producer,
                "worker": cell.worker,
                "combo": str(cell.combo),
                "verdict": cell.verdict,
                "wanted": not cell.unwanted,
                "seconds": round(cell.seconds, 3),
                "calls": [{"call": name, "verdict": verdict, "why": why} for name, verdict, why in cell.calls],
            }
            for cell in told.cells
        ],
        "faults": told.faults,
        "footer": {
            "complete": told.complete,
            "cells": len(told.cells),
            "seconds": round(told.seconds, 3),
            "exit": told.exit,
        },
    }


def write(told: Told, path: Path) -> None:
    """Write the JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole(path, json.dumps(report(told), indent=1, ensure_ascii=False) + "\n")
