"""Commands and scripts over a connection to Redis that is written to and read from without redis-py's pipelines.

A pipeline, or a single call of redis-py's, costs more than all the rest of a small batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import redis


def ask(connection: Any, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The answers to commands that go out together; a refusal is an answer. Raises what redis-py raises."""
    try:
        connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        return [_answer(connection) for _ in commands]
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
    """The answers. Raises the first that is a refusal."""
    for answer in answers:
        if isinstance(answer, redis.ResponseError):
            raise answer
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
    answers = ask(connection, [("EVALSHA", call.script.digest, *call.words) for call in calls])
    unknown = [place for place, answer in enumerate(answers) if isinstance(answer, redis.exceptions.NoScriptError)]
    if unknown:
        texts = [("EVAL", calls[place].script.text, *calls[place].words) for place in unknown]
        for place, answer in zip(unknown, ask(connection, texts), strict=True):
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
