"""The deliveries that a worker process holds, from the broker's hands until they are settled."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import math
import queue
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from celeriac.transport import Consumer, Delivery
from celeriac.worker.beside import Beside
from celeriac.worker.outcome import Outcome, Settlement

#: What the executor's thread gets: deliveries, and calls to make; None is the end.
Item: TypeAlias = "Delivery | Callable[[], None] | None"
Inbox: TypeAlias = "queue.SimpleQueue[Item]"


class Holding:
    """Up to ``prefetch`` deliveries that are run, or next, in the order of ``inbox``; others wait for their turn.

    All belong to one connection: an outcome for a delivery of an earlier one has nothing to settle. Deliveries are told
    apart by identity.
    """

    def __init__(self, prefetch: int, beside: Beside) -> None:
        self.inbox: Inbox = queue.SimpleQueue()
        self._prefetch = prefetch
        self._beside = beside
        self._open: dict[int, Delivery] = {}
        self._waiting: list[tuple[float, int, Delivery]] = []
        self._order = itertools.count()
        #: Deliveries that the consumer was told are held beside the prefetch window.
        self._held = 0
        #: Deliveries that waited for their turn and are in the inbox again.
        self._came_due: set[int] = set()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._open)

    def __contains__(self, delivery: Delivery) -> bool:
        """Whether it is held, and can be settled."""
        return id(delivery) in self._open

    def came_due(self, delivery: Delivery) -> bool:
        """Whether it was handled before and put off."""
        return id(delivery) in self._came_due

    @property
    def next_turn(self) -> float:
        """Unix time at which the next that waits has its turn; infinity: none waits."""
        return self._waiting[0][0] if self._waiting else math.inf

    def take_in(self, consumer: Consumer) -> int:
        """Take what there is room for, and what has come due, into the inbox; how many the consumer had."""
        room = self._prefetch - len(self._open) + len(self._waiting)
        if outside := self._beside.outside:
            room += sum(key in outside for key in self._open)
        received = consumer.receive(room)
        for delivery in received:
            self._open[id(delivery)] = delivery
            self.inbox.put(delivery)
        now = time.time()
        while self._waiting and self._waiting[0][0] <= now:
            delivery = heapq.heappop(self._waiting)[2]
            self._came_due.add(id(delivery))
            self.inbox.put(delivery)
        return len(received)

    def tell(self, consumer: Consumer) -> None:
        """Tell the consumer how many are held beside the window; of those that run there, the most of late.

        A new window costs a round trip, and tasks come and go.
        """
        held = len(self._waiting) + self._beside.most
        if held != self._held:
            self._held = held
            consumer.hold(held)

    def settle(self, consumer: Consumer, batch: Sequence[Outcome]) -> None:
        """Settle what these outcomes settle; put off what is to wait."""
        acked: list[Delivery] = []
        others: dict[Settlement, list[Delivery]] = {Settlement.REJECT: [], Settlement.REQUEUE: []}
        over: list[Delivery] = []
        for outcome in batch:
            delivery = outcome.delivery
            if id(delivery) not in self._open:
                continue
            if outcome.settlement is Settlement.ACK:
                acked.append(delivery)
            elif outcome.settlement is not None:
                others[outcome.settlement].append(delivery)
            self._came_due.discard(id(delivery))
            if outcome.wait_until is not None:
                heapq.heappush(self._waiting, (outcome.wait_until.timestamp(), next(self._order), delivery))
            elif outcome.over:
                over.append(delivery)
        consumer.settle(acked, others[Settlement.REJECT], others[Settlement.REQUEUE])
        for delivery in over:
            del self._open[id(delivery)]

    def recall(self, consumer: Consumer) -> None:
        """Give back what has not been begun."""
        recalled = self._take_back()
        if recalled:
            consumer.settle((), (), recalled)
            for delivery in recalled:
                self._open.pop(id(delivery), None)

    def forget(self) -> None:
        """The connection is lost: the broker hands out again what is held, and nothing of it can be settled."""
        self._take_back()
        self._open.clear()
        self._came_due.clear()

    def begin(self) -> None:
        """A new connection is up: its consumer has been told nothing."""
        self._held = 0

    def listed(self, running: Iterable[Delivery]) -> tuple[list[Delivery], list[tuple[float, Delivery]]]:
        """Those that are next, beside these that run; those that wait, with the Unix time of their turn."""
        waiting = [(at, delivery) for at, _, delivery in sorted(self._waiting, key=lambda entry: entry[:2])]
        elsewhere = {id(delivery) for _, delivery in waiting}
        elsewhere.update(map(id, running))
        return [delivery for key, delivery in self._open.items() if key not in elsewhere], waiting

    def calls(self) -> list[Callable[[], None]]:
        """Take the calls out of the inbox, which holds nothing else any more."""
        return self._drain()[1]

    def _take_back(self) -> list[Delivery]:
        deliveries, calls = self._drain()
        taken = [*(delivery for _, _, delivery in self._waiting), *deliveries]
        self._waiting.clear()
        for call in calls:
            self.inbox.put(call)
        return taken

    def _drain(self) -> tuple[list[Delivery], list[Callable[[], None]]]:
        deliveries: list[Delivery] = []
        calls: list[Callable[[], None]] = []
        with contextlib.suppress(queue.Empty):
            while (item := self.inbox.get_nowait()) is not None:
                if isinstance(item, Delivery):
                    deliveries.append(item)
                else:
                    calls.append(item)
        return deliveries, calls
