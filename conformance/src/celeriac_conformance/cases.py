"""The cases: YAML tables under cases/<area>/<topic>.yaml, each row a case named ``<area>/<topic>/<row>``."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from celeriac_conformance import data
from celeriac_conformance.requirements import Specification
from celeriac_conformance.witness import Combo

#: What ``--profile`` takes. timing and robust are parts of worker: tables that say so with ``also``.
PROFILES = ("codec", "producer", "worker", "result", "canvas", "control", "events", "timing", "robust", "durable")

#: libyaml where the wheel of PyYAML has it: five times as fast, and safe as well.
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: What a case of a stage is about; it has one of these.
STEPS = {"producer": {"publish"}, "worker": {"send", "poison"}, "result": {"script"}, "play": {"script"}}

#: Members of a case that say when it applies; what is left are the steps, which its stage reads.
_FRAME = frozenset({"about", "needs", "broker", "result", "checks"})


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation: the requirements it proves, a path, a matcher and the matcher's argument."""

    requirements: tuple[str, ...]
    at: str
    matcher: str
    argument: Any
    broker: str | None = None
    result: str | None = None

    def applies(self, combo: Combo | None) -> bool:
        """Whether the check counts on that combination."""
        return combo is None or (self.broker in (None, combo.broker) and self.result in (None, combo.result))


@dataclass(frozen=True, slots=True)
class Case:
    """A case. ``needs`` are features of hello; ``broker`` and ``result`` restrict where it runs.

    ``profile`` is the one that it belongs to, ``also`` another that selects it.
    """

    name: str
    profile: str
    about: str
    steps: dict[str, Any]
    checks: tuple[Check, ...] = ()
    needs: tuple[tuple[str, Any], ...] = ()
    broker: str | None = None
    result: str | None = None
    proves: tuple[str, ...] = ()
    also: str | None = None

    @property
    def profiles(self) -> frozenset[str]:
        """Every profile that selects the case."""
        return frozenset(filter(None, (self.profile, self.also)))

    @property
    def stage(self) -> str:
        """Who runs the case: ``play`` for a script with a cast and no faults, else the profile's own group."""
        return "play" if "cast" in self.steps and self.profile != "durable" else self.profile

    @property
    def requirements(self) -> tuple[str, ...]:
        """The ids of every requirement that the case can prove, in order of first mention."""
        return tuple(dict.fromkeys([*self.proves, *(name for check in self.checks for name in check.requirements)]))

    def runs_on(self, combo: Combo) -> bool:
        """Whether the case is meant for that combination and has a check that counts there."""
        fits = self.broker in (None, combo.broker) and self.result in (None, combo.result)
        return fits and any(check.applies(combo) for check in self.checks)


def load(specification: Specification, folder: Path | None = None) -> list[Case]:
    """Every case: those of the YAML tables, and one of profile codec for each vector; raises DataError."""
    return [*vectors(specification), *tables(specification, folder)]


def tables(specification: Specification, folder: Path | None = None) -> list[Case]:
    """The live cases, by name; raises DataError for a table against its schema or an unknown requirement."""
    folder = folder or data.folder("cases")
    found = [case for path in sorted(folder.rglob("*.yaml")) for case in _table(path, folder)]
    for case in found:
        for name in case.requirements:
            specification.requirement(name)
    return found


def _table(path: Path, folder: Path) -> Iterator[Case]:
    topic = path.relative_to(folder).with_suffix("").as_posix()
    try:
        table = yaml.load(path.read_text(encoding="utf-8"), _LOADER)
    except (OSError, yaml.YAMLError) as error:
        raise data.DataError(f"{path}: {error}") from error
    if fault := data.violation("schemas", "cases", table):
        raise data.DataError(f"{path}: {fault}")
    defaults, profile = table.get("defaults", {}), table["profile"]
    for row, case in table["cases"].items():
        whole = {**defaults, **case}
        steps = STEPS["play" if "cast" in whole else profile]
        if not steps & set(whole) or not whole.get("checks"):
            raise data.DataError(f"{path}: {row} has no checks, or none of {', '.join(sorted(steps))}")
        yield _case(f"{topic}/{row}", table, whole, defaults.get("checks", []))


def _case(name: str, table: dict[str, Any], row: dict[str, Any], common: list[dict[str, Any]]) -> Case:
    own, profile = row.get("checks", []), table["profile"]
    return Case(
        name,
        profile,
        row["about"],
        {key: value for key, value in row.items() if key not in _FRAME},
        tuple(_check(check) for check in (own if own is common else [*own, *common])),
        tuple((name, value) for name, wanted in row.get("needs", {}).items() for value in _listed(wanted)),
        row.get("broker"),
        row.get("result"),
        also=table.get("also"),
    )


def _listed(wanted: Any) -> list[Any]:
    return wanted if isinstance(wanted, list) else [wanted]


def _check(row: dict[str, Any]) -> Check:
    ids = row["id"] if isinstance(row["id"], list) else [row["id"]]
    matcher = next(key for key in row if key not in ("id", "at", "broker", "result"))
    return Check(tuple(ids), row.get("at", ""), matcher, row[matcher], row.get("broker"), row.get("result"))


def vectors(specification: Specification) -> list[Case]:
    """A codec case for each vector of the specification, named after the vector's id."""
    found = []
    for path in sorted((specification.folder / "vectors").rglob("*.json")):
        vector = data.read_json(path)
        if fault := data.violation("schemas", "vector", vector):
            raise data.DataError(f"{path}: {fault}")
        found.append(
            Case(
                f"codec/{vector['id']}",
                "codec",
                vector.get("about", ""),
                vector,
                needs=(("kinds", vector["kind"]),),
                proves=tuple(vector.get("requirements", ())),
            )
        )
    return found


def select(cases: Iterable[Case], profiles: Iterable[str], only: Iterable[str], skip: Iterable[str]) -> list[Case]:
    """The cases of the profiles that match a glob of ``only`` (if there are any) and none of ``skip``."""
    only, skip, profiles = tuple(only), tuple(skip), tuple(profiles)
    return [
        case
        for case in cases
        if case.profiles & set(profiles)
        and (not only or any(matches(case.name, glob) for glob in only))
        and not any(matches(case.name, glob) for glob in skip)
    ]


def matches(name: str, glob: str) -> bool:
    """Whether a case's name is the glob, matches it, or lies in the folder that it names (``worker/poison``)."""
    return fnmatch.fnmatchcase(name, glob) or name.startswith(glob.rstrip("/") + "/")
