"""A lock in Redis: a key that expires, and a fencing token that every claim is checked against."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from celeriac.transport.lock import PREFIX, TIMEOUT, from_number, to_number
from celeriac.transport.redis import connect, translated

# KEYS: lock, last token. ARGV: own token or '', milliseconds that it holds. Answers the token of the holder if that is
# who asks.
TAKE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return false
end
local token = holder or tostring(redis.call('INCR', KEYS[2]))
redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
return token
"""

# KEYS: lock, claims. ARGV: own token, name, its due time, who claims. A token that is not the holder's comes from a
# holder that slept for too long: it claims nothing any more.
CLAIM = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local ours = ARGV[3] .. ' ' .. ARGV[4]
local known = redis.call('HGET', KEYS[2], ARGV[2])
if known and tonumber(string.match(known, '%d+')) >= tonumber(ARGV[3]) then
  return known == ours and 1 or 0
end
redis.call('HSET', KEYS[2], ARGV[2], ours)
return 1
"""

# KEYS: lock. ARGV: own token.
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
"""


class RedisLock:
    """See ``Lock``. Connects when it is first used."""

    def __init__(self, url: str, name: str, *, timeout: float = TIMEOUT) -> None:
        self._url = url
        self._client = connect(url)
        self._key, self._fence, self._claims = (f"{PREFIX}{name}{part}" for part in ("", ".token", ".claims"))
        self._lease = int(timeout * 1000)
        self.pause = timeout / 3
        self._me = uuid.uuid4().hex
        self._token = ""
        self._take: Any = self._client.register_script(TAKE)
        self._claim: Any = self._client.register_script(CLAIM)
        self._release: Any = self._client.register_script(RELEASE)

    def take(self) -> bool:
        """See ``Lock.take``."""
        with translated(self._url):
            token = self._take(keys=[self._key, self._fence], args=[self._token, self._lease])
        self._token = "" if token is None else token.decode()
        return bool(self._token)

    def claim(self, name: str, due: datetime) -> bool:
        """See ``Lock.claim``."""
        arguments = [self._token, name, to_number(due), self._me]
        with translated(self._url):
            return bool(self._claim(keys=[self._key, self._claims], args=arguments))

    def claimed(self) -> dict[str, datetime]:
        """See ``Lock.claimed``."""
        with translated(self._url):
            claims = self._client.hgetall(self._claims)
        return {name.decode(): from_number(int(known.split()[0])) for name, known in claims.items()}

    def close(self) -> None:
        """See ``Lock.close``."""
        try:
            if self._token:
                with translated(self._url):
                    self._release(keys=[self._key], args=[self._token])
        finally:
            self._client.close()
