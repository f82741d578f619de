"""What a program tells monitors of its tasks: that one was sent, and events of its own. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celeriac.errors import InvalidCall
from celeriac.events import Event, rows_of
from celeriac.text import shown


def task_sent(headers: Mapping[str, Any], exchange: str, routing_key: str, **sender: Any) -> Event:
    """What is told of a message with these headers that was sent (EV-TASK-002). ``sender``: fields of every event."""
    return Event(
        type="task-sent",
        uuid=headers["id"],
        name=headers["task"],
        args=headers["argsrepr"],
        kwargs=headers["kwargsrepr"],
        root_id=headers["root_id"],
        parent_id=headers["parent_id"],
        retries=headers["retries"],
        eta=headers["eta"],
        expires=headers["expires"],
        queue=None if exchange else routing_key,
        exchange=exchange,
        routing_key=routing_key,
        **sender,
    )


def own_event(kind: str, task_id: str, told: Mapping[str, Any], **sender: Any) -> Event:
    """An event of the application's own, about a task (EV-TASK-008). Raises ``InvalidCall`` for what is none."""
    group, _, what = kind.partition("-")
    if not (group and what):
        raise InvalidCall(f"an event is named as 'task-progress': group, hyphen, what happened; not {shown(kind)}")
    rows = {row.name for row in rows_of(kind)}
    taken = sorted(told.keys() & (rows | {"uuid"}))
    if taken:
        raise InvalidCall(f"{', '.join(taken)} of {kind} is not the caller's to say; choose another name")
    if "uuid" in rows:
        return Event(type=kind, uuid=task_id, extra=told, **sender)
    return Event(type=kind, extra={"uuid": task_id, **told}, **sender)
