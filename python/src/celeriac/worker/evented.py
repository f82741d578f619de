"""The event loop of a worker process: ``async def`` tasks run on it, beside what the main thread does.

``asyncio`` is imported with the first of them: a worker that has none starts sooner, and keeps the memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

#: Seconds that cancelled coroutines have to tidy up when the process has to leave at once.
FAREWELL = 1.0


async def limited(coroutine: Coroutine[Any, Any, T], seconds: float | None) -> T:
    """Await a coroutine; after so many seconds it is cancelled by a ``SoftTimeLimitExceeded``. None: never."""
    if not seconds:
        return await coroutine
    import asyncio

    from celeriac.worker.softened import Limited

    guarded = Limited(coroutine, seconds)
    timer = asyncio.get_running_loop().call_later(seconds, guarded.expire)
    try:
        return await guarded
    finally:
        timer.cancel()


class EventLoop:
    """Runs at most ``places`` coroutines at a time in a thread of its own, which starts with the first."""

    def __init__(self, places: int) -> None:
        self._places = threading.Semaphore(places)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()
        self._closed = False

    def flight(self) -> Flight:
        """Wait for a place, and take it."""
        self._places.acquire()
        return Flight(self._loop or self._started(), self._land)

    def _started(self) -> asyncio.AbstractEventLoop:
        import asyncio

        with self._starting:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                threading.Thread(target=self._run, args=(loop,), name="event loop", daemon=True).start()
                self._loop = loop
        return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_forever()
        loop.close()

    def _land(self, then: Callable[[], None]) -> None:
        if not self._closed:
            then()
        self._places.release()

    def close(self) -> None:
        """Cancel what still runs, and wait a moment for it; nothing more is told of it."""
        again, self._closed = self._closed, True
        if self._loop is not None and not again:
            import asyncio
            import concurrent.futures

            farewell = asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop)
            with suppress(concurrent.futures.TimeoutError):
                farewell.result(FAREWELL)
            self._loop.call_soon_threadsafe(self._loop.stop)


class Flight:
    """One coroutine on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, land: Callable[[Callable[[], None]], None]) -> None:
        self._loop = loop
        self._land = land
        self._task: asyncio.Task[Any] | None = None
        self._cancelled = False

    def start(self, coroutine: Coroutine[Any, Any, T], then: Callable[[asyncio.Task[T]], None]) -> None:
        """Run it. ``then`` is called in the loop's thread when it has ended, unless the loop is closed before."""

        def begin() -> None:
            task = self._task = self._loop.create_task(coroutine)
            # Not in the coroutine itself, which is never entered when it is cancelled at once.
            task.add_done_callback(lambda done: self._land(lambda: then(done)))
            if self._cancelled:
                task.cancel()

        self._loop.call_soon_threadsafe(begin)

    def cancel(self) -> None:
        """Have it cancelled; called in any thread."""
        self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()


async def _cancel_all() -> None:
    import asyncio

    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
