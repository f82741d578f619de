"""The normal form of a vector: all its bytes as text, with what no two captures have in common replaced.

Ids become ``<id 1>``, ``<id 2>`` in the order in which they are met, so that what was one id stays one id. Host names
need nothing: the shop gives every process the same.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from .decoders import SEPARATOR
from .neutral import COMPRESSED, DECOMPRESS, UUID

#: What a vector is an example of; everything else in it is evidence.
LABELS = ("about", "requirements")
ORIGINS = ("celery", "kombu", "transport", "call")
BYTES = ("body", "item")
SIGNED = "application/data"
#: 32 hexadecimal digits are an id as well; ids that a case chose itself are numbered like any other.
IDS = re.compile(rf"\b(?:{UUID.pattern}|[0-9a-f]{{32}})\b")
#: Dates of the cases stay, those of the run go.
VOLATILE = (
    (re.compile(r"\b20(?!26-01-02|30-05-17|20-01-01)\d\d-\d\d-\d\dT[0-9:.]+(\+00:00)?"), "<now>"),
    (re.compile(r"\bgen\d+@"), "gen<pid>@"),
    (re.compile(r'("(?:pid|worker_pid)": )\d+'), r"\1<pid>"),
    (re.compile(r'("(?:clock|timestamp|runtime|time_start|uptime|port)": )"?[\d.e-]+"?'), r"\1<number>"),
    (re.compile(r'("expires": )\d+\.\d+'), r"\1<now>"),
    (re.compile(r'("(?:loadavg|processes)": )\[[^\]]*\]'), r"\1<numbers>"),
    (re.compile(r'("(?:rusage|writes)": )\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}'), r"\1<numbers>"),
    (re.compile(r'("certificate": )"[^"]*"'), r"\1<certificate>"),
    (re.compile(r'File \\"[^"]+\\", line \d+'), "File <place>"),
)
#: Characters of a difference that are shown before and after the place.
BEFORE, AFTER = 60, 100


def form(document: Mapping[str, Any]) -> dict[str, str]:
    """Part of the vector -> its text. Two captures of one call have the same form."""
    origin = document["provenance"]
    if origin["source"] == "hand":
        evidence = {key: value for key, value in document.items() if key not in LABELS}
        return {"document": json.dumps(evidence, sort_keys=True)}
    parts = {"provenance": json.dumps({key: origin[key] for key in ORIGINS})}
    wire = document["wire"]
    if "methods" in wire:  # a worker declares from several threads, in no order to rely on
        methods = sorted(map(json.dumps, wire["methods"]), key=lambda text: IDS.sub("", text))
        parts["methods"] = "\n".join(methods)
    else:
        whole = taken_out(wire, "", parts)
        parts["wire"] = json.dumps(whole)
    return numbered({name: scrubbed(text) for name, text in parts.items()})


def taken_out(value: Any, path: str, parts: dict[str, str]) -> Any:
    """The wire object without its bytes, which go into ``parts`` as text."""
    if isinstance(value, list):
        return [taken_out(item, f"{path}{place} ", parts) for place, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    kept = {key: taken_out(item, f"{path}{key} ", parts) for key, item in value.items() if key not in BYTES}
    if "body" in value:
        parts[f"{path}body"] = body_text(value, base64.b64decode(value["body"]))
    if "item" in value:
        item = base64.b64decode(value["item"]).decode()
        envelope = json.loads(item)
        parts[f"{path}item"] = item.replace(envelope["body"], "")
        inner = {"headers": envelope["headers"], "content_type": envelope["content-type"]}
        parts[f"{path}item body"] = body_text(inner, base64.b64decode(envelope["body"]))
    return kept


def body_text(wire: Mapping[str, Any], data: bytes) -> str:
    """Text of a body: decompressed, and of a signed one all but the signature; what is no UTF-8 is kept apart."""
    compression = wire.get("headers", {}).get("compression")
    if compression is not None:
        data = DECOMPRESS[compression](data)
    if data.startswith(COMPRESSED):
        name, _, rest = data.removeprefix(COMPRESSED).partition(b"\0")
        data = COMPRESSED + name + b"\0" + DECOMPRESS[name.decode("ascii")](rest)
    if wire.get("content_type") == SIGNED:
        signer, _, *others = base64.b64decode(data).split(SEPARATOR, 4)
        data = b"\n".join((base64.b64decode(signer), b"<signature>", *others))
    return data.decode("utf-8", "surrogateescape")


def scrubbed(text: str) -> str:
    """The text without times, process ids, load and the like."""
    for pattern, replacement in VOLATILE:
        text = pattern.sub(replacement, text)
    return text


def numbered(parts: Mapping[str, str]) -> dict[str, str]:
    """The parts with their ids numbered across all of them."""
    numbers: dict[str, str] = {}

    def number(found: re.Match[str]) -> str:
        return numbers.setdefault(found[0], f"<id {len(numbers) + 1}>")

    return {name: IDS.sub(number, text) for name, text in parts.items()}


def difference(stored: Mapping[str, Any], fresh: Mapping[str, Any]) -> str | None:
    """The first place where two vectors are not the same, as lines for people; None when they are."""
    old, new = form(stored), form(fresh)
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            return first_difference(name, old.get(name, ""), new.get(name, ""))
    return None


def first_difference(name: str, old: str, new: str) -> str:
    """Both texts around the first character that they do not share."""
    place = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    begin = max(0, place - BEFORE)
    shown = (text[begin : place + AFTER].encode("utf-8", "backslashreplace").decode() for text in (old, new))
    return "  {}, at character {}:\n  stored   {}\n  captured {}".format(name, place, *shown)
