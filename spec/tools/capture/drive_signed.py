"""Bodies that Celery's auth serializer has signed: a task message, and what a reader refuses although it was signed."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from celery.security.certificate import Certificate, CertStore
from celery.security.key import PrivateKey
from celery.security.serialization import SecureSerializer, register_auth
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from . import shop
from .drive import provenance, run
from .hand import INVALID
from .tags import b64
from .vectors import Vector, captured, check
from .wires import Rabbit, Store

CALL = "add.apply_async((2, 3), serializer='auth')"
IDS = ("SEC-SIGN-001", "SEC-SIGN-002", "SEC-SIGN-003", "SEC-SIGN-005")
SERIAL = 4711
VALID = dt.timedelta(days=3650)
BODY: list[Any] = [[2, 3], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
#: Name, what is wrong, requirement, serializer of the body inside, how long ago the certificate began.
REFUSED = (
    ("pickle-inside", "a body in pickle, truly signed", "SEC-SIGN-003", "pickle", dt.timedelta()),
    ("certificate-ended", "signed with a key whose certificate had ended", "SEC-SIGN-006", "json", 2 * VALID),
)


def identity(ago: dt.timedelta = dt.timedelta()) -> tuple[str, str]:
    """A private key and a certificate for it that began so long ago, both made now, as PEM text."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    begin = dt.datetime.now(dt.timezone.utc) - ago
    builder = x509.CertificateBuilder(name, name, key.public_key(), SERIAL, begin, begin + VALID)
    certificate = builder.sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


def signed(rabbit: Rabbit, store: Store) -> Iterator[Vector]:
    """The vectors of security/ that are captured."""
    key, certificate = identity()
    with tempfile.TemporaryDirectory() as folder, shop.build(rabbit.url, store.url) as app:
        (Path(folder) / "shop.pem").write_text(certificate, encoding="utf-8")
        register_auth(key=key, cert=certificate, store=f"{folder}/*.pem")
        rabbit.empty("celery")
        run(CALL, app)
        wire = {**rabbit.take("celery"), "certificate": certificate}
    about = "a task message signed by Celery's auth serializer, with the certificate that it can be checked against"
    vector = captured("security/signed", "signed", about, IDS, provenance(rabbit, CALL), wire)
    check(vector, {"signer": f"shop.example {SERIAL}", "body": BODY})
    yield vector
    for name, wrong, requirement, serializer, ago in REFUSED:
        yield refused(name, wrong, requirement, serializer, ago)


def refused(name: str, wrong: str, requirement: str, serializer: str, ago: dt.timedelta) -> Vector:
    """A body that Celery signs without a word; who reads it has something to object to."""
    key, certificate = identity(ago)
    writer = SecureSerializer(PrivateKey(key), Certificate(certificate), CertStore(), serializer=serializer)
    wire = {
        "content_type": "application/data",
        "content_encoding": "utf-8",
        "headers": {},
        "properties": {},
        "body": b64(writer.serialize(BODY).encode()),
        "certificate": certificate,
    }
    origin = provenance(None, f"SecureSerializer(key, cert, store, serializer='{serializer}').serialize({BODY})")
    return Vector(f"security/invalid/{name}", "signed", wrong, (requirement,), origin, wire, INVALID)
