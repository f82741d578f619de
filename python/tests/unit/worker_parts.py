"""Parts of a worker for tests that need no broker."""

from __future__ import annotations

import itertools
from datetime import datetime, timezone
from typing import Any

from celeriac import Message, TaskOptions
from celeriac.job import Address, Job

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
ORIGIN = "gen1@worker"


def message(**fields: Any) -> Message:
    """A task message as a producer sends it."""
    defaults = {"task": "shop.add", "id": "task-1", "args": (2, 3), "origin": "gen1@client", "reply_to": "client-oid"}
    return Message.create(**{**defaults, **fields})


def job(about: Message | None, **fields: Any) -> Job:
    """What a worker knows of a delivery of this message."""
    ids = (f"new-{number}" for number in itertools.count(1))
    if about is not None:
        address = Address(about.id, about.reply_to, about.correlation_id)
    else:
        address = Address(None, None, None)
    defaults = {
        "message": about,
        "address": address,
        "options": TaskOptions(),
        "queue": "mail",
        "default_queue": "celery",
        "origin": ORIGIN,
        "now": NOW,
        "new_id": lambda: next(ids),
    }
    return Job(**{**defaults, **fields})
