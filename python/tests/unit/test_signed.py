"""Signed bodies: whose they are, whether the signature holds, and what is refused."""

from __future__ import annotations

import base64
import sys
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from celeriac import InvalidCall, InvalidMessage, Limits, Wire
from celeriac.signed import SIGNED, Signed

from .spec_data import vectors, wire_of

(VECTOR,) = vectors("security", invalid=False)
CERTIFICATE = VECTOR["wire"]["certificate"].encode()
NOW = datetime(2027, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def signed() -> Signed:
    return Signed.parse(wire_of(VECTOR))


def test_holds(signed: Signed) -> None:
    signed.verify(CERTIFICATE, now=NOW)
    assert signed.value()[0] == [2, 3]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"body": b"[[3, 3], {}, {}]"}, "does not hold"),
        ({"signature": b"x"}, "does not hold"),
        ({"signer": "shop.example 4712"}, "not the certificate's"),
    ],
)
def test_forged(signed: Signed, change: dict[str, bytes], reason: str) -> None:
    with pytest.raises(InvalidMessage, match=reason):
        replace(signed, **change).verify(CERTIFICATE, now=NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("year", [2025, 2040])
def test_certificates_begin_and_end(signed: Signed, year: int) -> None:
    with pytest.raises(InvalidMessage, match="has ended or not begun"):
        signed.verify(CERTIFICATE, now=NOW.replace(year=year))


def test_no_certificate(signed: Signed) -> None:
    with pytest.raises(InvalidCall, match="PEM"):
        signed.verify(b"", now=NOW)


def test_the_inside_is_on_the_list_too(signed: Signed) -> None:
    with pytest.raises(InvalidMessage, match="is not accepted"):
        replace(signed, content_type="application/x-python-serialize").value()


def test_the_last_part_may_hold_the_separator() -> None:
    parts = [base64.b64encode(b"s 1"), base64.b64encode(b"x"), b"application/json", b"utf-8", b"a\0\1b"]
    wire = Wire(base64.b64encode(b"\0\1".join(parts)), SIGNED, "utf-8", {}, {})
    assert Signed.parse(wire).body == b"a\0\1b"
    with pytest.raises(InvalidMessage, match="more than the 5 accepted"):
        Signed.parse(wire, limits=Limits(body_bytes=5))


def test_without_the_extra(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(InvalidCall, match=r"pip install celeriac\[auth\]"):
        signed.verify(CERTIFICATE, now=NOW)
