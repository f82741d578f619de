"""The application of the tests of hooks and signals, for a worker of Celery: imported by its Python, not by ours."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from tests.support.signal_functions import Noting, connect, hooked

celery: Any = import_module("celery")

app = celery.Celery("signals", broker=os.environ["CELERY_APP_BROKER"], backend=os.environ["CELERY_APP_BACKEND"])
app.conf.update(broker_connection_retry_on_startup=True)
app.task(name="h.hooked", bind=True, base=type("NotingTask", (Noting, celery.Task), {}))(hooked)
connect(import_module("celery.signals"))
