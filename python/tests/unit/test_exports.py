"""The public interface, pinned; and what every public name owes its reader."""

from __future__ import annotations

import importlib.metadata
import inspect

import pytest

import celeriac

PUBLIC = """
    AsyncResult AsyncTask BoundSignature BrokerUnavailable Celeriac CeleriacError DEFAULT_LIMITS Encoded Envelope
    ErrorInfo Extra GroupResult Ignore
    InvalidCall InvalidMessage JSON Limits MSGPACK MaxRetriesExceeded Message NotRegistered
    PublishFailed PublishRefused Reject Replace Request Result ResultError Retry Route SendOptions Settings Signature
    SoftTimeLimitExceeded State TERMINAL Task TaskFailure TaskOptions TaskRevoked TaskTimeout
    TimeLimitExceeded TransportError Wire YAML __version__ chain chord crontab current_request dumps exception_info
    group loads outcome to_message
""".split()  # noqa: SIM905  # reads better than a list


def test_exports() -> None:
    assert sorted(celeriac.__all__) == PUBLIC
    assert all(hasattr(celeriac, name) for name in PUBLIC)


def test_nothing_else_looks_public() -> None:
    names = {name for name, value in vars(celeriac).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert names <= set(PUBLIC)


@pytest.mark.parametrize("name", [name for name in PUBLIC if callable(getattr(celeriac, name))])
def test_documented(name: str) -> None:
    assert inspect.getdoc(getattr(celeriac, name))


def test_version_is_that_of_the_distribution() -> None:
    assert celeriac.__version__ == importlib.metadata.version("celeriac")
