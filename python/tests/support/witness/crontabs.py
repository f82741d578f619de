"""When a crontab comes next, by Celery: lines of JSON in, ``{"fields": {...}, "last": ISO, "zone": name}``, ISO out."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from celery import Celery
from celery.schedules import crontab


def answer(asked: dict[str, Any]) -> str:
    last = datetime.fromisoformat(asked["last"])
    app = Celery(set_as_current=False)
    app.conf.timezone = asked["zone"]
    try:
        schedule = crontab(**asked["fields"], nowfun=lambda: last, app=app)
    except Exception as error:  # its ParseException is of no family
        return f"refused: {error!r}"
    return str((last + schedule.remaining_estimate(last)).isoformat())


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
