"""Send a task message whose body Celery's auth serializer has signed."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator
from pathlib import Path

from celery.security.serialization import register_auth
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from . import shop
from .drive import provenance, run
from .vectors import Vector, captured, check
from .wires import Rabbit, Store

CALL = "add.apply_async((2, 3), serializer='auth')"
IDS = ("SEC-SIGN-001", "SEC-SIGN-002", "SEC-SIGN-003", "SEC-SIGN-005")
SERIAL = 4711
DAYS = 3650


def identity() -> tuple[str, str]:
    """A private key and a certificate for it, both made now, as PEM text."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    now = dt.datetime.now(dt.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), SERIAL, now, now + dt.timedelta(days=DAYS))
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
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    check(vector, {"signer": f"shop.example {SERIAL}", "body": [[2, 3], {}, embed]})
    yield vector
