"""Carrying out outcomes on a connection, in batches: what is sent, stored and counted, before anything is settled."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from celeriac.errors import InvalidCall, PublishRefused
from celeriac.transport import Outgoing, WorkerLink
from celeriac.worker.holding import Holding
from celeriac.worker.mouth import Place
from celeriac.worker.outcome import Outcome
from celeriac.worker.promises import Promises

logger = logging.getLogger("celeriac.worker")


class Outcomes:
    """Outcomes that wait to be carried out, in order. Any thread puts one in, the courier's carries them out."""

    def __init__(self, holding: Holding, promises: Promises) -> None:
        self._holding = holding
        self._promises = promises
        self._outcomes: deque[Outcome] = deque()
        #: The first of them, whose results are on their way.
        self._under_way: Sequence[Outcome] = ()

    def __bool__(self) -> bool:
        """Whether any wait."""
        return bool(self._outcomes)

    def put(self, outcome: Outcome) -> None:
        """Add one."""
        self._outcomes.append(outcome)

    def begin(self) -> None:
        """A new connection is up: nothing is on its way there."""
        self._under_way = ()

    def carry_out(self, link: WorkerLink) -> bool:
        """Carry out what has gathered; whether that was anything. Raises ``TransportError``: all of it waits on.

        Of results that are on their way when it returns, the tasks are settled the next time.
        """
        carried = self._settle(link)
        batch = list(self._outcomes)
        if not batch:
            return carried
        # Most want nothing sent.
        if any(outcome.outgoing or outcome.sizes for outcome in batch):
            batch = self._sent(link, batch)
        stored = submit(link, batch)
        self._under_way = batch
        # Who waits for an early acknowledgement runs nothing else meanwhile.
        if not stored or any(outcome.settled is not None for outcome in batch):
            self._settle(link)
        return True

    def carry_out_all(self, link: WorkerLink) -> None:
        """Carry out all there is. Raises as ``carry_out``."""
        while self.carry_out(link):
            pass

    def _settle(self, link: WorkerLink) -> bool:
        """Wait for the results that are on their way, and go on with what they are of; whether there were any."""
        batch, self._under_way = self._under_way, ()
        if not batch:
            return False
        if link.store is not None:
            link.store.wait()
        calls = [call for outcome in (*batch, *gather(link, batch)) for call in outcome.calls]
        self._holding.settle(link.consumer, batch)
        for outcome in batch:
            self._outcomes.popleft()
            if outcome.place is not None:
                outcome.place.fill(outcome.news)
            if outcome.over:
                self._promises.keep(outcome.delivery)
            tell(outcome, outcome.delivery in self._holding)
        for call in calls:
            self._holding.inbox.put(call)
        return True

    def _sent(self, link: WorkerLink, batch: Sequence[Outcome]) -> list[Outcome]:
        """What is left to do. What a lost connection interrupts then is not sent again on the next."""
        places = [outcome.place for outcome in batch]
        left = [_placed(outcome, place) for outcome, place in zip(send(link, batch), places, strict=True)]
        for position, outcome in enumerate(left):
            self._outcomes[position] = outcome
        return left

    def drop(self) -> None:
        """Give up what waits: there is nobody any more who could be told."""
        if self._outcomes:
            logger.error("%d tasks will be delivered again: their end could not be told", len(self._outcomes))
        with contextlib.suppress(IndexError):
            while True:
                tell(self._outcomes.popleft(), False)


def send(link: WorkerLink, batch: Sequence[Outcome]) -> list[Outcome]:
    """Send what these outcomes want sent; give what is left to do for each. Sizes of groups are noted before."""
    sizes = [size for outcome in batch for size in outcome.sizes]
    if sizes and link.groups is not None:
        link.groups.expect(sizes)
    refused = _publish(link, [message for outcome in batch for message in outcome.outgoing])
    return [_as_sent(outcome, refused) for outcome in batch]


def submit(link: WorkerLink, batch: Sequence[Outcome]) -> bool:
    """Have the results stored; whether there are any."""
    documents = [document for outcome in batch for document in outcome.documents]
    if not documents or link.store is None:
        return False
    link.store.submit(documents)
    return True


def store(link: WorkerLink, batch: Sequence[Outcome]) -> None:
    """Make the results readable."""
    if submit(link, batch) and link.store is not None:
        link.store.wait()


def gather(link: WorkerLink, batch: Sequence[Outcome]) -> list[Outcome]:
    """Count the ends of chords' members; where one was the last, go on: the body may itself be the end of another."""
    done: list[Outcome] = []
    counting = [(outcome, part) for outcome in batch for part in outcome.parts]
    while counting and link.groups is not None:
        found = link.groups.count([part for _, part in counting])
        ended: list[Outcome] = []
        for (outcome, part), all_there_is in zip(counting, found, strict=True):
            if all_there_is is None or outcome.gathered is None:
                continue
            following = [outcome.gathered(part, all_there_is)]
            while following[0].outgoing:
                # A body that is refused leaves its errbacks to be sent.
                following = send(link, following)
            store(link, following)
            link.groups.finish(part, broken=following[0].broken)
            ended += following
        done += ended
        counting = [(outcome, part) for outcome in ended for part in outcome.parts]
    return done


def _publish(link: WorkerLink, outgoing: Sequence[Outgoing]) -> dict[Outgoing, Exception]:
    """Publish all; those that will never be taken, and why. Raises what a new connection may mend."""
    if not outgoing:
        return {}
    try:
        link.publisher.publish(outgoing)
    except PublishRefused as error:
        return dict.fromkeys(error.refused, error)
    except InvalidCall as error:
        # One of them cannot be written, so none was sent.
        if len(outgoing) == 1:
            return {outgoing[0]: error}
        return {message: why for one in outgoing for message, why in _publish(link, [one]).items()}
    return {}


def tell(outcome: Outcome, settled: bool) -> None:
    """Let the executor go on that waits for an early acknowledgement."""
    if outcome.settled is not None:
        outcome.settled.put(settled)


def _as_sent(outcome: Outcome, refused: dict[Outgoing, Exception]) -> Outcome:
    """What is left to do for an outcome whose messages were sent, or in part refused."""
    if not outcome.outgoing:
        return outcome
    for message in outcome.outgoing:
        if message in refused and outcome.if_refused is not None:
            logger.error("What a task wanted sent was refused, its message is rejected: %s", refused[message])
            return outcome.if_refused(refused[message])
    return replace(outcome, outgoing=(), sizes=())


def _placed(outcome: Outcome, place: Place | None) -> Outcome:
    """An outcome that took another's place, in its place among the news."""
    return outcome if outcome.place is place else replace(outcome, place=place)
