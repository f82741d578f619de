"""Every check, and the command line around them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from . import asyncapi, coverage, floors, ids, parity, proved, requirements, schemas, tables, text, vectors
from .problems import Problem, Spec

CHECKS: tuple[Callable[[Spec], Iterator[Problem]], ...] = (
    requirements.check,
    ids.check,
    text.check,
    text.check_changes,
    tables.check,
    schemas.check,
    vectors.check,
    floors.check,
    proved.check,
    coverage.check,
    parity.check,
    asyncapi.check,
)


def problems(spec: Spec) -> list[Problem]:
    """Everything that is wrong, in the order of files and lines."""
    return sorted({problem for check in CHECKS for problem in check(spec)})


def summary(spec: Spec, seconds: float) -> str:
    """What was looked at."""
    found = requirements.read(spec)
    named = vectors.load(spec)
    by_hand = sum(vector["provenance"]["source"] == "hand" for vector in named.values())
    untested = sum(1 for requirement in found if requirement.note("Untested"))
    counts = (
        f"{len(found)} requirements ({untested} marked untested)",
        f"{len(named)} vectors ({len(named) - by_hand} captured, {by_hand} by hand)",
        f"{len(proved.cases(spec))} conformance cases",
        f"{seconds:.1f} s",
    )
    return ", ".join(counts)


def arguments(given: list[str] | None) -> argparse.Namespace:
    """The command line."""
    here = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(prog="python spec/tools/check", description="Check the specification.")
    parser.add_argument("--spec", type=Path, default=here, help="folder of the specification (default: %(default)s)")
    parser.add_argument(
        "--cases", type=Path, help="folder of the conformance cases (default: beside the specification)"
    )
    parser.add_argument(
        "--coverage", action="store_true", help="print what proves each area and section, check nothing"
    )
    parser.add_argument("--json", action="store_true", help="with --coverage: as JSON, requirement by requirement")
    options = parser.parse_args(given)
    if options.json and not options.coverage:
        parser.error("--json goes with --coverage")
    return options


def main(given: list[str] | None = None) -> int:
    """Run every check and print what it finds; returns the exit code."""
    options = arguments(given)
    folder = options.spec.resolve()
    spec = Spec(folder, options.cases or folder.parent / "conformance" / "cases")
    if options.coverage:
        print(coverage.text(spec, options.json))
        return 0
    started = time.monotonic()
    found = problems(spec)
    for problem in found:
        print(problem)
    print(f"{len(found)} problems: " if found else "ok: ", summary(spec, time.monotonic() - started), sep="")
    return 1 if found else 0
