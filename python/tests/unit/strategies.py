"""Hypothesis strategies: values that a body can hold, and whatever a hostile peer sends."""

from __future__ import annotations

from datetime import timedelta, timezone

from hypothesis import strategies as st

_ZONES = st.none() | st.builds(timezone, st.integers(-1439, 1439).map(lambda minutes: timedelta(minutes=minutes)))
_KEYS = st.text(max_size=5).filter(lambda key: key != "__type__")
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.binary(max_size=10)
    | st.datetimes(timezones=_ZONES)
    | st.dates()
    | st.times()
    | st.uuids()
    | st.decimals(allow_nan=False)
)

#: Values that serialization holds without loss.
VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3), max_leaves=8
)

#: Plain JSON of any shape, with the names of the wire among its keys.
_NAMES = st.sampled_from(
    ["task", "id", "args", "kwargs", "eta", "expires", "retries", "timelimit", "callbacks", "chain", "chord", "options"]
    + ["status", "result", "task_id", "exc_type", "properties", "delivery_info", "__type__", "__value__", "hex"]
)
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["", "FAILURE", "RETRY", "2026-01-02T03:04:05", "datetime", "uuid", "base64", "application/json"]
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_NAMES | st.text(max_size=4), inner, max_size=4)
        | st.fixed_dictionaries({"__type__": inner, "__value__": inner})
    ),
    max_leaves=10,
)
