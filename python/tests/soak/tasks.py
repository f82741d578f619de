"""The application whose tasks the soak runs. What ran is written by the task itself, past the worker and the broker."""

from __future__ import annotations

import collections
import ctypes
import itertools
import os
import time

from celeriac import Celeriac
from tests.soak.evidence import write

app = Celeriac("soak")


@app.task(name="soak.mark")
def mark(number: int, seconds: float = 0.0) -> int:
    """Work a little; then leave the evidence that this number has run to its end, in this process."""
    time.sleep(seconds)
    write(number)
    return number


@app.task(name="soak.nothing")
def nothing() -> None:
    """Cost nothing but what a task costs."""


@app.task(name="soak.segfault")
def segfault() -> None:
    """Read where nothing is: the process ends by SIGSEGV."""
    ctypes.string_at(0)


@app.task(name="soak.exit")
def leave() -> None:
    """End the process behind the worker's back."""
    os._exit(7)


@app.task(name="soak.devour")
def devour() -> None:
    """Take memory until there is none left."""
    held = []
    while True:
        held.append(bytes(16 << 20))


@app.task(name="soak.stuck")
def stuck() -> None:
    """Stay for minutes in C code that holds the interpreter lock: no other thread, no handler of a signal runs."""
    collections.deque(itertools.repeat(None, 10**11), maxlen=0)
