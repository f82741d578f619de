from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bench.model import Contestant, Failure, Guarantee, Line, Outcome, Sample, Target
from bench.plot import draw
from bench.publish import BEGIN, END, between_markers, publish
from bench.report import Run, from_json, markdown, ours_failed, to_json, write

OURS = Contestant(
    name="celeriac", adapter="x", environment="x", keeps=frozenset({Guarantee.ACK_LATE, Guarantee.PERSISTENT})
)
CELERY = Contestant(name="celery prefork", adapter="x", environment="x")
BARE = Contestant(name="bare <driver> & co", adapter="x", environment="x", ceiling=True)
LINE = Line(
    name="line", title="A line", measure="tasks", broker="amqp", contestants=(OURS, CELERY, BARE),
    columns=("rate", "own"), targets=(Target(("celeriac",), ("celery prefork",), at_least=5),),
)  # fmt: skip
SAMPLES = tuple(
    Sample(name, number, {"rate": rate * number, "own": 12.4})
    for number in (1, 2, 3)
    for name, rate in (("celeriac", 4000.0), ("celery prefork", 1000.0), (BARE.name, 9000.0))
)
RUN = Run(
    "quick", {"cores": "2", "date": "today"}, {"Redis": "7"}, (Outcome("line", SAMPLES, (Failure("x", 1, "no"),)),)
)


def test_the_report_can_be_read_again() -> None:
    assert from_json(to_json(RUN)) == RUN


def test_a_table_has_medians_spread_ratio_and_guarantees() -> None:
    text = markdown(RUN, {"line": LINE})
    assert "| **celeriac** | PA | 8,000 (4,000 to 12,000) | 4.00 | 12 |" in text
    assert "| celery prefork |  | 2,000 (1,000 to 3,000) | 1.00 | 12 |" in text
    assert "| A line | celeriac against celery prefork: per second | 4.00 x | ≥ 5 x | **missed** |" in text
    assert "- x failed in round 1: no" in text


def test_everything_is_written(tmp_path: Path) -> None:
    write(RUN, {"line": LINE}, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "report.md", "line.svg"}
    picture = ET.fromstring((tmp_path / "line.svg").read_text())
    bars = [rect.get("class") for rect in picture.iter("{http://www.w3.org/2000/svg}rect")]
    assert bars == ["ours", "peer", "ceiling"]


def test_a_report_is_published_between_the_markers(tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    for readme in (tmp_path / "README.md", tmp_path / "benchmarks" / "README.md"):
        readme.write_text(f"before\n{BEGIN}old\n{END}after\n")
    publish(RUN, {"line": LINE}, tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| A line | celeriac against celery prefork: per second | 4.00 x |\n" in text
    wanted = (tmp_path / "benchmarks" / "README.md").read_text()
    assert "| A line | celeriac against celery prefork: per second | 4.00 x | ≥ 5 x | **missed** |\n" in wanted
    assert "(benchmarks/results/quick/line.svg)" in text
    assert (tmp_path / "benchmarks" / "results" / "quick" / "report.md").exists()
    with pytest.raises(ValueError, match="markers"):
        between_markers("no markers", "new")


def test_only_what_of_ours_fails_is_ours() -> None:
    failures = tuple(Failure(name, 1, "died") for name in ("celeriac", "celery prefork"))
    run = Run("quick", {}, {}, (Outcome("line", (), failures),))
    assert ours_failed(run, {"line": LINE}) == [failures[0]]
    assert "celeriac: per second | failed | ≥ 5 x | **missed** |" in markdown(run, {"line": LINE})


def test_who_is_left_out_has_not_failed() -> None:
    run = Run("quick", {}, {}, (Outcome("line", (), (Failure("celeriac", 1, "no time", left_out=True),)),))
    assert ours_failed(run, {"line": LINE}) == []
    text = markdown(run, {"line": LINE})
    assert "celeriac: per second | not measured | ≥ 5 x |  |" in text
    assert "- celeriac was left out of round 1: no time" in text


def test_bars_are_to_scale() -> None:
    from bench.figures import summary
    from bench.plot import Bar

    picture = ET.fromstring(draw("t", "n", [Bar("a", "ours", summary([2.0])), Bar("b", "peer", summary([1.0]))], 0))
    widths = [float(rect.get("width", "0")) for rect in picture.iter("{http://www.w3.org/2000/svg}rect")]
    assert widths[0] == 2 * widths[1]
