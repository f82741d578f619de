"""MessagePack and YAML: the serializers that have types of their own, for those who ask for them (SER-MP, SER-YAML).

YAML is read and written with the types of its core schema, timestamps and ``!!binary``: every other tag is refused, and
so is a document whose aliases make it larger than a plain one may be. PyYAML is the extra ``celeriac[yaml]``.

Both libraries are imported with the first body that is written so: most applications have JSON alone.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from celeriac.errors import InvalidCall, InvalidMessage
from celeriac.limits import DEFAULT_LIMITS, Limits, value_depth

#: What a document may hold (SER-YAML-001); PyYAML's safe types without sets, pairs and ordered maps.
_YAML_TYPES = ("null", "bool", "int", "float", "str", "seq", "map", "binary", "timestamp")
_YAML_TAG = "tag:yaml.org,2002:"
#: Nodes of a document, those counted again that an alias repeats.
_MAX_NODES = 1_000_000


def write_msgpack(value: Any) -> bytes:
    """Serialize as MessagePack. Raises TypeError, ValueError or OverflowError for what it cannot hold (SER-MP-003)."""
    import msgpack

    if value_depth(value, DEFAULT_LIMITS.depth) > DEFAULT_LIMITS.depth:
        raise ValueError("nested too deep")
    return bytes(msgpack.packb(value, use_bin_type=True))


def read_msgpack(body: bytes, _content_encoding: str | None, limits: Limits) -> Any:
    """Decode MessagePack. Raises InvalidMessage and nothing else."""
    import msgpack

    try:
        value = msgpack.unpackb(body, raw=False, strict_map_key=False, timestamp=3, ext_hook=_no_extension)
    except Exception as error:  # the library has no one error class for damaged data
        raise InvalidMessage(f"the body is not MessagePack: {str(error) or type(error).__name__}") from error
    return _shallow(value, limits)


def _shallow(value: Any, limits: Limits) -> Any:
    if value_depth(value, limits.depth) > limits.depth:
        raise InvalidMessage(f"the body is nested deeper than {limits.depth} levels")
    return value


def _no_extension(code: int, _data: bytes) -> Any:
    raise ValueError(f"extension type {code} is not accepted")


def write_yaml(value: Any) -> bytes:
    """Serialize as YAML, as Celery does: block style, sorted keys, ASCII.

    Raises InvalidCall without PyYAML; TypeError, ValueError or RecursionError for what YAML here does not hold.
    """
    yaml, _, dumper = _yaml()
    if value_depth(value, DEFAULT_LIMITS.depth) > DEFAULT_LIMITS.depth:
        raise ValueError("nested too deep")
    try:
        return bytes(yaml.dump(value, Dumper=dumper, encoding="ascii"))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def read_yaml(body: bytes, _content_encoding: str | None, limits: Limits) -> Any:
    """Decode a YAML document of UTF-8. Raises InvalidMessage and nothing else (SER-YAML-002)."""
    try:
        _, loader, _ = _yaml()
    except InvalidCall as error:
        raise InvalidMessage(str(error), field="content_type") from error
    try:
        reader = loader(body.decode("utf-8"))
        reader.deepest = limits.depth
        value = reader.get_single_data()
    except RecursionError:
        raise InvalidMessage("the body is nested too deep for this receiver") from None
    except Exception as error:  # values of a right tag and wrong form raise whatever they like
        reason = " ".join(str(error).split())
        raise InvalidMessage(f"the body is not YAML of plain types: {reason[:200]}") from error
    return _shallow(value, limits)


@cache
def _yaml() -> tuple[Any, Any, Any]:
    """Give PyYAML with a loader and a dumper of plain types. Raises InvalidCall when it is not installed."""
    try:
        import yaml
    except ImportError:
        raise InvalidCall("YAML is not installed here: pip install celeriac[yaml], or use json") from None

    class Loader(yaml.SafeLoader):
        """Safe loader that knows the plain types alone, counts nodes and stops at a depth."""

        yaml_constructors: ClassVar = {
            tag: read
            for tag, read in yaml.SafeLoader.yaml_constructors.items()
            # Without a tag stands what refuses every other one.
            if tag is None or tag.removeprefix(_YAML_TAG) in _YAML_TYPES
        }
        deepest = DEFAULT_LIMITS.depth

        def __init__(self, text: str) -> None:
            super().__init__(text)
            self.level = 0
            self.nodes = 0
            self.weights: dict[int, int] = {}

        def compose_node(self, parent: Any, index: Any) -> Any:
            is_alias = self.check_event(yaml.AliasEvent)
            before = self.nodes
            self.level += 1
            if self.level > self.deepest + 1:
                raise ValueError(f"it is nested deeper than {self.deepest} levels")
            node = super().compose_node(parent, index)
            self.level -= 1
            if is_alias and id(node) not in self.weights:
                raise ValueError("a part of it contains itself")
            self.nodes += self.weights[id(node)] if is_alias else 1
            if self.nodes > _MAX_NODES:
                raise ValueError(f"it has more than {_MAX_NODES} parts")
            self.weights[id(node)] = self.nodes - before
            return node

    class Dumper(yaml.SafeDumper):
        """Safe dumper of the plain types, without aliases."""

        yaml_representers: ClassVar = {
            kind: write for kind, write in yaml.SafeDumper.yaml_representers.items() if kind not in (set, frozenset)
        }

        def ignore_aliases(self, _data: Any) -> bool:
            return True

    return yaml, Loader, Dumper
