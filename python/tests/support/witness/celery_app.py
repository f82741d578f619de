"""The application of a real Celery worker; run by Celery's own Python."""

import os
import time

from celery import Celery

app = Celery("witness", broker=os.environ["CELERY_APP_BROKER"])
app.conf.update(broker_connection_retry_on_startup=True, worker_send_task_events=True)


@app.task(name="c.add")  # type: ignore[untyped-decorator]
def add(x: int, y: int) -> int:
    return x + y


@app.task(name="c.sleep")  # type: ignore[untyped-decorator]
def sleep(seconds: float) -> None:
    time.sleep(seconds)
