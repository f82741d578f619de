"""The Celery application that is captured: a handful of tasks, built for any broker and backend."""

from __future__ import annotations

import re
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

# No vector names a machine: a fixed host name (Celery reads it while it is imported) and short paths in tracebacks.
socket.gethostname = lambda: "host.example"
LONG_PATH = re.compile(r'File "[^"]*/(?:site-packages|lib/python3\.\d+|tools)/([^"]+)"')
format_exception = traceback.TracebackException.format


def format_with_short_paths(self: traceback.TracebackException, **options: Any) -> Iterator[str]:
    """Lines of the traceback, with paths that start at the package."""
    for line in format_exception(self, **options):
        yield LONG_PATH.sub(r'File "\1"', line)


traceback.TracebackException.format = format_with_short_paths  # type: ignore[assignment, method-assign]

from celery import Celery, Task, group  # noqa: E402
from celery.exceptions import Ignore, Reject  # noqa: E402


class Outer:
    """Gives the nested exception its two-part name."""

    class OutOfStock(Exception):
        """An exception class inside a class."""


def add(_: Task, x: Any, y: Any) -> Any:
    """Add two values of any kind."""
    return x + y


def echo(_: Task, *args: Any, **kwargs: Any) -> Any:
    """Give back the first argument, or the keyword arguments."""
    return args[0] if args else kwargs


def total(_: Task, numbers: list[Any]) -> Any:
    """Add up a list."""
    return sum(numbers)


def fail(_: Task, *args: Any) -> None:
    """Raise ValueError with the arguments."""
    raise ValueError(*args)


def fail_nested(_: Task) -> None:
    """Raise an exception whose class is inside another."""
    raise Outer.OutOfStock("mug", 3)


def fail_object(_: Task) -> None:
    """Raise an exception with an argument that JSON cannot hold."""
    raise ValueError(frozenset(("mug",)), "not JSON")


def fail_cause(_: Task) -> None:
    """Raise one exception because of another."""
    stock: dict[str, int] = {}
    try:
        stock["mug"]
    except KeyError as error:
        raise RuntimeError("no such article") from error


def local_class(_: Task) -> None:
    """Raise an exception of a class that no other process could import."""

    class Local(Exception):
        """Cannot be pickled: no other process could import it."""

    raise Local("seen only here")


def not_serializable(_: Task) -> Any:
    """Return what JSON cannot hold."""
    return {1}


def again(self: Task, why: str | None = None) -> None:
    """Ask for a retry, because of ``why`` or without a reason."""
    raise self.retry(exc=ValueError(why) if why else None)


def again_elsewhere(self: Task) -> None:
    """Ask for a retry on another queue."""
    raise self.retry(exc=ValueError("sold out"), queue="shop.out")


def progress(self: Task, meta: Any) -> None:
    """Leave a state of the application's own."""
    self.update_state(state="PROGRESS", meta=meta)
    raise Ignore


def stay_started(_: Task) -> None:
    """Leave the state STARTED."""
    raise Ignore


def reject(_: Task) -> None:
    """Reject the message."""
    raise Reject("not today", requeue=False)


def parent(self: Task) -> str:
    """Send another task."""
    self.app.signature("shop.add").apply_async((1, 1), queue="shop.out")
    return "sent"


def swap(self: Task) -> None:
    """Become another task."""
    raise self.replace(self.app.signature("shop.add", args=(1, 2)).set(queue="shop.out"))


def swap_chain(self: Task) -> None:
    """Become a chain."""
    add = self.app.signature("shop.add")
    steps = add.clone((1, 2)).set(queue="shop.out") | add.clone((10,))
    raise self.replace(steps)


def swap_group(self: Task) -> None:
    """Become a group."""
    add = self.app.signature("shop.add").set(queue="shop.out")
    raise self.replace(group(add.clone((1, 2)), add.clone((3, 4))))


def hold(_: Task, seconds: float) -> float:
    """Stay busy."""
    time.sleep(seconds)
    return seconds


def tell(self: Task) -> None:
    """Send an event of the application's own."""
    self.send_event("task-progress", done=3, of=10)


TASKS: tuple[Callable[..., Any], ...] = (
    add, echo, total, fail, fail_nested, fail_object, fail_cause, local_class, not_serializable, again, progress,
    stay_started, reject, parent, swap, swap_chain, swap_group, hold, tell, again_elsewhere,
)  # fmt: skip


def build(broker: str | None, backend: str | None, **conf: Any) -> Celery:
    """An application with every task of the shop, named ``shop.<function>``."""
    app = Celery("shop", broker=broker, backend=backend, set_as_current=False)
    app.conf.update(
        broker_connection_retry_on_startup=True,
        task_default_retry_delay=3600,
        task_track_started=True,
        worker_hijack_root_logger=False,
        **conf,
    )
    for function in TASKS:
        app.task(bind=True, name=f"shop.{function.__name__}", max_retries=3)(function)
    app.finalize()
    return app
