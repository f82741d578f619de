"""Settings of the unit tests, and a transport that keeps what it gets."""

from __future__ import annotations

import pytest
from hypothesis import settings

from celeriac import connections

from .client_parts import Fakes

# A loaded machine is not a failure. `pytest --hypothesis-profile=deep` looks for longer.
settings.register_profile("default", deadline=None)
settings.register_profile("deep", deadline=None, max_examples=5000)
settings.load_profile("default")


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Fakes:
    made = Fakes()
    monkeypatch.setattr(connections, "open_client_link", made.open_client_link)
    monkeypatch.setattr(connections, "open_reader", made.open_reader)
    return made
