"""The tables name what exists."""

from __future__ import annotations

import pytest

from bench.campaign import EFFORTS
from bench.lines import LINES
from bench.measure import MEASURES
from bench.model import METRICS, Contestant, Line
from bench.stage import CONTESTANTS

EVERYBODY = [(line, contestant) for line in LINES for contestant in line.contestants]
ENDINGS = {"python": "py", "node": "mjs", "php": "php", "c": "c"}


def test_lines_have_names_of_their_own() -> None:
    assert len({line.name for line in LINES}) == len(LINES)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_a_line_is_measured_in_a_known_way_and_its_targets_name_contestants(line: Line) -> None:
    names = [contestant.name for contestant in line.contestants]
    assert len(set(names)) == len(names)
    assert line.measure in MEASURES
    assert {line.metric, *line.columns} <= METRICS.keys()
    for target in line.targets:
        assert {*target.of, *target.against} <= {*names, *line.absent}
        assert target.at_least is None or target.at_most is None
        # What has no bound is there for the ratio.
        assert target.wanted or target.against


@pytest.mark.parametrize("line", [line for line in LINES if line.short], ids=lambda line: line.name)
def test_the_short_run_measures_the_bare_clients_that_ours_are_held_against(line: Line) -> None:
    there = EFFORTS["quick"].contestants(line)
    bare = {contestant.name for contestant in line.contestants if contestant.ceiling}
    for target in line.targets:
        assert not bare.intersection(target.against) or {one.name for one in there}.intersection(target.against)


@pytest.mark.parametrize("line", [line for line in LINES if line.short], ids=lambda line: line.name)
def test_the_short_run_has_some_of_everybody_and_begins_to_count_at_once(line: Line) -> None:
    quick, full = EFFORTS["quick"], EFFORTS["full"]
    assert 2 <= len(quick.contestants(line)) < len(line.contestants) or line.name == "worker-events"
    assert list(quick.numbers(line)) == [1, 2]
    assert list(full.numbers(line)) == [0, 1, 2, 3]
    assert quick.measurements(line) < full.measurements(line)


@pytest.mark.parametrize(("line", "contestant"), EVERYBODY, ids=lambda one: one.name)
def test_a_contestant_has_an_adapter(line: Line, contestant: Contestant) -> None:
    assert (CONTESTANTS / contestant.language / f"{contestant.adapter}.{ENDINGS[contestant.language]}").exists()
    filler = "python" if contestant.fill == "filler" else contestant.language
    assert (CONTESTANTS / filler / f"{contestant.fill}.{ENDINGS[filler]}").exists()
