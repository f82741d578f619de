"""The first service: celeriac -A service_a worker -Q service_a -l info."""

from celeriac import Celeriac

app = Celeriac("service_a", result_expires=3600)


@app.task(name="task_a")
def task_a(x: int, y: int) -> int:
    """Add two numbers."""
    print(f"Tâche A terminée : {x} + {y} = {x + y}")
    return x + y
