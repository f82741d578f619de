"""The application of the tests of hooks and signals, for a worker of ours."""

from __future__ import annotations

from typing import Any

from celeriac import Celeriac, Task, signals
from tests.support.signal_functions import Noting, connect, hooked

app = Celeriac("signals")


class NotingTask(Noting, Task[Any, Any]):
    """A class of tasks with hooks."""


app.task(name="h.hooked", bind=True, base=NotingTask)(hooked)


@app.task(name="h.a_hooked", bind=True, base=NotingTask)
async def a_hooked(self: Task[Any, Any], how: str) -> str:
    return hooked(self, how)


connect(signals)
