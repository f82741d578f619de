"""How many vectors there are at least, of which kind and from which Celery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from . import vectors
from .problems import Problem, Spec

#: Kind of valid message -> how many at least.
KINDS: dict[tuple[str, ...], int] = {
    ("task", "task-v1"): 60,
    ("result",): 25,
    ("canvas",): 20,
    ("control", "reply"): 20,
    ("event",): 15,
    ("envelope",): 20,
}
INVALID = 60
#: Celery's minor version -> how many captured messages at least.
VERSIONS = {"4.4": 5, "5.3": 5, "5.5": 5, "5.7": 100}
REMEDY = "capture more: python spec/tools/capture; see vectors/README.md"


def check(spec: Spec) -> Iterator[Problem]:
    """Kinds and versions that are short of vectors."""
    known = vectors.load(spec)
    valid = Counter(vector.get("kind") for name, vector in known.items() if "/invalid/" not in name)
    for kinds, floor in KINDS.items():
        count = sum(valid[kind] for kind in kinds)
        if count < floor:
            yield Problem("vectors", 0, f"{count} of the kind {' or '.join(kinds)}, {floor} at least", REMEDY)
    refused = sum("/invalid/" in name for name in known)
    if refused < INVALID:
        yield Problem(
            "vectors", 0, f"{refused} malformed ones, {INVALID} at least", "write more by hand, each with its rule"
        )
    captured = Counter(
        ".".join(vector["provenance"].get("celery", "").split(".")[:2])
        for vector in known.values()
        if vector["provenance"]["source"] == "capture"
    )
    for version, floor in VERSIONS.items():
        if captured[version] < floor:
            yield Problem("vectors", 0, f"{captured[version]} from Celery {version}, {floor} at least", REMEDY)
