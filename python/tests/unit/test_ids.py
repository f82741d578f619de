"""Ids are UUIDs as everybody else writes them."""

from __future__ import annotations

from unittest import mock
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from celeriac.ids import new_id


@given(st.binary(min_size=16, max_size=16))
def test_as_the_standard_library_writes_them(drawn: bytes) -> None:
    with mock.patch("celeriac.ids.os.urandom", return_value=drawn):
        given_id = new_id()
    assert given_id == str(UUID(bytes=drawn, version=4))
    assert UUID(given_id).variant == RFC_4122


def test_no_two_alike() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000
