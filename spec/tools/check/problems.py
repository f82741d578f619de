"""What a check reports: a place, what is wrong there, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

#: libyaml where PyYAML has it: several times as fast.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, order=True)
class Problem:
    """One finding; ``line`` counts from 1, 0 means the file as a whole."""

    file: str
    line: int
    message: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}\n    remedy: {self.remedy}"


@dataclass(frozen=True)
class Spec:
    """The folders that the checks read."""

    folder: Path
    cases: Path | None = None

    def pages(self) -> list[Path]:
        """Every page of the text, chapters first."""
        return (
            sorted(self.folder.glob("*.md"))
            + sorted(self.folder.glob("bindings/*.md"))
            + sorted(self.folder.glob("vectors/*.md"))
        )

    def chapters(self) -> list[Path]:
        """The pages that can define requirements: numbered chapters and bindings."""
        return sorted(self.folder.glob("[0-9][0-9]*-*.md")) + sorted(self.folder.glob("bindings/*.md"))

    def name(self, path: Path) -> str:
        """Path as it is shown and stored: relative to the specification's folder."""
        return path.relative_to(self.folder).as_posix()


@lru_cache(maxsize=256)
def parsed(text: str) -> Any:
    """The YAML of a text, or the error where it is none. Read once for each text: nobody changes what it returns."""
    try:
        return yaml.load(text, LOADER)
    except yaml.YAMLError as error:
        return error


def numbered(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of a text file with their numbers."""
    yield from enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Lines outside fenced code blocks, with their numbers."""
    fenced = False
    for number, line in numbered(path):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line
