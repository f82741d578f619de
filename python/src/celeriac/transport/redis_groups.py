"""Groups in Redis: chords counted as Celery 5.7 counts them, and groups saved to be found again (chapter 06).

Everything of a group lies under ``celery-taskset-meta-<group id>``: ``.s`` how many results there will be, ``.t`` how
many more, ``.j`` those there are, ``.d`` who was counted, ``.c`` who sends the body. Celery before 5.7 knows neither
``.d`` nor ``.c``; whichever worker counts the last member, of whatever version, sends the body.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import redis

from celeriac.transport.base import CONNECT_TIMEOUT, ChordPart, Gathered
from celeriac.transport.redis import connect, translated

logger = logging.getLogger("celeriac.transport")

KEY_PREFIX = "celery-taskset-meta-"
#: Seconds that a claim to send the body holds. Who claimed may claim again: a part is counted anew after a crash.
CLAIM_EXPIRES = 60
#: Seconds for which a finished chord is remembered, so that a part that ends twice does not begin it anew.
DONE_EXPIRES = 300

# KEYS: .j .t .s .d .c and the group. ARGV: who is counted, its entry, its place, seconds to keep all, who asks, seconds
# that a claim holds. Gives the saved group (or false) and the entries, or false when there is nothing to do.
COUNT = """
local entries, more, size, counted, claim, saved = unpack(KEYS)
local holder = redis.call('GET', claim)
if holder == 'done' then return false end
if redis.call('SADD', counted, ARGV[1]) == 1 then redis.call('ZADD', entries, ARGV[3], ARGV[2]) end
if tonumber(ARGV[4]) > 0 then
  for _, key in ipairs({entries, more, size, counted, saved}) do redis.call('EXPIRE', key, ARGV[4]) end
end
local wanted = redis.call('GET', size)
if not wanted then return false end
wanted = tonumber(wanted) + tonumber(redis.call('GET', more) or 0)
if redis.call('ZCARD', entries) ~= wanted or (holder and holder ~= ARGV[5]) then return false end
redis.call('SET', claim, ARGV[5], 'EX', ARGV[6])
return {redis.call('GET', saved), redis.call('ZRANGE', entries, 0, -1)}
"""

# KEYS: .c .j .t .s .d. ARGV: who claimed, seconds to remember that it is done.
FINISH = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
redis.call('SET', KEYS[1], 'done', 'EX', ARGV[2])
return 1
"""


def _bytes(text: str) -> bytes:
    # Ids come from the wire and may hold what is no UTF-8.
    return text.encode("utf-8", "surrogatepass")


def _key(group_id: str, suffix: str = "") -> bytes:
    return _bytes(f"{KEY_PREFIX}{group_id}{suffix}")


def _claimant(part: ChordPart) -> bytes:
    return _bytes(f"celeriac:{part.task_id}")


def _gathered(part: ChordPart, answer: Any) -> Gathered | None:
    """What the script answered; keys that hold something else are as good as none, and are not asked again."""
    if isinstance(answer, redis.ResponseError) and str(answer).startswith(("WRONGTYPE", "user_script")):
        logger.error("Chord %s cannot be counted: %s", ascii(part.group_id), answer)
        return None
    if isinstance(answer, Exception):
        raise answer
    return None if answer is None else Gathered(*answer)


class RedisGroups:
    """Implements ``GroupStore``. Connects when it is first used."""

    def __init__(self, url: str, *, expires: int, connect_timeout: float = CONNECT_TIMEOUT) -> None:
        self._url = url
        self._expires = expires
        self._client = connect(url, connect_timeout=connect_timeout)
        self._count = self._client.register_script(COUNT)
        self._finish = self._client.register_script(FINISH)

    def expect(self, sizes: Sequence[tuple[str, int]]) -> None:
        """See ``GroupStore.expect``."""
        with translated(self._url):
            pipeline = self._client.pipeline(transaction=False)
            for group_id, size in sizes:
                pipeline.delete(_key(group_id, ".c"))
                pipeline.set(_key(group_id, ".s"), size, ex=self._expires or None)
            pipeline.execute()

    def expect_more(self, group_id: str, more: int = 1) -> None:
        """See ``GroupStore.expect_more``."""
        with translated(self._url):
            self._client.incrby(_key(group_id, ".t"), more)

    def count(self, parts: Sequence[ChordPart]) -> list[Gathered | None]:
        """See ``GroupStore.count``."""
        with translated(self._url):
            pipeline = self._client.pipeline(transaction=False)
            for part in parts:
                place = "+inf" if part.index is None else part.index
                self._count(
                    keys=[_key(part.group_id, suffix) for suffix in (".j", ".t", ".s", ".d", ".c", "")],
                    args=[
                        *(_bytes(f"{part.task_id}:{place}"), part.entry, place),
                        *(self._expires, _claimant(part), CLAIM_EXPIRES),
                    ],
                    client=pipeline,
                )
            answers = pipeline.execute(raise_on_error=False)
            return [_gathered(part, answer) for part, answer in zip(parts, answers, strict=True)]

    def finish(self, part: ChordPart, *, broken: bool) -> None:
        """See ``GroupStore.finish``. As Celery does, a broken chord loses its size and keeps the rest for a look."""
        with translated(self._url):
            if broken:
                self._client.delete(_key(part.group_id, ".s"))
                return
            keys = [_key(part.group_id, suffix) for suffix in (".c", ".j", ".t", ".s", ".d")]
            self._finish(keys=keys, args=[_claimant(part), DONE_EXPIRES])

    def save(self, group_id: str, document: bytes) -> None:
        """See ``GroupStore.save``."""
        with translated(self._url):
            self._client.set(_key(group_id), document, ex=self._expires or None)

    def load(self, group_id: str) -> bytes | None:
        """See ``GroupStore.load``."""
        with translated(self._url):
            found: bytes | None = self._client.get(_key(group_id))
        return found

    def forget(self, group_id: str) -> None:
        """See ``GroupStore.forget``."""
        with translated(self._url):
            self._client.delete(_key(group_id))

    def close(self) -> None:
        """See ``GroupStore.close``."""
        self._client.close()
