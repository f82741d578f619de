"""A message before anything of it is decoded, what decoding leaves over, and what many messages share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Wire:
    """A message as a transport carries it: nothing decoded.

    Attributes:
        body: the raw bytes.
        content_type: MIME name, ``None`` when absent.
        content_encoding: charset or ``binary``, ``None`` when absent.
        headers: the header table.
        properties: the other properties of the message, by their AMQP names.
        form: what it shares with others, so that a transport need not write that again; no part of comparison.

    """

    body: bytes
    content_type: str | None
    content_encoding: str | None
    headers: Mapping[str, Any]
    properties: Mapping[str, Any]
    form: Form | None = field(default=None, repr=False, compare=False)

    def with_headers(self, headers: Mapping[str, Any]) -> Wire:
        """The same with these headers, too, in place of its own of the same name."""
        return replace(self, headers={**self.headers, **headers}, form=None) if headers else self


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """Messages that differ in their id, in what they were called with, and in nothing else.

    Attributes:
        content_type: as in ``Wire``.
        content_encoding: as in ``Wire``.
        headers: those of one of them.
        properties: those of one of them.

    """

    content_type: str | None
    content_encoding: str | None
    headers: Mapping[str, Any]
    properties: Mapping[str, Any]

    def filled(self, task_id: str, argsrepr: str, kwargsrepr: str, body: bytes) -> Wire:
        """One of these messages."""
        own = {"id": task_id, "root_id": task_id, "argsrepr": argsrepr, "kwargsrepr": kwargsrepr}
        headers, properties = {**self.headers, **own}, {**self.properties, "correlation_id": task_id}
        return Wire(body, self.content_type, self.content_encoding, headers, properties, self)


@dataclass(frozen=True, slots=True)
class Extra:
    """What a message holds beyond the specification, kept and written back.

    Attributes:
        headers: headers of the user and of tools.
        properties: properties that are no field of a task message.
        embed: unknown keys of the third part of the body.

    """

    headers: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    embed: Mapping[str, Any] = field(default_factory=dict)
