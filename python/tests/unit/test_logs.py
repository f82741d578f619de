"""The log as lines of JSON."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from celeriac.logs import JsonFormatter
from celeriac.task import Request, current_request

from .worker_parts import message


def line(**fields: Any) -> dict[str, Any]:
    record = logging.makeLogRecord({"name": "shop", "levelno": 20, "levelname": "INFO", "created": 0, **fields})
    text = JsonFormatter().format(record)
    assert "\n" not in text
    return dict(json.loads(text))


def test_what_is_always_there() -> None:
    assert line(msg="%s\n%d", args=("two\nlines", 3), process=7) == {
        "time": "1970-01-01T00:00:00.000+00:00",
        "level": "info",
        "logger": "shop",
        "message": "two\nlines\n3",
        "process": 7,
    }


def test_extras_and_what_is_not_json() -> None:
    found = line(msg="m", order=12, thing=object)
    assert (found["order"], found["thing"]) == (12, "<class 'object'>")


def test_an_exception() -> None:
    try:
        raise ValueError("no")
    except ValueError as error:
        found = line(msg="m", exc_info=(ValueError, error, error.__traceback__))
    assert found["exception"].startswith("Traceback") and found["exception"].endswith("ValueError: no")


@pytest.mark.parametrize("logger", ["shop", "celeriac.worker"])
def test_who_logs_inside_of_a_task_is_told_by_it(logger: str) -> None:
    token = current_request.set(Request(message(id="id-1", task="shop.add"), "mail", False, "w@h"))
    try:
        found = line(msg="m", name=logger)
    finally:
        current_request.reset(token)
    assert (found["task"], found["task_id"]) == ("shop.add", "id-1")
    assert "task" not in line(msg="m")
