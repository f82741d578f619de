"""The bridge to Django: settings, the ``tasks`` modules of its apps, sending after commit.

# project/queue.py; a worker is started with ``celeriac -A project.queue worker``
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
app = Celeriac("project")
app.config_from_object("django.conf:settings", namespace="CELERY")
autodiscover_tasks(app)

# archives/tasks.py
@app.task
def archive(year: int) -> None: ...

# archives/views.py
delay_on_commit(archive, 1990)
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, ParamSpec

import django
from django.apps import apps
from django.db import close_old_connections, connections, transaction
from django.utils.module_loading import module_has_submodule

from celeriac.client import Celeriac
from celeriac.declared import Task
from celeriac.task import current_request

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from celeriac.calls import SendOptions

P = ParamSpec("P")


def autodiscover_tasks(app: Celeriac, related_name: str = "tasks") -> None:
    """Import the module ``tasks`` of every app in ``INSTALLED_APPS`` that has one; set Django up first where need be.

    Between the tasks of ``app`` that are found so, a worker drops database connections that are broken or too old, as
    Django does between requests. While Django is loading its apps nothing is discovered: a web process sends the tasks
    that its own code imports. Errors in those modules are not caught.
    """
    if apps.loading and not apps.ready:
        return
    ours = not apps.ready
    if ours:
        django.setup()
    for config in apps.get_app_configs():
        if module_has_submodule(config.module, related_name):
            import_module(f"{config.name}.{related_name}")
    for task in app.tasks.values():
        task.run = _tidying(task.run)
    if ours:
        # What was opened meanwhile must not be shared with the processes of a worker, which are forked from this one.
        connections.close_all()


def delay_on_commit(task: Task[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> None:
    """Send it once the transaction of the default database is committed, and not at all if that is rolled back.

    Outside of a transaction it is sent at once. There is no result to return: give ``apply_async_on_commit`` a
    ``task_id`` where one is needed.
    """
    apply_async_on_commit(task, args, kwargs)


def apply_async_on_commit(
    task: Task[Any, Any],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    using: str | None = None,
    **options: Unpack[SendOptions],
) -> None:
    """As ``delay_on_commit``, with options, and the name of another database in ``using``.

    What sending raises is raised where the transaction ends, which is then committed already.
    """
    transaction.on_commit(functools.partial(task.apply_async, args, kwargs, **options), using=using)


def _tidying(run: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a task, with its thread's database connections looked after where it runs in a worker."""
    if inspect.iscoroutinefunction(run) or hasattr(run, "_tidies"):
        return run

    @functools.wraps(run)
    def tidied(*args: Any, **kwargs: Any) -> Any:
        if current_request.get() is None:
            return run(*args, **kwargs)
        close_old_connections()
        try:
            return run(*args, **kwargs)
        finally:
            close_old_connections()

    tidied._tidies = True  # type: ignore[attr-defined]
    return tidied
