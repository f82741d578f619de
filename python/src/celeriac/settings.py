"""The settings of an application: one flat, typed, frozen object with the names that Celery's users know.

app = Celeriac("shop", broker="redis://localhost/0", task_default_queue="shop")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.configure(timezone="Europe/Berlin")
app.conf.task_default_queue       # "shop"
"""

from __future__ import annotations

import importlib
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import timezone as fixed
from datetime import tzinfo
from typing import Any

from celeriac import kinds
from celeriac.absent import why_absent
from celeriac.errors import InvalidCall
from celeriac.kinds import Kind
from celeriac.retrying import RetryPolicy
from celeriac.routes import ROUTES, Router
from celeriac.schedules import SCHEDULE
from celeriac.serialization import JSON
from celeriac.text import nearest, shown

#: Before the name of a setting in the environment.
ENVIRONMENT = "CELERIAC_"
#: Short names, in keywords and in the environment.
SHORT = {"broker": "broker_url", "backend": "result_backend"}
#: How the names of Celery 3 began, and how they begin now.
_OLD = (("celerybeat_", "beat_"), ("celeryd_", "worker_"), ("celery_", "task_"), ("celery_", ""))
#: How like two names have to be for one to be taken for the other misspelt.
_LIKE = 0.8


def _is(kind: Kind, about: str, default: Any) -> Any:
    """A setting: what it has to be, what it is for, and its default."""
    return field(default_factory=lambda: default, metadata={"kind": kind, "about": about})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. Make another with ``Celeriac.configure``. What each is for stands in ``describe``."""

    broker_url: str = _is(
        kinds.TEXT, "`amqp://`, `amqps://`, `redis://`, `rediss://` or `redis+socket://`",
        "amqp://guest:guest@localhost:5672//",
    )  # fmt: skip
    result_backend: str | None = _is(
        kinds.optional(kinds.TEXT),
        "`rpc://` (through the AMQP broker) or a Redis URL; None: results are not kept",
        None,
    )
    broker_connection_timeout: float = _is(
        kinds.SECONDS, "seconds within which a connection comes up or `BrokerUnavailable` is raised", 4.0
    )
    result_expires: int = _is(kinds.WHOLE_SECONDS, "seconds that a Redis backend keeps a result", 86_400)
    accept_content: frozenset[str] = _is(
        kinds.CONTENT_TYPES, "serializers that a worker takes: json, msgpack, yaml", frozenset({JSON})
    )
    task_default_queue: str = _is(kinds.TEXT, "queue of tasks that are sent without one; workers consume it", "celery")
    task_routes: tuple[Router, ...] = _is(
        ROUTES, "queue, or options, by task name, glob or pattern; or functions that choose", ()
    )
    task_serializer: str = _is(kinds.SERIALIZER, "how bodies of messages are written", "json")
    task_compression: str | None = _is(
        kinds.optional(kinds.COMPRESSION), "how bodies are compressed: zlib, gzip, bzip2, zstd, ...", None
    )
    task_publish_retry: bool = _is(
        kinds.BOOLEAN, "what could not be sent is tried again, unless the call says otherwise (Celery: it is)", False
    )
    task_publish_retry_policy: Mapping[str, Any] = _is(
        kinds.RETRY_POLICY, "how often, and after how many seconds", types.MappingProxyType(asdict(RetryPolicy()))
    )
    task_send_sent_event: bool = _is(kinds.BOOLEAN, "monitors are told of every task that is sent", False)
    task_ignore_result: bool = _is(kinds.BOOLEAN, "tasks that do not say otherwise store no result", False)
    task_acks_late: bool = _is(
        kinds.BOOLEAN, "tasks that do not say otherwise are acknowledged after they have run (Celery: before)", True
    )
    task_reject_on_worker_lost: bool = _is(
        kinds.BOOLEAN, "tasks whose process died run again, unless they say otherwise (Celery: fail)", True
    )
    task_track_started: bool = _is(
        kinds.BOOLEAN, "tasks that do not say otherwise store STARTED when they begin", False
    )
    task_always_eager: bool = _is(kinds.BOOLEAN, "for tests: tasks run where they are sent, without a broker", False)
    task_eager_propagates: bool = _is(kinds.BOOLEAN, "what such a task raises is raised where it was sent", False)
    task_default_rate_limit: str | float | None = _is(
        kinds.optional(kinds.RATE), "starts of each task that a worker allows, unless it says otherwise: `10/m`", None
    )
    task_time_limit: float | None = _is(
        kinds.optional(kinds.SECONDS), "seconds after which a task is ended, unless its message has limits", None
    )
    task_soft_time_limit: float | None = _is(
        kinds.optional(kinds.SECONDS), "seconds after which it is interrupted, likewise", None
    )
    worker_concurrency: int | None = _is(
        kinds.optional(kinds.integer(1)), "processes, or threads; None: one per CPU", None
    )
    worker_pool: str = _is(
        kinds.POOL, "`prefork`: tasks run in processes; `threads`: on threads of one process", "prefork"
    )
    worker_max_tasks_per_child: int | None = _is(
        kinds.optional(kinds.integer(1)), "tasks that a process runs before another takes its place", None
    )
    worker_max_memory_per_child: int | None = _is(
        kinds.optional(kinds.integer(1)), "KiB that a process may have after a task; then another takes its place", None
    )
    include: tuple[str, ...] = _is(kinds.NAMES, "modules that a worker imports first: those with the tasks", ())
    worker_prefetch_multiplier: int = _is(kinds.integer(1), "messages that each process holds, running or next", 4)
    worker_send_task_events: bool = _is(kinds.BOOLEAN, "workers tell monitors of every task", False)
    worker_enable_remote_control: bool = _is(kinds.BOOLEAN, "workers answer remote control and send heartbeats", True)
    worker_state_db: str | None = _is(kinds.optional(kinds.TEXT), "file that remembers what was revoked", None)
    worker_soft_shutdown_timeout: float | None = _is(
        kinds.optional(kinds.SECONDS), "seconds that running tasks have after SIGTERM; None: as long as they need", None
    )
    opentelemetry: bool = _is(
        kinds.BOOLEAN, "messages carry the trace that they belong to, and runs of tasks are spans of it", False
    )
    timezone: tzinfo = _is(kinds.ZONE, "time zone that crontabs are read in", fixed.utc)  # noqa: RUF009  # it is a field
    beat_schedule: Mapping[str, Any] = _is(
        SCHEDULE, "periodic tasks: name to `task`, `schedule`, `args`, `kwargs`, `options`", types.MappingProxyType({})
    )
    beat_schedule_filename: str = _is(kinds.TEXT, "file that remembers when each was sent", "celeriac-beat.json")
    beat_max_loop_interval: float = _is(kinds.SECONDS, "longest sleep of beat, in seconds", 5.0)
    beat_lock_timeout: float = _is(
        kinds.SECONDS, "seconds after which another beat takes over from one that fell silent", 30.0
    )


KINDS: Mapping[str, Kind] = {item.name: item.metadata["kind"] for item in fields(Settings)}


def describe() -> list[tuple[str, str, str]]:
    """Each setting, its default as text, and what it is for."""
    defaults = Settings()
    return [(item.name, _default(getattr(defaults, item.name)), item.metadata["about"]) for item in fields(Settings)]


def _default(value: Any) -> str:
    if value == frozenset({JSON}):
        return "['json']"
    plain = dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
    return repr(plain).replace("datetime.timezone.utc", "'UTC'")


@dataclass(frozen=True, slots=True)
class Given:
    """A value for a setting, and where it came from."""

    key: str
    value: Any
    source: str


def changed(settings: Settings, given: Iterable[Given]) -> Settings:
    """The settings with these values. Raises ``InvalidCall`` for an unknown name or a value that it cannot have."""
    return replace(settings, **dict(map(_checked, given)))


def _checked(given: Given) -> tuple[str, Any]:
    key = SHORT.get(given.key, given.key)
    kind = KINDS.get(key)
    if kind is None:
        raise _unknown(given)
    try:
        return key, kind.read(given.value)
    except InvalidCall as error:
        raise InvalidCall(f"{given.source}: {error}") from error
    except (TypeError, ValueError, KeyError, OverflowError):
        raise InvalidCall(f"{given.source}: {key} has to be {kind.expected}, not {shown(given.value)}") from None


def _unknown(given: Given) -> InvalidCall:
    reason = why_absent(given.key)
    if reason is not None:
        return InvalidCall(
            f"{given.source}: {given.key} is a setting of Celery's that Celeriac does not have: {reason}"
        )
    near = _nearest(given.key)
    hint = f"there are {', '.join(KINDS)}" if near is None else f"did you mean {near}?"
    return InvalidCall(f"{given.source}: there is no setting {given.key!r}; {hint}")


def _nearest(key: str) -> str | None:
    """The setting that was meant by a name: another spelling of it, or one that it is like."""
    lower = key.lower()
    spellings = [lower, *(new + lower.removeprefix(old) for old, new in _OLD if lower.startswith(old))]
    exact = [spelling for spelling in spellings if spelling in KINDS or spelling in SHORT]
    return exact[0] if exact else nearest(lower, [*KINDS, *SHORT])


# -- where settings come from


def from_mapping(values: Mapping[str, Any], source: str, namespace: str | None = None) -> Iterator[Given]:
    """The settings of a mapping; with a namespace those alone whose names begin with it, in upper case."""
    if namespace is None:
        for key, value in values.items():
            yield Given(key, value, source)
        return
    prefix = f"{namespace}_"
    for key in values:
        if key.startswith(prefix):
            yield Given(key.removeprefix(prefix).lower(), values[key], f"{source}, {key}")


def from_object(origin: Any, namespace: str | None = None) -> Iterator[Given]:
    """The settings of an object, of a module, or of what ``"module"`` or ``"module:name"`` names.

    Without a namespace all its lower-case names count, but not its functions, classes and modules, and not what begins
    with an underscore.
    """
    source = origin if isinstance(origin, str) else getattr(origin, "__name__", type(origin).__name__)
    found = _load(origin) if isinstance(origin, str) else origin
    if isinstance(found, Mapping):
        yield from from_mapping(found, source, namespace)
        return
    # Names before values: some of Django's settings complain when they are looked at.
    names = [name for name in dir(found) if _counts(name, namespace)]
    values = {name: getattr(found, name) for name in names}
    if namespace is None:
        values = {name: value for name, value in values.items() if name in KINDS or not _is_code(value)}
        if not values and any(name.startswith("CELERY_") for name in dir(found)):
            raise InvalidCall(f"{source}: its settings begin with CELERY_; say namespace='CELERY'")
    yield from from_mapping(values, source, namespace)


def _counts(name: str, namespace: str | None) -> bool:
    if namespace is not None:
        return name.startswith(f"{namespace}_")
    return name.islower() and not name.startswith("_")


def _is_code(value: Any) -> bool:
    return callable(value) or isinstance(value, types.ModuleType) or type(value).__module__ == "__future__"


def _load(path: str) -> Any:
    module, _, name = path.partition(":")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise InvalidCall(f"config_from_object: there is no module {module!r}") from None
    if name and not hasattr(found, name):
        raise InvalidCall(f"config_from_object: module {module!r} has no {name!r}")
    return getattr(found, name) if name else found


def from_environment(environ: Mapping[str, str]) -> Iterator[Given]:
    """The settings that the environment has, as ``CELERIAC_TASK_DEFAULT_QUEUE``.

    Lists are divided by commas, mappings are JSON. Other variables that begin so are no settings; one that is nearly
    the name of a setting is an error.
    """
    for variable, text in environ.items():
        key = variable.removeprefix(ENVIRONMENT).lower()
        if not variable.startswith(ENVIRONMENT) or not text:
            continue
        kind = KINDS.get(SHORT.get(key, key))
        if kind is not None:
            yield Given(key, _from_text(kind, text, variable), f"environment, {variable}")
        elif nearest(key, [*KINDS, *SHORT], likeness=_LIKE) or why_absent(key):
            raise _unknown(Given(key, text, f"environment, {variable}"))


def _from_text(kind: Kind, text: str, variable: str) -> Any:
    try:
        return kind.from_text(text)
    except (ValueError, KeyError):
        raise InvalidCall(f"environment, {variable} has to be {kind.expected}, not {shown(text)}") from None
