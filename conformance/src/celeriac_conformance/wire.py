"""Raw task messages from the cases' notation, and the rules by which two wires are the same."""

from __future__ import annotations

import base64
import bz2
import datetime
import json
import lzma
import tempfile
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celeriac_conformance.bodies import raw
from celeriac_conformance.values import Difference, first_difference
from celeriac_conformance.witness import RawTask
from celeriac_conformance.witness.redis import changed

ORIGIN = "gen1@conformance"

#: What a producer writes into the headers when no option asks for anything else.
PLAIN_HEADERS: dict[str, Any] = {
    "lang": "py",
    "shadow": None,
    "eta": None,
    "expires": None,
    "group": None,
    "group_index": None,
    "retries": 0,
    "timelimit": [None, None],
    "parent_id": None,
    "argsrepr": "()",
    "kwargsrepr": "{}",
    "origin": ORIGIN,
    "ignore_result": False,
    "replaced_task_nesting": 0,
    "stamped_headers": None,
    "stamps": {},
}
PLAIN_EMBED: dict[str, Any] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}

#: How ``{"$now": seconds, "as": form}`` is written.
TIME_FORMS: dict[str, Callable[[datetime.datetime], str]] = {
    "utc": datetime.datetime.isoformat,
    "zulu": lambda moment: moment.isoformat().replace("+00:00", "Z"),
    "naive": lambda moment: moment.replace(tzinfo=None).isoformat(),
    "offset": lambda moment: moment.astimezone(datetime.timezone(datetime.timedelta(hours=5, minutes=30))).isoformat(),
}

DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "application/x-gzip": zlib.decompress,
    "application/x-bz2": bz2.decompress,
    "application/x-lzma": lzma.decompress,
}

#: Before the name of the compression in a document that was stored with Celery's ``result_compression``.
STORED = b"\0celery-compressed\0"


@dataclass(frozen=True, slots=True)
class Substitutes:
    """What the placeholders of one message stand for."""

    task_id: str
    reply_to: str
    now: datetime.datetime
    #: What other words stand for; raises LookupError for a word that it does not know.
    lookup: Callable[[str], Any] | None = None

    @property
    def mark(self) -> Path:
        """A file that nobody makes unless a document is obeyed in place of read."""
        return Path(tempfile.gettempdir()) / f"celeriac-conformance-{self.task_id}"

    @property
    def words(self) -> dict[str, str]:
        """The words and their text. ``$other_id`` is an id that the marker is not; three others are no UUIDs."""
        return {
            "$id": self.task_id,
            "$reply_to": self.reply_to,
            "$text_id": f"order/{self.task_id[:8]} \u017e",
            "$long_id": self.task_id * 28,
            "$odd_id": f"../{self.task_id}\r\n\0%s{{}}'\"\x1b[31m",
            "$touch_mark": f"touch {self.mark}",
            "$other_id": str(uuid.uuid5(uuid.NAMESPACE_OID, self.task_id)),
        }

    def fill(self, value: Any) -> Any:
        """A copy of ``value`` with the words, ``{"$now": seconds}`` and ``{"$repeat": [text, n]}`` filled in."""
        if isinstance(value, dict):
            return self._fill_object(value)
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        return self._word(value) if isinstance(value, str) and value.startswith("$") else value

    def _word(self, text: str) -> Any:
        if text in (words := self.words):
            return words[text]
        return self.lookup(text) if self.lookup else text

    def _fill_object(self, value: dict[str, Any]) -> Any:
        if "$now" in value:
            return TIME_FORMS[value.get("as", "utc")](self.now + datetime.timedelta(seconds=value["$now"]))
        if "$repeat" in value:
            text, times = value["$repeat"]
            return text * times
        return {key: self.fill(member) for key, member in value.items()}


#: What a process that dies takes: so long Celery waits for what it may have said before, and another has to start.
MISSED_SECONDS = 10.0
#: How many processes die of a task.
DEADLY = {"conf.die": 1, "conf.die_again": 3}


def delay(notation: dict[str, Any]) -> float:
    """For how many seconds nothing can come of a message: the deadline of what does come counts from then on."""
    headers = notation.get("headers") or {}
    eta = headers.get("eta")
    held = max(0.0, eta["$now"]) if isinstance(eta, dict) and "$now" in eta else 0.0
    missed = DEADLY.get(str(notation.get("task")), 0) * MISSED_SECONDS
    sleeps = notation.get("task") == "conf.sleep" and "timelimit" not in headers
    return held + missed + (notation["args"][0] if sleeps else 0.0)


def substitutes(reply_to: str) -> Substitutes:
    """Placeholders for a new message: a fresh id, the given reply queue and the time now."""
    return Substitutes(str(uuid.uuid4()), reply_to, datetime.datetime.now(datetime.timezone.utc))


def raw_task(notation: dict[str, Any], given: Substitutes) -> RawTask:
    """The message that a case's ``send`` or ``poison`` describes as changes to a plain protocol-2 message."""
    parts = given.fill(notation)
    task = parts.get("task", "conf.echo")
    headers = {**PLAIN_HEADERS, "task": task, "id": given.task_id, "root_id": given.task_id}
    properties = {"correlation_id": given.task_id, "reply_to": given.reply_to, "delivery_mode": 2}
    bare = parts.get("bare_headers")
    return RawTask(
        marker=given.task_id,
        body=_body(parts),
        content_type=_or_none(parts.get("content_type", "application/json")),
        content_encoding=_or_none(parts.get("content_encoding", "utf-8")),
        headers=bare if bare is not None else changed(headers, parts.get("headers", {})),
        properties=changed(properties, parts.get("properties", {})),
        envelope=parts.get("envelope", {}),
        item=raw(parts["item"]) if "item" in parts else None,
    )


def _body(parts: dict[str, Any]) -> bytes:
    if "body" in parts:
        return raw(parts["body"])
    whole = [parts.get("args", []), parts.get("kwargs", {}), changed(PLAIN_EMBED, parts.get("embed", {}))]
    return json.dumps(parts.get("json", whole)).encode()


def _or_none(value: Any) -> str | None:
    return None if value == {"$drop": True} else value


def wire_difference(kind: str, expected: dict[str, Any], actual: dict[str, Any]) -> Difference | None:
    """Where an encoded wire departs from a vector's: bodies as JSON, envelopes member by member, the rest exactly."""
    return first_difference(_comparable(kind, expected), _comparable(kind, actual))


def _comparable(kind: str, wire: dict[str, Any]) -> Any:
    if kind == "canvas":
        return {**wire, "messages": [_comparable("task", one) for one in wire["messages"]]}
    if "item" in wire:
        return {**{key: value for key, value in wire.items() if key != "item"}, **_opened(wire["item"])}
    headers = wire.get("headers") or {}
    body = _readable(base64.b64decode(wire["body"], validate=True), wire.get("content_type"), headers)
    if kind == "result":
        # The properties of an rpc reply are not part of the document: they come from the task message.
        return {
            "content_type": wire.get("content_type"),
            "content_encoding": wire.get("content_encoding"),
            "body": body,
        }
    return {**wire, "headers": headers, "properties": wire.get("properties") or {}, "body": body}


def _unmarked(body: bytes) -> bytes:
    """What a result store holds, with the compression undone that its prefix names."""
    if not body.startswith(STORED):
        return body
    name, _, data = body.removeprefix(STORED).partition(b"\0")
    return DECOMPRESS[name.decode()](data)


def _opened(item: str) -> Any:
    envelope = json.loads(base64.b64decode(item, validate=True))
    if (envelope.get("properties") or {}).get("body_encoding") == "base64":
        envelope["body"] = _readable(
            base64.b64decode(envelope["body"]), envelope.get("content-type"), envelope.get("headers") or {}
        )
    return envelope


def _readable(body: bytes, content_type: str | None, headers: dict[str, Any]) -> Any:
    """JSON bodies as values (the spelling of JSON is free), every other body as its bytes."""
    decompress = DECOMPRESS.get(headers.get("compression") or "")
    plain = decompress(body) if decompress else _unmarked(body)
    return json.loads(plain) if content_type == "application/json" else base64.b64encode(plain).decode()
