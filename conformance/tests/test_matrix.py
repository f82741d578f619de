"""The matrix: configuration, cells, and the exit code that follows."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import HERE, Finished, fake, reference

from celeriac_conformance import data, matrix
from celeriac_conformance.matrix_calls import CALLS, difference

Suite = Callable[..., Finished]
#: The deadline of a step where something is waited for that never comes.
WAITED_OUT = 6


def _config(tmp_path: Path, **changes: Any) -> Path:
    document = {
        "testees": {"right": {"command": reference()}, "wrong": {"command": reference("runs-twice")}},
        "producers": ["right"],
        "workers": ["right"],
        "combos": ["redis+redis"],
        **changes,
    }
    path = tmp_path / "matrix.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def _run(suite: Suite, config: Path, url: str, seconds: int = 30) -> tuple[Finished, dict[str, Any]]:
    out = config.with_name("matrix.json")
    options = ["--broker", url, "--result", url, "--out", str(out), "--timeout", str(seconds)]
    done = suite("matrix", "--config", str(config), *options)
    document: dict[str, Any] = json.loads(out.read_text())
    assert data.violation("schemas", "matrix-report", document) is None
    return done, document


def test_a_green_cell(suite: Suite, redis_url: str, tmp_path: Path) -> None:
    done, document = _run(suite, _config(tmp_path), redis_url)
    assert done.code == 0, done.out
    (cell,) = document["cells"]
    assert cell["verdict"] == "pass"
    assert len(cell["calls"]) == len(CALLS)


def test_a_wrong_worker_makes_its_cells_red(suite: Suite, redis_url: str, tmp_path: Path) -> None:
    done, document = _run(suite, _config(tmp_path, workers=["right", "wrong"]), redis_url)
    assert done.code == 1, done.out
    assert [cell["verdict"] for cell in document["cells"]] == ["pass", "fail"]
    assert "evidence is of 2 runs, not of 1" in done.out


def test_who_is_apart_has_a_worker_alone_after_the_others(suite: Suite, redis_url: str, tmp_path: Path) -> None:
    testees = {"right": {"command": reference()}, "apart": {"command": reference(), "apart": True}}
    config = _config(tmp_path, testees=testees, producers=["apart", "right"])
    assert matrix.read(config).companies() == [["right"], ["apart"]]
    done, document = _run(suite, config, redis_url)
    assert done.code == 0, done.out
    assert [cell["producer"] for cell in document["cells"]] == ["right", "apart"]


def test_the_end_of_a_worker_that_only_the_unwanted_used_is_no_fault(
    suite: Suite, redis_url: str, tmp_path: Path
) -> None:
    unwanted = [{"worker": "lazy", "why": "it settles nothing at all"}]
    testees = {"right": {"command": reference()}, "lazy": {"command": reference("never-settles")}}
    config = _config(tmp_path, testees=testees, workers=["right", "lazy"])
    done, document = _run(suite, config, redis_url, WAITED_OUT)
    assert (done.code, document["faults"] != []) == (3, True), done.out
    config = _config(tmp_path, testees=testees, workers=["right", "lazy"], unwanted=unwanted)
    done, document = _run(suite, config, redis_url, WAITED_OUT)
    assert (done.code, document["faults"]) == (0, []), done.out
    last = document["cells"][1]["calls"][-1]
    assert (last["call"], last["verdict"]) == ("the end", "fail")
    assert "messages were left in the queue of a worker on redis+redis" in last["why"]


def test_an_unwanted_cell_is_run_and_shown_but_decides_nothing(suite: Suite, redis_url: str, tmp_path: Path) -> None:
    unwanted = [{"worker": "wrong", "why": "it runs everything twice"}]
    done, document = _run(suite, _config(tmp_path, workers=["wrong", "right"], unwanted=unwanted), redis_url)
    assert done.code == 0, done.out
    assert [(cell["verdict"], cell["wanted"]) for cell in document["cells"]] == [("fail", False), ("pass", True)]
    assert "it runs everything twice" in done.out


def test_what_is_not_claimed_is_not_green(suite: Suite, redis_url: str, tmp_path: Path) -> None:
    testees = {"right": {"command": reference()}, "modest": {"command": fake("claims-nothing")}}
    config = _config(tmp_path, testees=testees, producers=["modest", "right"])
    done, document = _run(suite, config, redis_url)
    assert done.code == 1
    assert [cell["verdict"] for cell in document["cells"]] == ["unsupported", "pass"]


@pytest.mark.parametrize("name", ["exits-at-once", "exits-mid-case"])
def test_a_testee_that_breaks_is_an_error(name: str, suite: Suite, redis_url: str, tmp_path: Path) -> None:
    testees = {"right": {"command": reference()}, "broken": {"command": fake(name)}}
    done, document = _run(suite, _config(tmp_path, testees=testees, producers=["broken", "right"]), redis_url)
    assert done.code == 3
    assert [cell["verdict"] for cell in document["cells"]] == ["error", "pass"]


def test_the_environment_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    testees = {"right": {"command": ["${CONF_TEST_PYTHON:-python3}", "x.py"], "cwd": "sub"}}
    monkeypatch.delenv("CONF_TEST_PYTHON", raising=False)
    assert matrix.read(_config(tmp_path, testees=testees)).testees["right"]["command"][0] == "python3"
    monkeypatch.setenv("CONF_TEST_PYTHON", sys.executable)
    config = matrix.read(_config(tmp_path, testees=testees))
    right = config.testees["right"]
    assert (right["command"], right["cwd"]) == ([sys.executable, "x.py"], tmp_path / "sub")


BAD = [
    {"producers": ["nobody"]},
    {"combos": ["amqp+kafka"]},
    {"testees": {"right": {"command": []}}},
    {"testees": {"right": {"command": ["${CONF_NOWHERE_SET}"]}}},
    {"unwanted": [{"worker": "right"}]},
    {"colour": "red"},
]


@pytest.mark.parametrize("change", BAD)
def test_a_bad_configuration_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(data.DataError):
        matrix.read(_config(tmp_path, **change))


def test_toml_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "matrix.toml"
    path.write_text('producers = ["a"]\nworkers = ["a"]\n[testees.a]\ncommand = ["true"]\n')
    assert [str(combo) for combo in matrix.read(path).combos] == ["amqp+rpc", "amqp+redis", "redis+redis"]


def test_the_matrix_of_the_project_is_well_formed() -> None:
    config = matrix.read(HERE.parent / "matrix.yaml")
    assert set(config.producers) == {"python", "node", "php", "celery"}
    assert set(config.workers) == {"python", "celery"}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_every_call_can_fail(call: Any) -> None:
    wrong: list[dict[str, Any]] = [
        {"state": "SUCCESS", "result": "something else"},
        {"state": "FAILURE", "exception": {"type": "OSError", "module": "builtins", "args": []}},
        {"state": "FAILURE"},
    ]
    for answer in wrong:
        assert difference(call, answer, 10.0) is not None
    if call.raises is None:
        right: dict[str, Any] = {"state": "SUCCESS", "result": call.result}
    else:
        right = {"state": "FAILURE", "exception": {"type": call.raises[0], "args": call.raises[1]}}
    assert difference(call, right, 10.0) is None
    assert (difference(call, right, 0.0) is None) == (call.least_seconds == 0.0)
