"""What the courier needs of the process around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from celeriac.transport import WorkerLink
from celeriac.worker.journal import Journal
from celeriac.worker.liaison import Liaison
from celeriac.worker.promises import Promises


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The process, as it offers itself to its courier.

    ``connect`` makes a connection, ``ready`` is called whenever one is up, ``leave`` ends the process at once after a
    hard time limit. ``supervisor`` is the process without which this one has no business here, ``node`` the worker's
    name, ``liaison`` this process's end of the channel to the node, if there is remote control.
    """

    connect: Callable[[], WorkerLink]
    ready: Callable[[], None]
    leave: Callable[[], None]
    journal: Journal
    supervisor: int
    node: str
    promises: Promises
    liaison: Liaison | None = None
