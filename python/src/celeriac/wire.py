"""A message before anything of it is decoded, what decoding leaves over, and what many messages share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias


@dataclass(slots=True)
class Wire:
    """A message as a transport carries it: nothing decoded.

    One is made for every message, so it is not frozen, which would double its price; nobody changes it.

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
    #: Which others it is like, where the transport has seen that. Takes no part in comparison, and copies have none.
    kind: Kind | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def whole(self) -> Wire:
        """Itself; see ``Filled``."""
        return self

    def with_headers(self, headers: Mapping[str, Any]) -> Wire:
        """The same with these headers, too, in place of its own of the same name."""
        return replace(self, headers={**self.headers, **headers}) if headers else self


#: What differs among messages of one kind: texts, none of them empty.
OWN = frozenset({"task", "id", "root_id", "argsrepr", "kwargsrepr", "origin", "correlation_id", "reply_to"})


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Messages that came with the same headers and properties, of the same values but for ``OWN``.

    Attributes:
        like: one of them, without its body.

    """

    like: Wire


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """Messages that differ in their id, in what they were called with, and in nothing else.

    Attributes:
        like: one of them.

    """

    like: Wire


@dataclass(frozen=True, slots=True)
class Filled:
    """A message of a form, and of it only what others have not: what transports need to write it.

    Attributes:
        form: the form.
        id: id of the task.
        argsrepr: text of the arguments.
        kwargsrepr: text of the keyword arguments.
        body: as in ``Wire``.

    """

    form: Form
    id: str
    argsrepr: str
    kwargsrepr: str
    body: bytes

    @property
    def whole(self) -> Wire:
        """The same with all that is in it."""
        own = {"id": self.id, "root_id": self.id, "argsrepr": self.argsrepr, "kwargsrepr": self.kwargsrepr}
        like = self.form.like
        headers, properties = {**like.headers, **own}, {**like.properties, "correlation_id": self.id}
        return replace(like, body=self.body, headers=headers, properties=properties)

    def with_headers(self, headers: Mapping[str, Any]) -> Content:
        """As ``Wire.with_headers``."""
        return self.whole.with_headers(headers) if headers else self


#: A message that is sent.
Content: TypeAlias = Wire | Filled


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
