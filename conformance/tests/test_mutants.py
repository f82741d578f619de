"""The mutants: well described, all of them, and killed as mutants.yaml says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import HERE, reference, url_of

from celeriac_conformance import data, mutants
from celeriac_conformance.cases import Case
from celeriac_conformance.mutants import Laboratory, Mutant
from celeriac_conformance.report import kill_rate
from celeriac_conformance.requirements import Specification

FOLDER = HERE.parent / "mutants"


@pytest.fixture(scope="module")
def known(library: list[Case], specification: Specification) -> list[Mutant]:
    return mutants.read(library, specification)


def test_every_mutant_of_the_testee_is_described_and_every_description_has_one(known: list[Mutant]) -> None:
    code = "from reference.catalogue import MUTANTS; print(*MUTANTS)"
    listed = subprocess.run([sys.executable, "-c", code], cwd=FOLDER, capture_output=True, text=True, check=True)
    assert {mutant.name for mutant in known} == set(listed.stdout.split())


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.name)
def test_the_testee_shares_no_code_with_the_suite(path: Path) -> None:
    text = path.read_text()
    assert "celeriac" not in text.replace("celeriac-conformance", "")
    assert len(text.splitlines()) <= 400


def test_a_kill_that_no_case_can_make_is_refused(
    library: list[Case], specification: Specification, tmp_path: Path
) -> None:
    path = tmp_path / "mutants.yaml"
    kill = {"requirement": "TM-HDR-014", "case": "producer/headers/time-limits", "at": "headers.timelimit"}
    row = {"mutant": "swaps-timelimit", "defect": "the limits change places", "kills": [kill]}
    for change in ({"case": "no/such/case"}, {"requirement": "TM-HDR-001"}, {"verdict": "pass"}, {"at": ""}):
        path.write_text(yaml.safe_dump([{**row, "kills": [{**kill, **change}]}]))
        with pytest.raises(data.DataError, match="mutants"):
            mutants.read(library, specification, path)
    path.write_text(yaml.safe_dump([row, row]))
    with pytest.raises(data.DataError, match="twice"):
        mutants.read(library, specification, path)


def test_a_mutant_that_does_no_harm_survives(known: list[Mutant], specification: Specification) -> None:
    (swaps,) = (mutant for mutant in known if mutant.name == "swaps-timelimit")
    kills = tuple(kill for kill in swaps.kills if kill.case.profile == "codec")
    harmless = Mutant("says-ok-and-does-nothing", "does nothing, where nothing is to be done", kills)
    told = Laboratory(specification, {}).run([harmless], lambda *_: None)
    assert (told.exit, len(told.survivors)) == (1, len(kills))
    assert "nothing amiss" in told.survivors[0]


def test_codec_mutants_are_killed(known: list[Mutant], specification: Specification) -> None:
    offline = [Mutant(m.name, m.defect, tuple(k for k in m.kills if k.case.profile == "codec")) for m in known]
    told = Laboratory(specification, {}).run([mutant for mutant in offline if mutant.kills], lambda *_: None)
    assert (told.exit, told.faults, told.survivors) == (0, [], [])


def area_of(mutant: Mutant) -> str:
    """TM, SER, ..., BR-AMQP, BR-REDIS."""
    first, second, *_ = mutant.kills[0].requirement.split("-")
    return f"{first}-{second}" if first == "BR" else first


#: Two live mutants of each area, none of which keeps silent: that is waited for as long as a slow machine may need.
#: ``celeriac-conformance mutants`` runs them all.
SOME = (
    *("same-id-for-every-call", "writes-expiration-in-seconds", "writes-a-charset", "writes-datetime-in-zulu"),
    *("returns-at-the-limit", "acknowledges-before-running", "one-delivery-tag", "reads-the-least-urgent-first"),
    *("sends-to-an-exchange-of-the-queue", "declares-transient", "forgets-the-type-of-exceptions"),
    *("takes-any-state-for-the-end", "tells-passwords", "imports-what-a-message-names"),
    *("sends-steps-under-an-id-of-its-own", "counts-chains-by-their-first-step", "addresses-requests"),
    *("gives-up-at-once", "keeps-events", "wants-a-traceback"),
)


def test_some_live_mutants_are_killed(known: list[Mutant], specification: Specification) -> None:
    urls = {"amqp": url_of("rabbitmq"), "redis": url_of("redis")}
    chosen = [mutant for mutant in known if mutant.name in SOME]
    assert {area_of(mutant) for mutant in chosen} == {area_of(mutant) for mutant in known}
    told = Laboratory(specification, urls, seconds=15.0).run(chosen, lambda *_: None)
    assert (told.exit, told.faults, told.survivors, len(chosen)) == (0, [], [], len(SOME))


def test_the_unmutated_testee_starts_without_a_broker() -> None:
    done = subprocess.run(reference(), input='{"id": 1, "op": "bye"}\n', capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, '{"id": 1, "ok": {}}\n')


def test_the_kill_rate_is_that_of_these_mutants(known: list[Mutant]) -> None:
    """Stale: run ``celeriac-conformance mutants --out conformance/mutants/kill-rate.json`` again."""
    rate = data.read_json(FOLDER / "kill-rate.json")
    assert data.violation("schemas", "kill-rate", rate) is None
    assert rate["digest"] == mutants.digest(known), "kill-rate.json is older than the mutants or the cases they use"
    assert rate["mutants"] == {"total": len(known), "killed": len(known)}
    assert rate["requirements"] == sorted({kill.requirement for mutant in known for kill in mutant.kills})


def test_the_kill_rate_is_told() -> None:
    rate = kill_rate.known()
    assert rate is not None
    assert kill_rate.sentence(rate).startswith(
        f"this suite finds {rate['killed']} of {rate['total']} deliberate defects"
    )
    assert "no kill rate" in kill_rate.sentence(None)
