"""An application with periodic tasks: celeriac -A clock worker -E -l info, and celeriac -A clock beat -l info."""

from celeriac import Celeriac, crontab

app = Celeriac("clock", timezone="Europe/Paris")
app.configure(
    beat_schedule={
        "every second": {"task": "clock.twice", "schedule": 1.0, "args": [21], "options": {"expires": 10}},
        "on Mondays": {
            "task": "clock.twice",
            "schedule": crontab(minute=30, hour="5,13,23", day_of_week="mon"),
            "args": [5],
        },
    }
)


@app.task(name="clock.twice")
def twice(hour: int) -> int:
    """Twice the hour."""
    return hour * 2
