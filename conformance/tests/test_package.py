"""The package itself: what it may import, how its files are kept, schemas and protocol documents."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import HERE

from celeriac_conformance import data

ROOT = HERE.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
#: Beside the standard library and the package itself.
ALLOWED = {"amqp", "redis", "jsonschema", "referencing", "yaml", "click", "jinja2", "markupsafe", "tomli", "tomllib"}
SCHEMAS = sorted([*(ROOT / "schemas").glob("*.json"), *(ROOT / "protocol").glob("*.json")])


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_suite_shares_no_code_with_what_it_tests(path: Path) -> None:
    outside = {name.partition(".")[0] for name in _imports(path)} - set(sys.stdlib_module_names)
    assert outside <= ALLOWED | {"celeriac_conformance"}


def test_witnesses_know_nothing_of_runs() -> None:
    for path in (ROOT / "src/celeriac_conformance/witness").glob("*.py"):
        own = {name for name in _imports(path) if name.startswith("celeriac_conformance")}
        assert all(name.startswith(("celeriac_conformance.witness", "celeriac_conformance.waiting")) for name in own), (
            path
        )


def test_no_import_cycle() -> None:
    graph = {_module(path): {name for name in _imports(path) if name.startswith("celeriac_")} for path in SOURCES}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail, name])
        if name in done:
            return
        for imported in graph.get(name, ()):
            visit(imported, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", [*SOURCES, *sorted(HERE.glob("*.py"))], ids=lambda path: path.name)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_the_adapter_of_celery_is_one_short_file_without_assertions() -> None:
    text = (ROOT / "adapters" / "celery" / "testee.py").read_text()
    assert len(text.splitlines()) <= 150
    assert not re.search(r"^\s*assert\b", text, re.MULTILINE)


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_schemas_are_schemas(path: Path) -> None:
    schema = json.loads(path.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == path.name


def _examples() -> list[dict[str, Any]]:
    """The lines of the protocol's README that begin with > (a request) or < (an answer or an event)."""
    text = (ROOT / "protocol" / "README.md").read_text()
    return [
        {"from": mark, "document": json.loads(line)}
        for mark, line in re.findall(r"^([<>]) (\{.*\})$", text, re.MULTILINE)
    ]


def test_the_examples_of_the_protocol_follow_its_schemas() -> None:
    ops: dict[int, str] = {}
    seen = set()
    for example in _examples():
        document = example["document"]
        if example["from"] == ">":
            assert data.violation("protocol", "requests", document) is None, document
            ops[document["id"]] = document["op"]
            seen.add(document["op"])
        elif "event" in document:
            assert data.violation("protocol", "events", document) is None, document
            seen.add(document["event"])
        else:
            assert data.violation("protocol", "answers", document) is None, document
            if "ok" in document:
                assert data.violation_of("protocol", "answers", ops[document["id"]], document["ok"]) is None, document
    operations = {
        row["$ref"].rpartition("/")[2] for row in data.read_json(ROOT / "protocol" / "requests.schema.json")["oneOf"]
    }
    assert seen == operations | {"ran", "down", "seen"}


def test_the_catalogue_names_the_tasks_that_cases_call() -> None:
    catalogue = set(re.findall(r"`(conf\.\w+)\(", (ROOT / "protocol" / "tasks.md").read_text()))
    called = set()
    for path in (ROOT / "cases").rglob("*.yaml"):
        called |= set(re.findall(r"\bconf\.[a-z]\w*\b", path.read_text()))
    assert called - catalogue == {"conf.no_such_task", "conf.nope"}
