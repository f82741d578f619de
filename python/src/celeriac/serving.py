"""What a worker of an application is told: what is said of it, and otherwise the application's settings."""

from __future__ import annotations

import os
from typing import Any

from celeriac.client import Celeriac
from celeriac.worker import WorkerSettings


def worker_settings(
    app: Celeriac,
    *,
    concurrency: int | None = None,
    prefetch: int | None = None,
    task_events: bool = False,
    statedb: str | None = None,
    no_control: bool = False,
    soft_shutdown_timeout: float | None = None,
    **given: Any,
) -> WorkerSettings:
    """The settings of a worker; ``given`` are others of ``WorkerSettings``, which no setting of an application has."""
    conf = app.conf
    return WorkerSettings(
        broker=app.broker,
        backend=app.backend,
        tasks=app.tasks,
        default_queue=conf.task_default_queue,
        concurrency=concurrency or conf.worker_concurrency or os.cpu_count() or 1,
        prefetch=prefetch or conf.worker_prefetch_multiplier,
        result_expires=conf.result_expires,
        control=conf.worker_enable_remote_control and not no_control,
        task_events=task_events or conf.worker_send_task_events,
        state_file=statedb or conf.worker_state_db,
        soft_shutdown_timeout=soft_shutdown_timeout or conf.worker_soft_shutdown_timeout,
        accept=conf.accept_content,
        habits=app.habits,
        tracing=app.tracing,
        time_limits=(conf.task_time_limit, conf.task_soft_time_limit),
        **given,
    )
