"""The witnesses read whatever a testee has written: a document that is none is evidence, and does not end the run."""

from __future__ import annotations

from typing import Any

import pytest
from amqp import Message

from celeriac_conformance.witness.amqp import RpcResults, last_terminal
from celeriac_conformance.witness.redis import RESULT_KEY, RedisResults, connect

ODD: list[Any] = [None, 7, "SUCCESS", [], {"status": ["SUCCESS"]}, {"status": {}}, {"status": None}, {}]
GOOD = {"status": "SUCCESS", "result": 5, "task_id": "a-task"}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_document_is_no_end(odd: Any) -> None:
    records: list[dict[str, Any]] = [{"document": GOOD}, {"document": odd}, {"raw": "{"}]
    assert last_terminal(records[1:]) is None
    assert last_terminal(records) == {"document": GOOD}


def test_replies_that_are_none_are_kept_with_their_task(amqp_url: str) -> None:
    results = RpcResults(amqp_url)
    try:
        for body in (b"[]", b"{", b'"x"', b"\xff"):
            results.write("a-task", results.reply_to, body, {})
            results._publish(Message(body), results.reply_to)  # without a correlation id
        assert [record.get("document", record.get("raw")) for record in results.history("a-task")] == [
            [],
            "{",
            "x",
            "\\xff",
        ]
    finally:
        results.close()


def test_documents_that_are_none_are_no_end_in_redis(redis_url: str) -> None:
    results, client = RedisResults(redis_url), connect(redis_url)
    key = RESULT_KEY.format("conformance-odd")
    try:
        for body in (b"[]", b"{", b'{"status": []}', b"\xff", b"[" * 100_000):
            client.set(key, body)
            assert results.final("conformance-odd") is None
    finally:
        client.delete(key)
        client.close()
        results.close()
