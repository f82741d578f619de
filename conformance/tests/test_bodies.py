"""Bodies in the notation of the cases: what each form becomes."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest

from celeriac_conformance.bodies import MEBIBYTE, bomb, raw
from celeriac_conformance.wire import raw_task, substitutes

FORMS: list[tuple[Any, bytes]] = [
    ("p\u0159", b"p\xc5\x99"),
    ({"$bytes": "/wD+"}, b"\xff\x00\xfe"),
    ({"$join": ["[", {"$bytes": "/w=="}, "]"]}, b"[\xff]"),
    ({"$cut": ["abcdef", 2]}, b"ab"),
]


@pytest.mark.parametrize(("notation", "expected"), FORMS)
def test_a_form_becomes_bytes(notation: Any, expected: bytes) -> None:
    assert raw(notation) == expected


def test_compressed_forms_hold_what_is_inside() -> None:
    assert zlib.decompress(raw({"$zlib": "inside"})) == b"inside"
    assert zlib.decompress(zlib.decompress(raw({"$zlib": {"$zlib": "inside"}}))) == b"inside"
    assert gzip.decompress(raw({"$gzip": "inside"})) == b"inside"


def test_a_bomb_is_small_and_a_well_formed_body() -> None:
    packed = bomb(4)
    assert len(packed) < MEBIBYTE // 100
    args, kwargs, embed = json.loads(zlib.decompress(packed))
    assert (len(args[0]), set(args[0]), kwargs, embed) == (4 * MEBIBYTE, {"0"}, {}, None)


def test_words_are_filled_in_before_bytes_are_made() -> None:
    given = substitutes("answers")
    task = raw_task({"body": {"$join": ["<", "$id", {"$repeat": ["[", 3]}, ">"]}}, given)
    assert task.body == f"<{given.task_id}[[[>".encode()
