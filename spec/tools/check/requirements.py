"""Requirements: read them from the text, hold them to their form, write them as requirements.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .problems import Problem, Spec, prose

#: Area -> the page whose requirements carry it.
AREAS: dict[str, str] = {
    "TM-V1": "02b-protocol-1.md",
    "TM-BODY": "02a-body.md",
    "TM": "02-task-message.md",
    "SER": "03-serialization.md",
    "RS": "04-results.md",
    "WK": "05-worker.md",
    "BR-AMQP": "bindings/amqp.md",
    "BR-REDIS": "bindings/redis.md",
    "CV": "06-canvas.md",
    "CT": "07-control.md",
    "EV": "08-events.md",
    "SEC": "09-security.md",
}
LEVELS = {"MUST": "Core", "MUST NOT": "Core", "SHOULD": "Strict", "SHOULD NOT": "Strict", "MAY": "Optional"}
ROLES = ("producer", "worker", "result reader", "controller", "monitor")
HEADING = re.compile(r"^#### (?P<id>[A-Z]+(?:-[A-Z0-9]+)*-\d+) (?P<title>\S.*)$")
META = re.compile(
    r"^(?P<state>Draft|Candidate|Stable|Retired) · since (?P<since>\d+\.\d+) · (?P<roles>[a-zA-Z, ]+)"
    r" · (?P<protocol>any protocol|protocol [12])$"
)
KEYWORD = re.compile(r"\*\*(MUST NOT|MUST|SHOULD NOT|SHOULD|MAY)\*\*")
BARE_KEYWORD = re.compile(r"(?<!\*)\b(MUST|SHOULD|SHALL|REQUIRED|MAY)\b(?!\*| NOT\*)")
#: The note of a requirement that no bytes can show, with the reason.
NO_BYTES = "No bytes"
NOTES = ("Example", "Why it bites", "Proved by", "Untested", "Reading it", NO_BYTES)
VECTOR = re.compile(r"`[a-z0-9-]+(/[a-z0-9-]+)+`")
#: Key of requirements.json -> the note that it holds.
ROW_NOTES = {"example": "Example", "no_bytes": NO_BYTES, "why": "Why it bites", "untested": "Untested"}
NOTE = re.compile(r"^\*(?P<name>[A-Z][a-z ]+):?\*")
RETIRED = re.compile(r"^- `(?P<id>[A-Z][A-Z0-9-]+-\d{3})`")


@dataclass
class Requirement:
    """One requirement as the text has it; ``notes`` are the explaining lines with their numbers."""

    id: str
    title: str
    file: str
    line: int
    section: str = ""
    meta: str = ""
    sentence: str = ""
    notes: list[tuple[int, str]] = field(default_factory=list)

    @property
    def keyword(self) -> str:
        """The RFC 2119 keyword, or "" when there is none."""
        found = KEYWORD.search(self.sentence)
        return found.group(1) if found else ""

    @property
    def state(self) -> str:
        """Draft, Candidate, Stable or Retired; "" when its line is out of form."""
        found = META.match(self.meta)
        return found["state"] if found else ""

    @property
    def area(self) -> str:
        """The identifier without its topic and number."""
        return next((area for area in AREAS if self.id.startswith(area + "-")), "")

    def note(self, name: str) -> str | None:
        """Text of the note of that name ("Untested"), or None."""
        return next(
            (
                text[note.end() :].strip()
                for _, text in self.notes
                if (note := NOTE.match(text)) and note["name"] == name
            ),
            None,
        )

    def row(self) -> dict[str, Any]:
        """The entry of requirements.json."""
        found = META.match(self.meta)
        parts = found.groupdict() if found else {"state": "", "since": "", "roles": "", "protocol": ""}
        roles = dict(role.rsplit(" ", 1) for role in parts["roles"].split(", ")) if found else {}
        entry: dict[str, Any] = {"id": self.id, "title": self.title, "state": parts["state"], "since": parts["since"]}
        entry |= {
            "roles": roles,
            "protocol": parts["protocol"].replace("protocol", "").strip(),
            "keyword": self.keyword,
        }
        entry |= {"text": self.sentence.replace("**", ""), "file": self.file}
        notes = {key: self.note(name) for key, name in ROW_NOTES.items()}
        return entry | {key: text for key, text in notes.items() if text}


def read(spec: Spec) -> list[Requirement]:
    """Every requirement of the text, in reading order."""
    return [found for path in spec.chapters() for found in in_page(spec.name(path), path)]


def in_page(name: str, path: Path) -> Iterator[Requirement]:
    """Requirements of one page."""
    current: Requirement | None = None
    section = ""
    for number, line in prose(path):
        heading = HEADING.match(line)
        if heading or line.startswith("#"):
            if current:
                yield current
            section = section if heading else line.lstrip("# ")
            current = Requirement(heading["id"], heading["title"], name, number, section) if heading else None
        elif current and line.startswith(">"):
            current.sentence = f"{current.sentence} {line.lstrip('> ')}".strip()
        elif current and line.strip():
            if not current.meta and not current.sentence:
                current.meta = line
            else:
                current.notes.append((number, line))
    if current:
        yield current


def retired(spec: Spec) -> list[str]:
    """Identifiers that the change log lists as retired."""
    path = spec.folder / "CHANGELOG.md"
    return [found["id"] for _, line in prose(path) if (found := RETIRED.match(line))] if path.exists() else []


def document(spec: Spec, requirements: list[Requirement]) -> dict[str, Any]:
    """What requirements.json holds."""
    version = (spec.folder / "VERSION").read_text(encoding="utf-8").strip()
    rows = [requirement.row() for requirement in requirements]
    return {
        "$schema": "schemas/requirements.schema.json",
        "version": version,
        "requirements": rows,
        "retired": retired(spec),
    }


def text(spec: Spec) -> str:
    """The text of requirements.json, one requirement a line."""
    whole = document(spec, read(spec))
    rows = ",\n".join("    " + json.dumps(row, ensure_ascii=False) for row in whole["requirements"])
    head = f'  "$schema": "{whole["$schema"]}",\n  "version": "{whole["version"]}",\n'
    return f'{{\n{head}  "requirements": [\n{rows}\n  ],\n  "retired": {json.dumps(whole["retired"])}\n}}\n'


def vanished(spec: Spec) -> list[str]:
    """Identifiers of the stored requirements.json that are neither in the text nor listed as retired."""
    path = spec.folder / "requirements.json"
    if not path.exists():
        return []
    stored = [row["id"] for row in json.loads(path.read_text(encoding="utf-8"))["requirements"]]
    return sorted(set(stored) - {requirement.id for requirement in read(spec)} - set(retired(spec)))


def check(spec: Spec) -> Iterator[Problem]:
    """Form of each requirement, identifiers, and requirements.json up to date."""
    seen: dict[str, Requirement] = {}
    gone = set(retired(spec))
    for found in read(spec):
        if found.id in seen:
            first = seen[found.id]
            yield problem(
                found, f"{found.id} is already defined at {first.file}:{first.line}", "take the next free number"
            )
        if found.id in gone:
            yield problem(found, f"{found.id} was retired and cannot come back", "take a number that was never used")
        seen[found.id] = found
        yield from check_identifier(found)
        yield from check_meta(found)
        yield from check_sentence(found)
        yield from check_notes(found)
    for name in vanished(spec):
        remedy = "put it back, or list it under 'Retired identifiers' in CHANGELOG.md"
        yield Problem("requirements.json", 0, f"{name} is not in the text any more", remedy)
    path = spec.folder / "requirements.json"
    if not path.exists() or path.read_text(encoding="utf-8") != text(spec):
        yield Problem("requirements.json", 0, "does not say what the text says", "run python spec/tools/render.py")


def problem(found: Requirement, message: str, remedy: str) -> Problem:
    """A problem at the heading of a requirement."""
    return Problem(found.file, found.line, message, remedy)


def check_identifier(found: Requirement) -> Iterator[Problem]:
    """Known area, on the page of that area, a topic and three digits."""
    if not found.area:
        yield problem(found, f"{found.id} is in no known area", f"begin with one of {', '.join(AREAS)}")
    elif AREAS[found.area] != found.file:
        yield problem(found, f"{found.id} is not on the page of its area", f"move it to {AREAS[found.area]}")
    if not re.fullmatch(r"(BR-(AMQP|REDIS)|[A-Z]+-[A-Z0-9]+)-\d{3}", found.id):
        yield problem(found, f"{found.id} is not AREA-TOPIC-NNN", "write it like TM-HDR-014")


def check_meta(found: Requirement) -> Iterator[Problem]:
    """The line under the heading: state, since, roles with the level of the keyword, protocol."""
    if not META.match(found.meta):
        example = "Candidate · since 0.1 · producer Core, worker Core · protocol 2"
        yield problem(found, f"{found.id} has no proper line under its heading", f"write one like: {example}")
        return
    level = LEVELS.get(found.keyword, "")
    for role, given in found.row()["roles"].items():
        if role not in ROLES:
            yield problem(found, f"{found.id} names the unknown role {role!r}", f"use one of {', '.join(ROLES)}")
        if level and given != level:
            yield problem(
                found,
                f"{found.id} is {given} for the {role}, its {found.keyword} makes it {level}",
                f"write {role} {level}",
            )


def check_sentence(found: Requirement) -> Iterator[Problem]:
    """One block quote, one sentence, one bold keyword, no other."""
    if not found.sentence:
        yield problem(found, f"{found.id} has no block quote", "put its one sentence in a line beginning with >")
        return
    count = len(KEYWORD.findall(found.sentence))
    if count != 1:
        remedy = "one bold MUST, MUST NOT, SHOULD, SHOULD NOT or MAY; split what needs two"
        yield problem(found, f"{found.id} has {count} keywords", remedy)
    if BARE_KEYWORD.search(KEYWORD.sub("", found.sentence)):
        yield problem(
            found,
            f"{found.id} has a keyword that is not bold",
            "use the word in another way, or make it the one keyword",
        )
    if not found.sentence.endswith("."):
        yield problem(found, f"{found.id} does not end with a full stop", "write one whole sentence")


def check_notes(found: Requirement) -> Iterator[Problem]:
    """Notes of known names; each requirement says why it bites, and shows bytes or says why it cannot."""
    names = [(number, note["name"]) for number, line in found.notes if (note := NOTE.match(line))]
    for number, name in names:
        if name not in NOTES:
            remedy = f"use one of {', '.join(NOTES)}"
            yield Problem(found.file, number, f"{found.id} has a note named {name!r}", remedy)
        if name == "Example" and not VECTOR.search(dict(found.notes)[number]):
            yield Problem(
                found.file, number, f"{found.id} has an example that is no vector", "quote one: (vector `...`)"
            )
    given = {name for _, name in names}
    if "Why it bites" not in given:
        yield problem(found, f"{found.id} does not say why it bites", "add a line '*Why it bites:* ...'")
    if not given & {"Example", NO_BYTES}:
        remedy = "add '*Example* (vector `...`): ...', or '*No bytes:* why'"
        yield problem(found, f"{found.id} has no example", remedy)
