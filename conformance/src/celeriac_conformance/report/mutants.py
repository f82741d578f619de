"""A run of the mutants as text, and as kill-rate.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from celeriac_conformance import mutants
from celeriac_conformance.mutants import Told
from celeriac_conformance.report.files import suite_version, whole
from celeriac_conformance.requirements import MUST, Specification


def lines(told: Told, specification: Specification) -> Iterator[str]:
    """The survivors, a row for each area of requirements, and the sum."""
    for survivor in told.survivors:
        yield f"SURVIVES {survivor}"
    for fault in told.faults:
        yield f"not as it should be: {fault}"
    rows = mutants.areas(told)
    if rows:
        yield f"{'requirements':14}{'MUSTs':>8}{'killed for':>12}{'kills':>8}{'expected':>10}"
    proved = {kill.requirement for (_, kill), killed in told.killed.items() if killed}
    for area, row in rows.items():
        musts = [r.id for r in specification.requirements.values() if r.area == area and r.level == MUST]
        met = len(proved.intersection(musts))
        yield f"{area:14}{len(musts):>8}{met:>12}{row['killed']:>8}{row['kills']:>10}"
    gone = len({name for (name, _), killed in told.killed.items() if not killed})
    total = len(told.mutants)
    yield f"{total - gone} of {total} mutants killed in {told.seconds:.1f} s (exit code {told.exit})"


def write(told: Told, specification: Specification, path: Path) -> None:
    """Write kill-rate.json, whole or not at all."""
    document = mutants.document(told, specification, suite_version())
    whole(path, json.dumps(document, indent=1) + "\n")
