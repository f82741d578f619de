"""ids.txt: every identifier that was ever given to a requirement, in the order of the alphabet, each for good."""

from __future__ import annotations

from collections.abc import Iterator

from . import requirements
from .problems import Problem, Spec

FILE = "ids.txt"


def stored(spec: Spec) -> list[str]:
    """The identifiers of the file."""
    path = spec.folder / FILE
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def text(spec: Spec) -> str:
    """The text of the file: what it held, and what is new. Nothing ever leaves it."""
    live = {found.id for found in requirements.read(spec)}
    return "".join(f"{name}\n" for name in sorted({*stored(spec), *live, *requirements.retired(spec)}))


def check(spec: Spec) -> Iterator[Problem]:
    """Every identifier of the text is in the file; every one of the file is in the text, or retired."""
    known = stored(spec)
    live = {found.id for found in requirements.read(spec)}
    gone = set(requirements.retired(spec))
    for name in sorted((live | gone) - set(known)):
        yield Problem(FILE, 0, f"{name} is not listed", "run python spec/tools/render.py")
    for name in sorted(set(known) - live - gone):
        remedy = "put the requirement back, or list it under 'Retired identifiers' in CHANGELOG.md"
        yield Problem(FILE, 0, f"{name} was given once and is in the text no more", remedy)
    if known != sorted(set(known)):
        yield Problem(FILE, 0, "is not in order, or names something twice", "run python spec/tools/render.py")
