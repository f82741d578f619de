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
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
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
from celeriac.async_result import AsyncResult, GroupResult, result_of
from celeriac.bound import BoundSignature
from celeriac.calls import SendOptions
from celeriac.declared import AsyncTask, Declare, DeclareBound, SentTask, Task, class_of, task_options
from celeriac.errors import InvalidCall
from celeriac.outbox import Outbox
from celeriac.remote import Control, Events
from celeriac.routes import Habits
from celeriac.settings import Given, Settings, changed, from_environment, from_mapping, from_object
from celeriac.signature import Signature
from celeriac.task import TaskOptions
from celeriac.tracing import NO_TRACING, tracing
from celeriac.transport import check_urls
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
        self._outbox = Outbox(self, lambda ids, **how: self.control.revoke(ids, **how))
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
        return self._outbox.call(name, args, kwargs, options)

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

        All are checked before the first is sent. ``retry`` and ``retry_policy`` of the first that has them are for all.
        Raises as ``send_task``.
        """
        return self._outbox.apply(signatures)

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
        self._outbox.check_canvas(signature)

    def one_more(self, group_id: str, member: Signature) -> SentTask:
        """Send one more member of a chord, which is expected from then on. Raises as ``send_task``."""
        return self._outbox.one_more(group_id, member)

    def AsyncResult(self, task_id: str) -> SentTask:  # noqa: N802 - Celery's name for it
        """The result of a task that was sent earlier, perhaps by another process (Redis backend)."""
        return AsyncResult(Node(task_id), self._outbox.backend)

    def GroupResult(self, group_id: str, task_ids: Iterable[str]) -> SentGroup:  # noqa: N802 - Celery's name
        """The results of a group, by the ids of its members in order."""
        return GroupResult(Node(group_id, members=tuple(map(Node, task_ids))), self._outbox.backend)

    def result_from(self, result_tuple: Any) -> SentTask:
        """The result that ``AsyncResult.as_tuple`` gave, a group's too. Raises ``InvalidMessage`` for what is none."""
        return result_of(Node.parse(result_tuple), self._outbox.backend)

    def restore_group(self, group_id: str) -> SentGroup | None:
        """A group that was saved with ``GroupResult.save``, here or elsewhere; None: it was not, or has expired.

        Raises ``InvalidCall`` where the backend is not Redis, ``InvalidMessage``, ``BrokerUnavailable``.
        """
        groups = self._outbox.groups()
        if groups is None:
            raise InvalidCall("groups are kept in a redis:// backend alone: name one to restore them")
        document = groups.load(group_id)
        return None if document is None else GroupResult(saved_group(document), self._outbox.backend)

    def announce(self, kind: str, task_id: str, told: Mapping[str, Any], hostname: str) -> None:
        """Tell monitors of a task; see ``Task.send_event``."""
        self._outbox.connected().announce(kind, task_id, told, hostname)

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

    def close(self) -> None:
        """Close all connections. The application may be used again; it then connects anew."""
        self._outbox.close()

    def __enter__(self) -> Celeriac:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
