"""Every row of fields.json is in the three implementations: each holds its tables to the list in a test of its own.

The gate does not run those tests, the implementations do. It sees to it that they are there and leave no section out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .problems import Problem, Spec
from .tables import fields

#: Folder of an implementation -> its parity test.
TESTS = {
    "python": "python/tests/unit/test_fields.py",
    "clients/node": "clients/node/test/fields.test.ts",
    "clients/php": "clients/php/tests/Message/FieldParityTest.php",
}


def sections(spec: Spec) -> list[str]:
    """The sections of the field list."""
    return [name for name, rows in fields(spec).items() if isinstance(rows, list)]


def held(test: Path, section: str) -> bool:
    """Whether the parity test has a row for the section: its name as a key."""
    return bool(re.search(rf"""^\s*['"]?{section}['"]?\s*(:|=>)""", test.read_text(encoding="utf-8"), re.MULTILINE))


def check(spec: Spec) -> Iterator[Problem]:
    """Implementations beside the specification without a parity test, or with one that leaves a section out."""
    for folder, name in TESTS.items():
        if not (spec.folder.parent / folder).is_dir():
            continue
        test = spec.folder.parent / name
        if not test.exists():
            yield Problem(name, 0, "the parity test is missing", "hold the FIELDS to spec/fields.json there")
            continue
        for section in sections(spec):
            if not held(test, section):
                remedy = "compare the implementation's table for it with the list"
                yield Problem(name, 0, f"does not hold the section {section} of fields.json", remedy)
