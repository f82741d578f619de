# ruff: noqa: E501  (a table: one case a line)
"""What a real worker runs for the vectors of result/, and the messages it sends itself for task-v2/ and redis/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .cases_task import Send
from .cases_value import SAMPLES

DOC = ("RS-DOC-001", "RS-DOC-002", "RS-DOC-003", "RS-DOC-009")
EXC = ("RS-EXC-001", "RS-EXC-002", "RS-EXC-003")
FAILURE = "FAILURE"


@dataclass(frozen=True)
class Run:
    """One task for a real worker, and the status its result document ends with."""

    name: str
    about: str
    requirements: tuple[str, ...]
    call: str
    status: str = "SUCCESS"
    expect: Mapping[str, Any] = field(default_factory=dict)
    extended: bool = False


VALUES = tuple(
    Run(f"success-{name}", f"SUCCESS: {about}", (*ids, "RS-STATE-001"), f"echo.apply_async(({source},))")
    for name, about, ids, source in SAMPLES
)
STATES = (
    Run("success", "SUCCESS with a number", (*DOC, "RS-STATE-001"), "add.apply_async((2, 3))", expect={"result": 5}),
    Run("success-none", "SUCCESS with None", ("RS-STATE-001", "RS-DOC-004"), "echo.apply_async((None,))", expect={"result": None}),
    Run("success-text", "SUCCESS with text", ("RS-STATE-001",), "echo.apply_async(('Grüße 🐇',))", expect={"result": "Grüße 🐇"}),
    Run("success-object", "SUCCESS with an object", ("RS-STATE-001",), "echo.apply_async((), {'ok': True, 'lines': [1, None]})", expect={"result": {"ok": True, "lines": [1, None]}}),
    Run("success-children", "SUCCESS of a task that sent another", ("RS-DOC-006",), "parent.apply_async()", expect={"result": "sent"}),
    Run("success-parent-id", "SUCCESS of a task that has a parent", ("RS-DOC-004",), "add.apply_async((2, 3), parent_id='p-1')", expect={"parent_id": "p-1"}),
    Run("success-group-id", "SUCCESS of a member of a group", ("RS-DOC-004",), "group(add.s(2, 3)).apply_async(task_id='g-1')[0]", expect={"group_id": "g-1"}),
    Run("started", "STARTED: who runs it", ("RS-STATE-003", "RS-STATE-005"), "stay_started.apply_async()", "STARTED"),
    Run("custom-state", "a state of the application's own with its meta", ("RS-STATE-004",), "progress.apply_async(({'done': 3, 'of': 10},))", "PROGRESS", {"result": {"done": 3, "of": 10}}),
    Run("custom-state-null", "a state of the application's own without meta", ("RS-STATE-004",), "progress.apply_async((None,))", "PROGRESS", {"result": None}),
    Run("retry", "RETRY with the exception that caused it", ("RS-STATE-003", "RS-STATE-006"), "again.apply_async(('sold out',))", "RETRY"),
    Run("retry-null", "RETRY without an exception", ("RS-STATE-003", "RS-STATE-006"), "again.apply_async()", "RETRY"),
    Run("revoked-expired", "REVOKED because it expired", ("RS-STATE-007", "WK-TIME-005", "WK-TIME-006"), "add.apply_async((2, 3), expires=datetime(2020, 1, 1, tzinfo=timezone.utc))", "REVOKED"),
)  # fmt: skip
FAILURES = (
    Run("failure", "FAILURE with one text argument", ("RS-STATE-002", "RS-EXC-010", *DOC, *EXC), "fail.apply_async(('no stock',))", FAILURE),
    Run("failure-no-args", "FAILURE of an exception without arguments", EXC, "fail.apply_async()", FAILURE),
    Run("failure-many-args", "FAILURE with several typed arguments", ("RS-EXC-002",), "fail.apply_async(('no stock', 3, None, {'sku': 'mug'}, Decimal('1.10')))", FAILURE),
    Run("failure-nested-class", "FAILURE of a class inside a class", ("RS-EXC-005",), "fail_nested.apply_async()", FAILURE),
    Run("failure-argument-not-json", "an argument that JSON cannot hold becomes its text", ("RS-EXC-004",), "fail_object.apply_async()", FAILURE),
    Run("failure-cause", "a cause shows only in the traceback", ("RS-DOC-007",), "fail_cause.apply_async()", FAILURE),
    Run("failure-local-class", "a class no other process could import", ("RS-EXC-006",), "local_class.apply_async()", FAILURE),
    Run("failure-result-not-json", "the task returned what JSON cannot hold", ("RS-EXC-007",), "not_serializable.apply_async()", FAILURE),
    Run("failure-wrong-arity", "the arguments do not fit the task", ("RS-EXC-001", "WK-RECV-004"), "app.send_task('shop.add', (1, 2, 3))", FAILURE),
    Run("failure-later-step", "a step of a chain that never ran, because the one before it failed", ("WK-RECV-013",), "chain(fail.s('no stock'), echo.s(), echo.s()).apply_async()", FAILURE),
    Run("failure-not-registered", "a task that the worker does not know", ("RS-EXC-008", "WK-RECV-005", "WK-RECV-006"), "app.send_task('shop.no_such_task')", FAILURE),
    Run("failure-reject", "the task rejected its message", ("RS-EXC-001",), "reject.apply_async()", FAILURE),
)  # fmt: skip
EXTENDED = (
    Run("extended", "result_extended: more keys, which readers keep", ("RS-DOC-005",), "add.apply_async((2, 3))", extended=True),
    Run("extended-stamps", "result_extended of a stamped call: stamped_headers, and each stamp beside them", ("RS-DOC-005", "RS-DOC-011"), "add.signature((2,), {'y': 3}).stamp(tenant='acme').apply_async()", extended=True),
    Run("extended-failure", "result_extended of a failure on its first retry", ("RS-DOC-005", "RS-DOC-011"), "fail.apply_async(('no stock',), retries=1)", FAILURE, extended=True),
)  # fmt: skip

REDIS = STATES + VALUES + FAILURES + EXTENDED
RPC_NAMES = (
    "success", "success-none", "success-float-nan", "success-typed-nested", "success-int-over-53-bits",
    "success-children", "custom-state", "retry", "failure", "failure-argument-not-json", "failure-not-registered",
)  # fmt: skip
RPC = tuple(run for run in REDIS if run.name in RPC_NAMES)

#: Messages that a worker sends; those for shop.out stay there, a retry comes back when the worker stops.
WORKER_SENT = (
    Send("worker-retry", "retry: same id, retries + 1, an eta, parent_id its own id", ("WK-RETRY-001", "WK-RETRY-002", "WK-RETRY-003", "WK-TIME-002"), args="('sold out',)", call="again.apply_async(('sold out',), headers={'tenant': 'acme'})", expect={"retries": 1}, queue="shop.in"),
    Send("worker-chain-step", "next step of a chain: the result comes first, the root is kept", ("WK-RECV-009", "TM-HDR-017", "TM-HDR-018"), args="(5, 10)", call="chain(add.s(2, 3), add.s(10).set(queue='shop.out'), add.s(100)).apply_async()", queue="shop.out"),
    Send("worker-link", "a callback with the result as its argument", ("WK-RECV-010",), args="(5,)", call="add.apply_async((2, 3), link=echo.s().set(queue='shop.out'))", queue="shop.out"),
    Send("worker-link-error", "an errback that the worker does not know: the failed id as its argument", ("WK-RECV-011",), args="('order-4711',)", call="fail.apply_async(('no stock',), task_id='order-4711', link_error=app.signature('shop.elsewhere', queue='shop.out'))", queue="shop.out"),
    Send("worker-replace", "a task that replaced itself: same id, nesting 1", ("TM-HDR-028",), args="(1, 2)", call="swap.apply_async()", queue="shop.out", expect={"replaced_task_nesting": 1}),
    Send("worker-child", "a task sent from inside a task", ("TM-HDR-017", "TM-HDR-018"), args="(1, 1)", call="parent.apply_async()", queue="shop.out"),
)  # fmt: skip
