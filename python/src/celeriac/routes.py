"""Where tasks go that their caller sends nowhere in particular: the setting ``task_routes``.

task_routes = {"shop.mail.*": {"queue": "mail"}, "shop.add": "sums"}
task_routes = [("shop.mail.*", "mail"), lambda name, args, kwargs, options: {"queue": "slow"} if args else None]
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from celeriac.calls import check_signature
from celeriac.errors import InvalidCall
from celeriac.kinds import Kind
from celeriac.signature import Signature
from celeriac.task import TaskOptions, send_defaults
from celeriac.text import shown

#: Gives the options that a task is sent with, the name of its queue, or None where it has nothing to say.
Router: TypeAlias = Callable[[str, Sequence[Any], Mapping[str, Any], Mapping[str, Any]], Any]
#: What says where to. A caller that uses one of these is not overruled in the others.
_DESTINATION = frozenset({"queue", "exchange", "routing_key"})
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How an application sends what does not say otherwise."""

    routers: Sequence[Router] = ()
    serializer: str = "json"
    compression: str | None = None

    def defaults(self, call: Signature, own: TaskOptions | None) -> dict[str, Any]:
        """Options for a call that does not have them: those of its task (None: not known here), then of its route.

        Raises ``InvalidCall`` for a route that is none.
        """
        found: dict[str, Any] = {}
        if self.serializer != "json":
            found["serializer"] = self.serializer
        if self.compression is not None:
            found["compression"] = self.compression
        options = {} if own is None else send_defaults(own)
        if self.routers:
            found |= route(self.routers, call.task, call.args, call.kwargs, {**options, **call.options})
        return {**found, **options}


def route(
    routers: Sequence[Router], name: str, args: Sequence[Any], kwargs: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Options for a call that does not have them itself: those of the first router with an answer.

    Raises ``InvalidCall`` for an answer that is neither text, a mapping nor None.
    """
    for router in routers:
        answer = router(name, args, kwargs, options)
        if answer is None:
            continue
        found = _options(answer)
        settled = _DESTINATION & options.keys()
        return {key: value for key, value in found.items() if not (settled and key in _DESTINATION)}
    return {}


def _options(answer: Any) -> dict[str, Any]:
    if isinstance(answer, str) and answer:
        return {"queue": answer}
    if isinstance(answer, Mapping):
        return dict(answer)
    raise InvalidCall(
        f"task_routes gave {shown(answer)}; a route is the name of a queue, or options as {{'queue': ...}}"
    )


def _routers(value: Any) -> tuple[Router, ...]:
    if isinstance(value, (list, tuple)) and not _is_pair(value):
        return tuple(router for item in value for router in _routers(item))
    if isinstance(value, Mapping):
        return (_by_name(list(value.items())),)
    if _is_pair(value):
        return (_by_name([value]),)
    if callable(value):
        return (value,)
    raise TypeError


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and isinstance(value[0], (str, re.Pattern))
        and isinstance(value[1], (str, Mapping))
    )


def _by_name(pairs: Sequence[tuple[Any, Any]]) -> Router:
    """A router by names, globs and regular expressions: a name comes first, then the patterns in order."""
    names: dict[str, Any] = {}
    patterns: list[tuple[re.Pattern[str] | str, Any]] = []
    for name, to in pairs:
        _check(name, to)
        if isinstance(name, re.Pattern) or _WILD.search(name):
            patterns.append((name, to))
        else:
            names[name] = to

    def router(task: str, _args: object, _kwargs: object, _options: object) -> Any:
        if task in names:
            return names[task]
        return next((to for pattern, to in patterns if _matches(pattern, task)), None)

    return router


def _check(name: Any, to: Any) -> None:
    try:
        # Its name does not matter: one of a canvas would have more to be checked.
        check_signature(Signature(task="any", options=_options(to)))
    except InvalidCall as error:
        written = name.pattern if isinstance(name, re.Pattern) else name
        raise InvalidCall(f"task_routes: {written!r}: {error}") from error


def _matches(pattern: re.Pattern[str] | str, task: str) -> bool:
    return fnmatchcase(task, pattern) if isinstance(pattern, str) else pattern.match(task) is not None


ROUTES = Kind(
    "a mapping of task names, globs or patterns to queues or options, a function (name, args, kwargs, options), or a "
    "list of them",
    _routers,
    json.loads,
)
