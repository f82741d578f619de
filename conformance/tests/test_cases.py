"""The library of cases: well-formed, tied to the specification, and selectable; and its schema catches faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from celeriac_conformance import cases, data
from celeriac_conformance.cases import PROFILES, Case
from celeriac_conformance.requirements import Specification
from celeriac_conformance.witness import COMBOS


def test_every_case_quotes_requirements_that_exist(library: list[Case], specification: Specification) -> None:
    for case in library:
        for name in case.requirements:
            specification.requirement(name)
        assert case.profile == "codec" or case.requirements, case.name


def test_names_are_unique(library: list[Case]) -> None:
    names = [case.name for case in library]
    assert len(names) == len(set(names))


def test_every_profile_has_cases(library: list[Case]) -> None:
    assert {profile for case in library for profile in case.profiles} == set(PROFILES)


def test_every_live_case_runs_somewhere(library: list[Case]) -> None:
    for case in library:
        assert case.profile == "codec" or any(case.runs_on(combo) for combo in COMBOS), case.name


def test_every_live_case_looks_beyond_what_the_testee_says(library: list[Case]) -> None:
    """A case that reads nothing but the answer of a producer could be passed by saying the right thing.

    Result cases are the exception by nature: what the reader hands out is what is tested, the witness wrote it.
    """
    said_only = {"producer/sending/no-broker", "producer/sending/missing-exchange", "producer/sending/unroutable"}
    for case in library:
        if case.stage in ("producer", "worker") and case.name not in said_only:
            assert any(not check.at.startswith("answer") for check in case.checks), case.name


def test_vectors_are_cases(library: list[Case]) -> None:
    codec = [case for case in library if case.profile == "codec"]
    assert len(codec) > 100
    assert any("/invalid/" in case.name for case in codec)


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("no profile", {"profile": None}),
    ("unknown profile", {"profile": "juggler"}),
    ("no cases", {"cases": {}}),
    ("name with a capital", {"cases": {"Plain": {}}}),
    ("no about", {"row": {"about": None}}),
    ("unknown step", {"row": {"publsh": {}}}),
    ("steps of another profile", {"row": {"send": {}}}),
    ("no steps", {"row": {"publish": None}}),
    ("check without id", {"check": {"id": None}}),
    ("check with an ill-formed id", {"check": {"id": "headers"}}),
    ("check without matcher", {"check": {"equals": None}}),
    ("check with two matchers", {"check": {"absent": True}}),
    ("check with an unknown matcher", {"check": {"equals": None, "resembles": 1}}),
    ("unknown broker", {"row": {"broker": "kafka"}}),
]


@pytest.mark.parametrize(("fault", "change"), FAULTS, ids=[fault for fault, _ in FAULTS])
def test_a_fault_in_a_table_is_found(
    fault: str, change: dict[str, Any], specification: Specification, tmp_path: Path
) -> None:
    check: dict[str, Any] = {"id": "TM-HDR-001", "at": "headers.task", "equals": "x", **change.get("check", {})}
    row: dict[str, Any] = {
        "about": "long enough to say something",
        "publish": {"args": [1]},
        "checks": [{key: value for key, value in check.items() if value is not None}],
        **change.get("row", {}),
    }
    table: dict[str, Any] = {
        "profile": change.get("profile", "producer"),
        "about": "a table",
        "cases": change.get("cases", {"plain": {key: value for key, value in row.items() if value is not None}}),
    }
    (tmp_path / "faulty.yaml").write_text(yaml.safe_dump({k: v for k, v in table.items() if v is not None}))
    with pytest.raises(data.DataError, match=r"faulty\.yaml"):
        cases.tables(specification, tmp_path)


def test_an_unknown_requirement_is_found(specification: Specification, tmp_path: Path) -> None:
    row = {"about": "long enough to say", "publish": {}, "checks": [{"id": "TM-HDR-999", "at": "x", "equals": 1}]}
    table = {"profile": "producer", "about": "a table", "cases": {"plain": row}}
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(table))
    with pytest.raises(data.DataError, match="TM-HDR-999"):
        cases.tables(specification, tmp_path)


def test_selecting(library: list[Case]) -> None:
    def names(**how: Any) -> set[str]:
        chosen = {"profiles": PROFILES, "only": (), "skip": (), **how}
        return {case.name for case in cases.select(library, **chosen)}

    everything = names()
    assert names(only=["worker/poison"]) == {name for name in everything if name.startswith("worker/poison/")}
    assert names(only=["worker/poison/"]) == names(only=["worker/poison/*"])
    assert names(only=["*/no-id"]) == {"worker/poison/no-id"}
    assert names(skip=["codec"]) == {name for name in everything if not name.startswith("codec/")}
    assert names(profiles=["codec"]) == everything - names(skip=["codec"])
    assert names(only=["no/such/case"]) == set()
