"""What a result store holds: documents as JSON objects, as they are or compressed as a whole (Celery 5.7).

A document with ``status`` is a ``Result``; a saved group has ``result`` alone, the group's result tuple.
"""

from __future__ import annotations

from typing import Any

from celeriac.compression import compress, decompress, mime_name
from celeriac.errors import InvalidMessage
from celeriac.limits import DEFAULT_LIMITS, Limits
from celeriac.serialization import JSON, Encoded, dumps, loads
from celeriac.text import shown

#: Celery 5.7 puts this, the MIME name and a zero byte in front of a compressed document.
_COMPRESSED = b"\0celery-compressed\0"


def read_document(
    body: bytes,
    content_type: str | None = JSON,
    content_encoding: str | None = "utf-8",
    *,
    accept: frozenset[str] = frozenset({JSON}),
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[dict[str, Any], str | None]:
    """Give a stored document and the MIME name of its compression, if any. Raises InvalidMessage and nothing else."""
    body, compression = _uncompressed(body, limits)
    document = loads(body, content_type, content_encoding, accept=accept, limits=limits)
    if not isinstance(document, dict):
        raise InvalidMessage(f"the stored document is {shown(document)}; it is an object")
    return document, compression


def write_document(document: dict[str, Any], serializer: str = "json", compression: str | None = None) -> Encoded:
    """Give a document as bytes, compressed as a whole if asked to. Raises InvalidCall for what cannot be written."""
    encoded = dumps(document, serializer, name="result document")
    if compression is None:
        return encoded
    name = mime_name(compression)
    body = _COMPRESSED + name.encode("ascii") + b"\0" + compress(encoded.body, name)
    return Encoded(body, encoded.content_type, encoded.content_encoding)


def _uncompressed(body: bytes, limits: Limits) -> tuple[bytes, str | None]:
    if not body.startswith(_COMPRESSED):
        return body, None
    name, zero, data = body[len(_COMPRESSED) :].partition(b"\0")
    if not zero:
        raise InvalidMessage("the compressed document does not name its compression", field="compression")
    compression = name[:64].decode("ascii", "replace")
    return decompress(data, compression, limits), compression
