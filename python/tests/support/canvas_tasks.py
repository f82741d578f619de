"""The application of the canvas tests, for a worker of Celeriac."""

from __future__ import annotations

import os
from typing import Any

from celeriac import Celeriac, Task, group
from tests.support.canvas_functions import FUNCTIONS, QUEUE, replace_by_add, replace_by_group

app = Celeriac("canvas", task_default_queue=os.environ.get(QUEUE, "celery"))
for name, function in FUNCTIONS.items():
    app.task(name=name)(function)


@app.task(name="c.replace", bind=True)
def replace(self: Task[Any, Any], x: Any, y: Any) -> Any:
    return replace_by_add(self, app.signature, x, y)


@app.task(name="c.replace_by_group", bind=True)
def replace_group(self: Task[Any, Any], x: int) -> Any:
    return replace_by_group(self, group, app.signature, x)


@app.task(name="c.one_more", bind=True)
def one_more(self: Task[Any, Any], x: int) -> int:
    """Add a member to the chord that this is a member of."""
    self.add_to_chord(app.signature("c.add", (x, 100)))
    return x
