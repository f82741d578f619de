"""The application: declare tasks, send them, read their results.

app = Celeriac("shop", broker="amqp://guest@localhost//", backend="rpc://")

@app.task
def add(x: int, y: int) -> int:
    return x + y

result = add.delay(2, 3)
result.get(timeout=10)      # 5
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeAlias, TypeVar, overload

from celeriac.calls import Call, SendOptions, to_call
from celeriac.errors import InvalidCall, PublishFailed, PublishRefused, TaskTimeout, TransportError
from celeriac.result import TERMINAL, Result, State, outcome
from celeriac.signature import Signature
from celeriac.task import Request, RetryOptions, TaskOptions, current_request, retry
from celeriac.transport import (
    CONNECT_TIMEOUT,
    Document,
    Outgoing,
    Publisher,
    ResultReader,
    check_urls,
    open_publisher,
    open_reader,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger("celeriac.client")

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
        self._connections: _Connections | None = None

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
        return AsyncResult(self, task_id)

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
            connections.reader().prepare()
        connections.publish(batch)
        parent = current_request.get()
        if parent is not None:
            parent.children.extend(message.id for message in messages)
        return [AsyncResult(self, message.id) for message in messages]

    # -- connections

    def _connected(self) -> _Connections:
        with self._lock:
            connections = self._connections
            # Connections must not be shared with the process that this one was forked from.
            if connections is None or connections.pid != os.getpid():
                connections = self._connections = _Connections(self)
            return connections

    def _reader(self) -> ResultReader:
        if self.backend is None:
            raise InvalidCall(
                "no result backend: name one, as in Celeriac(..., backend='rpc://') or backend='redis://localhost/0'"
            )
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


class _Connections:
    """The connections of one process: idle publishers, lent to one thread at a time, and the reader of results."""

    def __init__(self, app: Celeriac) -> None:
        self.pid = os.getpid()
        self.oid = str(uuid.uuid4())
        self.origin = f"gen{self.pid}@{socket.gethostname()}"
        self._app = app
        self._idle: list[Publisher] = []
        self._reader: ResultReader | None = None
        self._lock = threading.Lock()

    def publish(self, batch: Sequence[Outgoing]) -> None:
        """Publish on an idle connection; one that turns out to have died while it was idle is replaced once."""
        with self._lock:
            publisher = self._idle.pop() if self._idle else None
        if publisher is not None:
            try:
                self._publish_on(publisher, batch)
            except PublishRefused:
                raise
            except PublishFailed:
                logger.info("An idle connection to the broker had died; connecting anew")
            else:
                return
        self._publish_on(open_publisher(self._app.broker, connect_timeout=self._app.connect_timeout), batch)

    def _publish_on(self, publisher: Publisher, batch: Sequence[Outgoing]) -> None:
        try:
            publisher.publish(batch)
        except (PublishRefused, InvalidCall):
            self._give_back(publisher)
            raise
        except BaseException:
            publisher.close()
            raise
        self._give_back(publisher)

    def _give_back(self, publisher: Publisher) -> None:
        with self._lock:
            self._idle.append(publisher)

    def reader(self) -> ResultReader:
        """The reader of results, made when it is first asked for."""
        app = self._app
        with self._lock:
            if self._reader is None:
                assert app.backend is not None
                self._reader = open_reader(app.broker, app.backend, self.oid, connect_timeout=app.connect_timeout)
            return self._reader

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
            reader, self._reader = self._reader, None
        for publisher in idle:
            publisher.close()
        if reader is not None:
            with suppress(TransportError):
                reader.close()


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


class AsyncResult(Generic[R]):
    """The result of a task that was sent: ``get`` waits for it."""

    def __init__(self, app: Celeriac, task_id: str) -> None:
        self._app = app
        self.id = task_id

    def __repr__(self) -> str:
        return f"<AsyncResult {self.id}>"

    def get(self, timeout: float | None = None) -> R:
        """Wait up to ``timeout`` seconds (None: for ever) for the task to end and return its value.

        Raises ``TaskFailure`` (``NotRegistered`` where no worker knows the task) if it failed, ``TaskRevoked`` if it
        was revoked or had expired, ``TaskTimeout`` if nothing came in time: the task may still run. ``InvalidCall``
        without a backend, ``InvalidMessage`` for a document that breaks the protocol, ``BrokerUnavailable``.
        """
        result = self._app._reader().wait(self.id, timeout, _terminal)
        if result is None:
            raise TaskTimeout(f"task {self.id} did not end within {timeout:g} seconds", task_id=self.id)
        value: R = outcome(result)
        return value

    def _known(self) -> Result | None:
        document = self._app._reader().fetch(self.id)
        return None if document is None else _parse(document)

    @property
    def state(self) -> str:
        """State as of now; PENDING also for what nobody has heard of.

        Raises what ``get`` raises, but for the task's own errors.
        """
        known = self._known()
        return State.PENDING.value if known is None else str(known.status)

    @property
    def result(self) -> Any:
        """Value, exception data or meta as the state has it; None while there is none."""
        known = self._known()
        return None if known is None else known.result

    @property
    def traceback(self) -> str | None:
        """Traceback of a task that failed or is to be retried, as text."""
        known = self._known()
        return None if known is None else known.traceback

    def ready(self) -> bool:
        """Whether the task has ended."""
        return self.state in TERMINAL

    def successful(self) -> bool:
        """Whether the task has ended with a value."""
        return self.state == State.SUCCESS

    def failed(self) -> bool:
        """Whether the task has ended with an error."""
        return self.state == State.FAILURE

    def forget(self) -> None:
        """Delete what the backend keeps of the task."""
        self._app._reader().forget(self.id)


def _parse(document: Document) -> Result:
    return Result.parse(document.body, document.content_type, document.content_encoding)


def _terminal(document: Document) -> Result | None:
    result = _parse(document)
    return result if result.status in TERMINAL else None


def _task_options(options: Mapping[str, Any]) -> TaskOptions:
    try:
        return TaskOptions(**options)
    except TypeError:
        known = ", ".join(TaskOptions.__dataclass_fields__)
        unknown = ", ".join(sorted(set(options) - set(TaskOptions.__dataclass_fields__)))
        raise InvalidCall(f"unknown task option {unknown}; there are {known}") from None
