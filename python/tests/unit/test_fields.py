"""The tables of this package against ``spec/fields.json``, both ways, and the rules of a single field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.control import CONTROL_FIELDS, REPLY_FIELDS
from celeriac.envelope import ENVELOPE_FIELDS
from celeriac.errors import InvalidCall, InvalidMessage
from celeriac.events import EVENT_FIELDS, EVENT_MESSAGE_FIELDS
from celeriac.fields import Field, read, write
from celeriac.message import FIELDS as TASK_FIELDS
from celeriac.message import Message
from celeriac.message_v1 import FIELDS_V1
from celeriac.result import RESULT_FIELDS
from celeriac.signature import SIGNATURE_FIELDS

from .spec_data import FIELDS
from .strategies import JUNK

TABLES = {
    "task-v2": TASK_FIELDS,
    "envelope": ENVELOPE_FIELDS,
    "signature": SIGNATURE_FIELDS,
    "task-v1": FIELDS_V1,
    "result": RESULT_FIELDS,
    "control": CONTROL_FIELDS,
    "reply": REPLY_FIELDS,
    "event-message": EVENT_MESSAGE_FIELDS,
    "event": EVENT_FIELDS,
}


def row(field: Field) -> dict[str, Any]:
    """A field in the words of the field list."""
    described = {"name": field.name, "place": field.place, "type": list(field.types), "writer": field.writer}
    return described if field.required else {**described, "omitted": field.omitted}


@pytest.mark.parametrize("section", TABLES)
def test_table_is_that_of_the_specification(section: str) -> None:
    ours = {field.name: row(field) for field in TABLES[section]}
    theirs = {
        field["name"]: {key: value for key, value in field.items() if key not in ("about", "since")}
        for field in FIELDS[section]
    }
    assert ours == theirs


def test_every_section_has_a_table() -> None:
    assert TABLES.keys() == {section for section, rows in FIELDS.items() if isinstance(rows, list)}


def field_of(name: str) -> Field:
    (found,) = (field for field in TASK_FIELDS if field.name == name)
    return found


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("id", ["a", "not a uuid"], ["", None, 5, ["a"]]),
        ("shadow", ["", None, "x"], [5, b"x", True]),
        ("retries", [0, -1, 10**9], [None, True, "3", 1.0]),
        ("ignore_result", [True, False, None], [0, "false"]),
        ("timelimit", [None, [None, None], [30, 20], (1.5, None)], [[], [1], [1, 2, 3], ["1", 2], [True, 1], 30, "30"]),
        ("timelimit", [[0, 0]], [[float("nan"), None], [None, float("inf")]]),
        (
            "eta",
            [None, "2026-01-02T03:04:05Z", "2026-01-02"],
            ["", "now", 5, "2026-13-01", "9999-12-31T23:00:00-05:00"],
        ),
        ("stamped_headers", [None, [], ["a"]], ["a", {}]),
        ("stamps", [None, {}], [[], "a"]),
        ("argsrepr", [None, "(2, 3)", b"\xed\xa0\xbd", 5], []),
        ("args", [[], ()], [None, "ab", {}]),
        ("kwargs", [{}], [None, [], "ab"]),
    ],
)
def test_types(name: str, good: list[Any], bad: list[Any]) -> None:
    field = field_of(name)
    for value in good:
        assert field.problem(value) is None
    for value in bad:
        problem = field.problem(value)
        assert problem is not None
        assert problem.startswith(f"{name} is ")
        with pytest.raises(InvalidMessage) as caught:
            read((field,), {name: value}, {})
        assert caught.value.field == name


def test_required_field_has_no_omission() -> None:
    with pytest.raises(LookupError, match="may not be omitted"):
        _ = field_of("id").omitted
    with pytest.raises(InvalidMessage, match="id is missing in headers"):
        read((field_of("id"),), {}, {})


def test_omissions_are_not_shared() -> None:
    stamps = field_of("stamps")
    assert stamps.omitted == {}
    assert stamps.omitted is not stamps.omitted


def test_write_refuses_a_wrong_type() -> None:
    message = Message(task="t", id="i", args=[], kwargs={}, retries="3")  # type: ignore[arg-type]
    with pytest.raises(InvalidCall, match="retries is '3'; it is an integer"):
        write((field_of("retries"),), message)


@given(st.sampled_from([field for rows in TABLES.values() for field in rows]), JUNK)
def test_the_quick_check_agrees_with_the_whole_one(field: Field, value: Any) -> None:
    assert (field.problem(value) is None) == any(check(value) for check in field.checks)


def test_what_is_written_of_a_call_is_right_though_it_was_not_given() -> None:
    """Only what is given is checked when a message is made."""
    message = Message.create(task="t", id="i", origin="gen1@host")
    assert [field.problem(getattr(message, field.name)) for field in TASK_FIELDS] == [None] * len(TASK_FIELDS)
