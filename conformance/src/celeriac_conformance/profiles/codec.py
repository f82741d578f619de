"""Profile codec: every vector of the specification, offline. Decode, encode again, and refuse what is broken."""

from __future__ import annotations

import base64
import json
from typing import Any

from celeriac_conformance.bench import Bench
from celeriac_conformance.cases import Case
from celeriac_conformance.requirements import SHOULD, Specification
from celeriac_conformance.testee import Answer
from celeriac_conformance.values import BadTag, Difference, canonical, first_difference, shown
from celeriac_conformance.verdicts import PASS, UNSUPPORTED, Finding, Outcome, verdict_of
from celeriac_conformance.wire import wire_difference

INVALID = "InvalidMessage"

#: Kinds that nobody has to write: an old protocol, and what takes the signer's key.
DECODE_ONLY = frozenset({"task-v1", "signed"})

#: Requirement of the vectors that are refused for their content type alone, whatever is in them.
NOT_ALLOWED = "SER-CT-003"

#: In the id of a vector that a reader should take, and that nobody has to write.
OPTIONAL = "/optional/"

SERIALIZERS = {
    "application/json": "json",
    "application/x-msgpack": "msgpack",
    "application/x-yaml": "yaml",
    "application/x-python-serialize": "pickle",
}
#: The names by which a testee may claim a compression beside the MIME name itself.
COMPRESSIONS = {
    "application/x-gzip": ("gzip", "zlib"),
    "application/x-bz2": ("bzip2", "bz2"),
    "application/x-lzma": ("lzma", "xz"),
    "application/zstd": ("zstd", "zstandard"),
    "application/x-brotli": ("brotli",),
}


def examine(bench: Bench, case: Case, specification: Specification, strict: bool) -> Outcome:
    """Run one vector through the testee; raises TesteeBroken when it breaks."""
    vector = case.steps
    outcome = Outcome(case, None, PASS, document={"vector": vector})
    if lacking := _lacking(bench, vector):
        outcome.verdict, outcome.why = UNSUPPORTED, f"{lacking} is not claimed"
        return outcome
    level = SHOULD if OPTIONAL in vector["id"] else specification.level(case.requirements)
    check = _refused if "error" in vector else _round_trip
    differences = check(bench, vector, outcome.document)
    outcome.findings = [Finding(case.requirements, level, difference) for difference in differences]
    outcome.verdict = verdict_of(outcome.findings, strict)
    if (worst := outcome.worst()) is not None:
        outcome.why = str(worst.difference)
    return outcome


def _lacking(bench: Bench, vector: dict[str, Any]) -> str | None:
    """The feature that the vector needs and the testee does not claim. What is broken has to be refused by all."""
    claims = bench.hello.claims
    if not claims("kinds", vector["kind"]):
        return f"kinds.{vector['kind']}"
    if "error" in vector:
        return _allowed(bench, vector)
    wire = _opened(vector["wire"])
    serializer = SERIALIZERS.get(wire.get("content_type", "application/json"))
    if serializer and not claims("serializer", serializer):
        return f"serializer.{serializer}"
    compression = str((wire.get("headers") or {}).get("compression") or "")
    names = (compression, *COMPRESSIONS.get(compression, ()))
    return f"compression.{compression}" if compression and not any(claims("compression", n) for n in names) else None


def _allowed(bench: Bench, vector: dict[str, Any]) -> str | None:
    """Who claims a serializer allows its content type: for him the vector is not broken."""
    serializer = SERIALIZERS.get(vector["wire"].get("content_type") or "")
    refused = NOT_ALLOWED in vector["requirements"] and serializer not in (None, "json")
    return f"refusal of {serializer}" if refused and bench.hello.claims("serializer", str(serializer)) else None


def _opened(wire: dict[str, Any]) -> dict[str, Any]:
    """The wire, or what the envelope in it says of its content."""
    if "item" not in wire:
        return wire
    envelope = json.loads(base64.b64decode(wire["item"]))
    return {"content_type": envelope.get("content-type"), "headers": envelope.get("headers")}


def _refused(bench: Bench, vector: dict[str, Any], document: dict[str, Any]) -> list[Difference | None]:
    answer = _ask(bench, "decode", document, kind=vector["kind"], wire=vector["wire"])
    if answer.error is not None and answer.error["kind"] == INVALID:
        return [None]
    return [Difference("decode.error.kind", INVALID, shown(answer.document()))]


def _round_trip(bench: Bench, vector: dict[str, Any], document: dict[str, Any]) -> list[Difference | None]:
    kind = vector["kind"]
    answer = _ask(bench, "decode", document, kind=kind, wire=vector["wire"])
    found: list[Difference | None] = []
    if answer.ok is None:
        found.append(Difference("decode", "ok", shown(answer.document())))
    else:
        found.append(_message_difference(vector["message"], answer.ok["message"]))
    if kind in DECODE_ONLY or OPTIONAL in vector["id"]:
        return found
    answer = _ask(bench, "encode", document, kind=kind, message=vector["message"])
    if answer.ok is None:
        return [*found, Difference("encode", "ok", shown(answer.document()))]
    return [*found, _encoded_difference(kind, vector["wire"], answer.ok["wire"])]


def _message_difference(expected: Any, actual: Any) -> Difference | None:
    try:
        return first_difference(canonical(expected), canonical(actual), "decode.message")
    except BadTag as error:
        return Difference("decode.message", "well-formed tagged values", str(error))


def _encoded_difference(kind: str, expected: dict[str, Any], actual: dict[str, Any]) -> Difference | None:
    try:
        found = wire_difference(kind, expected, actual)
    except Exception as error:  # noqa: BLE001 - whatever a testee's bytes do to our readers, they are not right
        return Difference("encode.wire", "a readable wire", f"{type(error).__name__}: {error}")
    return found and Difference(f"encode.wire.{found.path}", found.expected, found.actual)


def _ask(bench: Bench, op: str, document: dict[str, Any], **fields: Any) -> Answer:
    answer = bench.testee.ask(op, bench.seconds, **fields)
    document[op] = answer.document()
    return answer
