"""The application: declare tasks, send them, read their results.

app = Celeriac("shop", broker="amqp://guest@localhost//", backend="rpc://")

@app.task
def add(x: int, y: int) -> int:
    return x + y

result = add.delay(2, 3)
result.get(timeout=10)      # 5
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeAlias, TypeVar, overload

from celeriac.async_result import AsyncResult
from celeriac.calls import Call, SendOptions, to_call
from celeriac.connections import Connections
from celeriac.errors import InvalidCall
from celeriac.signature import Signature
from celeriac.task import Request, RetryOptions, TaskOptions, current_request, retry
from celeriac.transport import CONNECT_TIMEOUT, Outgoing, ResultReader, check_urls

if TYPE_CHECKING:
    from typing_extensions import Unpack

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_BROKER = "amqp://guest:guest@localhost:5672//"
ENV_BROKER, ENV_BACKEND = "CELERIAC_BROKER", "CELERIAC_BACKEND"

#: What ``send_task`` gives: nothing is known of the value.
SentTask: TypeAlias = "AsyncResult[Any]"


class Celeriac:
    """An application: a name, a broker, perhaps a backend for results, and the tasks that its workers run.

    Args:
        main: name of the application; shown in logs.
        broker: ``amqp://``, ``amqps://``, ``redis://``, ``rediss://`` or ``redis+socket://`` URL. By default the
            environment's CELERIAC_BROKER, else a RabbitMQ on this machine.
        backend: ``rpc://`` (answers through the AMQP broker) or a Redis URL; None: the environment's CELERIAC_BACKEND,
            else results are neither stored nor readable.
        default_queue: queue of tasks that are sent without one.
        result_expires: seconds that a Redis backend keeps a result.
        connect_timeout: seconds within which a connection comes up or ``BrokerUnavailable`` is raised.

    Nothing is connected before the first task is sent. May be used by many threads, and after a fork.
    """

    def __init__(
        self,
        main: str = "celeriac",
        *,
        broker: str | None = None,
        backend: str | None = None,
        default_queue: str = "celery",
        result_expires: int = 86_400,
        connect_timeout: float = CONNECT_TIMEOUT,
    ) -> None:
        self.main = main
        self.broker = broker or os.environ.get(ENV_BROKER) or DEFAULT_BROKER
        self.backend = backend or os.environ.get(ENV_BACKEND) or None
        self.default_queue = default_queue
        self.result_expires = result_expires
        self.connect_timeout = connect_timeout
        self.tasks: dict[str, Task[Any, Any]] = {}
        check_urls(self.broker, self.backend)
        self._lock = threading.Lock()
        self._connections: Connections | None = None

    def use(self, *, broker: str | None = None, backend: str | None = None) -> None:
        """Change broker or backend (None: keep); open connections are closed. Raises ``InvalidCall`` for a bad URL."""
        check_urls(broker or self.broker, backend or self.backend)
        self.close()
        self.broker = broker or self.broker
        self.backend = backend or self.backend

    # -- tasks

    @overload
    def task(self, function: Callable[P, R], /) -> Task[P, R]: ...

    @overload
    def task(self, /, *, name: str | None = None, **options: Any) -> Callable[[Callable[P, R]], Task[P, R]]: ...

    def task(self, function: Callable[..., Any] | None = None, /, *, name: str | None = None, **options: Any) -> Any:
        """Declare a task: ``@app.task`` or ``@app.task(name="shop.add", max_retries=5)``.

        Options are those of ``TaskOptions``. Without a name it is ``module.function``, as Celery names it. With
        ``bind=True`` the function gets the task itself first, for ``self.request`` and ``self.retry``.
        """
        settings = _task_options(options)

        def declare(target: Callable[..., Any]) -> Task[Any, Any]:
            task: Task[Any, Any] = Task(self, name or f"{target.__module__}.{target.__name__}", target, settings)
            self.tasks[task.name] = task
            return task

        return declare if function is None else declare(function)

    # -- sending

    def send_task(
        self,
        name: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[SendOptions],
    ) -> SentTask:
        """Send a task by its name; its code need not be here. Returns when the broker has confirmed the message.

        Raises ``InvalidCall`` before anything is sent for what cannot be written, ``BrokerUnavailable``,
        ``PublishFailed``. A message whose confirmation was lost with the connection may arrive twice, with the same id.
        """
        return self._send([self._call(name, args, kwargs, options)])[0]

    def send_many(self, signatures: Iterable[Signature]) -> list[SentTask]:
        """Send many tasks, their confirmations in flight together: ``app.send_many(add.s(i, i) for i in range(9))``.

        All are checked before the first is sent. Raises as ``send_task``.
        """
        return self._send([self._call(s.task, s.args, s.kwargs, s.options) for s in signatures])

    def signature(
        self, name: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> Signature:
        """A task to be sent later, as ``link``, or with ``send_many``."""
        return Signature(task=name, args=list(args), kwargs=dict(kwargs or {}), options=options)

    def AsyncResult(self, task_id: str) -> SentTask:  # noqa: N802 - Celery's name for it
        """The result of a task that was sent earlier, perhaps by another process (Redis backend)."""
        return AsyncResult(task_id, self._reader)

    def _call(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None, options: Mapping[str, Any]
    ) -> Call:
        task = self.tasks.get(name)
        defaults: dict[str, Any] = {}
        if task is not None:
            defaults["ignore_result"] = task.options.ignore_result
            if task.options.queue is not None:
                defaults["queue"] = task.options.queue
        parent = current_request.get()
        if parent is not None:
            defaults["root_id"] = parent.root_id or parent.id
            defaults["parent_id"] = parent.id
        return to_call(name, args, kwargs, {**defaults, **options}, self.default_queue)

    def _send(self, calls: Sequence[Call]) -> list[SentTask]:
        connections = self._connected()
        now = datetime.now(timezone.utc)
        messages = [call.message(connections.origin, connections.oid, str(uuid.uuid4()), now) for call in calls]
        batch = [
            Outgoing(message.build(), call.routing_key, call.exchange)
            for call, message in zip(calls, messages, strict=True)
        ]
        if self.backend is not None and not all(message.ignore_result for message in messages):
            self._reader().prepare()
        connections.publish(batch)
        parent = current_request.get()
        if parent is not None:
            parent.children.extend(message.id for message in messages)
        return [AsyncResult(message.id, self._reader) for message in messages]

    # -- connections

    def _connected(self) -> Connections:
        with self._lock:
            connections = self._connections
            # Connections must not be shared with the process that this one was forked from.
            if connections is None or connections.pid != os.getpid():
                connections = self._connections = Connections(self.broker, self.backend, self.connect_timeout)
            return connections

    def _reader(self) -> ResultReader:
        return self._connected().reader()

    def close(self) -> None:
        """Close all connections. The application may be used again; it then connects anew."""
        with self._lock:
            connections, self._connections = self._connections, None
        if connections is not None and connections.pid == os.getpid():
            connections.close()

    def __enter__(self) -> Celeriac:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Task(Generic[P, R]):
    """A declared task. Called, it runs here and now; ``delay`` and ``apply_async`` send it to a worker."""

    def __init__(self, app: Celeriac, name: str, function: Callable[..., R], options: TaskOptions) -> None:
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

    def apply_async(
        self, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Unpack[SendOptions]
    ) -> AsyncResult[R]:
        """Send it with options: ``add.apply_async((2, 3), countdown=10, queue="slow")``.

        Raises as ``Celeriac.send_task``.
        """
        return self.app.send_task(self.name, args, kwargs, **options)

    def s(self, *args: Any, **kwargs: Any) -> Signature:
        """A signature: this call, to be sent later; the result of a parent comes before its arguments."""
        return Signature(task=self.name, args=list(args), kwargs=kwargs)

    def si(self, *args: Any, **kwargs: Any) -> Signature:
        """An immutable signature: it ignores the result of a parent."""
        return Signature(task=self.name, args=list(args), kwargs=kwargs, immutable=True)

    @property
    def request(self) -> Request:
        """What this run of the task was asked for. Raises ``InvalidCall`` outside of a worker."""
        request = current_request.get()
        if request is None:
            raise InvalidCall(f"{self.name} does not run in a worker: there is no request")
        return request

    def retry(self, exc: BaseException | None = None, **asked: Any) -> BaseException:
        """Run the task again, as ``RetryOptions`` say: ``raise self.retry(exc=error, countdown=5)``.

        Never returns. Raises ``Retry``; or, once the task was retried ``max_retries`` times, ``exc``, or
        ``MaxRetriesExceeded`` where there is none.
        """
        raise retry(self.options, self.request, datetime.now(timezone.utc), RetryOptions(exc=exc, **asked))


def _task_options(options: Mapping[str, Any]) -> TaskOptions:
    try:
        return TaskOptions(**options)
    except TypeError:
        known = ", ".join(TaskOptions.__dataclass_fields__)
        unknown = ", ".join(sorted(set(options) - set(TaskOptions.__dataclass_fields__)))
        raise InvalidCall(f"unknown task option {unknown}; there are {known}") from None
