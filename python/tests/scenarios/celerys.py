"""The application of the scenarios, for a worker of Celery: imported by its Python, not by ours."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from tests.scenarios.functions import BOUND, FUNCTIONS, QUEUE

celery: Any = import_module("celery")

app = celery.Celery(
    "celery_rabbit_prototype", broker=os.environ["CELERY_APP_BROKER"], backend=os.environ["CELERY_APP_BACKEND"]
)
app.conf.update(
    task_default_queue=os.environ[QUEUE],
    broker_connection_retry_on_startup=True,
    result_expires=3600,
    worker_redirect_stdouts=False,
)
for name, function in FUNCTIONS.items():
    app.task(name=name)(function)
for name, function in BOUND.items():
    app.task(name=name, bind=True)(function)
