"""Chords counted on a real Redis: once, in order, by whoever comes last, beside workers of other versions."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from celeriac.transport.base import ChordPart, Gathered
from celeriac.transport.redis_groups import DONE_EXPIRES, KEY_PREFIX, RedisGroups
from tests.contract.redis_parts import client

__all__ = ["client"]


@pytest.fixture
def group(client: Any) -> Iterator[str]:
    """Id of a group; whatever it leaves is deleted."""
    group_id = uuid.uuid4().hex
    yield group_id
    client.delete(*(KEY_PREFIX + group_id + suffix for suffix in ("", ".j", ".t", ".s", ".d", ".c")))


@pytest.fixture
def groups(redis_url: str) -> Iterator[RedisGroups]:
    with closing(RedisGroups(redis_url, expires=100)) as made:
        yield made


def part(group_id: str, index: int | None, task_id: str | None = None) -> ChordPart:
    task_id = task_id or f"task-{index}"
    return ChordPart(
        group_id, task_id, index, f'[1, "{task_id}", "SUCCESS", {index or 0}]'.encode("utf-8", "surrogatepass")
    )


def entries(found: Gathered | None) -> list[bytes]:
    assert found is not None
    return list(found.entries)


def key(group_id: str, suffix: str = "") -> str:
    return KEY_PREFIX + group_id + suffix


def test_the_last_one_gets_all_in_order(groups: RedisGroups, group: str, client: Any) -> None:
    client.set(key(group, ".c"), "done")
    groups.expect([(group, 3)])
    assert client.get(key(group, ".s")) == b"3" and 90 < client.ttl(key(group, ".s")) <= 100
    assert groups.count([part(group, 2), part(group, 0)]) == [None, None]
    (found,) = groups.count([part(group, 1)])
    assert entries(found) == [part(group, index).entry for index in range(3)]
    assert client.scard(key(group, ".d")) == 3 and client.ttl(key(group, ".j")) > 0


def test_whoever_ends_twice_counts_once(groups: RedisGroups, group: str) -> None:
    groups.expect([(group, 2)])
    assert groups.count([part(group, 0), part(group, 0)]) == [None, None]


def test_a_worker_that_died_before_it_sent_the_body_sends_it_when_it_comes_again(
    groups: RedisGroups, group: str
) -> None:
    groups.expect([(group, 2)])
    groups.count([part(group, 0)])
    first, again = groups.count([part(group, 1)]), groups.count([part(group, 1)])
    assert first == again and first[0] is not None
    assert groups.count([part(group, 0)]) == [None], "the other one does not send it, too"


def test_what_is_done_stays_done(groups: RedisGroups, group: str, client: Any) -> None:
    groups.expect([(group, 1)])
    groups.count([part(group, 0)])
    groups.finish(part(group, 0), broken=False)
    assert client.get(key(group, ".c")) == b"done" and 0 < client.ttl(key(group, ".c")) <= DONE_EXPIRES
    assert client.exists(*(key(group, suffix) for suffix in (".j", ".t", ".s", ".d"))) == 0
    assert groups.count([part(group, 0)]) == [None]
    assert client.exists(key(group, ".j")) == 0
    groups.finish(part(group, 0), broken=False)


def test_a_broken_chord_is_not_counted_again(groups: RedisGroups, group: str, client: Any) -> None:
    groups.expect([(group, 1)])
    groups.count([part(group, 0)])
    groups.finish(part(group, 0), broken=True)
    assert client.exists(key(group, ".s")) == 0 and client.exists(key(group, ".j")) == 1
    assert groups.count([part(group, 0)]) == [None]


def test_more_members_than_there_were(groups: RedisGroups, group: str) -> None:
    groups.expect([(group, 1)])
    groups.expect_more(group)
    assert groups.count([part(group, 0)]) == [None]
    assert len(entries(groups.count([part(group, 1)])[0])) == 2


def test_one_without_a_place_comes_last(groups: RedisGroups, group: str) -> None:
    groups.expect([(group, 2)])
    groups.count([part(group, None, "late")])
    assert entries(groups.count([part(group, 5)])[0])[-1] == part(group, None, "late").entry


def test_beside_an_older_celery_that_knows_no_claims(groups: RedisGroups, group: str, client: Any) -> None:
    """Celery up to 5.6 adds to ``.j``, compares its length with ``.s`` and ``.t``, and deletes the three."""
    groups.expect([(group, 2)])
    client.zadd(key(group, ".j"), {part(group, 0).entry: 0})
    assert len(entries(groups.count([part(group, 1)])[0])) == 2


def test_a_claim_of_another_worker_holds(groups: RedisGroups, group: str, client: Any) -> None:
    groups.expect([(group, 1)])
    client.set(key(group, ".c"), "a token of Celery")
    assert groups.count([part(group, 0)]) == [None]
    groups.finish(part(group, 0), broken=False)
    assert client.get(key(group, ".c")) == b"a token of Celery" and client.exists(key(group, ".j")) == 1


def test_what_nobody_expects_is_not_gathered(groups: RedisGroups, group: str) -> None:
    assert groups.count([part(group, 0), part("\ud800", 0, "\udfff")]) == [None, None]


@pytest.mark.parametrize(("suffix", "fill"), [(".j", "rpush"), (".d", "rpush"), (".s", "rpush"), (".s", "set")])
def test_keys_that_hold_something_else_stop_nobody(
    groups: RedisGroups, group: str, client: Any, suffix: str, fill: str
) -> None:
    """As Celery 4.4 leaves a list in ``.j``: such a chord never ends, and the others go on."""
    other = f"{group}-other"
    groups.expect([(group, 1), (other, 1)])
    client.delete(key(group, suffix))
    getattr(client, fill)(key(group, suffix), "x")
    broken, whole = groups.count([part(group, 0), part(other, 0)])
    assert broken is None and entries(whole) == [part(other, 0).entry]
    groups.finish(part(other, 0), broken=False)
    client.delete(key(other, ".c"))


def test_saved_groups(groups: RedisGroups, group: str) -> None:
    assert groups.load(group) is None
    groups.save(group, b"document")
    assert groups.load(group) == b"document"
    groups.expect([(group, 1)])
    (found,) = groups.count([part(group, 0)])
    assert found is not None and found.saved == b"document"
    groups.forget(group)
    assert groups.load(group) is None
    groups.close()
    groups.close()
