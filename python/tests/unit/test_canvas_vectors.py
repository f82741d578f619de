"""Golden: what is planned for a canvas is what Celery 5.7 sends for it, but for the ids (chapter 06)."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

import pytest

from celeriac import Message, Signature
from celeriac.canvas import (
    chain_of,
    chord_of,
    chunks_of,
    group_of,
    linked,
    map_of,
    piped,
    stamped,
    with_errback,
)
from celeriac.planning import Plan, Sender, plan

from .spec_data import SPEC

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
REPLY_TO = str(uuid.uuid4())
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: Text for logs differs from writer to writer, and the sender's name.
NOT_COMPARED = {"argsrepr", "kwargsrepr", "origin"}


def add(*args: Any, **options: Any) -> Signature:
    return Signature(task="shop.add", args=list(args), options=options)


def echo(*args: Any, **options: Any) -> Signature:
    return Signature(task="shop.echo", args=list(args), options=options)


def total(**options: Any) -> Signature:
    return Signature(task="shop.total", options=options)


def immutable(*args: Any, **options: Any) -> Signature:
    return Signature(task="shop.echo", args=list(args), options=options, immutable=True)


def tenant(signature: Signature) -> Signature:
    return stamped(signature, {"tenant": "acme"})


GROUP_ID = "0b0e2b52-93a7-4bd7-9d3b-6c4f0a1f7f10"
BROKEN = echo("broken")
STEPS = [add(2, 3), add(10), add(100)]
CHORD_OF_CHAINS = [chain_of([add(1, 1), add(10)]), chain_of([add(2, 2), add(20)])]

#: vector -> the canvas of its call
PRODUCED: Mapping[str, Callable[[], Signature]] = {
    "chain-of-1": lambda: chain_of([add(2, 3)]),
    "chain-of-4": lambda: chain_of([*STEPS, echo()]),
    "chain-link": lambda: linked(chain_of(STEPS), echo()),
    "chain-link-error": lambda: with_errback(chain_of(STEPS), BROKEN),
    "chain-options": lambda: chain_of(STEPS).set(priority=7, time_limit=30, headers={"tenant": "acme"}),
    "chain-steps-with-options": lambda: chain_of(
        [add(2, 3), add(10, queue="shop.out", countdown=5), immutable("done", expires=60)]
    ),
    "chain-group-then-task": lambda: chain_of([add(2, 3), group_of([add(10), add(20)]), total()]),
    "chain-then-group": lambda: chain_of([add(2, 3), group_of([add(10), add(20)])]),
    "group-empty": lambda: group_of([]),
    "group-of-3": lambda: group_of([add(1, 1), add(2, 2), add(3, 3)]).set(task_id=GROUP_ID),
    "group-of-chains": lambda: group_of(CHORD_OF_CHAINS).set(task_id=GROUP_ID),
    "chord": lambda: chord_of([add(1, 1), add(2, 2)], total()),
    "chord-as-task": lambda: Signature(
        task="celery.chord",
        kwargs={"header": [add(1, 1).build(), add(2, 2).build()], "body": total().build(), "kwargs": {}},
    ),
    "chord-empty": lambda: chord_of([], total()),
    "chord-link-error": lambda: chord_of([add(1, 1), add(2, 2)], with_errback(total(), BROKEN)),
    "chord-of-chains": lambda: chord_of(CHORD_OF_CHAINS, total()),
    "redis-chain": lambda: chain_of(STEPS),
    "redis-chord": lambda: chord_of([add(1, 1), add(2, 2)], total()),
    "chunks": lambda: chunks_of(add(), [(1, 1), (2, 2), (3, 3)], 2),
    "map": lambda: map_of(echo(), [1, 2, 3]),
    "starmap": lambda: map_of(add(), [(1, 2), (3, 4)], star=True),
    "link-two-and-errback": lambda: with_errback(linked(linked(add(2, 3), add(10)), immutable("done")), BROKEN),
    "signature-chain": lambda: linked(add(2, 3), chain_of([add(10), add(100), echo()])),
    "signature-chord": lambda: linked(add(2, 3), chord_of([add(10), add(20)], total())),
    "signature-group": lambda: linked(add(2, 3), group_of([add(10), add(20)])),
    "signature-immutable": lambda: linked(add(2, 3), immutable("done")),
    "signature-nested-links": lambda: linked(add(2, 3), piped(with_errback(add(10), BROKEN), echo())),
    "signature-options": lambda: linked(
        add(2, 3),
        Signature(
            task="shop.total",
            kwargs={"start": 1},
            options={
                "queue": "shop.out",
                "countdown": 5,
                "expires": 60,
                "priority": 3,
                "time_limit": 30,
                "headers": {"tenant": "acme"},
            },
        ),
    ),
    "signature-partial": lambda: linked(add(2, 3), add(10)),
    "stamped-chain": lambda: tenant(chain_of([add(2, 3), add(10)])),
    "stamped-group": lambda: tenant(group_of([add(1, 1), add(2, 2)])).set(task_id=GROUP_ID),
}
#: Made by workers, and held in the tests of ``lifecycle``; and one that the specification holds against Celery.
ELSEWHERE = {"group-of-groups"}


def neutral_messages(planned: Plan) -> list[dict[str, Any]]:
    return [Message.parse(message.build()).to_neutral() for message, _ in planned.messages]


def comparable(messages: list[dict[str, Any]], sizes: list[Any]) -> Any:
    """Without what does not matter: ids by number, null options left out, an empty chain like none, priority 0."""
    kept = [
        {
            name: value
            for name, value in message.items()
            if name not in NOT_COMPARED and (name, value) != ("priority", 0)
        }
        for message in messages
    ]
    for message in kept:
        message["chain"] = message.get("chain") or None
        message["ignore_result"] = bool(message.get("ignore_result"))
        for name in ("delivery_tag", "exchange", "routing_key", "body_encoding"):
            message.pop(name, None)
    text = json.dumps(without_null_options([kept, sizes]), sort_keys=True)
    numbers: dict[str, str] = {}
    return json.loads(UUID.sub(lambda found: numbers.setdefault(found[0], f"#{len(numbers)}"), text))


def without_null_options(value: Any) -> Any:
    if isinstance(value, list):
        return [without_null_options(item) for item in value]
    if isinstance(value, dict):
        inner = {name: without_null_options(item) for name, item in value.items()}
        if isinstance(inner.get("options"), dict):
            inner["options"] = {name: item for name, item in inner["options"].items() if item is not None}
        return inner
    return value


def vector(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SPEC / "vectors" / "canvas" / f"{name}.json").read_text("utf-8"))
    return found


def sizes_of(commands: list[list[str]]) -> list[Any]:
    """Which sizes the commands set, each with the deletion of an old claim before it."""
    pairs = zip(commands[::2], commands[1::2], strict=True)
    sizes = []
    for delete, put in pairs:
        key = put[1].removesuffix(".s")
        assert delete == ["DEL", f"{key}.c"] and put[0] == "SET" and put[3] == "EX"
        sizes.append([key.removeprefix("celery-taskset-meta-"), int(put[2])])
    return sizes


def test_every_vector_is_here() -> None:
    names = {path.stem for path in (SPEC / "vectors" / "canvas").glob("*.json")}
    assert {name for name in names if not name.startswith("worker-")} == set(PRODUCED) | ELSEWHERE


@pytest.mark.parametrize("name", sorted(PRODUCED))
def test_golden(name: str) -> None:
    expected = vector(name)["message"]
    sender = Sender(origin="gen1@host", now=NOW, new_id=lambda: str(uuid.uuid4()), reply_to=REPLY_TO)
    planned = plan(PRODUCED[name](), sender)
    sizes = [list(size) for size in planned.sizes]
    assert comparable(neutral_messages(planned), sizes if "commands" in expected else []) == comparable(
        expected["messages"], sizes_of(expected.get("commands", []))
    )
