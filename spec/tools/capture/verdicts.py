"""Hold a whole run against what is stored, and write nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from . import vectors
from .normal import LABELS, difference
from .vectors import Vector


def stored() -> Iterator[dict[str, Any]]:
    """Every stored vector."""
    for path in sorted(vectors.VECTORS.rglob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def made_by(version: str, by_hand: bool) -> set[str]:
    """Ids of the stored vectors that a run of that Celery makes, together with those written by hand or without."""
    origins = {version, *([None] if by_hand else [])}  # those written by hand name no version
    return {vector["id"] for vector in stored() if vector["provenance"].get("celery") in origins}


def compare(vector: Vector) -> tuple[str, str]:
    """Hold a vector against the stored one: ("same", ""), or another verdict and what is wrong."""
    path, document = vectors.VECTORS / f"{vector.id}.json", vector.document()
    if not path.exists():
        return "not stored", "  captured, but there is no such file"
    old = json.loads(path.read_text(encoding="utf-8"))
    found = difference(old, document)
    if found:
        return "different", found
    stale = [key for key in LABELS if old[key] != document[key]]
    return ("different", f"  the stored {' and '.join(stale)} differ from the table's") if stale else ("same", "")


def checked(fresh: Iterable[Vector], awaited: set[str], version: str) -> int:
    """Say what differs, is not stored or is not captured any more, and count; 1 when there is any such."""
    counts: Counter[tuple[str, str]] = Counter()
    missing = set(awaited)
    for vector in fresh:
        verdict, why = compare(vector)
        counts[vector.id.split("/")[0], verdict] += 1
        missing.discard(vector.id)
        if why:
            print(f"{vector.id}: {verdict}\n{why}", flush=True)
    for name in sorted(missing):
        counts[name.split("/")[0], "not captured"] += 1
        print(f"{name}: not captured\n  stored, but no case makes it")
    for (folder, verdict), count in sorted(counts.items()):
        print(f"{count:5} {verdict:12} {folder}")
    same = sum(count for (_, verdict), count in counts.items() if verdict == "same")
    print(f"Celery {version}: {same} of {counts.total()} vectors are what is stored")
    return 0 if same == counts.total() else 1
