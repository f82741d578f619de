"""What is revoked: remembered, bounded, forgotten, written down and read again."""

from __future__ import annotations

import pytest

from celeriac.worker.revocations import Revocations


def test_ids_and_stamps() -> None:
    revoked = Revocations()
    assert not revoked
    revoked.add(["a", "b"], 0.0)
    revoked.add_stamps({"tenant": ["acme", "other"], "n": 5}, 0.0)
    assert revoked
    assert revoked.holds("a", None, 1.0) and not revoked.holds("c", None, 1.0)
    assert revoked.holds("c", {"tenant": "acme"}, 1.0) and revoked.holds("c", {"n": [4, 5]}, 1.0)
    assert not revoked.holds("c", {"tenant": "nobody", "m": 5}, 1.0) and not revoked.holds("c", {"n": None}, 1.0)


def test_memory_ends() -> None:
    revoked = Revocations(most=3, seconds=10)
    revoked.add(["a", "b", "c"], 0.0)
    revoked.add(["a"], 5.0)
    revoked.add(["d"], 6.0)
    assert revoked.ids(6.0) == ["c", "a", "d"]
    assert not revoked.holds("c", None, 10.0)
    assert revoked.ids(12.0) == ["a", "d"]


def test_written_down() -> None:
    revoked, again = Revocations(), Revocations()
    revoked.add(["a"], 3.0)
    revoked.add_stamps({"tenant": "acme"}, 4.0)
    again.add(["b"], 1.0)
    again.load(revoked.dump(), 5.0)
    assert again.ids(5.0) == ["b", "a"]
    assert again.holds("x", {"tenant": "acme"}, 5.0)


@pytest.mark.parametrize("dumped", [{"ids": []}, {"ids": {"a": "x"}}, {"stamps": [[1]]}, {"stamps": 5}])
def test_what_was_never_written(dumped: object) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError)):
        Revocations().load(dumped, 0.0)  # type: ignore[arg-type]
