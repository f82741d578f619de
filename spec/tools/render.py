"""Write what is generated: the field tables in the chapters, requirements.json, ids.txt, AsyncAPI.

    python spec/tools/render.py [--promote]

``--promote`` first makes Stable every section that has earned it (``check --coverage`` says what keeps the others).
Needs the packages of the gate. Refuses to forget a requirement: an identifier that left the text is listed as retired.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from check import needs

needs.demand()

from check import asyncapi, coverage, ids, promote, proved, requirements, tables  # noqa: E402 - loads what was demanded
from check.problems import Spec  # noqa: E402


def main() -> int:
    """Render everything; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python spec/tools/render.py", description="Write what is generated.")
    parser.add_argument("--promote", action="store_true", help="make Stable every section that has earned it")
    options = parser.parse_args()
    folder = Path(__file__).resolve().parents[1]
    spec = Spec(folder, folder.parent / "conformance" / "cases")
    gone = requirements.vanished(spec)
    if gone:
        print(f"not in the text any more: {', '.join(gone)}; list them under 'Retired identifiers' in CHANGELOG.md")
        return 1
    if options.promote:
        print(f"Stable now: {', '.join(promote.promote(spec)) or 'nothing more'}")
    for path in spec.pages():
        before = path.read_text(encoding="utf-8")
        after = coverage.rendered(spec, proved.rendered(spec, tables.rendered(spec, before)))
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"rendered {spec.name(path)}")
    (spec.folder / "requirements.json").write_text(requirements.text(spec), encoding="utf-8")
    for name in asyncapi.GENERATED:
        (spec.folder / name).write_text(asyncapi.text(spec, name), encoding="utf-8")
    (spec.folder / ids.FILE).write_text(ids.text(spec), encoding="utf-8")
    print(f"{len(requirements.read(spec))} requirements in requirements.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
