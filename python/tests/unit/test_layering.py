"""Who may import whom, as one table; no import cycle; no clock, network or randomness in the core."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import celeriac

from .imports import cycles, graph, imports, modules

ROOT = Path(celeriac.__file__).parent
EDGES = graph(ROOT)
TREES = modules(ROOT)

#: The protocol core from left to right: each module may import those before it, and nothing else of the package.
CORE = (
    *("text", "times", "errors", "limits", "compression", "unwritable", "schemaless", "serialization", "tagged"),
    *("drafts", "fields"),
    *("signature", "canvas", "wire", "message_v1", "producing", "message", "sending", "envelope", "tree", "planning"),
)
#: Beside the core's line. A result knows nothing of messages.
RESULT_MAY = ("text", "times", "errors", "limits", "serialization", "stored", "tagged", "fields")
#: Neither do control and events; their messages share a frame.
FRAMED_MAY = ("text", "errors", "serialization", "tagged", "fields", "wire")
PURE = {
    **{name: CORE[:place] for place, name in enumerate(CORE)},
    "stored": ("text", "errors", "limits", "compression", "serialization"),
    "result": RESULT_MAY,
    "signed": ("text", "errors", "serialization", "tagged", "wire"),
    "framed": FRAMED_MAY,
    "control": (*FRAMED_MAY, "framed"),
    "events": (*FRAMED_MAY, "framed"),
    "tree": ("text", "errors", "stored"),
    "task": ("errors", "message", "rates", "signature", "tree"),
    "calls": (*CORE, "retrying"),
    "forms": CORE,
    "kinds": ("rates", "retrying", "serialization"),
    "schedules": ("errors", "text", "kinds"),
    "routes": ("errors", "text", "kinds", "signature", "task", "calls"),
    "absent": (),
    "retrying": ("errors", "text"),
    "announcing": ("errors", "text", "sending", "events"),
    "hooks": (),
    "rates": (),
    "job": (*CORE, "task"),
    "lifecycle_events": (*CORE, "result", "task"),
    "following": (*CORE, "result", "task", "lifecycle_events", "job"),
    "lifecycle": (*CORE, "result", "task", "lifecycle_events", "job", "following"),
}
#: Packages and modules that do I/O: what they may import beside themselves.
OUTSIDE = {
    "transport": ("errors", "message", "wire", "envelope", "limits", "control", "events"),
    "connections": ("errors", "message", "sending", "events", "announcing", "retrying", "transport"),
    "aio": (),
    "async_result": ("aio", "errors", "result", "transport", "tree"),
    "bound": ("errors", "signature", "canvas", "calls", "async_result"),
    "client": (*CORE, "result", "task", "calls", "transport", "connections", "aio", "async_result", "bound"),
    "worker": (*CORE, "result", "task", "lifecycle", "lifecycle_events", "job", "following", "transport"),
    "cli": (*CORE, "result", "task", "calls", "transport", "async_result", "client", "worker"),
}
OUTSIDE["settings"] = ("errors", "text", "serialization", "retrying", "kinds", "schedules", "routes", "absent")
OUTSIDE["remote"] = (*FRAMED_MAY, "framed", "control", "events", "transport", "settings")
OUTSIDE["client"] += ("remote", "routes", "settings")
OUTSIDE["worker"] += ("framed", "control", "events", "routes")
OUTSIDE["beat"] = ("errors", "calls", "schedules", "signature", "transport", "client")
OUTSIDE["tracing"] = ("errors",)
OUTSIDE["client"] += ("tracing",)
OUTSIDE["worker"] += ("tracing",)
OUTSIDE["signals"] = ()
OUTSIDE["execution"] = (
    *CORE, "result", "task", "lifecycle_events", "job", "following", "transport", "aio", "hooks", "signals",
)  # fmt: skip
OUTSIDE["eager"] = (*OUTSIDE["execution"], "announcing", "lifecycle", "execution", "connections", "sending")
OUTSIDE["client"] += ("eager",)
OUTSIDE["worker"] += ("execution", "rates")
OUTSIDE["declared"] = (
    *("errors", "text", "calls", "canvas", "signature", "task", "hooks"),
    *("async_result", "bound", "remote", "settings"),
)
OUTSIDE["client"] += ("declared", "outbox")
OUTSIDE["worker"] += ("hooks", "signals")
OUTSIDE["outbox"] = (
    *(*CORE, "task", "calls", "transport", "connections", "async_result", "declared"),
    *("eager", "retrying", "routes", "settings", "tracing"),
)
OUTSIDE["serving"] = ("errors", "client", "worker")
OUTSIDE["logs"] = ("task",)
OUTSIDE["cli_common"] = ("errors", "logs")
OUTSIDE["cli_control"] = ("errors", "tagged", "events", "transport", "remote", "client", "cli_common")
OUTSIDE["cli_beat"] = ("transport", "client", "logs", "beat", "cli_common")
OUTSIDE["cli_worker"] = ("serving", "transport", "client", "worker", "logs", "beat", "cli_beat", "cli_common")
OUTSIDE["cli"] += ("cli_beat", "cli_worker", "cli_common", "cli_control")
OUTSIDE["__main__"] = ("cli",)
OUTSIDE["ids"] = ()
OUTSIDE["waiting"] = ()
for user in ("worker", "beat", "cli_beat"):
    OUTSIDE[user] += ("waiting",)
OUTSIDE["version"] = ()
OUTSIDE["worker"] += ("version",)
for user in ("connections", "eager", "outbox"):
    OUTSIDE[user] += ("forms",)
for user in ("transport", "connections", "worker", "remote", "beat", "eager", "outbox"):
    OUTSIDE[user] += ("ids",)
OUTSIDE["contrib"] = ("task", "calls", "client", "declared", "serving", "worker")
#: The package itself only re-exports; nobody inside imports it.
ALLOWED = {**PURE, **OUTSIDE, "": (*PURE, "client", "declared", "async_result", "bound", "settings", "version")}

#: Standard modules through which the world would get into the core.
WORLD = {
    *(
        "time",
        "random",
        "secrets",
        "os",
        "sys",
        "logging",
        "threading",
        "multiprocessing",
        "asyncio",
        "socket",
        "select",
    ),
    *("signal", "subprocess", "tempfile", "shutil", "pickle", "marshal", "concurrent", "queue", "io", "pathlib"),
}
#: Compression asks for the version of Python to find its optional module.
WORLD_ALLOWED = {("compression", "sys")}
DRIVERS = {"kombu", "redis", "amqp", "vine", "hiredis"}
CLOCKS = {"now", "utcnow", "today", "uuid1", "uuid4", "getenv"}


def unit(module: str) -> str:
    """The row of the table that a module belongs to: its name below the package, or its sub-package."""
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("module", sorted(EDGES))
def test_layers(module: str) -> None:
    own = unit(module)
    assert own in ALLOWED, f"{module} is new: give it a row in the table, and in DESIGN"
    reached = {unit(target) for target in EDGES[module]} - {own}
    assert reached <= set(ALLOWED[own]), f"{module} may not import {sorted(reached - set(ALLOWED[own]))}"


def test_no_row_without_a_module() -> None:
    assert ALLOWED.keys() <= {unit(module) for module in EDGES}


def test_no_cycle() -> None:
    assert list(cycles(EDGES)) == []


def outside_imports(module: str) -> set[str]:
    found = imports(module, TREES[module], TREES.keys(), is_package=False)
    return {name.partition(".")[0] for name in found} - {"celeriac"}


@pytest.mark.parametrize("module", sorted(module for module in EDGES if unit(module) in PURE))
def test_the_core_is_pure(module: str) -> None:
    found = outside_imports(module) & (WORLD | DRIVERS)
    assert {name for name in found if (unit(module), name) not in WORLD_ALLOWED} == set()
    calls = (node.func for node in ast.walk(TREES[module]) if isinstance(node, ast.Call))
    called = {function.attr for function in calls if isinstance(function, ast.Attribute)}
    assert called & CLOCKS == set()


def test_drivers_stay_in_transport() -> None:
    users = {module for module in EDGES if outside_imports(module) & DRIVERS}
    assert {unit(module) for module in users} == {"transport"}


def test_the_checks_find_what_they_look_for(tmp_path: Path) -> None:
    root = tmp_path / "pkg"
    (root / "sub").mkdir(parents=True)
    (root / "__init__.py").write_text("from pkg.a import x\n")
    (root / "a.py").write_text("def f():\n    from .sub import b\n")
    (root / "sub" / "__init__.py").write_text("")
    (root / "sub" / "b.py").write_text("if TYPE_CHECKING:\n    from .. import a\nimport pkg.sub.c\n")
    (root / "sub" / "c.py").write_text("import os\n")
    edges = graph(root)
    assert edges["pkg"] == {"pkg.a"}
    assert edges["pkg.a"] == {"pkg.sub.b"}
    assert edges["pkg.sub.b"] == {"pkg.a", "pkg.sub.c"}
    assert [set(cycle) for cycle in cycles(edges)] == [{"pkg.a", "pkg.sub.b"}]
