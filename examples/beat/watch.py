"""Prints the next three tasks that end well, as the worker tells of them."""

from clock import app

WANTED = 3

with app.events(["task.#"]) as events:
    ended = (event for event in events if event.type == "task-succeeded")
    for _ in range(WANTED):
        event = next(ended)
        print(event.type, event.result)
