"""Where a process's news of tasks gather until they go out, several in one message (EV-FORM-003)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from celeriac.events import EVENT_EXCHANGE, MANY, Document, message_of
from celeriac.transport import Post

#: Events of one message, and places that wait for a broker which is away; the oldest are lost first.
MOST, KEPT = 200, 10_000


class Place:
    """A place in the order of events; what comes after it waits until it is filled."""

    __slots__ = ("news",)

    def __init__(self) -> None:
        self.news: tuple[Document, ...] | None = None

    def fill(self, news: Iterable[Document]) -> None:
        """Say what happened."""
        self.news = tuple(news)


class Mouth:
    """Takes events from any thread, and speaks in the courier's, in the order in which they happened."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._places: deque[Place] = deque(maxlen=KEPT)

    def __bool__(self) -> bool:
        """Whether there is anything to say now."""
        return bool(self._places) and self._places[0].news is not None

    def take(self, news: Iterable[Document]) -> bool:
        """Keep events until ``speak``; whether these are the first."""
        first = not self._places
        self.reserve().fill(news)
        return first

    def reserve(self) -> Place:
        """Keep a place for what is to be told once its consequences are safe."""
        place = Place()
        self._places.append(place)
        return place

    def speak(self, post: Post) -> None:
        """Send what has gathered. Raises ``BrokerUnavailable``."""
        while self:
            self._send(post, tuple(self._gather()))

    def _gather(self) -> Iterable[Document]:
        told = 0
        while told < MOST and self._places and (news := self._places[0].news) is not None:
            self._places.popleft()
            told += len(news)
            yield from news

    def _send(self, post: Post, events: tuple[Document, ...]) -> None:
        if not events:
            return
        post.send(EVENT_EXCHANGE, MANY, message_of(self._node, events))
