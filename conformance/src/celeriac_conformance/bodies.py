"""Bodies as the cases write them: text, or ``{"$form": ...}`` for bytes that no table can hold as they are."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Callable
from typing import Any

MEBIBYTE = 1 << 20


def bomb(mebibytes: int) -> bytes:
    """A zlib stream, a thousandth of their size, of a well-formed body with one argument of so many MiB of zeros.

    Made of one compressed MiB over and over: each begins after a full flush, so it refers to nothing before it.
    """
    packer = zlib.compressobj(9, wbits=-15)
    begin, block, end = b'[["', b"0" * MEBIBYTE, b'"], {}, null]'
    packed_begin = packer.compress(begin) + packer.flush(zlib.Z_FULL_FLUSH)
    packed_block = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    packed_end = packer.compress(end) + packer.flush(zlib.Z_FINISH)
    checksum = zlib.adler32(begin)
    for _ in range(mebibytes):
        checksum = zlib.adler32(block, checksum)
    checksum = zlib.adler32(end, checksum)
    return b"\x78\xda" + packed_begin + packed_block * mebibytes + packed_end + checksum.to_bytes(4, "big")


#: How ``{"$form": argument}`` becomes bytes.
FORMS: dict[str, Callable[[Any], bytes]] = {
    "$bytes": base64.b64decode,
    "$join": lambda parts: b"".join(raw(part) for part in parts),
    "$cut": lambda cut: raw(cut[0])[: cut[1]],
    "$zlib": lambda inner: zlib.compress(raw(inner)),
    "$gzip": lambda inner: gzip.compress(raw(inner), mtime=0),
    "$bomb": bomb,
}


def raw(value: Any) -> bytes:
    """The bytes of a body in the notation of the cases: text is UTF-8."""
    if isinstance(value, dict):
        ((form, argument),) = value.items()
        return FORMS[form](argument)
    return str(value).encode()
