"""The application of the tests of states, for a worker of Celery: imported by its Python, not by ours."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from tests.support.state_functions import OPTIONS, states

celery: Any = import_module("celery")

app = celery.Celery("states", broker=os.environ["CELERY_APP_BROKER"], backend=os.environ["CELERY_APP_BACKEND"])
app.conf.update(broker_connection_retry_on_startup=True)
app.task(**OPTIONS)(states)
