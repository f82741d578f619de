"""The pages: keywords in capitals, links that lead somewhere, an end with common mistakes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .problems import Problem, Spec, numbered, prose
from .requirements import HEADING, KEYWORD, RETIRED, in_page

LOWER_CASE = re.compile(r"\b(must|should|shall|may not)\b")
CODE = re.compile(r"`[^`]*`")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
ANY_HEADING = re.compile(r"^#{1,6} (?P<text>.+?)\s*$")
LAST_SECTION = "Common mistakes"
STATUS = re.compile(r"^\*\*Status: (?P<state>Draft|Candidate|Stable|Retired)\.\*\*")
STATUS_ROW = re.compile(r"^\| \[[^\]]+\]\((?P<page>[^)]+)\) \|.*\| (?P<state>\w*) ?\|$")
#: Pages that speak about the keywords.
ABOUT_KEYWORDS = "00-conventions.md"


def check(spec: Spec) -> Iterator[Problem]:
    """All checks of this module."""
    for path in spec.pages():
        yield from check_links(spec, path)
    for path in spec.chapters():
        yield from check_keywords(spec, path)
        yield from check_ending(spec, path)
    yield from check_status(spec)


def check_keywords(spec: Spec, path: Path) -> Iterator[Problem]:
    """No keyword in lower case, and no bold one outside a block quote."""
    for number, line in prose(path):
        found = LOWER_CASE.search(CODE.sub("", line))
        if found:
            remedy = "write a requirement with the word in capitals, or use another word"
            yield Problem(spec.name(path), number, f"{found[0]!r} in lower case in a normative chapter", remedy)
        if KEYWORD.search(line) and not line.startswith(">") and path.name != ABOUT_KEYWORDS:
            yield Problem(
                spec.name(path),
                number,
                "a bold keyword outside a requirement",
                "make it a requirement, or use another word",
            )


def check_ending(spec: Spec, path: Path) -> Iterator[Problem]:
    """The last section of a chapter is "Common mistakes"."""
    sections = [(number, line) for number, line in prose(path) if line.startswith("## ")]
    if not sections or sections[-1][1] != f"## {LAST_SECTION}":
        number = sections[-1][0] if sections else 0
        yield Problem(
            spec.name(path),
            number,
            f"does not end with '{LAST_SECTION}'",
            f"add the section '## {LAST_SECTION}' at the end",
        )


def status(path: Path) -> str:
    """The state that a page gives itself in its first lines, "" when it gives none."""
    return next((found["state"] for _, line in prose(path) if (found := STATUS.match(line))), "")


def check_status(spec: Spec) -> Iterator[Problem]:
    """Each chapter has a status, the table of the README says the same, and no requirement is ahead of its page."""
    table = {
        row["page"]: row["state"] for _, line in prose(spec.folder / "README.md") if (row := STATUS_ROW.match(line))
    }
    for path in spec.chapters():
        name, own = spec.name(path), status(path)
        if not own:
            yield Problem(name, 1, "has no status", "begin with **Status: Draft.**, Candidate, Stable or Retired")
        elif table.get(name) != own:
            yield Problem(
                name, 1, f"is {own}, the README says {table.get(name) or 'nothing'}", "make both say the same"
            )
        for found in in_page(name, path):
            if own == "Stable" and found.state not in ("Stable", "Retired"):
                message = f"{found.id} is {found.state}, its page Stable"
                yield Problem(name, found.line, message, "a page is Stable when all of its sections are")
            if own == "Draft" and found.state not in ("Draft", "Retired"):
                yield Problem(
                    name, found.line, f"{found.id} is ahead of its page, a draft", "make it Draft, or move the page on"
                )


def check_links(spec: Spec, path: Path) -> Iterator[Problem]:
    """Links inside the repository lead to a file, and to a heading in it."""
    for number, line in prose(path):
        for link in LINK.finditer(CODE.sub("", line)):
            target, _, anchor = link["target"].partition("#")
            if "://" in target:
                continue
            place = (path.parent / target).resolve() if target else path
            if not place.exists():
                yield Problem(spec.name(path), number, f"dead link {link['target']}", "correct the path")
            elif anchor and place.suffix == ".md" and anchor not in anchors(place):
                yield Problem(spec.name(path), number, f"dead link {link['target']}", f"use a heading of {place.name}")


def anchors(path: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub makes them."""
    found: set[str] = set()
    for _, line in prose(path):
        heading = ANY_HEADING.match(line)
        if heading:
            found.add(re.sub(r"[^\w\- ]", "", heading["text"].lower()).replace(" ", "-"))
    return found


def check_changes(spec: Spec) -> Iterator[Problem]:
    """The change log names the version, and lists the retired identifiers in their form."""
    path = spec.folder / "CHANGELOG.md"
    version = (spec.folder / "VERSION").read_text(encoding="utf-8").strip()
    if f"## {version}" not in [line.split(" · ")[0] for _, line in numbered(path)]:
        yield Problem("CHANGELOG.md", 0, f"has no section for version {version}", f"add '## {version}'")
    listing = False
    for number, line in numbered(path):
        listing = line == "## Retired identifiers" if line.startswith("## ") else listing
        if listing and line.startswith("- ") and not RETIRED.match(line):
            yield Problem(
                "CHANGELOG.md", number, "a retired identifier in the wrong form", "write '- `TM-HDR-001` why'"
            )
        if HEADING.match(line):
            yield Problem(
                "CHANGELOG.md", number, "a requirement in the change log", "requirements belong to the chapters"
            )
