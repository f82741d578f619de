"""What a receiver takes before it refuses: size of the body after decompression, and depth of nesting.

Both are checked before the costly or dangerous step: decompression stops at the size, and the depth is counted on the
text, before a recursive parser sees it (SER-JSON-009, SER-JSON-010).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

_MIB = 1024 * 1024
#: One signed byte per bracket, +1 for an opening and -1 for a closing one; every other byte is deleted.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(sorted(set(range(256)) - set(b"[{]}")))


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on receipt.

    Attributes:
        body_bytes: largest body, in bytes, after decompression.
        depth: deepest nesting of arrays and objects; ``[[]]`` has depth 2.

    """

    body_bytes: int = 128 * _MIB
    depth: int = 500


DEFAULT_LIMITS = Limits()


def is_deeper(text: bytes, depth: int) -> bool:
    """Whether JSON text nests deeper than ``depth``. Text with no more brackets than that costs two counts only."""
    if text.count(b"[") + text.count(b"{") <= depth:
        return False
    return json_depth(text) > depth


def json_depth(text: bytes) -> int:
    """Deepest nesting of JSON text, in time linear in its length and without recursion.

    On text that is no JSON the number means nothing; the parser refuses such text.
    """
    unescaped = text.replace(rb"\\", b"").replace(rb"\"", b"")
    outside_strings = b"".join(unescaped.split(b'"')[::2])
    steps = memoryview(outside_strings.translate(_STEPS, delete=_NO_BRACKETS)).cast("b")
    return max(accumulate(steps, initial=0))


def value_depth(value: object, limit: int) -> int:
    """Nesting of a decoded value, level by level; stops counting one past ``limit``."""
    depth = 0
    level = [value]
    while level and depth <= limit:
        containers = [item for item in level if isinstance(item, (list, tuple, dict))]
        if not containers:
            break
        depth += 1
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
    return depth
