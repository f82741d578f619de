"""Commands and scripts over a connection to Redis that is written to and read from without redis-py's pipelines.

A pipeline, or a single call of redis-py's, costs more than all the rest of a small batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeAlias

import hiredis
import redis

Command: TypeAlias = tuple[Any, ...]
Ask: TypeAlias = Callable[[Sequence[Command]], list[Any]]


def ask(connection: Any, commands: Sequence[Command]) -> list[Any]:
    """The answers to commands that go out together; a refusal is an answer. Raises what redis-py raises."""
    _say(connection, commands)
    return _hear(connection, len(commands))


def _say(connection: Any, commands: Sequence[Command]) -> None:
    try:
        # What redis-py does around the same call takes ten times as long. A check of its health would read an answer.
        connection.send_packed_command([b"".join(map(hiredis.pack_command, commands))], check_health=False)
    except BaseException:
        connection.disconnect()
        raise


def _hear(connection: Any, count: int) -> list[Any]:
    try:
        return [_answer(connection) for _ in range(count)]
    except BaseException:
        # Answers that are still to come would be taken for those to what is sent next.
        connection.disconnect()
        raise


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except redis.ResponseError as refusal:
        return refusal


def accepted(answers: list[Any]) -> list[Any]:
    """The answers. Raises the first that is a refusal, or holds one, as that to EXEC does."""
    for answer in answers:
        for part in answer if isinstance(answer, list) else (answer,):
            if isinstance(part, redis.ResponseError):
                raise part
    return answers


@dataclass(frozen=True)
class Script:
    """The text of a script in Lua."""

    text: str

    @cached_property
    def digest(self) -> str:
        """What a server calls the script that has run it."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def call(self, keys: Sequence[Any], arguments: Sequence[Any]) -> Call:
        """A call of it, for ``run``."""
        return Call(self, (len(keys), *keys, *arguments))


@dataclass(frozen=True, slots=True)
class Call:
    """A script and what it is called with."""

    script: Script
    words: tuple[Any, ...]


def run(connection: Any, calls: Sequence[Call]) -> list[Any]:
    """The answers to calls that go out together. All are made; the first refusal is raised then."""
    return _run(partial(ask, connection), calls)


def begin(connection: Any, calls: Sequence[Call]) -> Callable[[], list[Any]]:
    """Make calls; what waits for their answers, and gives them as ``run`` does. Nothing else is sent before that."""
    _say(connection, _by_digest(calls))
    return lambda: _known(partial(ask, connection), calls, _hear(connection, len(calls)))


def _run(ask_: Ask, calls: Sequence[Call]) -> list[Any]:
    return _known(ask_, calls, ask_(_by_digest(calls)))


def _by_digest(calls: Sequence[Call]) -> list[Command]:
    return [("EVALSHA", call.script.digest, *call.words) for call in calls]


def _known(ask_: Ask, calls: Sequence[Call], answers: list[Any]) -> list[Any]:
    """The answers, those to scripts that the server does not know from calls with their text."""
    unknown = [place for place, answer in enumerate(answers) if isinstance(answer, redis.exceptions.NoScriptError)]
    if unknown:
        texts = [("EVAL", calls[place].script.text, *calls[place].words) for place in unknown]
        for place, answer in zip(unknown, ask_(texts), strict=True):
            answers[place] = answer
    return accepted(answers)


class Line:
    """A connection of one's own, which is made anew where it was lost while nothing was asked."""

    def __init__(self, client: Any) -> None:
        self._connection = client.connection_pool.make_connection()
        self._connection.connect()

    def up(self) -> Any:
        """The connection, for ``ask`` or ``run``."""
        if not self._is_up():
            self._connection.disconnect()
            self._connection.connect()
        return self._connection

    def _is_up(self) -> bool:
        """Whether the connection is there and quiet: what was closed meanwhile has something to read, its end."""
        try:
            return not self._connection.can_read(timeout=0)
        except (redis.RedisError, OSError):
            return False

    def close(self) -> None:
        """Disconnect. May be called twice."""
        self._connection.disconnect()


class Dialogue:
    """The connection of a client of one, which may be told something without a wait. Raises what redis-py raises.

    Answers come in the order of the commands. So those to what was told are read before any other is, together with
    those to what is asked next, and a refusal among them is raised by whoever reads it. A connection that is lost
    meanwhile has taken them along: that is raised, too.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._connection = client.connection
        #: Answers that are still to come.
        self._owed = 0

    @property
    def client(self) -> Any:
        """The client, for a command of redis-py's: it would take whatever is still to come for the answer."""
        self.collect()
        return self._client

    def tell(self, commands: Sequence[Command]) -> None:
        """Write commands."""
        # Before it is written: one too many is waited for in vain, one too few would be read as another's.
        self._owed += len(commands)
        try:
            _say(self._connection, commands)
        except BaseException:
            self._owed = 0
            raise

    def collect(self) -> None:
        """Wait for what Redis says to all that was told; raises the first refusal."""
        if self._owed:
            self.ask(())

    def ask(self, commands: Sequence[Command]) -> list[Any]:
        """The answers to commands that go out together; a refusal is an answer, but that of what was told before."""
        if commands:
            self.tell(commands)
        answers = self._answers()
        told = len(answers) - len(commands)
        accepted(answers[:told])
        return answers[told:]

    def run(self, calls: Sequence[Call]) -> list[Any]:
        """The answers to calls that go out together. All are made; the first refusal is raised then."""
        return _run(self.ask, calls)

    def _answers(self) -> list[Any]:
        """All that are still to come."""
        try:
            return _hear(self._connection, self._owed)
        finally:
            # Where it failed, none comes any more: the connection is gone.
            self._owed = 0

    def close(self) -> None:
        """Disconnect."""
        self._client.close()
