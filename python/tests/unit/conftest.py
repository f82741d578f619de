"""Settings of the unit tests."""

from __future__ import annotations

from hypothesis import settings

# A loaded machine is not a failure. `pytest --hypothesis-profile=deep` looks for longer.
settings.register_profile("default", deadline=None)
settings.register_profile("deep", deadline=None, max_examples=5000)
settings.load_profile("default")
