"""The tutorial tells the truth: each stage is run, and what the text quotes is what the suite says."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

import pytest
from conftest import HERE, PARTS, Finished, url_of

PROTOCOL = HERE.parent / "protocol"
EXIT_CODES = {1: 3, 2: 3, 3: 1, 4: 1, 5: 0, 6: 1, 7: 0}
#: The first step that is on RabbitMQ.
ON_RABBITMQ = 6
#: What differs from run to run.
VARIES = re.compile(r"""(["'](?:task_)?id["']): ["'][0-9a-f-]{36}["']|in \d+\.\d s""")


def _quoted(step: int) -> list[str]:
    """The lines of the blocks of output in the section of a step."""
    text = (PROTOCOL / "TUTORIAL.md").read_text()
    section = text.split(f"\n## {step}. ")[1].split("\n## ")[0]
    return [line for language, block in _blocks(section) if not language for line in block.splitlines()]


def _blocks(section: str) -> list[tuple[str, str]]:
    """(language, content) of the fenced blocks."""
    return re.findall(r"^```(\w*)\n(.*?)\n```$", section, re.DOTALL | re.MULTILINE)


def _bare(url: str) -> str:
    """The database or virtual host that one gets without asking for it: the adapters of the tutorial ask for none."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path="/0" if parts.scheme == "redis" else "//"))


@pytest.mark.parametrize("step", EXIT_CODES)
def test_step(step: int, suite: Callable[..., Finished], monkeypatch: pytest.MonkeyPatch) -> None:
    for part, variable in PARTS.items():
        monkeypatch.setenv(variable, _bare(url_of(part)))
    testee = [sys.executable, str(PROTOCOL / "tutorial" / f"step{step}.py")]
    only = "sending/[mu]*" if step >= ON_RABBITMQ else "headers/[ntw]*"
    options = ["--profile", "producer", "--only", f"producer/{only}", "--timeout", "20"]
    done = suite(*options, testee=testee)
    assert done.code == EXIT_CODES[step], done.out + done.err
    said = {VARIES.sub("", line) for line in done.out.splitlines()}
    quoted = _quoted(step)
    assert quoted
    for line in quoted:
        if line.startswith("celeriac-conformance "):
            assert f"'{options[3]}'" in line
            continue
        assert VARIES.sub("", line) in said, line


def test_the_code_in_the_text_is_the_code_that_is_run() -> None:
    text = (PROTOCOL / "TUTORIAL.md").read_text()
    for step in EXIT_CODES:
        section = text.split(f"\n## {step}. ")[1].split("\n## ")[0]
        code = (PROTOCOL / "tutorial" / f"step{step}.py").read_text()
        lines = [line.strip() for line in code.splitlines()]
        for language, block in _blocks(section):
            wanted = block.splitlines() if language == "python" else []
            assert all(line.strip() in lines for line in wanted if line.strip() != "..."), block
