"""What a worker of an application is told: what is said of it, and otherwise the application's settings."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from celeriac.client import Celeriac
from celeriac.errors import InvalidCall
from celeriac.worker import THREADS, WorkerSettings

#: Fields of ``WorkerSettings`` and the settings that they are taken from where nothing else is said.
_OF_THE_APPLICATION = {
    "default_queue": "task_default_queue",
    "concurrency": "worker_concurrency",
    "pool": "worker_pool",
    "prefetch": "worker_prefetch_multiplier",
    "max_tasks": "worker_max_tasks_per_child",
    "max_memory": "worker_max_memory_per_child",
    "result_expires": "result_expires",
    "connect_timeout": "broker_connection_timeout",
    "control": "worker_enable_remote_control",
    "task_events": "worker_send_task_events",
    "state_file": "worker_state_db",
    "soft_shutdown_timeout": "worker_soft_shutdown_timeout",
    "accept": "accept_content",
}


def worker_settings(app: Celeriac, **said: Any) -> WorkerSettings:
    """The settings of a worker; ``said`` are fields of ``WorkerSettings``, None: as the application has it.

    ``pool`` is the setting ``worker_pool``: of the pool of threads, ``concurrency`` is how many. The modules of the
    setting ``include`` are imported first. Raises what importing them raises; ``InvalidCall``.
    """
    for module in app.conf.include:
        import_module(module)
    conf = {name: getattr(app.conf, setting) for name, setting in _OF_THE_APPLICATION.items()}
    fields = {**conf, **{name: value for name, value in said.items() if value is not None}}
    _settle_pool(fields)
    return WorkerSettings(
        broker=app.broker,
        backend=app.backend,
        tasks=app.tasks,
        habits=app.habits,
        tracing=app.tracing,
        # What tasks have sent unconfirmed is taken before the connection that it went over ends.
        end_of_process=app.close,
        time_limits=(app.conf.task_time_limit, app.conf.task_soft_time_limit),
        **fields,
    )


def _settle_pool(fields: dict[str, Any]) -> None:
    """Put in place of a pool and its concurrency how many processes there are, and threads."""
    threads, bounds = fields.pop("pool") == THREADS, fields.get("autoscale")
    if threads and bounds:
        raise InvalidCall("autoscale is for processes; the pool of threads has one: give it a concurrency instead")
    fields["concurrency"] = bounds[1] if bounds else fields["concurrency"] or os.cpu_count() or 1
    if threads:
        fields["threads"], fields["concurrency"] = fields["concurrency"], 1
