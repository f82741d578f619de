"""A declared task: what ``@app.task`` makes of a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    NoReturn,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    overload,
)

from celeriac import bound
from celeriac.async_result import AsyncResult
from celeriac.bound import BoundSignature, Group, bind
from celeriac.calls import SendOptions, check_signature
from celeriac.canvas import chunks_of, map_of
from celeriac.errors import InvalidCall
from celeriac.hooks import Hooks
from celeriac.remote import Control
from celeriac.settings import Settings
from celeriac.signature import Signature
from celeriac.task import Replace, Request, RetryOptions, TaskOptions, current_request, retry
from celeriac.text import nearest

if TYPE_CHECKING:
    from typing_extensions import Unpack

P = ParamSpec("P")
R = TypeVar("R")

#: What ``send_task`` gives: nothing is known of the value.
SentTask: TypeAlias = "AsyncResult[Any]"


class Application(bound.Application, Protocol):
    """What a task needs of its application, and may ask of it: a ``Celeriac``."""

    main: str

    @property
    def conf(self) -> Settings:
        """The settings."""

    @property
    def control(self) -> Control:
        """Remote control of workers."""

    def send_task(
        self,
        name: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[SendOptions],
    ) -> SentTask:
        """Send a task by its name."""

    async def asend(
        self,
        name: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[SendOptions],
    ) -> SentTask:
        """As ``send_task``, for ``await``."""

    def signature(
        self, name: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> BoundSignature:
        """A task to be sent later, by its name."""

    def one_more(self, group_id: str, member: Signature) -> SentTask:
        """Send one more member of a chord, which is expected from then on."""

    def announce(self, kind: str, task_id: str, told: Mapping[str, Any], hostname: str) -> None:
        """Tell monitors of a task."""


class Task(Hooks, Generic[P, R]):
    """A declared task. Called, it runs here and now; ``delay`` and ``apply_async`` send it to a worker."""

    def __init__(self, app: Application, name: str, function: Callable[..., R], options: TaskOptions) -> None:
        self.app = app
        self.name = name
        self.options = options
        self.run = function
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it here and now, without a worker."""
        return self.run(self, *args, **kwargs) if self.options.bind else self.run(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<task {self.name} of {self.app.main}>"

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """Send it with these arguments and the default options. Raises as ``Celeriac.send_task``."""
        return self.app.send_task(self.name, args, kwargs)

    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """As ``delay``, for ``await``: a thread sends it meanwhile."""
        return await self.app.asend(self.name, args, kwargs)

    def apply_async(
        self, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Unpack[SendOptions]
    ) -> AsyncResult[R]:
        """Send it with options: ``add.apply_async((2, 3), countdown=10, queue="slow")``.

        Raises as ``Celeriac.send_task``.
        """
        return self.app.send_task(self.name, args, kwargs, **options)

    def s(self, *args: Any, **kwargs: Any) -> BoundSignature:
        """A signature: this call, to be sent later; the result of a parent comes before its arguments."""
        return self.signature(args, kwargs)

    def si(self, *args: Any, **kwargs: Any) -> BoundSignature:
        """An immutable signature: it ignores the result of a parent."""
        return self.signature(args, kwargs, immutable=True)

    def signature(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        immutable: bool = False,
        **options: Unpack[SendOptions],
    ) -> BoundSignature:
        """A signature with options: ``add.signature((2,), queue="slow", countdown=5)``."""
        given: dict[str, Any] = dict(options)
        return BoundSignature(
            task=self.name,
            args=list(args),
            kwargs=dict(kwargs or {}),
            options=given,
            immutable=immutable,
            app=self.app,
        )

    def map(self, items: Iterable[Any]) -> BoundSignature:
        """One task that runs this one for every item and gives the list of values: ``double.map([1, 2])``."""
        return bind(self.app, map_of(self.s(), items))

    def starmap(self, items: Iterable[Sequence[Any]]) -> BoundSignature:
        """As ``map``, each item being the arguments of one run: ``add.starmap([(1, 2), (3, 4)])``."""
        return bind(self.app, map_of(self.s(), items, star=True))

    def chunks(self, items: Iterable[Sequence[Any]], size: int) -> Group:
        """A group of starmaps of ``size`` items each: ``add.chunks(zip(xs, ys), 100)``."""
        chunks = bind(self.app, chunks_of(self.s(), items, size))
        assert isinstance(chunks, Group)
        return chunks

    def replace(self, signature: Signature) -> NoReturn:
        """End here and let ``signature`` take this task's place: it answers under its id, and goes on in its chain.

        Never returns: it raises ``Replace``, which the worker looks for. Raises ``InvalidCall`` outside of a worker.
        """
        _ = self.request
        check_signature(signature)
        raise Replace(signature)

    def add_to_chord(self, signature: Signature) -> SentTask:
        """Send one more member of the chord that this task is a member of; its body waits for it, too.

        Raises ``InvalidCall`` where the task is not a member of a chord, and as ``Celeriac.send_task``.
        """
        message = self.request.message
        if message.chord is None or message.group is None:
            raise InvalidCall(f"{self.name} is not a member of a chord here; use chord() to make one")
        return self.app.one_more(message.group, signature.set(group_id=message.group, chord=message.chord))

    @property
    def request(self) -> Request:
        """What this run of the task was asked for. Raises ``InvalidCall`` outside of a worker."""
        request = current_request.get()
        if request is None:
            raise InvalidCall(f"{self.name} does not run in a worker: there is no request")
        return request

    def update_state(self, state: str, meta: Any = None) -> None:
        """Store a state of the task's own while it runs: ``self.update_state("PROGRESS", {"done": 3})``.

        Readers get it as ``AsyncResult.state`` and ``.result``. Stored soon, in order. Raises ``InvalidCall`` outside
        of a worker, and for a meta that cannot be written. Where the task runs without a worker nothing is stored.
        """
        store = self.request.store
        if store is not None:
            store(state, meta)

    def send_event(self, kind: str, /, **told: Any) -> None:
        """Tell monitors something of one's own: ``self.send_event("task-progress", done=3)`` (EV-TASK-008).

        Sent at once, whether or not the worker tells of its tasks; where the broker is away it is lost, with a line in
        the log. Raises ``InvalidCall`` outside of a worker, and for what cannot be written.
        """
        request = self.request
        self.app.announce(kind, request.id, told, request.hostname)

    def retry(self, exc: BaseException | None = None, **asked: Any) -> BaseException:
        """Run the task again, as ``RetryOptions`` say: ``raise self.retry(exc=error, countdown=5)``.

        Never returns. Raises ``Retry``; or, once the task was retried ``max_retries`` times, ``exc``, or
        ``MaxRetriesExceeded`` where there is none.
        """
        raise retry(self.options, self.request, datetime.now(timezone.utc), RetryOptions(exc=exc, **asked))


class AsyncTask(Task[P, R]):
    """A declared task whose function is ``async def``: called, it gives what is to be awaited."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:  # type: ignore[override]
        """Run it here and now, without a worker: ``await add(2, 3)``."""
        return super().__call__(*args, **kwargs)  # type: ignore[return-value]  # the function's own


class DeclareBound(Protocol):
    """``app.task(bind=True, ...)``: as ``Declare``, of a function that gets the task itself first."""

    @overload
    def __call__(self, function: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...

    @overload
    def __call__(self, function: Callable[Concatenate[Any, P], R], /) -> Task[P, R]: ...


class Declare(Protocol):
    """``app.task(...)``, which takes the function: of an ``async def`` it makes an ``AsyncTask``."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R]: ...


def class_of(function: Callable[..., Any], base: type[Task[Any, Any]]) -> type[Task[Any, Any]]:
    """The class of a task with this function, whose base is said to be that."""
    if not inspect.iscoroutinefunction(function) or issubclass(base, AsyncTask):
        return base
    return AsyncTask if base is Task else type(base.__name__, (AsyncTask, base), {"__module__": base.__module__})


def task_options(options: Mapping[str, Any]) -> TaskOptions:
    """Options by name. Raises ``InvalidCall``, saying which there are."""
    try:
        return TaskOptions(**options)
    except (TypeError, ValueError) as error:
        known = list(TaskOptions.__dataclass_fields__)
        unknown = sorted(set(options) - set(known))
        if not unknown:
            raise InvalidCall(f"options of a task: {error}") from None
        close = nearest(unknown[0], known)
        hint = f"did you mean {close}?" if close else f"there are {', '.join(known)}"
        raise InvalidCall(f"unknown task option {', '.join(unknown)}; {hint}") from None
