"""Result documents in Redis: a key and a channel of the same name per task (RS-REDIS)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from celeriac.errors import BrokerUnavailable, InvalidMessage
from celeriac.transport.base import CONNECT_TIMEOUT, Document
from celeriac.transport.patience import Patience
from celeriac.transport.redis import connect, translated
from celeriac.transport.redis_ear import Ears
from celeriac.transport.redis_line import Call, Line, Script, begin
from celeriac.transport.urls import sanitized

T = TypeVar("T")

KEY_PREFIX = "celery-task-meta-"
#: Seconds that a result is kept. Celery's default: a day.
RESULT_EXPIRES = 86_400
CONTENT_TYPE, CONTENT_ENCODING = "application/json", "utf-8"
#: Seconds after which a waiting reader looks at the key although nothing was published.
LOOK_AGAIN = 5.0

#: Results that are stored in one step: nobody else is served meanwhile.
BATCH = 100

# KEYS: the keys. ARGV: seconds to keep the documents (0: for ever), then the document for each key.
# A success is final: a second delivery of the same task that ends otherwise does not change the answer.
STORE = Script("""
local expiry = tonumber(ARGV[1]) > 0 and {'EX', ARGV[1]} or {}
local function is_final(known)
  local ok, document = pcall(cjson.decode, known)
  return ok and type(document) == 'table' and document.status == 'SUCCESS'
end
for number, key in ipairs(KEYS) do
  local new = ARGV[number + 1]
  local stored = redis.call('SET', key, new, 'NX', unpack(expiry))
  if not stored and not is_final(redis.call('GET', key)) then
    stored = redis.call('SET', key, new, unpack(expiry))
  end
  if stored then redis.call('PUBLISH', key, new) end
end
""")


class RedisStore:
    """Writes result documents and tells who waits for them, a batch per round trip. Implements ``ResultStore``."""

    def __init__(self, url: str, *, expires: int = RESULT_EXPIRES, connect_timeout: float = CONNECT_TIMEOUT) -> None:
        self._url = url
        self._expires = expires
        self._client = connect(url, connect_timeout=connect_timeout)
        with translated(url):
            self._line = Line(self._client)
        self._answers: Callable[[], list[Any]] = list

    def submit(self, batch: Sequence[Document]) -> None:
        """See ``ResultStore.submit``."""
        calls = [self._call(batch[start : start + BATCH]) for start in range(0, len(batch), BATCH)]
        with translated(self._url):
            self._answers = begin(self._line.up(), calls)

    def wait(self) -> None:
        """See ``ResultStore.wait``."""
        answers, self._answers = self._answers, list
        with translated(self._url):
            answers()

    def _call(self, some: Sequence[Document]) -> Call:
        keys = [KEY_PREFIX + document.task_id for document in some]
        return STORE.call(keys, [self._expires, *(document.body for document in some)])

    def close(self) -> None:
        """See ``ResultStore.close``."""
        self._line.close()
        self._client.close()


class RedisReader:
    """Reads result documents: under their keys, and as they are told to who waits. Implements ``ResultReader``."""

    reply_to: str | None = None

    def __init__(self, url: str, *, connect_timeout: float = CONNECT_TIMEOUT) -> None:
        self._url = url
        self._closed = False
        #: Whether there has been a connection: an address that was never right is told at once.
        self._reached = False
        self._client = connect(url, connect_timeout=connect_timeout)
        self._ears = Ears(url, connect_timeout=connect_timeout)

    def prepare(self) -> None:
        """Nothing to do: the document waits under its key."""

    def fetch(self, task_id: str) -> Document | None:
        """See ``ResultReader.fetch``."""
        with translated(self._url):
            body = self._client.get(KEY_PREFIX + task_id)
        self._reached = True
        return None if body is None else _document(task_id, body)

    def wait(self, task_id: str, timeout: float | None, accept: Callable[[Document], T | None]) -> T | None:
        """See ``ResultReader.wait``."""
        deadline = None if timeout is None else time.monotonic() + timeout
        patience = Patience(deadline)
        while True:
            with patience.outliving(lambda: self._reached and not self._closed):
                return self._watch(task_id, deadline, accept, patience)
            if patience.over:
                return None

    def _watch(
        self, task_id: str, deadline: float | None, accept: Callable[[Document], T | None], patience: Patience
    ) -> T | None:
        """Wait over one connection. Subscribed before the key is read, so that no answer falls between the two."""
        with translated(self._url), self._ears.on(KEY_PREFIX + task_id) as ear:
            self._reached = True
            told: bytes | None = None
            while True:
                value = self._look(task_id, told, accept)
                patience.restored()
                if value is not None:
                    return value
                remaining = LOOK_AGAIN if deadline is None else min(LOOK_AGAIN, deadline - time.monotonic())
                if remaining <= 0:
                    return None
                told = ear.hear(remaining)
                if self._closed:
                    raise BrokerUnavailable(f"the reader of {sanitized(self._url)} was closed")

    def _look(self, task_id: str, told: bytes | None, accept: Callable[[Document], T | None]) -> T | None:
        """What was told, or else what is stored: anybody may publish, so what nobody can read says nothing."""
        if told is not None:
            with contextlib.suppress(InvalidMessage):
                return accept(_document(task_id, told))
        document = self.fetch(task_id)
        return None if document is None else accept(document)

    def forget(self, task_id: str) -> None:
        """See ``ResultReader.forget``."""
        with translated(self._url):
            self._client.delete(KEY_PREFIX + task_id)

    def close(self) -> None:
        """See ``ResultReader.close``."""
        self._closed = True
        # Not those on which threads wait.
        self._ears.close()
        self._client.connection_pool.disconnect(inuse_connections=False)


def _document(task_id: str, body: bytes) -> Document:
    return Document(task_id, body, CONTENT_TYPE, CONTENT_ENCODING)
