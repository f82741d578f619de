"""Between code that blocks and code that awaits, both ways.

Calls that block are made in threads, one thread a call, so that no call waits for another to end.
``asyncio`` is imported where something awaits: most workers and clients start sooner, and smaller, without it.
"""

from __future__ import annotations

import contextvars
import inspect
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


async def in_thread(call: Callable[[], T]) -> T:
    """The value of a call made in a thread of its own, in this context. The call goes on when this is cancelled."""
    import asyncio

    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def tell(value: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)  # type: ignore[arg-type]  # that of the call

    def run() -> None:
        value, error = None, None
        try:
            value = context.run(call)
        except BaseException as raised:  # noqa: BLE001  # it is raised where the call was awaited
            error = raised
        # Whoever waited may be gone, and the loop with it.
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, value, error)

    threading.Thread(target=run, name="awaited call", daemon=True).start()
    return await future


def run_here(value: Any) -> Any:
    """The value that a task gave; when it gave a coroutine, the value of that, run here and now.

    Where an event loop runs in this thread already, another thread runs the coroutine meanwhile.
    """
    if not inspect.iscoroutine(value):
        return value
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(value)
    context = contextvars.copy_context()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(context.run, asyncio.run, value).result()
