"""The application of the tests of states, for a worker of ours."""

from __future__ import annotations

from celeriac import Celeriac
from tests.support.state_functions import OPTIONS, states

app = Celeriac("states")
app.task(**OPTIONS)(states)
