"""Signed bodies, for readers: five parts, of which the last is believed when the certificate vouches for it.

RSA-PSS and as much of X.509 as that takes are done here, so that the mutants need no package for it.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import pickle
from dataclasses import dataclass
from typing import Any

from reference.defects import InvalidMessage, has, refuse
from reference.values import from_json, to_tagged

SIGNED, JSON, PICKLE = "application/data", "application/json", "application/x-python-serialize"
SEPARATOR, PARTS = b"\0\1", 5
#: What the name of a time in a certificate says of its form: years of two digits, and of four.
TIMES = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}
SET, VERSION = 0x31, 0xA0


def decode(wire: dict[str, Any]) -> dict[str, Any]:
    """The five parts of a signed body, the last one decoded; raises InvalidMessage."""
    body = base64.b64decode(wire["body"])
    parts = _parts(body) if wire["content_type"] == SIGNED else []
    if len(parts) != PARTS:
        refuse("signed body", "a body that nobody has signed")
        return {"body": from_json(body)}
    signer, signature = (_plain(part) for part in parts[:2])
    _check(signer.decode(), signature, parts[4], Certificate.read(wire["certificate"]))
    content_type, content_encoding = (part.decode() for part in parts[2:4])
    return {
        "signer": signer.decode(),
        "signature": to_tagged(signature),
        "content_type": content_type,
        "content_encoding": content_encoding,
        "body": to_tagged(_inside(parts[4], content_type)),
    }


def _parts(body: bytes) -> list[bytes]:
    """What is between the separators; the last part may hold some of its own."""
    try:
        return base64.b64decode(body, validate=True).split(SEPARATOR, PARTS - 1)
    except binascii.Error:
        return []


def _plain(part: bytes) -> bytes:
    try:
        return base64.b64decode(part, validate=True)
    except binascii.Error as error:
        raise InvalidMessage("a part that is no base64") from error


def _check(signer: str, signature: bytes, body: bytes, certificate: Certificate) -> None:
    if signer != certificate.signer:
        refuse("signer", f"no certificate of {signer!r}")
    if not certificate.begins <= datetime.datetime.now(datetime.timezone.utc) < certificate.ends:
        refuse("signer's certificate", f"the certificate of {signer!r} has ended or not begun")
    if not certificate.vouches(signature, body):
        refuse("signed bytes", f"the signature of {signer!r} does not hold")


def _inside(body: bytes, content_type: str) -> Any:
    if content_type == PICKLE and has("trusts-the-type-that-was-signed"):
        return pickle.loads(body)  # noqa: S301 - this is the defect
    if content_type != JSON:
        refuse("content type inside", f"content type {content_type!r} inside")
    return from_json(body)


# -- X.509 and RSA-PSS -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says: its issuer's names and its number, from when until when, and its RSA key."""

    signer: str
    begins: datetime.datetime
    ends: datetime.datetime
    modulus: int
    exponent: int

    @classmethod
    def read(cls, pem: str) -> Certificate:
        """The certificate of a PEM text."""
        der = base64.b64decode("".join(line for line in pem.splitlines() if "-" not in line))
        ((_, whole),) = _items(der)
        members = _items(_items(whole)[0][1])
        (_, number), _, (_, issuer), (_, times), _, (_, key) = [one for one in members if one[0] != VERSION][:6]
        names = [_items(_items(entry)[0][1])[1][1].decode() for tag, entry in _items(issuer) if tag == SET]
        begins, ends = (_moment(tag, text) for tag, text in _items(times))
        ((_, pair),) = _items(_items(key)[1][1][1:])  # a string of bits begins with how many of them are unused
        modulus, exponent = (int.from_bytes(digits, "big") for _, digits in _items(pair))
        return cls(f"{' '.join(names)} {int.from_bytes(number, 'big')}", begins, ends, modulus, exponent)

    def vouches(self, signature: bytes, body: bytes) -> bool:
        """Whether the signature is one of the body by this key: RFC 8017, section 9.1.2, with SHA-256."""
        bits = self.modulus.bit_length() - 1
        size = (bits + 7) // 8
        opened = pow(int.from_bytes(signature, "big"), self.exponent, self.modulus)
        if opened.bit_length() > bits:
            return False
        encoded = opened.to_bytes(size, "big")
        masked, seal, end = encoded[: size - 33], encoded[size - 33 : -1], encoded[-1]
        mask = _mask(seal, len(masked))
        padded = int.from_bytes(masked, "big") ^ int.from_bytes(mask, "big")
        padded &= (1 << (bits - 8 * 33)) - 1
        padding, _, salt = padded.to_bytes(len(masked), "big").partition(b"\1")
        told = hashlib.sha256(bytes(8) + hashlib.sha256(body).digest() + salt).digest()
        return end == 0xBC and not any(padding) and told == seal


def _mask(seed: bytes, size: int) -> bytes:
    blocks = (hashlib.sha256(seed + number.to_bytes(4, "big")).digest() for number in range(-(-size // 32)))
    return b"".join(blocks)[:size]


def _moment(tag: int, text: bytes) -> datetime.datetime:
    return datetime.datetime.strptime(text.decode(), TIMES[tag]).replace(tzinfo=datetime.timezone.utc)


def _items(data: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each DER value in a row."""
    found = []
    while data:
        tag, size, start = data[0], data[1], 2
        if size > 127:
            start += size & 127
            size = int.from_bytes(data[2:start], "big")
        found.append((tag, data[start : start + size]))
        data = data[start + size :]
    return found
