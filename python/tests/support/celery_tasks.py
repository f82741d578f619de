"""The application of the canvas tests, for a worker of Celery: imported by its Python, not by ours."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from tests.support.canvas_functions import FUNCTIONS, QUEUE, replace_by_add, replace_by_group

celery: Any = import_module("celery")

app = celery.Celery("canvas", broker=os.environ["CELERY_APP_BROKER"], backend=os.environ["CELERY_APP_BACKEND"])
app.conf.update(task_default_queue=os.environ[QUEUE], broker_connection_retry_on_startup=True)
for name, function in FUNCTIONS.items():
    app.task(name=name)(function)


def replace(self: Any, x: Any, y: Any) -> Any:
    return replace_by_add(self, app.signature, x, y)


def replace_group(self: Any, x: int) -> Any:
    return replace_by_group(self, celery.group, app.signature, x)


app.task(name="c.replace", bind=True)(replace)
app.task(name="c.replace_by_group", bind=True)(replace_group)
