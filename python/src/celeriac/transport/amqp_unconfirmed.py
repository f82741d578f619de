"""Publishing over AMQP 0-9-1 without publisher confirms, for who has turned them off (BR-AMQP-004)."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from celeriac.errors import BrokerUnavailable, PublishFailed
from celeriac.transport.amqp import CHUNK, check_target, properties_of
from celeriac.transport.amqp_frames import address
from celeriac.transport.amqp_link import Link
from celeriac.transport.base import Outgoing, chunks

logger = logging.getLogger("celeriac.transport")


class UnconfirmedPublisher:
    """Hands messages to the connection and waits for nothing. Implements ``Publisher``, but for its promise.

    What the broker has to say comes later: a message that no queue takes, or that it refuses, is a line in the log when
    the connection is used next. The connection is its own: a refusal is never taken for one of something else.

    A process that ends without closing it closes it even so: else the broker would drop what it has not taken yet.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._end = weakref.finalize(self, _end, link, os.getpid())
        self._channel: Any = None
        self._known_queues: set[str] = set()

    def publish(self, batch: Sequence[Outgoing]) -> None:
        """See ``Publisher.publish``; returns when the messages are on their way."""
        for outgoing in batch:
            check_target(outgoing)
        channel = self._open()
        # All before the first is sent: a mistake in one of them sends none.
        prepared = [(outgoing, properties_of(channel, outgoing.wire)) for outgoing in batch]
        for name in {outgoing.routing_key for outgoing in batch if not outgoing.exchange} - self._known_queues:
            self._link.ensure_queue(name)
            self._known_queues.add(name)
        try:
            for chunk in chunks(self._frames(prepared), CHUNK):
                self._link.write(b"".join(chunk))
        except BrokerUnavailable as error:
            raise PublishFailed(f"the connection was lost before the messages were on their way: {error}") from error

    def _frames(self, prepared: Iterable[tuple[Outgoing, bytes]]) -> Iterator[bytes]:
        number, most = self._channel.channel_id, self._link.frame_max
        for outgoing, properties in prepared:
            to = address(number, outgoing.exchange, outgoing.routing_key, mandatory=True)
            yield to.frames(properties, outgoing.wire.body, most)

    def _open(self) -> Any:
        if self._channel is None:
            self._channel = self._link.channel()
            self._channel.events["basic_return"].add(self._on_return)
        return self._channel

    def _on_return(self, error: Exception, exchange: str, routing_key: str, _message: Any) -> None:
        self._known_queues.discard(routing_key)
        logger.error(
            "Sent without confirmation, and no queue took it: exchange %r, key %r: %s", exchange, routing_key, error
        )

    def is_alive(self) -> bool:
        """See ``Publisher.is_alive``; what the broker has said meanwhile is logged."""
        try:
            if self._link.readable():
                self._link.catch_up()
        except self._link.channel_errors as error:
            logger.error("Sent without confirmation, and refused by the broker: %s", error)
            return False
        except BrokerUnavailable:
            return False
        return True

    def close(self) -> None:
        """See ``Publisher.close``. The broker takes what was written before it answers."""
        self._end()


def _end(link: Link, pid: int) -> None:
    # A process that was forked shares the connection, which is not its own to end.
    if os.getpid() == pid:
        link.close()
