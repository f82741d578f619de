"""The part of a witnessed document that a failure is about, decoded, as a few lines of text."""

from __future__ import annotations

import json

from celeriac_conformance.values import ABSENT, Absent, look_up
from celeriac_conformance.verdicts import Outcome

LINES = 24
WIDTH = 160
#: How a log of frames marks one that met a fault, and how many frames before the first of them are shown.
FAULT, BEFORE = "<<<", 8


def excerpt(outcome: Outcome) -> str:
    """What surrounds the first difference, or what was witnessed where there is none; empty when nothing was.

    For a worker the message that it was given stands before it; what crossed the proxies, if there were any, after it.
    """
    if not outcome.document:
        return ""
    worst = outcome.worst()
    where = worst.difference.path if worst is not None and worst.difference is not None else ""
    parts = []
    if "sent" in outcome.document:
        parts.append(_shown("sent", outcome.document["sent"]))
    if outcome.case.profile == "codec":
        part = "encode" if where.startswith("encode") else "decode"
        parts += [_shown(part, outcome.document[part])] if part in outcome.document else []
    else:
        parts.append(_surroundings(outcome, where.split(".*")[0]))
    if "wire" in outcome.document:
        parts.append(_crossed(outcome.document["wire"]))
    return "\n".join(filter(None, parts))


def _surroundings(outcome: Outcome, path: str) -> str:
    """The innermost object around the path that is there at all."""
    steps = path.split(".")
    while len(steps) > 1:
        steps.pop()
        found = look_up(outcome.document, ".".join(steps))
        if isinstance(found, (dict, list)) and found:
            return _shown(".".join(steps), found)
    kept = ("headers", "properties", "body", "answer", "result", "worker", "settled", "ran", "states", "count")
    return _shown("witnessed", {name: outcome.document[name] for name in kept if name in outcome.document})


def _crossed(lines: list[str]) -> str:
    """The frames from a little before the first fault on; the last ones where none happened."""
    first = next((number for number, line in enumerate(lines) if FAULT in line), len(lines))
    start = max(0, min(first - BEFORE, len(lines) - LINES))
    shown = [line if len(line) <= WIDTH else line[: WIDTH - 4] + " ..." for line in lines[start : start + LINES]]
    return "\n".join(["crossed:", *shown])


def _shown(title: str, value: object) -> str:
    text = json.dumps(value, indent=1, ensure_ascii=False, default=_plain)
    lines = [line if len(line) <= WIDTH else line[: WIDTH - 4] + " ..." for line in text.splitlines()]
    if len(lines) > LINES:
        lines = [*lines[:LINES], f"... {len(lines) - LINES} more lines"]
    return f"{title}: " + "\n".join(lines)


def _plain(value: object) -> str:
    return "absent" if isinstance(value, Absent) or value is ABSENT else repr(value)
