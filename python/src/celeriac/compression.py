"""Compression of bodies: the MIME names of the wire, and decompression that stops at a limit (SER-COMP-001 to 003).

``application/x-gzip`` is a zlib stream, not a gzip file: the name is historical, the bytes are what counts.
"""

from __future__ import annotations

import bz2
import importlib
import lzma
import sys
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from celeriac.errors import InvalidCall, InvalidMessage
from celeriac.limits import DEFAULT_LIMITS, Limits
from celeriac.text import shown

#: Memory for the dictionary of one xz stream; the highest preset of xz needs half of it.
_LZMA_MEMORY = 128 * 1024 * 1024


class _Decompressor(Protocol):
    """What the decompressor objects of zlib, bz2, lzma and zstd have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Method(NamedTuple):
    compress: Callable[[bytes], bytes]
    decompressor: Callable[[], _Decompressor]


def _zstd() -> Any:
    """Import the module for Zstandard, which is optional before Python 3.14. Raises ImportError."""
    return importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


_METHODS: dict[str, _Method] = {
    "application/x-gzip": _Method(zlib.compress, lambda: zlib.decompressobj()),
    "application/x-bz2": _Method(bz2.compress, lambda: bz2.BZ2Decompressor()),
    "application/x-lzma": _Method(lzma.compress, lambda: lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)),
    "application/zstd": _Method(lambda body: bytes(_zstd().compress(body)), lambda: _zstd().ZstdDecompressor()),
}

#: Names that callers and some producers use for the MIME names of the wire.
ALIASES = {
    "gzip": "application/x-gzip",
    "zlib": "application/x-gzip",
    "bzip2": "application/x-bz2",
    "bzip": "application/x-bz2",
    "bz2": "application/x-bz2",
    "lzma": "application/x-lzma",
    "xz": "application/x-lzma",
    "zstd": "application/zstd",
    "zstandard": "application/zstd",
}


def mime_name(name: str) -> str:
    """Give the name that goes into the ``compression`` header for a name or alias. Raises InvalidCall if unknown."""
    mime = ALIASES.get(name, name)
    if mime not in _METHODS:
        raise InvalidCall(f"compression {shown(name)} is unknown; use one of {', '.join(sorted(ALIASES))}")
    return mime


def compress(body: bytes, name: str) -> bytes:
    """Compress a body by MIME name or alias. Raises InvalidCall for an unknown or not installed method."""
    try:
        return _METHODS[mime_name(name)].compress(body)
    except ImportError:
        raise InvalidCall(f"compression {name} is not installed: pip install celeriac[zstd], or use zlib") from None


def decompress(body: bytes, name: str, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Decompress a body by MIME name or alias, writing at most one byte more than ``limits.body_bytes``.

    Raises InvalidMessage: unknown or not installed method, damaged or cut data, data after the end, too large.
    """
    method = _METHODS.get(ALIASES.get(name, name))
    if method is None:
        known = ", ".join(sorted(_METHODS))
        raise _refused(f"compression {shown(name)} is unknown; this receiver knows {known}")
    try:
        stream = method.decompressor()
        plain = stream.decompress(body, limits.body_bytes + 1)
    except ImportError:
        raise _refused(f"compression {name} is not installed here: pip install celeriac[zstd]") from None
    except Exception as error:  # each library has an error class of its own
        raise _refused(f"the body is not {name} data: {error}") from error
    if len(plain) > limits.body_bytes:
        raise _refused(f"the body is larger than {limits.body_bytes} bytes after decompression")
    if not stream.eof:
        raise _refused(f"the {name} data of the body ends too early")
    if stream.unused_data:
        raise _refused(f"{len(stream.unused_data)} bytes follow the {name} data of the body")
    return plain


def _refused(reason: str) -> InvalidMessage:
    return InvalidMessage(reason, field="compression")
