"""Compression: names of the wire, damaged data, and bombs."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
import tracemalloc
import zlib

import pytest

from celeriac import InvalidCall, InvalidMessage, Limits
from celeriac.compression import ALIASES, compress, decompress, mime_name

BODY = b'[[2, 3], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'


@pytest.mark.parametrize("name", ALIASES)
def test_round_trip(name: str) -> None:
    if name.startswith("zst") and sys.version_info < (3, 14):
        pytest.importorskip("backports.zstd", reason="SKIPPED zstd: pip install celeriac[zstd]")
    packed = compress(BODY, name)
    assert decompress(packed, name) == BODY
    assert decompress(packed, mime_name(name)) == BODY


def test_gzip_is_a_zlib_stream() -> None:
    assert compress(BODY, "gzip") == zlib.compress(BODY)
    assert compress(BODY, "application/x-bz2") == bz2.compress(BODY)
    with pytest.raises(InvalidMessage, match="not application/x-gzip data"):
        decompress(gzip.compress(BODY), "application/x-gzip")


@pytest.mark.parametrize("name", ["zlib", "bzip2", "lzma"])
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[:-3], "ends too early"),
        (lambda data: data + b"more", "4 bytes follow"),
        (lambda _data: b"no such data", "is not"),
        (lambda _data: b"", "ends too early"),
    ],
    ids=["cut", "tail", "garbage", "empty"],
)
def test_damaged(name: str, damage: object, reason: str) -> None:
    assert callable(damage)
    with pytest.raises(InvalidMessage, match=reason):
        decompress(damage(compress(BODY, name)), name)


def test_a_bomb_is_not_unpacked() -> None:
    size = 64 * 1024 * 1024
    for name, bomb in {"zlib": zlib.compress(bytes(size)), "xz": lzma.compress(bytes(size))}.items():
        tracemalloc.start()
        with pytest.raises(InvalidMessage, match="larger than 1000 bytes after decompression"):
            decompress(bomb, name, Limits(body_bytes=1000))
        assert tracemalloc.get_traced_memory()[1] < size / 4
        tracemalloc.stop()


def test_the_limit_itself_is_allowed() -> None:
    assert len(decompress(zlib.compress(bytes(1000)), "zlib", Limits(body_bytes=1000))) == 1000


def test_unknown_name() -> None:
    with pytest.raises(InvalidMessage, match="compression 'brotli' is unknown; this receiver knows application/x-bz2"):
        decompress(BODY, "brotli")
    with pytest.raises(InvalidCall, match="compression 'brotli' is unknown; use one of"):
        compress(BODY, "brotli")


def test_zstd_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    with pytest.raises(InvalidCall, match="pip install celeriac"):
        compress(BODY, "zstd")
    with pytest.raises(InvalidMessage, match="not installed here"):
        decompress(BODY, "application/zstd")
