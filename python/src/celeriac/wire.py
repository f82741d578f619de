"""A message before anything of it is decoded, and what decoding leaves over."""

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

    """

    body: bytes
    content_type: str | None
    content_encoding: str | None
    headers: Mapping[str, Any]
    properties: Mapping[str, Any]

    def with_headers(self, headers: Mapping[str, Any]) -> Wire:
        """The same with these headers, too, in place of its own of the same name."""
        return replace(self, headers={**self.headers, **headers}) if headers else self


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
