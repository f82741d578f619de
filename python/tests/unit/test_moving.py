"""What the page for those who come from Celery says: its tests exist, and what it calls absent is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from celeriac import Celeriac, InvalidCall, signals
from celeriac.absent import why_absent
from celeriac.task import Request

from .worker_parts import message

TESTS = Path(__file__).resolve().parents[1]
PAGE = (TESTS.parent / "docs" / "moving-from-celery.md").read_text(encoding="utf-8")
ABSENT = PAGE[PAGE.index("## Deliberately absent") :]


def named(row: str) -> list[str]:
    """The names in a row of the last table."""
    (line,) = (line for line in ABSENT.splitlines() if line.startswith(f"| {row} |"))
    return re.findall(r"`([\w.]+)`", line.split("|")[2])


def test_every_row_was_seen() -> None:
    tables = PAGE[PAGE.index("## The same") : PAGE.index("## Deliberately absent")]
    rows = [line for line in tables.splitlines() if line.startswith("| ") and not line.endswith("seen in |")]
    for row in rows:
        found = re.search(r"\| `(\S+\.py)::(\w+)` \|$", row)
        assert found, row
        assert f"def {found[2]}(" in (TESTS / found[1]).read_text(encoding="utf-8"), row
    assert len(rows) > 20


def test_its_examples_run() -> None:
    for example in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(example, "moving-from-celery.md", "exec"), {})


def test_settings_that_are_absent() -> None:
    deliberately, _, _ = ABSENT.partition("Of every setting")
    lines = [line for line in deliberately.splitlines() if line.startswith("| ") and "apply_async" not in line]
    settings = named("settings") + re.findall(r"`((?:task|worker|broker|result)_\w+)`", "\n".join(lines))
    assert len(settings) > 5
    for name in [*settings, "task_queues"]:
        assert why_absent(name), name
        setting: Any = {name: 1}
        with pytest.raises(InvalidCall):
            Celeriac("moving", **setting)


def test_options_that_are_absent() -> None:
    app = Celeriac("moving", broker="redis://127.0.0.1:1/0")
    for name in named("options of a task"):
        option: Any = {name: 1}
        with pytest.raises(InvalidCall, match="unknown task option"):
            app.task(name="moving", **option)
    for name in named("options of a call"):
        option = {name: 1}
        with pytest.raises(InvalidCall, match="unknown option"):
            app.send_task("moving", (), None, **option)
    with pytest.raises(InvalidCall):
        app.send_task("moving", serializer="pickle")


def lacking() -> dict[str, object]:
    """What has the names of a row, but for those of the row."""
    app = Celeriac("moving", broker="redis://127.0.0.1:1/0")

    @app.task
    def task() -> None:
        """Do nothing."""

    return {
        "of the application": app,
        "of `app.control`": app.control,
        "of a task": task,
        "of its request": Request(message=message(), queue="q", redelivered=False, hostname="w1@host"),
        "of a result": app.AsyncResult("id"),
        "of a group of results": app.GroupResult("id", ["one"]),
        "of a signature": task.s(),
        "signals": signals,
    }


@pytest.mark.parametrize("row", lacking())
def test_names_that_are_absent(row: str) -> None:
    names = named(row)
    assert len(names) > 1
    for path in names:
        value = lacking()[row]
        *way, last = path.split(".")
        for name in way:
            value = getattr(value, name)
        assert not hasattr(value, last), path


def test_every_row_of_names_is_looked_at() -> None:
    table = ABSENT[ABSENT.index("| | names | instead |") :].splitlines()[2:]
    rows = [line.split("|")[1].strip() for line in table]
    assert rows == ["settings", "options of a task", "options of a call", *lacking()]
