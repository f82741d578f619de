"""Where the suite's data lies: packaged beside the code, or in the repository that the code is part of."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
from referencing import Registry, Resource

PACKAGE = Path(__file__).parent
#: conformance/ in the repository; meaningless in an installed wheel.
REPOSITORY = PACKAGE.parents[1]
LONGEST_MESSAGE = 400


class DataError(Exception):
    """A file of the suite or of the specification is missing or wrong; the message says which and where."""


def folder(name: str) -> Path:
    """The folder ``cases``, ``schemas``, ``protocol`` or ``spec``; raises DataError when it is nowhere."""
    places = (PACKAGE / "data" / name, REPOSITORY / name, REPOSITORY.parent / name)
    for place in places:
        if place.is_dir():
            return place
    raise DataError(f"no folder {name!r}: looked in {', '.join(map(str, places))}")


def read_json(path: Path) -> Any:
    """The content of a JSON file; raises DataError with the file's name and the place of the fault."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error


@functools.cache
def schema(where: str, name: str) -> jsonschema.Draft202012Validator:
    """The validator for ``<where>/<name>.schema.json``; its neighbours can be referred to by file name."""
    base = folder(where)
    neighbours = ((path.name, Resource.from_contents(read_json(path))) for path in base.glob("*.schema.json"))
    registry: Registry[Any] = Registry().with_resources(neighbours)
    return jsonschema.Draft202012Validator(read_json(base / f"{name}.schema.json"), registry=registry)


def violation(where: str, name: str, document: Any) -> str | None:
    """How ``document`` breaks the schema, in one line, or None when it does not."""
    error = jsonschema.exceptions.best_match(schema(where, name).iter_errors(document))
    return None if error is None else _in_a_line(error)


def _in_a_line(error: jsonschema.exceptions.ValidationError) -> str:
    """Where and what; a message that quotes a whole document keeps its beginning and its end."""
    message = error.message
    if len(message) > LONGEST_MESSAGE:
        message = f"{message[: LONGEST_MESSAGE // 2]} ... {message[-LONGEST_MESSAGE // 2 :]}"
    return f"{error.json_path}: {message}"


@functools.cache
def _part(where: str, name: str, part: str) -> jsonschema.Draft202012Validator:
    definition = read_json(folder(where) / f"{name}.schema.json")["$defs"][part]
    return jsonschema.Draft202012Validator(definition)


def violation_of(where: str, name: str, part: str, document: Any) -> str | None:
    """As ``violation``, against one of the schema's ``$defs``."""
    error = jsonschema.exceptions.best_match(_part(where, name, part).iter_errors(document))
    return None if error is None else _in_a_line(error)


def read_valid(path: Path, where: str, name: str) -> Any:
    """The content of a JSON file that follows a schema; raises DataError when it does not."""
    document = read_json(path)
    if fault := violation(where, name, document):
        raise DataError(f"{path} is no {name}: {fault}")
    return document
