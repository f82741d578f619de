"""The requirements of the specification, as spec/requirements.json lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from celeriac_conformance import data

MUST, SHOULD, MAY = "MUST", "SHOULD", "MAY"

#: RFC 2119 keyword -> what a miss of it means here.
LEVELS = {
    "MUST": MUST,
    "MUST NOT": MUST,
    "REQUIRED": MUST,
    "SHALL": MUST,
    "SHALL NOT": MUST,
    "SHOULD": SHOULD,
    "SHOULD NOT": SHOULD,
    "RECOMMENDED": SHOULD,
    "NOT RECOMMENDED": SHOULD,
    "MAY": MAY,
    "OPTIONAL": MAY,
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One sentence of the specification, and what its text says beside it. ``level`` is MUST, SHOULD or MAY."""

    id: str
    level: str
    sentence: str
    title: str = ""
    where: str = ""
    state: str = ""
    why: str = ""
    #: The vector in backticks and what it says, or "" where ``no_bytes`` says why there is none.
    example: str = ""
    no_bytes: str = ""
    untested: str = ""

    @property
    def area(self) -> str:
        """The id without its number: what the tables are grouped by."""
        return self.id.rpartition("-")[0]


@dataclass(frozen=True)
class Specification:
    """The specification's data that a run is held to: its folder, version and requirements by id."""

    folder: Path
    version: str = "unversioned"
    requirements: Mapping[str, Requirement] = field(default_factory=dict)

    def level(self, ids: tuple[str, ...]) -> str:
        """The strongest level among the requirements named; raises DataError for an unknown id."""
        levels = {self.requirement(name).level for name in ids}
        return next((level for level in (MUST, SHOULD, MAY) if level in levels), MUST)

    def requirement(self, name: str) -> Requirement:
        """The requirement of that id; raises DataError when the specification has none."""
        try:
            return self.requirements[name]
        except KeyError:
            raise data.DataError(f"no requirement {name} in {self.folder / 'requirements.json'}") from None


def load(folder: Path | None = None) -> Specification:
    """Read the specification's data from ``folder``, or from where the suite finds it."""
    folder = folder or data.folder("spec")
    listed = data.read_json(folder / "requirements.json")
    version = folder / "VERSION"
    return Specification(
        folder,
        version.read_text(encoding="utf-8").strip() if version.exists() else "unversioned",
        {row["id"]: _requirement(row) for row in listed["requirements"]},
    )


def _requirement(row: dict[str, Any]) -> Requirement:
    return Requirement(
        row["id"],
        LEVELS[row["keyword"]],
        row["text"],
        row.get("title", ""),
        row.get("file", ""),
        *(row.get(name, "") for name in ("state", "why", "example", "no_bytes", "untested")),
    )
