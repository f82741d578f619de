"""Send three tasks from Python and print what came back: task, result and milliseconds, tabs between them."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from demo_tasks import app, thumbnail, word_count

from celeriac import AsyncResult, TaskFailure

HERE = Path(__file__).resolve().parent
TEXT, PICTURE = str(HERE / "speech.txt"), str(HERE / "picture.png")
TARGET = str(Path(os.environ.get("CELERIAC_DEMO_OUT", tempfile.gettempdir())) / "thumbnail-python.png")


def show(name: str, send: Callable[[], AsyncResult[dict[str, object]]]) -> None:
    """Send, wait for the result, and print one line."""
    began = time.monotonic()
    try:
        result = str(send().get(timeout=20))
    except TaskFailure as failure:
        # The class that was raised is known by its name only: nothing is imported because a message says so.
        result = f"TaskFailure: {failure.exc_module}.{failure}"
    print(name, result, f"{(time.monotonic() - began) * 1000:.0f}", sep="\t", flush=True)


# .delay is typed after the task's own function. Where the task's code is not at hand, its name is enough:
#     app.send_task("demo.word_count", [TEXT], {"most": 2})
show("demo.word_count", lambda: word_count.delay(TEXT, most=2))
show("demo.thumbnail", lambda: thumbnail.delay(PICTURE, 120, TARGET))
show("demo.thumbnail", lambda: thumbnail.delay(TEXT, 120, TARGET))  # a text is no picture: this one fails
app.close()
