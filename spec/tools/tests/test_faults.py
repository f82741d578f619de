"""Every fault that the gate is for, planted one by one: the gate names the place, the fault and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conftest import Copy

from check import asyncapi, ids, proved, requirements, schemas, tables, text, vectors
from check.problems import Spec

PAGE = "02-task-message.md"
HEADING = "#### TM-HDR-001 `task` names the task"
META = "Stable · since 0.1 · producer Core · protocol 2"
STATUS = "**Status: Stable.**"
QUOTE = "> A producer **MUST** write the header `task` as a string that is not empty."
PLAIN = "vectors/task-v2/plain.json"
MESSAGE = "schemas/task-message.schema.json"

Plant = Callable[[Copy], None]


def swap(name: str, old: str, new: str) -> Plant:
    return lambda copy: copy.replace(name, old, new)


def edit(name: str, change: Callable[[Any], Any]) -> Plant:
    return lambda copy: copy.edit(name, change)


def move(old: str, new: str) -> Plant:
    def plant(copy: Copy) -> None:
        (copy.folder / old).rename(copy.folder / new)

    return plant


def both(first: Plant, second: Plant) -> Plant:
    def plant(copy: Copy) -> None:
        first(copy)
        second(copy)

    return plant


def requirement(*lines: str) -> str:
    return "\n".join(lines) + "\n\n## Common mistakes"


NEW = "#### TM-HDR-900 New"
SENTENCE = "> A producer **MUST** be tested."


def added(*lines: str) -> Plant:
    """A new requirement before the last section of the page."""
    return swap(PAGE, "## Common mistakes", requirement(*lines))


REQUIREMENTS: dict[str, tuple[Plant, str, str]] = {
    "doubled id": (added("#### TM-HDR-001 Again", META, "", SENTENCE), "already defined", "next free number"),
    "retired id": (swap("CHANGELOG.md", "None.", "- `TM-HDR-001` gone"), "was retired", "never used"),
    "unknown area": (added("#### XX-HDR-001 New", META, "", SENTENCE), "in no known area", "begin with one of"),
    "wrong page": (added("#### SER-JSON-900 New", META, "", SENTENCE), "not on the page", "03-serialization.md"),
    "short number": (added("#### TM-HDR-90 New", META, "", SENTENCE), "not AREA-TOPIC-NNN", "like TM-HDR-014"),
    "two keywords": (added(NEW, META, "", "> A **MUST** and a **MAY**."), "has 2 keywords", "split"),
    "no keyword": (added(NEW, META, "", "> A producer writes."), "has 0 keywords", "one bold MUST"),
    "keyword not bold": (added(NEW, META, "", "> A **MUST** and a MAY."), "not bold", "another way"),
    "no quote": (added(NEW, META, "", "A producer writes."), "has no block quote", "beginning with >"),
    "no full stop": (added(NEW, META, "", "> A producer **MUST** stop"), "full stop", "whole sentence"),
    "no meta": (added(NEW, "since today", "", SENTENCE), "no proper line under", "write one like"),
    "wrong level": (swap(PAGE, META, META.replace("Core", "Strict")), "is Strict for the producer", "producer Core"),
    "unknown role": (swap(PAGE, META, META.replace("producer", "sender")), "unknown role 'sender'", "use one of"),
    "stale json": (swap(PAGE, "`task` names the task", "`task` is a name"), "what the text says", "render.py"),
    "vanished id": (swap(PAGE, HEADING, "#### Something else"), "not in the text any more", "Retired identifiers"),
}

TEXT: dict[str, tuple[Plant, str, str]] = {
    "lower case": (swap("05-worker.md", "## Poison", "## Poison\n\nIt must not happen."), "'must'", "in capitals"),
    "may not": (swap("05-worker.md", "## Poison", "## Poison\n\nIt may not happen."), "'may not'", "another word"),
    "bold outside": (swap(PAGE, "## Properties", "It **MUST**.\n\n## Properties"), "outside a requirement", "make it"),
    "dead link": (swap(PAGE, "(bindings/amqp.md)", "(bindings/nats.md)"), "dead link bindings/nats.md", "the path"),
    "dead anchor": (
        swap(PAGE, "redis.md#what-is-held)", "redis.md#what)"),
        "dead link bindings/redis.md#what",
        "a heading of",
    ),
    "no status": (swap(PAGE, STATUS, "Status:"), "has no status", "begin with"),
    "other status": (swap(PAGE, STATUS, "**Status: Candidate.**"), "the README says Stable", "the same"),
    "ahead": (swap(PAGE, STATUS, "**Status: Draft.**"), "ahead of its page", "make it Draft"),
    "behind": (swap(PAGE, META, META.replace("Stable", "Candidate")), "is Candidate, its page Stable", "a page is"),
    "no ending": (swap("01-model.md", "## Common mistakes", "## The end"), "does not end with", "Common mistakes"),
}

CHANGES: dict[str, tuple[Plant, str, str]] = {
    "no version": (swap("CHANGELOG.md", "## 0.1.0", "## 0.0.9"), "no section for version", "add '## 0.1.0'"),
    "retired how": (swap("CHANGELOG.md", "None.", "- TM-HDR-900"), "in the wrong form", "- `TM-HDR-001` why"),
    "requirement there": (swap("CHANGELOG.md", "None.", NEW), "in the change log", "belong to the chapters"),
}

TABLES: dict[str, tuple[Plant, str, str]] = {
    "stale table": (swap(PAGE, "name of the task", "the name"), "not what fields.json", "render.py"),
    "stale message": (swap("README.md", '"lang": "py"', '"lang": "js"'), "its vector says", "render.py"),
    "field not shown": (
        lambda copy: (copy.folder / "04-results.md").unlink(),
        "no page shows the fields of result result",
        "<!-- fields: result -->",
    ),
}

SCHEMAS: dict[str, tuple[Plant, str, str]] = {
    "broken schema": (edit(MESSAGE, lambda s: s.update(type="thing")), "not a valid schema", "correct it at"),
    "wrong $id": (edit(MESSAGE, lambda s: s.update({"$id": "x"})), "has the $id 'x'", "which others refer to"),
    "no mark": (
        edit(MESSAGE, lambda s: s["properties"]["eta"].pop("x-requirement")),
        "property eta stands for no requirement",
        "x-requirement",
    ),
    "unknown mark": (
        edit(MESSAGE, lambda s: s["properties"]["eta"].update({"x-requirement": ["TM-HDR-999"]})),
        "quotes TM-HDR-999",
        "correct the id",
    ),
    "property missing": (edit(MESSAGE, lambda s: s["properties"].pop("eta")), "lacks the field eta", "add it"),
    "property more": (
        edit(MESSAGE, lambda s: s["properties"].update(tenant={"x-requirement": ["TM-HDR-008"]})),
        "has the property tenant",
        "fields.json",
    ),
    "type refused": (
        edit(MESSAGE, lambda s: s["properties"]["shadow"].update(type="string")),
        "shadow refuses the type null",
        "say the same",
    ),
    "null taken": (
        edit(MESSAGE, lambda s: s["properties"]["retries"].update(type=["integer", "null"])),
        "retries takes null",
        "say the same",
    ),
    "not required": (
        edit(MESSAGE, lambda s: s["required"].remove("id")),
        "id is not required",
        "add it to required",
    ),
    "bad field list": (
        edit("fields.json", lambda f: f["envelope"][0].update(place="moon")),
        "fields.schema",
        "correct",
    ),
    "bad vector": (
        edit(PLAIN, lambda v: v["message"].update(retries="0")),
        "not valid under vector",
        "correct the file",
    ),
    "bad tag": (edit(PLAIN, lambda v: v["message"].update(args=[{"$when": "now"}])), "vector.schema.json", "correct"),
    "no reaction": (
        edit("vectors/task-v2/invalid/id-missing.json", lambda v: v.pop("reaction")),
        "not valid under vector.schema.json",
        "correct the file",
    ),
}

VECTORS: dict[str, tuple[Plant, str, str]] = {
    "wrong id": (edit(PLAIN, lambda v: v.update(id="task-v2/simple")), "calls itself 'task-v2/simple'", "its path"),
    "wrong kind": (edit(PLAIN, lambda v: v.update(kind="result")), "kind 'result' in a folder for 'task'", "move it"),
    "edited message": (edit(PLAIN, lambda v: v["message"].update(args=[2, 3.0])), "not what its bytes say", "again"),
    "edited bytes": (edit(PLAIN, lambda v: v["wire"]["headers"].update(lang="js")), "not what its bytes say", "again"),
    "machine path": (edit(PLAIN, lambda v: v.update(about="/home/ada/x")), "names a path", "capture tool"),
    "vector gone": (move(PLAIN, "vectors/task-v2/simple.json"), "no vector task-v2/plain", "that exists"),
    "misquoted": (
        swap(PAGE, '`"timelimit": [30, 20]`', '`"timelimit": [20, 30]`'),
        "is not in task-v2",
        "the vector says",
    ),
}

PROVED: dict[str, tuple[Plant, str, str]] = {
    "vector unknown": (edit(PLAIN, lambda v: v["requirements"].append("TM-HDR-999")), "quotes TM-HDR-999", "correct"),
    "vector of nothing": (edit(PLAIN, lambda v: v.update(requirements=[])), "quotes no requirement", "example of"),
    "nothing proves": (added(NEW, META, "", SENTENCE), "nothing proves TM-HDR-900", "*Untested:* why"),
    "case unknown": (
        lambda copy: copy.case("producer/new", "cases:\n  row:\n    checks:\n      - {id: TM-HDR-999}\n"),
        "producer/new/row: quotes TM-HDR-999",
        "correct the id",
    ),
    "case of another": (
        both(
            lambda copy: copy.case("producer/new", "cases:\n  row:\n    checks:\n      - {id: TM-HDR-002}\n"),
            swap(PAGE, QUOTE, QUOTE + "\n\n*Proved by:* case `producer/new/row`"),
        ),
        "case producer/new/row does not exist or does not quote TM-HDR-001",
        "render.py",
    ),
}

IDS: dict[str, tuple[Plant, str, str]] = {
    "new id not listed": (added(NEW, META, "", SENTENCE), "TM-HDR-900 is not listed", "render.py"),
    "id dropped": (swap(PAGE, HEADING, "#### Something else"), "TM-HDR-001 was given once", "Retired identifiers"),
    "id renumbered": (swap(PAGE, HEADING, NEW), "TM-HDR-001 was given once", "put the requirement back"),
    "list out of order": (
        swap("ids.txt", "TM-HDR-001\nTM-HDR-002", "TM-HDR-002\nTM-HDR-001"),
        "not in order",
        "render.py",
    ),
    "list shortened": (swap("ids.txt", "TM-HDR-001\n", ""), "TM-HDR-001 is not listed", "render.py"),
}

GENERATED: dict[str, tuple[Plant, str, str]] = {
    "stale AsyncAPI": (edit("asyncapi.json", lambda a: a["channels"].pop("taskList")), "is not what", "render.py"),
    "stale bundle": (edit(MESSAGE, lambda s: s["properties"].pop("eta")), "schemas.bundle.json", "render.py"),
    "bundle missing": (lambda copy: (copy.folder / "schemas.bundle.json").unlink(), "is not what", "render.py"),
}

GROUPS = (
    (requirements.check, REQUIREMENTS),
    (ids.check, IDS),
    (asyncapi.check, GENERATED),
    (text.check, TEXT),
    (text.check_changes, CHANGES),
    (tables.check, TABLES),
    (schemas.check, SCHEMAS),
    (vectors.check, VECTORS),
    (proved.check, PROVED),
)
FAULTS = [pytest.param(check, *fault, id=name) for check, group in GROUPS for name, fault in group.items()]


@pytest.mark.parametrize(("check", "plant", "message", "remedy"), FAULTS)
def test_fault_is_found(copy: Copy, check: Callable[[Spec], Any], plant: Plant, message: str, remedy: str) -> None:
    plant(copy)
    found = [problem for problem in check(copy.spec) if message in str(problem).split("\n")[0]]
    assert found, f"not found; the gate says {[str(problem) for problem in check(copy.spec)]}"
    assert remedy in found[0].remedy


def test_text_faults_have_their_line(copy: Copy) -> None:
    copy.replace("05-worker.md", "## Poison", "## Poison\n\nIt must not happen.")
    lines = (copy.folder / "05-worker.md").read_text(encoding="utf-8").splitlines()
    (problem,) = text.check(copy.spec)
    assert (problem.file, problem.line) == ("05-worker.md", lines.index("It must not happen.") + 1)


def test_words_in_code_are_no_keywords(copy: Copy) -> None:
    copy.replace("05-worker.md", "## Poison", "## Poison\n\n`must` is a word.\n\n```\nit should be\n```")
    assert not list(text.check(copy.spec))
