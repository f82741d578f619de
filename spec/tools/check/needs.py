"""The packages that the tools of the specification need, looked for before anything else is loaded."""

from __future__ import annotations

import sys
from importlib.util import find_spec

#: Module -> the package that brings it.
PACKAGES = {"jsonschema": "jsonschema", "msgpack": "msgpack", "yaml": "PyYAML"}


def demand() -> None:
    """End the program with one sentence, exit code 2, when a package is missing."""
    missing = [package for module, package in PACKAGES.items() if find_spec(module) is None]
    if missing:
        them = "it" if len(missing) == 1 else "them"
        print(
            f"The tools of spec/ need {' and '.join(missing)}: install {them} with"
            f" 'python -m pip install {' '.join(missing)}', or run 'make check', which does.",
            file=sys.stderr,
        )
        sys.exit(2)
