"""Signed bodies: split into their five parts, and checked against the signer's certificate (SEC-SIGN).

They are read, not written. A signature says nothing of headers and properties: the name of the task is one of them
(SEC-SIGN-005). Checking needs the extra ``celeriac[auth]``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from celeriac.errors import InvalidCall, InvalidMessage
from celeriac.serialization import DEFAULT_LIMITS, JSON, Limits, loads
from celeriac.tagged import to_tagged
from celeriac.text import shown
from celeriac.wire import Wire

#: Content type of a signed body; its content encoding is ``utf-8``.
SIGNED = "application/data"
_SEPARATOR = b"\x00\x01"
_PARTS = 5


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed body. ``value`` decodes it, which is for after ``verify`` (SEC-SIGN-002).

    Attributes:
        signer: names of the certificate's issuer, a space, its serial number.
        signature: signature of ``body``.
        content_type: content type of ``body``.
        content_encoding: content encoding of ``body``.
        body: the serialized body inside, as it travelled.

    """

    signer: str
    signature: bytes
    content_type: str
    content_encoding: str
    body: bytes

    @classmethod
    def parse(cls, wire: Wire, *, limits: Limits = DEFAULT_LIMITS) -> Signed:
        """Split a signed body; nothing inside is decoded. Raises InvalidMessage and nothing else (SEC-SIGN-004)."""
        if wire.content_type != SIGNED:
            raise InvalidMessage(f"content type {shown(wire.content_type)} is not that of a signed body, {SIGNED}")
        if len(wire.body) > limits.body_bytes:
            raise InvalidMessage(f"the body has {len(wire.body)} bytes, more than the {limits.body_bytes} accepted")
        # The fifth part may hold the separator (SEC-SIGN-001).
        parts = _decoded(wire.body, "the body").split(_SEPARATOR, _PARTS - 1)
        if len(parts) != _PARTS:
            raise InvalidMessage(f"the signed body has {len(parts)} parts; it has {_PARTS}")
        signer, signature, content_type, content_encoding, body = parts
        try:
            return cls(
                _decoded(signer, "the signer").decode("utf-8"),
                _decoded(signature, "the signature"),
                content_type.decode("ascii"),
                content_encoding.decode("ascii"),
                body,
            )
        except UnicodeDecodeError as error:
            raise InvalidMessage(f"the signed body names no signer or content type: {error}") from error

    def verify(self, certificate: bytes, *, now: datetime) -> None:
        """Check the signature against the signer's certificate (PEM), which holds at ``now`` (an aware datetime).

        Raises InvalidMessage: another signer's certificate, one that has ended or not begun, a signature that does not
        hold (SEC-SIGN-002, SEC-SIGN-006). Raises InvalidCall for what is no certificate with an RSA key, or when the
        extra ``celeriac[auth]`` is not installed.
        """
        crypto = _crypto()
        held = crypto.certificate(certificate)
        names = " ".join(str(attribute.value) for attribute in held.issuer)
        if self.signer != f"{names} {held.serial_number}":
            raise InvalidMessage(f"signed by {shown(self.signer)}, which is not the certificate's {shown(names)}")
        if not held.not_valid_before_utc <= now < held.not_valid_after_utc:
            raise InvalidMessage(f"the certificate of {shown(self.signer)} has ended or not begun")
        if not crypto.holds(held.public_key(), self.signature, self.body):
            raise InvalidMessage(f"the signature of {shown(self.signer)} does not hold")

    def value(self, *, accept: frozenset[str] = frozenset({JSON}), limits: Limits = DEFAULT_LIMITS) -> Any:
        """Decode the body inside; its content type is held against the list too (SEC-SIGN-003)."""
        return loads(self.body, self.content_type, self.content_encoding, accept=accept, limits=limits)

    def to_neutral(self) -> Mapping[str, Any]:
        """Give the neutral form of the vectors: the five parts, the last one decoded."""
        return {
            "signer": self.signer,
            "signature": to_tagged(self.signature),
            "content_type": self.content_type,
            "content_encoding": self.content_encoding,
            "body": to_tagged(self.value()),
        }


class _Crypto:
    """The few calls of ``cryptography`` that are needed."""

    def __init__(self) -> None:
        from cryptography import x509
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding, rsa

        self._x509, self._invalid, self._rsa = x509, InvalidSignature, rsa
        self._digest = hashes.SHA256()
        self._padding = padding.PSS(padding.MGF1(self._digest), padding.PSS.MAX_LENGTH)

    def certificate(self, pem: bytes) -> Any:
        try:
            found = self._x509.load_pem_x509_certificate(pem)
        except ValueError as error:
            raise InvalidCall(f"not a certificate in PEM form: {error}") from error
        if not isinstance(found.public_key(), self._rsa.RSAPublicKey):
            raise InvalidCall("the certificate has no RSA key; Celery signs with RSA alone")
        return found

    def holds(self, key: Any, signature: bytes, body: bytes) -> bool:
        try:
            key.verify(signature, body, self._padding, self._digest)
        except self._invalid:
            return False
        return True


def _crypto() -> _Crypto:
    try:
        return _Crypto()
    except ImportError:
        raise InvalidCall("checking signatures needs more packages: pip install celeriac[auth]") from None


def _decoded(text: bytes, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidMessage(f"{name} is not base64: {error}") from error
