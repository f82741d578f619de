"""What goes out in one write, or in one command for Redis."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from celeriac.transport.base import chunks


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 700))
def test_all_in_order_and_few_enough(items: list[bytes], size: int) -> None:
    found = list(chunks(items, size))
    assert [item for chunk in found for item in chunk] == items
    assert all(found)
    assert all(sum(map(len, chunk[:-1])) < size for chunk in found)
    assert all(sum(map(len, chunk)) >= size for chunk in found[:-1])
