"""Whether what was opened is closed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def all_closed() -> Iterator[None]:
    """Sockets, pipes and files that are opened within the block are closed in it, too."""
    before = _opened()
    yield
    # Not counted: what other tests have left may be closed meanwhile, by threads or the collector of garbage.
    assert not _opened() - before


def _opened() -> set[str]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        # The one that the folder is read by is gone.
        with suppress(FileNotFoundError):
            found.add(str(entry.readlink()))
    return {name for name in found if not name.startswith("/proc/")}
