"""What came of a delivery, encoded: what the courier carries out without knowing tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from queue import SimpleQueue

from celeriac import lifecycle_events as events
from celeriac.events import Document as EventDocument
from celeriac.transport import ChordPart, Delivery, Document, Gathered, Outgoing
from celeriac.worker.mouth import Place


class Settlement(Enum):
    """How a delivery is settled with the broker."""

    ACK = "ack"
    REJECT = "reject"
    REQUEUE = "requeue"


@dataclass(slots=True)
class Outcome:
    """What the courier has to do for a delivery, encoded: store, publish, then settle or wait.

    ``over`` is False where the task is about to run (an early acknowledgement) and more will come; ``settled`` is then
    told whether that was done, or the connection was lost before. ``if_refused`` gives what to do instead when the
    broker will not take one of the messages.

    ``sizes`` of groups are noted before anything is sent. ``parts`` of chords are counted once all is stored; for one
    that was the last of its chord ``gathered`` gives what is to be sent and stored then, as an outcome that is
    ``broken`` when the chord's body will not run. ``calls`` are made in the executor's thread, after all that.
    ``news`` is what monitors are told then, in the ``place`` that was kept for it when the outcome was reported.
    Several are made for every run, so it is not frozen, which would double its price: who makes it and who takes it
    complete it, and nobody else changes it.
    """

    delivery: Delivery
    documents: tuple[Document, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()
    settlement: Settlement | None = None
    wait_until: datetime | None = None
    over: bool = True
    if_refused: Callable[[Exception], Outcome] | None = field(default=None, compare=False)
    settled: SimpleQueue[bool] | None = field(default=None, compare=False)
    sizes: tuple[tuple[str, int], ...] = ()
    parts: tuple[ChordPart, ...] = ()
    gathered: Callable[[ChordPart, Gathered], Outcome] | None = field(default=None, compare=False)
    calls: tuple[Callable[[], None], ...] = field(default=(), compare=False)
    broken: bool = False
    news: tuple[EventDocument, ...] = ()
    place: Place | None = field(default=None, compare=False)


def encode(delivery: Delivery, actions: tuple[events.Action, ...], *, stores: bool = True) -> Outcome:
    """Actions as what the courier carries out; results are left out where nothing ``stores`` them.

    Raises InvalidCall for what cannot be written.
    """
    documents: list[Document] = []
    outgoing: list[Outgoing] = []
    sizes: list[tuple[str, int]] = []
    settlement: Settlement | None = None
    wait_until: datetime | None = None
    over = True
    for action in actions:
        match action:
            case events.Store(result, reply_to, correlation_id) if stores:
                encoded = result.build()
                documents.append(
                    Document(
                        result.task_id,
                        encoded.body,
                        encoded.content_type,
                        encoded.content_encoding,
                        reply_to,
                        correlation_id,
                    )
                )
            case events.Send(message, route):
                outgoing.append(Outgoing(message.build(), route.routing_key, route.exchange))
            case events.Size(group_id, size):
                sizes.append((group_id, size))
            case events.Ack():
                settlement = Settlement.ACK
            case events.Reject(requeue):
                settlement = Settlement.REQUEUE if requeue else Settlement.REJECT
            case events.WaitUntil(at):
                wait_until = at
            case events.Run():
                over = False
    return Outcome(delivery, tuple(documents), tuple(outgoing), settlement, wait_until, over, sizes=tuple(sizes))
