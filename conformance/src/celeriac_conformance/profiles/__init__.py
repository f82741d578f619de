"""The profiles: how the cases of each are run. A group is what shares one session of the testee."""

from __future__ import annotations

from typing import Any, Protocol

from celeriac_conformance.cases import Case


class Group(Protocol):
    """Cases that share a session. ``observe`` may be called again after ``start`` when the testee was replaced."""

    def start(self) -> None:
        """Open the session; raises Refused when the testee will not."""

    def observe(self, case: Case) -> dict[str, Any]:
        """Run one case; the document is judged after ``finish``, which may complete it."""

    def finish(self, broken: bool) -> None:
        """Close what was opened (``broken``: the testee is gone, clean up after it) and complete the documents."""


class Void(Exception):
    """A case could not be judged: what has to hold before it did not. Its verdict is an error."""


class LegallyUnsupported(Exception):
    """The testee lacks a feature that it does not claim; the message says which and why."""
