"""How URLs are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.transport import sanitized

SHOWN = {
    "amqp://guest:guest@localhost:5672//": "amqp://guest:**@localhost:5672//",
    "redis://:secret@localhost/1": "redis://:**@localhost/1",
    "redis+socket://:secret@/run/redis.sock?virtual_host=2": "redis+socket://:**@/run/redis.sock",
    "amqp://user@localhost/shop": "amqp://user@localhost/shop",
    "redis://localhost:6379/0": "redis://localhost:6379/0",
    "redis://localhost/0?password=secret": "redis://localhost/0",
    "redis://localhost:6379/0?password=se@cret": "redis://localhost:**",
    "amqp://user:se/c?re@t@localhost:port": "amqp://user:**",
    "amqp://user:s@c:r/t@localhost": "amqp://user:**@localhost",
    "rpc://": "rpc://",
    "nonsense": "nonsense",
}


@pytest.mark.parametrize(("url", "shown"), SHOWN.items())
def test_shown(url: str, shown: str) -> None:
    assert sanitized(url) == shown


@given(st.text(), st.text())
def test_no_password_is_shown(before: str, after: str) -> None:
    assert "s3cr3t" not in sanitized(f"amqp://user:{before}s3cr3t{after}@host/")
