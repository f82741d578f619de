"""The states of a task on each queue in turn, as Celery's own client reads them: [states, their infos].

python read_states.py REDIS QUEUE...
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from celery import Celery
from celery.states import READY_STATES

PATIENCE = 40.0


def main() -> None:
    """Send, look, and let each task go on once its state was seen."""
    url, *queues = sys.argv[1:]
    app = Celery(broker=url, backend=url)
    told = []
    for queue in queues:
        with tempfile.TemporaryDirectory() as folder:
            told.append(_states(app, queue, Path(folder) / "gate"))
    print(json.dumps(told))


def _states(app: Celery, queue: str, gate: Path) -> tuple[list[str], dict[str, object]]:
    result = app.send_task("s.states", (str(gate),), queue=queue)
    states: list[str] = []
    infos: dict[str, object] = {}
    seen = ""
    deadline = time.monotonic() + PATIENCE
    while (not states or states[-1] not in READY_STATES) and time.monotonic() < deadline:
        meta = app.backend.get_task_meta(result.id, cache=False)
        state = meta["status"]
        if state != "PENDING" and (not states or state != states[-1]):
            states.append(state)
            info = meta["result"]
            infos[state] = repr(info) if isinstance(info, Exception) else info
            seen += f"{states.count('RETRY')}:{state}\n"
            gate.write_text(seen)
        time.sleep(0.01)
    return states, infos


if __name__ == "__main__":
    main()
