"""The checks of the cases: one function per matcher, each answering with a Difference or None."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

from celeriac_conformance.values import ABSENT, Difference, canonical, first_difference, instant, join, look_up, shown

Matcher = Callable[[str, Any, Any, dict[str, Any]], "Difference | None"]

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def _equals(path: str, actual: Any, wanted: Any, _: dict[str, Any]) -> Difference | None:
    return first_difference(wanted, actual, path)


def _tagged(path: str, actual: Any, wanted: Any, _: dict[str, Any]) -> Difference | None:
    if actual is ABSENT:
        return Difference(path, shown(wanted), "absent")
    return first_difference(canonical(wanted), canonical(actual), path)


def _absent(path: str, actual: Any, wanted: bool, _: dict[str, Any]) -> Difference | None:
    if (actual is ABSENT) is wanted:
        return None
    return Difference(path, "absent" if wanted else "present", shown(actual))


def _type(path: str, actual: Any, wanted: str | list[str], _: dict[str, Any]) -> Difference | None:
    names = [wanted] if isinstance(wanted, str) else wanted
    for name in names:
        if isinstance(actual, TYPES[name]) and (name == "boolean") == isinstance(actual, bool):
            return None
    return Difference(path, " or ".join(names), shown(actual))


def _matches(path: str, actual: Any, wanted: str, _: dict[str, Any]) -> Difference | None:
    if isinstance(actual, str) and re.fullmatch(wanted, actual, re.DOTALL):
        return None
    return Difference(path, f"text matching /{wanted}/", shown(actual))


def _one_of(path: str, actual: Any, wanted: list[Any], _: dict[str, Any]) -> Difference | None:
    if any(first_difference(choice, actual) is None for choice in wanted):
        return None
    return Difference(path, f"one of {shown(wanted)}", shown(actual))


def _one_of_or_absent(path: str, actual: Any, wanted: list[Any], _: dict[str, Any]) -> Difference | None:
    return None if actual is ABSENT else _one_of(path, actual, wanted, _)


def _each_one_of(path: str, actual: Any, wanted: list[Any], _: dict[str, Any]) -> Difference | None:
    found = (_one_of(join(path, at), item, wanted, _) for at, item in enumerate(actual or ()))
    return next(filter(None, found), None)


def _near(path: str, actual: Any, wanted: dict[str, float], document: dict[str, Any]) -> Difference | None:
    """ISO text of an aware instant ``seconds`` after the call, ``within`` so many seconds of it.

    The call is as long as it took to be answered: any moment of it can be the one from which the testee counts.
    """
    hoped = f"an aware ISO 8601 instant {wanted['seconds']:g} s (+-{wanted['within']:g} s) after the call"
    try:
        moment = instant(str(actual))
    except ValueError:
        return Difference(path, hoped, shown(actual))
    if moment.tzinfo is None:
        return Difference(path, hoped, f"{shown(actual)}, which is naive")
    called_at = document["called_at"]
    off, lasted = moment.timestamp() - called_at - wanted["seconds"], document.get("answered_at", called_at) - called_at
    if -wanted["within"] <= off <= lasted + wanted["within"]:
        return None
    return Difference(path, hoped, f"{shown(actual)}, {off:+.2f} s off")


def _same_as(path: str, actual: Any, wanted: str, document: dict[str, Any]) -> Difference | None:
    other = look_up(document, wanted)
    if actual is not ABSENT and first_difference(other, actual) is None:
        return None
    return Difference(path, f"the same as {wanted}, {shown(other)}", shown(actual))


def _between(path: str, actual: Any, wanted: list[float], _: dict[str, Any]) -> Difference | None:
    low, high = wanted
    number = isinstance(actual, (int, float)) and not isinstance(actual, bool)
    if number and low <= actual <= high:
        return None
    return Difference(path, f"a number from {low} to {high}", shown(actual))


def _length(path: str, actual: Any, wanted: list[int], _: dict[str, Any]) -> Difference | None:
    low, high = wanted
    if isinstance(actual, (str, list, dict)) and low <= len(actual) <= high:
        return None
    return Difference(path, f"{low} to {high} items or characters", shown(actual))


def _distinct(path: str, actual: Any, _: bool, __: dict[str, Any]) -> Difference | None:
    texts = [shown(item) for item in actual] if isinstance(actual, list) else []
    if len(texts) > 1 and len(set(texts)) == len(texts):
        return None
    return Difference(path, "values that all differ", shown(actual))


def _keys(path: str, actual: Any, wanted: list[str], _: dict[str, Any]) -> Difference | None:
    return first_difference(wanted, list(actual) if isinstance(actual, dict) else actual, path)


def _contains(path: str, actual: Any, wanted: dict[str, Any], _: dict[str, Any]) -> Difference | None:
    if not isinstance(actual, dict):
        return Difference(path, "an object", shown(actual))
    for key, member in wanted.items():
        if found := first_difference(member, actual.get(key, ABSENT), join(path, key)):
            return found
    return None


def _includes(path: str, actual: Any, wanted: Any, _: dict[str, Any]) -> Difference | None:
    if isinstance(actual, (str, list)) and wanted in actual:
        return None
    return Difference(path, f"something with {shown(wanted)} in it", shown(actual))


def _excludes(path: str, actual: Any, wanted: Any, _: dict[str, Any]) -> Difference | None:
    if isinstance(actual, list) and all(first_difference(wanted, item) is not None for item in actual):
        return None
    return Difference(path, f"a list without {shown(wanted)}", shown(actual))


def _includes_at(path: str, actual: Any, wanted: str, document: dict[str, Any]) -> Difference | None:
    other = look_up(document, wanted)
    if isinstance(actual, (list, dict)) and other in actual:
        return None
    return Difference(path, f"something with {wanted}, {shown(other)}, in it", shown(actual))


def _rising(path: str, actual: Any, _: bool, __: dict[str, Any]) -> Difference | None:
    numbers = actual if isinstance(actual, list) and all(isinstance(item, (int, float)) for item in actual) else []
    if len(numbers) > 1 and all(one < two for one, two in itertools.pairwise(numbers)):
        return None
    return Difference(path, "numbers that rise", shown(actual))


def _ordered(path: str, actual: Any, wanted: list[str], _: dict[str, Any]) -> Difference | None:
    texts, place = actual if isinstance(actual, list) else [], 0
    for pattern in wanted:
        found = (at for at in range(place, len(texts)) if re.search(pattern, str(texts[at]), re.DOTALL))
        if (at := next(found, None)) is None:
            return Difference(path, f"something like /{pattern}/ after what comes before it", shown(actual))
        place = at + 1
    return None


#: matcher -> function(path, actual value, argument of the matcher, whole document).
MATCHERS: dict[str, Matcher] = {
    "equals": _equals,  # the same JSON value; 1, 1.0 and true differ
    "tagged": _tagged,  # the same tagged value, whatever its spelling
    "absent": _absent,  # true: not there; false: there, whatever it is
    "type": _type,  # a JSON type or a list of them
    "matches": _matches,  # a regular expression for the whole text
    "one_of": _one_of,
    "one_of_or_absent": _one_of_or_absent,
    "each_one_of": _each_one_of,  # every item of a list, which may be empty
    "near": _near,  # {seconds, within}
    "same_as": _same_as,  # the value at another path
    "between": _between,  # [low, high]
    "length": _length,  # [low, high]
    "distinct": _distinct,  # true: a list whose items all differ
    "keys": _keys,  # the keys of an object in their order
    "contains": _contains,  # an object with at least these members
    "includes": _includes,  # a list with this item, or a text with this part
    "excludes": _excludes,  # a list without this item
    "includes_at": _includes_at,  # a list with the value at another path, or an object with that key
    "rising": _rising,  # true: a list of numbers, each above the one before
    "ordered": _ordered,  # a list of texts in which these regular expressions are found one after the other
}


def check(matcher: str, path: str, argument: Any, document: dict[str, Any]) -> Difference | None:
    """Apply one matcher at a path; ``*`` as a step of the path gathers that place of every item of a list."""
    head, star, tail = path.partition(".*")
    if star:
        items = look_up(document, head)
        actual: Any = [look_up(item, tail.lstrip(".")) for item in items] if isinstance(items, list) else ABSENT
    else:
        actual = look_up(document, path)
    return MATCHERS[matcher](path, actual, argument, document)
