"""Looking into queues and putting things there, past the library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import redis
from amqp.basic_message import Message as AmqpMessage

from celeriac import Wire
from celeriac.envelope import lists_for
from celeriac.transport.amqp_link import Link
from celeriac.transport.lock import PREFIX


def amqp_publish(link: Link, queue: str, wire: Wire, *, reply_to: str | None = None, raw: bytes | None = None) -> None:
    """Publish a message as it is; ``raw`` are the bytes of its properties, where no library would write them so."""
    channel: Any = link.channel()
    properties = dict(wire.properties)
    if reply_to is not None:
        properties["reply_to"] = reply_to
    message = AmqpMessage(
        wire.body,
        content_type=wire.content_type,
        content_encoding=wire.content_encoding,
        application_headers=dict(wire.headers),
        **properties,
    )
    if raw is not None:
        message._serialize_properties = lambda: raw
    channel.confirm_select()
    channel.basic_publish_confirm(message, exchange="", routing_key=queue)
    channel.close()


def amqp_length(link: Link, queue: str) -> int:
    """Messages that wait in a queue; what a consumer holds is not counted."""
    channel: Any = link.channel()
    try:
        return int(channel.queue_declare(queue, passive=True).message_count)
    finally:
        channel.close()


@contextmanager
def dead_letters(url: str, queue: str, **arguments: Any) -> Iterator[str]:
    """Declare a queue with these arguments and its dead-letter queue; the name of the latter."""
    name = f"{queue}.dead"
    wanted = {**arguments, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": name}
    with closing(Link(url)) as link:
        channel: Any = link.channel()
        channel.queue_declare(name, durable=True, auto_delete=False)
        channel.queue_declare(queue, durable=True, auto_delete=False, arguments=wanted)
        yield name
        channel.queue_delete(name)


def redis_length(client: Any, queue: str) -> int:
    """Messages that wait in the lists of a queue."""
    return sum(client.llen(key) for key in lists_for(queue))


def forget_lock(url: str, name: str) -> None:
    """Delete what is left of a lock of beat, and of those whose names begin so."""
    if url.startswith("redis"):
        with closing(redis.Redis.from_url(url)) as client:
            for key in client.scan_iter(f"{PREFIX}{name}*"):
                client.delete(key)
        return
    with closing(Link(url)) as link:
        channel: Any = link.channel()
        for queue in (f"{PREFIX}{name}.claims", f"{PREFIX}{name}x.claims"):
            channel.queue_delete(queue)
