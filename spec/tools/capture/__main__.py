"""Capture every vector and hold it against what is stored.

    python -m celeriac_conformance.brokers --rabbitmq --redis -- python spec/tools/capture

New vectors are written, stored ones compared byte for byte (ids, dates and process ids apart, see normal.py) and never
changed; ``--replace GLOB`` supersedes the ones it names. ``--check`` writes nothing, and reports what is not stored and
what is stored but not captured too: it is what `make capture` runs. ``--replay`` runs the valid hand-written ones in a
real worker; ``--show WHAT`` prints the messages that a call sends, or what becomes of a worker that gets the message of
a vector. Needs private brokers, whose queues it empties, and the Celery of requirements.txt; with that of
requirements-4.4.txt or another of the older ones it captures the sample of that version.
Exits 1 when a stored vector differs from what Celery sends.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from capture.cases_version import is_current
from capture.drive import everything
from capture.drive_special import special
from capture.hand import hand_written
from capture.replay import replay
from capture.show import shown
from capture.vectors import Vector, store
from capture.verdicts import checked, made_by
from capture.wires import Rabbit, Store


def main() -> int:
    """Capture, store and compare; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python spec/tools/capture", description="Capture vectors from real Celery.")
    parser.add_argument("--replace", default="", metavar="GLOB", help="supersede stored vectors whose id matches")
    parser.add_argument("--replay", action="store_true", help="hand real Celery the hand-written valid vectors instead")
    parser.add_argument("--hand-only", action="store_true", help="write the hand-written vectors; needs no broker")
    parser.add_argument("--check", action="store_true", help="write nothing; every stored vector is made anew")
    parser.add_argument(
        "--show", default="", metavar="WHAT", help="print what a call sends, or what becomes of a vector"
    )
    options = parser.parse_args()
    if options.show:
        print(*shown(options.show, *brokers()), sep="\n")
        return 0
    if options.check:
        installed = version("celery")
        return checked(all_vectors(), made_by(installed, by_hand=is_current()), installed)
    return replayed() if options.replay else stored(options.hand_only, options.replace)


def all_vectors() -> Iterator[Vector]:
    """What the installed version is captured for; with the current one, what is written by hand too."""
    if is_current():
        yield from hand_written()
    yield from from_brokers()


def stored(hand_only: bool, replace: str) -> int:
    """Store what is new, compare the rest; 1 when something differs."""
    counts: Counter[str] = Counter()
    for vector in hand_written() if hand_only else all_vectors():
        verdict = store(vector, replace=fnmatch(vector.id, replace))
        counts[verdict] += 1
        if verdict == "different":
            print(f"{vector.id}: not what is stored; if Celery is right, supersede it with --replace {vector.id}")
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    return 1 if counts["different"] else 0


def brokers() -> tuple[Rabbit, Store]:
    """The private brokers that the environment names."""
    return Rabbit(os.environ["CELERIAC_AMQP_URL"]), Store(os.environ["CELERIAC_REDIS_URL"])


def from_brokers() -> Iterator[Vector]:
    """Everything that real Celery sends."""
    rabbit, store = brokers()
    yield from everything(rabbit, store)
    yield from special(store, rabbit)
    if is_current():
        from capture.broad import broad  # signs messages, with a package that the older environments lack

        yield from broad(rabbit, store)


def replayed() -> int:
    """Run the hand-written valid vectors in a real worker; 1 when one does not succeed."""
    outcomes = dict(replay(*brokers()))
    for name, status in outcomes.items():
        print(f"{status:8} {name}")
    return 0 if set(outcomes.values()) == {"SUCCESS"} else 1


if __name__ == "__main__":
    sys.exit(main())
