"""One word for a whole run, for a badge and the top of a page."""

from __future__ import annotations

from typing import Any, NamedTuple

from celeriac_conformance.verdicts import BROKEN, EXCUSED, NON_STRICT, NOT_CONFORMANT


class Standing(NamedTuple):
    """What a run amounts to. ``colour`` is green, amber, red or grey."""

    text: str
    colour: str


def standing(report: dict[str, Any]) -> Standing:
    """The standing of the run in a document of report.json; a run that did not end has none."""
    footer, counts = report["footer"], report["footer"]["verdicts"]
    if footer["exit"] == BROKEN or not footer["complete"]:
        return Standing("no verdict", "grey")
    if footer["exit"] == NOT_CONFORMANT:
        return Standing("not conformant", "red")
    if known := counts.get(EXCUSED, 0):
        return Standing(f"{known} known failures" if known > 1 else "1 known failure", "amber")
    return Standing("Core", "green") if counts.get(NON_STRICT) else Standing("Strict", "green")
