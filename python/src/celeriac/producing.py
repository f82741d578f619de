"""Options of a caller to fields of a message: what a producer checks and works out before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from celeriac.compression import mime_name
from celeriac.errors import InvalidCall, InvalidMessage
from celeriac.signature import Signature
from celeriac.text import shown
from celeriac.times import instant, iso
from celeriac.wire import Extra

_TIMES = ("eta", "expires")
_SIGNATURES = ("callbacks", "errbacks", "chain")


def producer_fields(options: Mapping[str, Any], names: Set[str], headers: Set[str]) -> dict[str, Any]:
    """Give the fields of a message for the options of ``Message.create``.

    ``names`` are the fields there are, ``headers`` those of them that are headers. Raises InvalidCall.
    """
    values = dict(options)
    extra = _extra(values.pop("headers", None), headers)
    limits = [values.pop("time_limit", None), values.pop("soft_time_limit", None)]
    unknown = values.keys() - names - {"content_type"}
    if unknown:
        raise InvalidCall(f"unknown option {', '.join(sorted(unknown))}; the options are the fields of a task message")
    values.setdefault("timelimit", limits)
    if extra is not None:
        values["extra"] = extra
    for name in _TIMES:
        if values.get(name) is not None:
            values[name] = _time_text(name, values[name])
    for name in _SIGNATURES:
        if isinstance(values.get(name), (list, tuple)):
            values[name] = [_whole_signature(name, item) for item in values[name]]
    if isinstance(values.get("compression"), str):
        # SER-COMP-001: callers may use Celery's short names, messages may not.
        values["compression"] = mime_name(values["compression"])
    if values.get("chord") is not None:
        values["chord"] = _whole_signature("chord", values["chord"])
    _check_numbers_and_stamps(values)
    return values


def _extra(user_headers: Any, headers: Set[str]) -> Extra | None:
    if not user_headers:
        return None
    if not isinstance(user_headers, Mapping):
        raise InvalidCall(f"headers is {shown(user_headers)}; it is a dict of the user's own headers")
    taken = user_headers.keys() & headers
    if taken:
        # TM-HDR-026
        raise InvalidCall(f"headers may not hold {', '.join(sorted(taken))}; pass it as an option")
    return Extra(headers=dict(user_headers))


def _time_text(name: str, moment: Any) -> str:
    """Give an instant as the wire has it: with offset, at most six digits of a second (TM-HDR-011, TM-HDR-012)."""
    try:
        if isinstance(moment, datetime):
            return iso(moment)
        if isinstance(moment, str):
            return iso(instant(moment))
    except ValueError as error:
        raise InvalidCall(f"{name}: {error}") from error
    raise InvalidCall(f"{name} is {shown(moment)}; pass a datetime or ISO 8601 text")


def _whole_signature(name: str, signature: Any) -> dict[str, Any]:
    """Give a signature with its six keys (TM-BODY-009), whatever its caller left out."""
    try:
        return (signature if isinstance(signature, Signature) else Signature.parse(signature)).build()
    except InvalidMessage as error:
        raise InvalidCall(f"{name}: {error.reason}") from error


def _check_numbers_and_stamps(values: Mapping[str, Any]) -> None:
    retries = values.get("retries")
    if isinstance(retries, int) and retries < 0:
        raise InvalidCall(f"retries is {retries}; it is 0 for a new call and never negative")
    stamps, named = values.get("stamps"), values.get("stamped_headers")
    nameless = set(stamps if isinstance(stamps, Mapping) else ()) - set(named if isinstance(named, Sequence) else ())
    if nameless:
        # TM-HDR-024: readers take no notice of a stamp that is not named.
        raise InvalidCall(f"stamps holds {shown(sorted(nameless, key=str))}; name each in stamped_headers")
