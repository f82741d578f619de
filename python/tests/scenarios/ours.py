"""The application of the scenarios, for a worker of Celeriac."""

from __future__ import annotations

import os

from celeriac import Celeriac
from tests.scenarios.functions import BOUND, FUNCTIONS, QUEUE

app = Celeriac("celery_rabbit_prototype", result_expires=3600, task_default_queue=os.environ[QUEUE])
for name, function in FUNCTIONS.items():
    app.task(name=name)(function)
for name, function in BOUND.items():
    app.task(name=name, bind=True)(function)
