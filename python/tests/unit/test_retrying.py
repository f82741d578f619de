"""When a task is tried again by itself: after which errors, how long after, and how often."""

from __future__ import annotations

import json
import subprocess
from datetime import timedelta
from typing import Any

import pytest

from celeriac import Celeriac, InvalidCall, Retry, TaskOptions
from celeriac.task import Request, backoff, retried_by_itself
from tests.support.celery import celery_python

from .worker_parts import NOW, message

IMPORTED_FROM_CELERY = """
import json
from celery.utils.time import get_exponential_backoff_interval as interval
print(json.dumps([interval(factor, retries, 600) for factor in (1, 3) for retries in range(14)]))
"""


def again(error: BaseException, retries: int = 0, chance: float = 0.5, **options: Any) -> BaseException | None:
    request = Request(message(retries=retries), "mail", False, "w1")
    return retried_by_itself(TaskOptions(**options), request, NOW, error, chance)


def delay(retry: BaseException | None) -> float:
    assert isinstance(retry, Retry) and retry.when is not None
    return (retry.when - NOW) / timedelta(seconds=1)


def test_errors_that_are_asked_for() -> None:
    asked: dict[str, Any] = {"autoretry_for": [OSError], "dont_autoretry_for": [BrokenPipeError]}
    assert again(OSError()) is None
    assert again(ValueError(), **asked) is None
    assert again(BrokenPipeError(), **asked) is None
    error = ConnectionResetError()
    found = again(error, **asked)
    assert isinstance(found, Retry) and found.cause is error
    assert delay(found) == 180


def test_when_none_is_left_it_is_the_error() -> None:
    error = OSError()
    assert again(error, 3, autoretry_for=(OSError,)) is error
    assert again(error, 1, autoretry_for=(OSError,), retry_kwargs={"max_retries": 1}) is error
    assert isinstance(again(error, 99, autoretry_for=(OSError,), max_retries=None), Retry)


def test_how_long_after() -> None:
    asked: dict[str, Any] = {"autoretry_for": (OSError,)}
    assert delay(again(OSError(), retry_kwargs={"countdown": 7}, **asked)) == 7
    assert delay(again(OSError(), default_retry_delay=9, **asked)) == 9
    assert delay(again(OSError(), 2, retry_backoff=True, retry_jitter=False, **asked)) == 4
    assert delay(again(OSError(), 2, retry_backoff=5, retry_jitter=False, **asked)) == 20
    assert delay(again(OSError(), 2, chance=0.25, retry_backoff=True, **asked)) == 1
    # However often it was tried: at most so long, and no overflow.
    assert backoff(TaskOptions(retry_backoff=1, retry_jitter=False), 100_000) == 600
    assert backoff(TaskOptions(retry_backoff=1, retry_backoff_max=30, retry_jitter=False), 6) == 30


def test_as_long_as_with_celery() -> None:
    """Without jitter, which Celery rounds to whole seconds."""
    theirs = subprocess.run([celery_python(), "-c", IMPORTED_FROM_CELERY], capture_output=True, text=True, check=True)
    ours = [
        backoff(TaskOptions(retry_backoff=factor, retry_jitter=False), retries)
        for factor in (1, 3)
        for retries in range(14)
    ]
    assert ours == json.loads(theirs.stdout)


@pytest.mark.parametrize(
    "options", [{"autoretry_for": ("OSError",)}, {"autoretry_for": 5}, {"retry_kwargs": {"countdwon": 1}}]
)
def test_mistakes_are_told_at_once(options: dict[str, Any]) -> None:
    app = Celeriac("shop", broker="redis://nowhere")
    with pytest.raises(InvalidCall, match=r"options of a task: .*(no class of errors|countdwon|int)"):
        app.task(name="shop.x", **options)


@pytest.mark.parametrize("given", ["10/d", "fast", "-1", True, object()])
def test_what_is_no_rate(given: object) -> None:
    app = Celeriac("shop", broker="redis://nowhere")
    with pytest.raises(InvalidCall, match="Invalid rate limit"):
        app.task(name="shop.x", rate_limit=given)
