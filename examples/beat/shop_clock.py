"""A shop that does some things by the clock: its tasks, and when they are due."""

from __future__ import annotations

from datetime import datetime, timezone

from celeriac import Celeriac, crontab

app = Celeriac("clock", broker="redis://localhost/0", timezone="Europe/Berlin")


@app.task(name="clock.tick")
def tick(who: str) -> None:
    """Say what time it is."""
    print(f"{datetime.now(timezone.utc):%H:%M:%S} tick for {who}", flush=True)


@app.task(name="clock.report")
def report() -> None:
    """What the office wants to read in the morning."""
    print("the report of yesterday", flush=True)


app.configure(
    beat_schedule={
        # Worthless when the next one is due.
        "tick": {"task": "clock.tick", "schedule": 2.0, "args": ["everybody"], "options": {"expires": 2}},
        "report": {"task": "clock.report", "schedule": crontab(hour=5, minute=30, day_of_week="mon-fri")},
        # Friday the 13th: day of month AND day of week, as Celery reads it.
        "superstition": {"task": "clock.report", "schedule": crontab.from_string("0 0 13 * fri")},
    }
)
