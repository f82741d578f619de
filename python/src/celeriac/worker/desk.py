"""What an executor hands in and has noted, as its neighbours in the process offer it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from celeriac.events import Document
from celeriac.lifecycle_events import Event
from celeriac.message import Message
from celeriac.transport import Delivery
from celeriac.worker.beside import Beside
from celeriac.worker.outcome import Outcome
from celeriac.worker.running import Running


class Desk(Protocol):
    """Where outcomes are handed in: the courier. Whatever ends a task from outside does so there, beside it."""

    @property
    def beside(self) -> Beside:
        """The tasks that run beside the main thread."""

    def report(self, outcome: Outcome) -> None:
        """Hand over an outcome."""

    def promise(self, delivery: Delivery, message: Message) -> None:
        """A task is about to run whose message is acknowledged: should the process die, another tells of it."""

    def begin(self, running: Running) -> None:
        """A task starts. Unless ``lift`` is called before its limit, its outcome stands and the process ends."""

    def lift(self) -> None:
        """The task has ended. Raises ``Overdue`` when that came too late."""

    def begin_beside(self, running: Running) -> None:
        """A task starts beside the main thread."""

    def came_due(self, delivery: Delivery) -> bool:
        """Whether a delivery was handled before and put off."""

    def tell(self, news: Iterable[Document]) -> None:
        """Tell monitors."""


class Register(Protocol):
    """Where it is noted what runs, for the case that it takes the process down, and what happens, to be counted."""

    def begin(self, message: Message, until: float) -> int | None:
        """A task starts, to be over at this monotonic time; what to call ``end`` with."""

    def end(self, slot: int | None) -> None:
        """It has come to an end."""

    def note(self, message: Message | None, event: Event, *, again: bool) -> None:
        """Something happened to a message. ``again``: to one that was received before and put off."""
