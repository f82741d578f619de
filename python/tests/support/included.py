"""Tasks that a worker has only where it is told to import this module."""

from __future__ import annotations

from tests.support.tasks import app


@app.task(name="t.hourly", rate_limit="1/h")
def hourly() -> str:
    return "included"
