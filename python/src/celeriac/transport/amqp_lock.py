"""A lock on an AMQP broker: an exclusive queue, which goes away with the connection of whoever declared it.

What was claimed is the one message of a second queue. It is published on the connection that has the lock, so a
confirmation says that the lock was ours then.
"""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any

from amqp.basic_message import Message
from amqp.exceptions import MessageNacked

from celeriac.errors import BrokerUnavailable
from celeriac.transport.amqp_link import Link
from celeriac.transport.lock import PREFIX, TIMEOUT, from_number, to_number

PERSISTENT = 2


class AmqpLock:
    """See ``Lock``. Connects when it is first used."""

    def __init__(self, url: str, name: str, *, timeout: float = TIMEOUT) -> None:
        self._url = url
        self._queue = f"{PREFIX}{name}"
        self._ledger = f"{PREFIX}{name}.claims"
        self._me = uuid.uuid4().hex
        # The broker gives up a connection that missed two of them.
        self._heartbeat = max(1, round(timeout / 2))
        self.pause = timeout / 3
        self._link: Link | None = None
        self._channel: Any = None
        #: Name to the last due time and who claimed it.
        self._claims: dict[str, tuple[int, str]] = {}

    def take(self) -> bool:
        """See ``Lock.take``. Asks the broker each time, which keeps the connection alive, too."""
        new = self._link is None
        link = self._link = self._link or Link(self._url, heartbeat=self._heartbeat)
        try:
            with link.translated():
                self._channel = self._channel or link.channel()
                self._channel.queue_declare(self._queue, exclusive=True, auto_delete=True)
                if new:
                    self._claims = self._read()
        except link.channel_errors:
            # Locked: it is another connection's.
            self.close()
            return False
        except BaseException:
            self.close()
            raise
        return True

    def _read(self) -> dict[str, tuple[int, str]]:
        self._channel.queue_declare(self._ledger, durable=True, auto_delete=False, arguments={"x-max-length": 1})
        message = self._channel.basic_get(self._ledger)
        if message is None:
            return {}
        self._channel.basic_reject(message.delivery_info["delivery_tag"], requeue=True)
        return {name: (due, by) for name, (due, by) in json.loads(message.body).items()}

    def claim(self, name: str, due: datetime) -> bool:
        """See ``Lock.claim``."""
        if self._link is None:
            return False
        ours = (to_number(due), self._me)
        known = self._claims.get(name)
        if known is not None and known[0] >= ours[0]:
            return known == ours
        self._write(self._link, {**self._claims, name: ours})
        self._claims[name] = ours
        return True

    def _write(self, link: Link, claims: dict[str, tuple[int, str]]) -> None:
        message = Message(json.dumps(claims), content_type="application/json", delivery_mode=PERSISTENT)
        try:
            with link.translated():
                self._channel.basic_publish_confirm(message, exchange="", routing_key=self._ledger)
        except (*link.channel_errors, MessageNacked) as error:
            self.close()
            raise BrokerUnavailable(f"the broker at {link.url} did not take what was claimed: {error!r}") from error
        except BaseException:
            self.close()
            raise

    def claimed(self) -> dict[str, datetime]:
        """See ``Lock.claimed``."""
        return {name: from_number(due) for name, (due, _) in self._claims.items()}

    def close(self) -> None:
        """See ``Lock.close``."""
        link, self._link, self._channel = self._link, None, None
        if link is not None:
            link.close()
