"""Which holders of messages are still there, by their connections to Redis.

A connection ends with its process, however that ends, and lives on while the process is busy or stopped: better
evidence than a sign of life, which a task that keeps the interpreter's lock would hold up.
"""

from __future__ import annotations

import logging

import redis

from celeriac.transport.redis_line import Dialogue

logger = logging.getLogger("celeriac.transport")

#: Before the name of a holder: the tags that it holds, with their order, and its connection's name. Ours, not kombu's.
HELD = "celeriac.tags."
#: The names of the holders' tags, by the time (of Redis) at which their connections were seen last.
HOLDERS = "celeriac.taking"
#: Whoever sets it looks; there for so many seconds, so that not every process looks.
LOOKED, LOOK_SECONDS = "celeriac.taking.looked", 9
#: Seconds after which who was not seen is gone: longer than a worker waits before it connects again.
GONE_AFTER = 60.0


class Attendance:
    """The list, seen by the holder that keeps its books under ``books``. Raises what redis-py raises.

    Where Redis does not allow clients to have names or to list each other, nobody is ever gone.
    """

    def __init__(self, dialogue: Dialogue, books: str) -> None:
        self._dialogue = dialogue
        self._kept = self._enter(books)

    def _enter(self, books: str) -> bool:
        try:
            self._dialogue.client.client_setname(books)
            self._dialogue.client.client_list()
        except redis.ResponseError as error:
            logger.warning("Redis does not tell who is connected (%s): messages of dead workers wait for longer", error)
            return False
        self._dialogue.client.zadd(HOLDERS, {books: self._now()})
        return True

    def gone(self) -> list[str]:
        """The names of the tags of holders that are gone; ``strike_out`` when what they held has been given back."""
        if not self._kept or not self._dialogue.client.set(LOOKED, "1", nx=True, ex=LOOK_SECONDS):
            return []
        now = self._now()
        names = {client["name"] for client in self._dialogue.client.client_list()}
        there = [books for books in map(_text, self._dialogue.client.zrange(HOLDERS, 0, -1)) if books in names]
        if there:
            self._dialogue.client.zadd(HOLDERS, dict.fromkeys(there, now), xx=True)
        # Where Redis itself was away, nobody has been seen, and some are not back yet.
        if self._dialogue.client.info("server")["uptime_in_seconds"] < GONE_AFTER:
            return []
        return [_text(books) for books in self._dialogue.client.zrangebyscore(HOLDERS, "-inf", now - GONE_AFTER)]

    def strike_out(self, books: str) -> None:
        """A holder is no longer on the list."""
        self._dialogue.client.zrem(HOLDERS, books)

    def _now(self) -> float:
        # The clock of Redis: those of workers may differ.
        seconds, microseconds = self._dialogue.client.time()
        return float(seconds + microseconds / 1_000_000)


def _text(name: bytes) -> str:
    return name.decode(errors="surrogateescape")
