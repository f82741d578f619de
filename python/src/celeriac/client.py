"""The application: declare tasks, send them, read their results.

app = Celeriac("shop", broker="amqp://guest@localhost//", backend="rpc://")

@app.task
def add(x: int, y: int) -> int:
    return x + y

result = add.delay(2, 3)
result.get(timeout=10)      # 5
"""

from __future__ import annotations

import importlib
import os
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    ParamSpec,
    TypeAlias,
    TypeVar,
    overload,
)

from celeriac.aio import in_thread
from celeriac.async_result import AsyncResult, Backend, GroupResult, is_end, result_of
from celeriac.bound import BoundSignature
from celeriac.calls import Call, SendOptions, check_signature, to_call
from celeriac.canvas import chords_in
from celeriac.connections import Connections
from celeriac.declared import AsyncTask, Declare, DeclareBound, SentTask, Task, class_of, task_options
from celeriac.eager import Eager
from celeriac.errors import InvalidCall
from celeriac.message import Message
from celeriac.planning import Plan, Sender, plan
from celeriac.remote import Control, Events
from celeriac.routes import Habits
from celeriac.sending import Route
from celeriac.settings import Given, Settings, changed, from_environment, from_mapping, from_object
from celeriac.signature import Signature
from celeriac.task import TaskOptions, current_request
from celeriac.tracing import NO_TRACING, tracing
from celeriac.transport import (
    GroupStore,
    ResultReader,
    check_urls,
    counts_chords,
    sanitized,
)
from celeriac.tree import Node, saved_group

if TYPE_CHECKING:
    from typing_extensions import Unpack

P = ParamSpec("P")
R = TypeVar("R")

#: Options of tasks that settings named ``task_...`` give to those that do not say otherwise.
_OF_ALL_TASKS = ("ignore_result", "acks_late", "reject_on_worker_lost", "track_started")

SentGroup: TypeAlias = "GroupResult"


class Celeriac:
    """An application: a name, a broker, perhaps a backend for results, and the tasks that its workers run.

    Args:
        main: name of the application; shown in logs.
        broker: ``amqp://``, ``amqps://``, ``redis://``, ``rediss://`` or ``redis+socket://`` URL. By default the
            environment's CELERIAC_BROKER, else a RabbitMQ on this machine.
        backend: ``rpc://`` (answers through the AMQP broker) or a Redis URL; None: the environment's CELERIAC_BACKEND,
            else results are neither stored nor readable.
        settings: any of ``Settings``, over those of the environment (``CELERIAC_TASK_DEFAULT_QUEUE``).

    Raises ``InvalidCall`` for a setting that does not exist or a value that it cannot have. Nothing is connected before
    the first task is sent. May be used by many threads, and after a fork.
    """

    def __init__(
        self,
        main: str = "celeriac",
        *,
        broker: str | None = None,
        backend: str | None = None,
        **settings: Any,
    ) -> None:
        self.main = main
        self.tasks: dict[str, Task[Any, Any]] = {}
        #: What was said of each task, without what the settings say of all.
        self._said: dict[str, Mapping[str, Any]] = {}
        self._conf = Settings()
        #: How calls are sent that do not say otherwise.
        self.habits = Habits()
        #: How messages and runs of tasks take part in traces.
        self.tracing = NO_TRACING
        self._lock = threading.Lock()
        self._connections: Connections | Eager | None = None
        self._backend = Backend(self._reader, self._groups, lambda ids, **how: self.control.revoke(ids, **how))
        urls = {name: url for name, url in (("broker", broker), ("backend", backend)) if url}
        keywords = from_mapping({**urls, **settings}, f"Celeriac({main!r})")
        self._change([*from_environment(os.environ), *keywords])

    # -- settings

    @property
    def conf(self) -> Settings:
        """The settings. They are frozen: ``configure`` and ``config_from_object`` give the application others."""
        return self._conf

    @property
    def broker(self) -> str:
        """URL of the broker."""
        return self._conf.broker_url

    @property
    def backend(self) -> str | None:
        """URL of the result backend; None: results are neither stored nor readable."""
        return self._conf.result_backend

    def configure(self, **settings: Any) -> None:
        """Change settings: ``app.configure(timezone="Europe/Berlin")``. Open connections are closed.

        Raises ``InvalidCall``, naming the nearest setting there is, and then nothing has changed.
        """
        self._change(from_mapping(settings, "configure"))

    def config_from_object(self, origin: Any, *, namespace: str | None = None) -> None:
        """Take settings from a mapping, an object or a module, or from what ``"module"`` or ``"module:name"`` names.

        With ``namespace="CELERY"`` they are named ``CELERY_TASK_DEFAULT_QUEUE`` there, as in Django's settings, and
        nothing else is looked at. Raises as ``configure``.
        """
        self._change(from_object(origin, namespace))

    def use(self, *, broker: str | None = None, backend: str | None = None) -> None:
        """Change broker or backend (None: keep). Raises as ``configure``."""
        urls = {"broker": broker, "backend": backend}
        self.configure(**{name: url for name, url in urls.items() if url is not None})

    def _change(self, given: Iterable[Given]) -> None:
        conf = changed(self._conf, given)
        check_urls(conf.broker_url, conf.result_backend)
        self.tracing = tracing(conf.opentelemetry)
        self.close()
        self._conf = conf
        self.habits = Habits(
            routers=conf.task_routes, serializer=conf.task_serializer, compression=conf.task_compression
        )
        for name, task in self.tasks.items():
            task.options = self._task_options(self._said[name])

    def _task_options(self, said: Mapping[str, Any]) -> TaskOptions:
        conf = self._conf
        of_all = {name: getattr(conf, f"task_{name}") for name in _OF_ALL_TASKS}
        return task_options({**of_all, "rate_limit": conf.task_default_rate_limit, **said})

    # -- tasks

    @overload
    def task(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...

    @overload
    def task(self, function: Callable[P, R], /) -> Task[P, R]: ...

    @overload
    def task(
        self,
        /,
        *,
        bind: Literal[True],
        name: str | None = None,
        base: type[Task[Any, Any]] | None = None,
        **options: Any,
    ) -> DeclareBound: ...

    @overload
    def task(
        self, /, *, name: str | None = None, base: type[Task[Any, Any]] | None = None, **options: Any
    ) -> Declare: ...

    def task(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        base: type[Task[Any, Any]] | None = None,
        **options: Any,
    ) -> Any:
        """Declare a task: ``@app.task`` or ``@app.task(name="shop.add", max_retries=5)``.

        Options are those of ``TaskOptions``. Without a name it is ``module.function``, as Celery names it. With
        ``bind=True`` the function gets the task itself first, for ``self.request`` and ``self.retry``. An ``async def``
        function runs on the event loop of a worker process, beside others. ``base`` is a class made from ``Task``, for
        hooks of its own.
        """
        settings = self._task_options(options)

        def declare(target: Callable[..., Any]) -> Task[Any, Any]:
            kind = class_of(target, base or Task)
            task = kind(self, name or f"{target.__module__}.{target.__name__}", target, settings)
            self.tasks[task.name] = task
            self._said[task.name] = options
            return task

        return declare if function is None else declare(function)

    def autodiscover_tasks(self, packages: Iterable[str], related_name: str = "tasks") -> None:
        """Import the module ``tasks`` of each of these packages that has one, so that its tasks are declared.

        Raises what importing raises, but for the module that is not there.
        """
        for package in packages:
            module = f"{package}.{related_name}"
            try:
                importlib.import_module(module)
            except ModuleNotFoundError as error:
                if error.name != module:
                    raise

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

    async def asend(
        self,
        name: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[SendOptions],
    ) -> SentTask:
        """As ``send_task``, for ``await``: a thread sends it meanwhile. It is sent also where this is cancelled."""
        return await in_thread(lambda: self.send_task(name, args, kwargs, **options))

    def send_many(self, signatures: Iterable[Signature]) -> list[SentTask]:
        """Send many tasks, their confirmations in flight together: ``app.send_many(add.s(i, i) for i in range(9))``.

        All are checked before the first is sent. Raises as ``send_task``.
        """
        plans = self._planned(signatures)
        self._deliver(
            [message for planned in plans for message in planned.messages],
            [size for planned in plans for size in planned.sizes],
            [planned.result for planned in plans],
        )
        return [result_of(planned.result, self._backend) for planned in plans]

    def apply(self, signature: Signature) -> SentTask:
        """Send a signature, canvas or not; gives the result of its end. Raises as ``send_task``."""
        return self.send_many([signature])[0]

    def signature(
        self, name: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> BoundSignature:
        """A task to be sent later: as ``link``, in a canvas, with ``send_many``. Its code need not be here."""
        return BoundSignature(task=name, args=list(args), kwargs=dict(kwargs or {}), options=options, app=self)

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Run a task of this application here and now. Raises ``InvalidCall`` for a name that it does not have."""
        task = self.tasks.get(name)
        if task is None:
            raise InvalidCall(f"no task named {name!r} is declared here; send it with delay() instead")
        return task(*args, **kwargs)

    def check_canvas(self, signature: Signature) -> None:
        """Raise ``InvalidCall`` for a chord that this application's backend could not count, naming the backend."""
        if self._conf.task_always_eager or counts_chords(self.backend) or not chords_in(signature):
            return
        named = "there is none" if self.backend is None else f"{sanitized(self.backend)!r} does not"
        raise InvalidCall(
            f"a chord, as a group with a task after it, needs a result backend that counts, and {named}; name "
            "a Redis, as in Celeriac(..., backend='redis://localhost/0')"
        )

    def AsyncResult(self, task_id: str) -> SentTask:  # noqa: N802 - Celery's name for it
        """The result of a task that was sent earlier, perhaps by another process (Redis backend)."""
        return AsyncResult(Node(task_id), self._backend)

    def GroupResult(self, group_id: str, task_ids: Iterable[str]) -> SentGroup:  # noqa: N802 - Celery's name
        """The results of a group, by the ids of its members in order."""
        return GroupResult(Node(group_id, members=tuple(map(Node, task_ids))), self._backend)

    def result_from(self, result_tuple: Any) -> SentTask:
        """The result that ``AsyncResult.as_tuple`` gave, a group's too. Raises ``InvalidMessage`` for what is none."""
        return result_of(Node.parse(result_tuple), self._backend)

    def restore_group(self, group_id: str) -> SentGroup | None:
        """A group that was saved with ``GroupResult.save``, here or elsewhere; None: it was not, or has expired.

        Raises ``InvalidCall`` where the backend is not Redis, ``InvalidMessage``, ``BrokerUnavailable``.
        """
        groups = self._groups()
        if groups is None:
            raise InvalidCall("groups are kept in a redis:// backend alone: name one to restore them")
        document = groups.load(group_id)
        return None if document is None else GroupResult(saved_group(document), self._backend)

    def _call(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None, options: Mapping[str, Any]
    ) -> Call:
        defaults = self._defaults(Signature(task=name, args=args, kwargs=kwargs or {}, options=options))
        parent = current_request.get()
        if parent is not None:
            defaults["root_id"] = parent.root_id or parent.id
            defaults["parent_id"] = parent.id
        return to_call(name, args, kwargs, {**defaults, **options}, self._conf.task_default_queue)

    def _defaults(self, call: Signature) -> dict[str, Any]:
        task = self.tasks.get(call.task)
        return self.habits.defaults(call, None if task is None else task.options)

    def _planned(self, signatures: Iterable[Signature]) -> list[Plan]:
        """What is to be sent for signatures, all checked before anything is. Raises ``InvalidCall``."""
        connections = self._connected()
        request = current_request.get()
        sender = Sender(
            origin=connections.origin,
            now=datetime.now(timezone.utc),
            new_id=lambda: str(uuid.uuid4()),
            reply_to=connections.oid,
            parent=None if request is None else request.message,
            defaults=self._defaults,
        )
        listed = list(signatures)
        for signature in listed:
            check_signature(signature)
            self.check_canvas(signature)
        return [plan(signature, sender) for signature in listed]

    def _send(self, calls: Sequence[Call]) -> list[SentTask]:
        connections = self._connected()
        now = datetime.now(timezone.utc)
        messages = [call.message(connections.origin, connections.oid, str(uuid.uuid4()), now) for call in calls]
        routes = [Route(call.exchange, call.routing_key) for call in calls]
        nodes = [Node(message.id) for message in messages]
        self._deliver(list(zip(messages, routes, strict=True)), [], nodes)
        return [AsyncResult(node, self._backend) for node in nodes]

    def one_more(self, group_id: str, member: Signature) -> SentTask:
        """Send one more member of a chord, which is expected from then on."""
        groups = self._groups()
        if groups is None:
            raise InvalidCall("a chord needs a backend that counts results; name a redis:// backend")
        (planned,) = self._planned([member])
        groups.expect_more(group_id)
        self._deliver(planned.messages, planned.sizes, [planned.result])
        return result_of(planned.result, self._backend)

    def _deliver(
        self,
        messages: Sequence[tuple[Message, Route | None]],
        sizes: Sequence[tuple[str, int]],
        results: Sequence[Node],
    ) -> None:
        """Send what results are expected of, which the task that runs here has then as children."""
        answered = self.backend is not None and not all(message.ignore_result for message, _ in messages)
        self._connected().deliver(
            messages, sizes, self._conf.task_default_queue, answered=answered, headers=self.tracing.carried()
        )
        parent = current_request.get()
        if parent is not None:
            parent.children.extend(results)

    # -- workers

    @property
    def control(self) -> Control:
        """Remote control of workers: ``app.control.ping()``, ``app.control.revoke(task_id)``."""
        return Control(self)

    def events(self, keys: Sequence[str] = ("#",)) -> Events:
        """What workers and producers tell, from now on: ``for event in app.events(): ...``.

        ``keys`` are routing keys to listen to, as ``task.#`` or ``worker.#``. Workers tell of tasks when they were
        started with ``-E`` or told to by ``app.control.ask("enable_events")``. Raises ``BrokerUnavailable``.
        """
        return Events(self, keys)

    # -- connections

    def _connected(self) -> Connections | Eager:
        with self._lock:
            connections = self._connections
            # Connections must not be shared with the process that this one was forked from.
            if connections is None or connections.pid != os.getpid():
                connections = self._connections = self._eager() if self._conf.task_always_eager else self._remote()
            return connections

    def _remote(self) -> Connections:
        conf = self._conf
        return Connections(self.broker, self.backend, conf.broker_connection_timeout, is_end, conf.result_expires)

    def _eager(self) -> Eager:
        propagates = self._conf.task_eager_propagates
        return Eager(self.tasks, self._defaults, queue=self._conf.task_default_queue, propagates=propagates)

    def _reader(self) -> ResultReader:
        return self._connected().reader()

    def _groups(self) -> GroupStore | None:
        return self._connected().groups()

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
