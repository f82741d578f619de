"""The calls of every cell of the matrix, and what has to come back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from celeriac_conformance.values import BadTag, Difference, canonical, first_difference, shown

TEXT = 'příliš žluťoučký 日本語 🚀 "\\\n'

#: Every kind of value that crosses languages without loss.
VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "integers": [0, -1, 9007199254740991, {"$int": "9007199254740993"}],
    "floats": [0.1, {"$float": "1.0"}, {"$float": "-0.0"}],
    "empty": [{}, [], ""],
    "bytes": {"$bytes": "/wD+"},
    "datetime": {"$datetime": "2026-01-02T03:04:05.500000+00:00"},
    "date": {"$date": "2026-01-02"},
    "time": {"$time": "03:04:05"},
    "uuid": {"$uuid": "12345678-1234-5678-1234-567812345678"},
    "decimal": {"$decimal": "1.10"},
}


@dataclass(frozen=True, slots=True)
class Call:
    """A call and its expected answer: a value, or an exception's type and arguments."""

    name: str
    task: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    result: Any = None
    raises: tuple[str, list[Any]] | None = None
    runs: int = 1
    least_seconds: float = 0.0

    def request(self) -> dict[str, Any]:
        """The call as a session publishes it."""
        return {"task": self.task, "args": list(self.args), "kwargs": self.kwargs, "options": self.options}


CALLS = (
    Call("add", "conf.add", (2, 3), result=5),
    Call("typed values", "conf.echo", (VALUES,), result=VALUES),
    Call("unicode", "conf.echo", (TEXT,), result=TEXT),
    Call("kwargs", "conf.kwargs", kwargs={"a": 1, "ž": [None]}, result={"a": 1, "ž": [None]}),
    Call("no arguments", "conf.kwargs", result={}),
    Call("failure", "conf.fail", (TEXT,), raises=("ValueError", [TEXT])),
    Call("unknown task", "conf.no_such_task", raises=("NotRegistered", ["conf.no_such_task"]), runs=0),
    Call("retry", "conf.retry", (2,), result=2, runs=3),
    Call("countdown", "conf.echo", ("later",), options={"countdown": 1}, result="later", least_seconds=0.95),
    Call("large", "conf.big", (200_000,), result="x" * 200_000),
)


def difference(call: Call, answer: dict[str, Any], took: float) -> Difference | None:
    """Where an await's answer departs from what the call has to give."""
    if took < call.least_seconds:
        return Difference("took", f"at least {call.least_seconds:g} s", f"{took:.2f} s")
    try:
        if call.raises is None:
            return _value(call, answer)
        return _exception(call.raises, answer)
    except BadTag as error:
        return Difference("answer", "well-formed tagged values", str(error))


def _value(call: Call, answer: dict[str, Any]) -> Difference | None:
    if answer["state"] != "SUCCESS":
        return Difference("state", "SUCCESS", shown(answer))
    return first_difference(canonical(call.result), canonical(answer.get("result")), "result")


def _exception(raises: tuple[str, list[Any]], answer: dict[str, Any]) -> Difference | None:
    exception = answer.get("exception")
    if answer["state"] != "FAILURE" or exception is None:
        return Difference("state", "FAILURE with an exception", shown(answer))
    actual = [exception["type"], exception["args"]]
    return first_difference(canonical(list(raises)), canonical(actual), "exception")
