"""Every vector under invalid/ is refused: by its decoder, by a schema, or by a requirement that neither can check."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from capture.decoders import DECODERS

from . import schemas
from .problems import Problem, Spec

#: Requirements that a reader keeps by a list, a limit or a parser of its own.
BY_RULE = {"SER-CT-003", "SER-CT-004", "SER-JSON-009", "SER-TYPE-009", "SEC-SIGN-002", "SEC-SIGN-006"}
#: What a decoder says of bytes that are none of its own.
REFUSALS = (ValueError, KeyError, TypeError, AttributeError, RecursionError, EOFError, OSError, zlib.error)
VECTOR = "vector.schema.json"


def check(spec: Spec, known: dict[str, dict[str, Any]]) -> Iterator[Problem]:
    """Malformed messages that nothing here finds malformed; nothing when the schemas themselves are broken."""
    loaded = schemas.load(spec)
    if list(schemas.check_schemas(loaded)):
        return
    validator = schemas.validator(loaded, VECTOR)
    for name, vector in known.items():
        if "/invalid/" in name and not BY_RULE.intersection(vector["requirements"]) and taken(validator, name, vector):
            remedy = "make a schema say what is wrong with it, or quote the requirement that a reader checks itself"
            yield Problem(
                f"vectors/{name}.json", 0, "is malformed, but neither its decoder nor a schema says so", remedy
            )


def taken(validator: Draft202012Validator, name: str, vector: dict[str, Any]) -> bool:
    """Whether the message of the vector would pass for a good one."""
    try:
        message = DECODERS[vector["kind"]](vector["wire"])
    except REFUSALS:
        return False
    good = {key: value for key, value in vector.items() if key not in ("error", "reaction")}
    return validator.is_valid({**good, "id": name.replace("/invalid/", "/"), "message": message})
