"""The tasks that every worker knows by the names that Celery gave them (chapter 06)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from celeriac.aio import run_here
from celeriac.canvas import ACCUMULATE, CHORD, MAP, NAMES, STARMAP, called, chunks_of
from celeriac.signature import Signature
from celeriac.task import Compose, Runnable, TaskOptions

CHUNKS = "celery.chunks"


@dataclass(frozen=True, slots=True)
class Builtin:
    """A task of the worker's own. Implements ``Runnable``."""

    name: str
    run: Callable[..., Any]
    options: TaskOptions = field(default_factory=TaskOptions)


def with_builtins(tasks: Mapping[str, Runnable]) -> dict[str, Runnable]:
    """The tasks of an application beside those that every worker knows; its own come first."""
    own: dict[str, Runnable] = dict(tasks)

    def run(task: Any, args: Sequence[Any]) -> Any:
        """Run a task here and now, as part of the one that runs."""
        signature = Signature.parse(task)
        found = own.get(signature.task)
        if found is None:
            raise LookupError(f"no task named {signature.task} is registered here")
        return run_here(found.run(*((found,) if found.options.bind else ()), *args))

    def run_map(task: Any, it: Iterable[Any]) -> list[Any]:
        return [run(task, [item]) for item in it]

    def run_starmap(task: Any, it: Iterable[Sequence[Any]]) -> list[Any]:
        return [run(task, item) for item in it]

    builtins = (
        Builtin(MAP, run_map),
        Builtin(STARMAP, run_starmap),
        Builtin(ACCUMULATE, _accumulate),
        Builtin(CHUNKS, _chunks),
        Builtin(NAMES[CHORD], _chord),
    )
    return {**{builtin.name: builtin for builtin in builtins}, **own}


def _accumulate(*args: Any, index: int | None = None) -> Any:
    """Give back the results of what a task was replaced by (CV-REPL-002)."""
    return list(args) if index is None else args[index]


def _chunks(task: Any, it: Sequence[Any], n: int) -> None:
    raise Compose(chunks_of(Signature.parse(task), it, n))


def _chord(header: Any, body: Any, partial_args: Sequence[Any] = (), **_unlocking: Any) -> None:
    """Take a chord apart that was sent as one message (CV-CHORD-006).

    What is said about unlocking is for stores that do not count.
    """
    kwargs = {"header": header, "body": body, "kwargs": {}}
    raise Compose(called(Signature(task=NAMES[CHORD], kwargs=kwargs, subtask_type=CHORD), partial_args))
