"""What a monitor such as Flower knows: Celery's own memory of events, fed by Celery's own receiver.

python event_state.py BROKER COUNT NAME

Says "ready" once it has heard of a worker, then listens until COUNT tasks have ended; tasks called NAME are terminated
as soon as they run, as Flower's button does it. Prints workers and tasks as one JSON object. Run by the Python that has
Celery.
"""

import json
import sys

from celery import Celery
from celery.events.receiver import EventReceiver
from celery.states import READY_STATES

PATIENCE = 40.0
SHOWN = ("uuid", "name", "args", "kwargs", "state", "runtime", "result", "exception", "root_id")


def main() -> None:
    """Listen, and print what is known then."""
    broker, count, unwanted = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    app = Celery(broker=broker)
    state = app.events.State()

    def remember(event: dict[str, object]) -> None:
        if not state.event_count:
            # Not before: kombu subscribes on Redis some time after it has begun to consume.
            print("ready", flush=True)
        state.event(event)
        task = state.tasks.get(event.get("uuid"))
        if task is not None and task.name == unwanted and event["type"] == "task-started":
            app.control.revoke(task.uuid, terminate=True, signal="SIGTERM")
        ended = [task for task in state.tasks.values() if task.state in READY_STATES]
        # A task may be heard of before the next heartbeat of its worker.
        if len(ended) == count and all(task.worker.sw_ident for task in ended):
            receiver.should_stop = True

    with app.connection_for_read() as connection:
        receiver = EventReceiver(connection.channel(), handlers={"*": remember}, app=app)
        receiver.capture(limit=None, timeout=PATIENCE)
    workers = {
        worker.hostname: {"alive": worker.alive, "sw_ident": worker.sw_ident} for worker in state.workers.values()
    }
    tasks = [
        {**{name: getattr(task, name) for name in SHOWN}, "worker": task.hostname} for task in state.tasks.values()
    ]
    print(json.dumps({"workers": workers, "tasks": tasks}))


if __name__ == "__main__":
    main()
