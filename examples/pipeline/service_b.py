"""The second service: celeriac -A service_b worker -Q service_b -l info."""

from celeriac import Celeriac

app = Celeriac("service_b", result_expires=3600)


@app.task(name="task_b")
def task_b(value: int) -> int:
    """Double a number, which another service has sent."""
    print(f"Tâche B terminée : {value} * 2 = {value * 2}")
    return value * 2
