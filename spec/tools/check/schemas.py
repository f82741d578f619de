"""JSON Schemas: they are valid, they agree with the field list, and what they describe is valid under them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry, Resource

from . import requirements
from .problems import Problem, Spec
from .tables import fields

#: Section of the field list -> schema whose properties are its fields.
SECTIONS = {
    "task-v2": "task-message.schema.json",
    "task-v1": "task-message-v1.schema.json",
    "envelope": "redis-envelope.schema.json",
    "signature": "signature.schema.json",
    "result": "result.schema.json",
    "control": "control.schema.json",
    "reply": "reply.schema.json",
    "event-message": "event-message.schema.json",
    "event": "event.schema.json",
}
#: Properties of a schema that are no fields of the list.
BESIDES = {"content_type", "content_encoding", "extra"}
#: The same for messages of an exchange: their address, and what the message is made of.
BESIDES |= {"exchange", "routing_key", "channel", "key", "delivery_tag", "body_encoding", "events"}
#: Samples by which the types of a field and of its property are compared.
SAMPLES: dict[str, Any] = {
    "string": "2",
    "integer": 2,
    "number": 1.5,
    "boolean": True,
    "array": [],
    "object": {"task": "t", "args": [], "kwargs": {}, "options": {}, "subtask_type": None, "immutable": False}
    | {"exchange": "e", "routing_key": "r"},
    "null": None,
    "date-time": "2026-01-02T03:04:05+00:00",
    "time-limit": [30, None],
}
#: Fields whose property is narrower than their type: the one value that the list names.
NARROW = {"body_encoding": "base64", "subtask_type": "chain", "matcher": "glob", "type": "task-sent"}


def load(spec: Spec) -> dict[str, dict[str, Any]]:
    """Schemas by file name."""
    return {path.name: read_json(path) for path in sorted((spec.folder / "schemas").glob("*.schema.json"))}


def read_json(path: Path) -> Any:
    """The JSON of a file."""
    return json.loads(path.read_text(encoding="utf-8"))


def registry(schemas: dict[str, dict[str, Any]]) -> Registry[Any]:
    """Where the schemas find each other, by file name."""
    return Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in schemas.items())


def validator(schemas: dict[str, dict[str, Any]], name: str) -> Draft202012Validator:
    """A validator for one of the schemas."""
    return Draft202012Validator(schemas[name], registry=registry(schemas))


def check(spec: Spec) -> Iterator[Problem]:
    """All checks of this module; stops after the first when a schema is broken."""
    schemas = load(spec)
    broken = list(check_schemas(schemas))
    yield from broken
    if broken:
        return
    yield from check_requirement_marks(spec, schemas)
    yield from check_fields(spec, schemas)
    yield from check_documents(spec, schemas)


def check_schemas(schemas: dict[str, dict[str, Any]]) -> Iterator[Problem]:
    """Each schema is a schema."""
    for name, schema in schemas.items():
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            yield Problem(
                f"schemas/{name}", 0, f"is not a valid schema: {error.message}", "correct it at " + error.json_path
            )
        if schema.get("$id") != name:
            yield Problem(
                f"schemas/{name}", 0, f"has the $id {schema.get('$id')!r}", f"make it {name!r}, which others refer to"
            )


def check_requirement_marks(spec: Spec, schemas: dict[str, dict[str, Any]]) -> Iterator[Problem]:
    """Every field's property says which requirements it stands for, and they exist."""
    known = {found.id for found in requirements.read(spec)}
    for name in SECTIONS.values():
        for prop, schema in schemas[name]["properties"].items():
            marks = schema.get("x-requirement", [])
            if not marks:
                yield Problem(
                    f"schemas/{name}", 0, f"property {prop} stands for no requirement", "give it x-requirement"
                )
            for unknown in sorted(set(marks) - known):
                yield Problem(
                    f"schemas/{name}",
                    0,
                    f"property {prop} quotes {unknown}, which no chapter defines",
                    "correct the id",
                )


def check_fields(spec: Spec, schemas: dict[str, dict[str, Any]]) -> Iterator[Problem]:
    """Names, types and required fields are the same in the list and in the schema."""
    listed = fields(spec)
    known = {section: {field["name"] for field in listed[section]} for section in SECTIONS}
    for section, name in SECTIONS.items():
        schema = schemas[name]
        names = known[section] | (known["task-v2"] if section == "envelope" else set())
        for missing in sorted(names - schema["properties"].keys()):
            yield Problem(f"schemas/{name}", 0, f"lacks the field {missing} of fields.json", "add it to properties")
        for more in sorted(schema["properties"].keys() - names - BESIDES):
            yield Problem(
                f"schemas/{name}", 0, f"has the property {more}, which fields.json lacks", "add it to fields.json"
            )
        for field in listed[section]:
            if field["name"] in schema["properties"]:
                yield from check_types(schemas, name, field)


def check_types(schemas: dict[str, dict[str, Any]], name: str, field: dict[str, Any]) -> Iterator[Problem]:
    """The property takes each type of the field; a field without 'omitted' is required."""
    reference = {"$ref": f"{name}#/properties/{field['name']}"}
    probe = Draft202012Validator(reference, registry=registry(schemas))
    for kind in field["type"]:
        sample = NARROW.get(field["name"], SAMPLES.get(kind)) if kind == "string" else SAMPLES.get(kind)
        if not probe.is_valid(sample):
            message = f"property {field['name']} refuses the type {kind} of fields.json"
            yield Problem(f"schemas/{name}", 0, message, "make both say the same")
    if "null" not in field["type"] and field["type"] != ["any"] and probe.is_valid(None):
        yield Problem(
            f"schemas/{name}", 0, f"property {field['name']} takes null, fields.json does not", "make both say the same"
        )
    if "omitted" not in field and field["name"] not in schemas[name].get("required", []):
        message = f"{field['name']} is not required, though fields.json says that its absence is malformed"
        yield Problem(f"schemas/{name}", 0, message, "add it to required, or give it 'omitted' in fields.json")


def check_documents(spec: Spec, schemas: dict[str, dict[str, Any]]) -> Iterator[Problem]:
    """fields.json, requirements.json and every vector are valid under their schemas."""
    documents = [(spec.folder / f"{stem}.json", f"{stem}.schema.json") for stem in ("fields", "requirements")]
    documents += [(path, "vector.schema.json") for path in sorted((spec.folder / "vectors").rglob("*.json"))]
    validators = {name: validator(schemas, name) for _, name in documents}
    for path, name in documents:
        if not path.exists():
            continue
        error = best_match(validators[name].iter_errors(read_json(path)))
        if error is not None:
            message = f"is not valid under {name} at {error.json_path}: {error.message[:200]}"
            yield Problem(spec.name(path), 0, message, "correct the file, or the schema if the wire is right")
