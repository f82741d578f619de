"""The tasks of the demo. Start a worker with: celeriac -A demo_tasks worker -l info."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from PIL import Image

from celeriac import Celeriac

# The broker and the result backend come from CELERIAC_BROKER and CELERIAC_BACKEND.
app = Celeriac("demo", task_default_queue="celeriac-demo")


@app.task(name="demo.word_count")
def word_count(path: str, most: int = 3) -> dict[str, object]:
    """Count the words of a text file and name the most frequent ones."""
    words = re.findall(r"[a-z']+", Path(path).read_text(encoding="utf-8").lower())
    return {"words": len(words), "most": Counter(words).most_common(most)}


@app.task(name="demo.thumbnail")
def thumbnail(path: str, width: int, target: str) -> dict[str, object]:
    """Write a smaller copy of a picture; its height follows from its width."""
    with Image.open(path) as picture:
        before = picture.size
        picture.thumbnail((width, before[1]))
        picture.save(target)
        return {"from": before, "to": picture.size, "bytes": Path(target).stat().st_size}
