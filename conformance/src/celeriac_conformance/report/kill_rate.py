"""The kill rate that the suite comes with, which every report shows: how many deliberate defects it finds."""

from __future__ import annotations

from typing import Any

from celeriac_conformance import data


def known() -> dict[str, Any] | None:
    """The kill rate as the last whole run of the mutants saw it; None where the suite comes without."""
    try:
        path = data.folder("mutants") / "kill-rate.json"
    except data.DataError:
        return None
    if not path.exists():
        return None
    rate = data.read_json(path)
    return {**rate["mutants"], "made": rate["made"], "specification": rate["specification"]}


def sentence(rate: dict[str, Any] | None) -> str:
    """The kill rate in a line."""
    if rate is None:
        return "no kill rate comes with this suite"
    return (
        f"this suite finds {rate['killed']} of {rate['total']} deliberate defects "
        f"(seen on {rate['made']}, specification {rate['specification']})"
    )
