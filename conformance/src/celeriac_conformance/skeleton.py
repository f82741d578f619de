"""``new-adapter``: the beginning of an adapter, in a language of the reader's choice."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from celeriac_conformance import data


@dataclass(frozen=True, slots=True)
class Language:
    """A language that there is a skeleton for: the file's name, and what runs it."""

    file: str
    runner: tuple[str, ...]
    #: What has to be known before a library is used, where that is not plain.
    libraries: str = ""


LANGUAGES = {
    "python": Language("testee.py", ("python3",)),
    "node": Language("testee.mjs", ("node",)),
    "php": Language("testee.php", ("php",)),
    "go": Language(
        "testee.go",
        ("go", "run"),
        "With a library or a second file: `go mod init testee`, `go get` it, `go build`; then ./testee is the command.",
    ),
    "ruby": Language("testee.rb", ("ruby",)),
    "shell": Language("testee.sh", ("bash",)),
}


def write(name: str, path: Path | None) -> Path:
    """Write the skeleton to ``path``, by default into the working folder; raises DataError rather than overwrite."""
    language = LANGUAGES[name]
    target = path or Path(language.file)
    if target.is_dir():
        target /= language.file
    text = (data.folder("skeletons") / language.file).read_text(encoding="utf-8")
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise data.DataError(f"{target} exists, and is left as it is; name another file with --to") from None
    except OSError as error:
        raise data.DataError(f"{target}: {error.strerror}; name another file with --to") from error
    return target


def next_steps(name: str, path: Path) -> Iterator[str]:
    """What to do with the skeleton, line by line."""
    command = shlex.join([*LANGUAGES[name].runner, str(path)])
    yield f"{path} speaks the testee protocol and claims nothing yet. Now:"
    yield ""
    yield "1. Write `decode` and `encode` with your library's codec, claim the role `codec` and the `kinds` it knows:"
    yield f"     celeriac-conformance --profile codec -- {command}"
    yield "2. Write `open`, `publish` and `close`, claim `producer`, the `broker` it sends to and `confirm`:"
    yield f"     celeriac-conformance --profile producer -- {command}"
    yield "3. `await` makes a result reader; a worker registers the tasks of protocol/tasks.md."
    if libraries := LANGUAGES[name].libraries:
        yield libraries
    yield ""
    yield f"What is asked and answered: {data.folder('protocol') / 'README.md'}"
