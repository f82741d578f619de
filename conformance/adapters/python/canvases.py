"""Canvases of the testee protocol, as those of an application."""

from __future__ import annotations

from typing import Any

from celeriac import BoundSignature, Celeriac, chain, chord, group
from celeriac.bound import bind
from celeriac.canvas import chunks_of, map_of
from celeriac.tagged import from_tagged


def built(app: Celeriac, node: dict[str, Any]) -> BoundSignature:
    """The canvas of a node."""
    match node:
        case {"chain": parts}:
            return chain(built(app, part) for part in parts)
        case {"group": parts}:
            return group(built(app, part) for part in parts)
        case {"chord": {"header": parts, "body": body}}:
            return chord([built(app, part) for part in parts], built(app, body))
        case {"map": {"task": task, "items": items}}:
            return bind(app, map_of(app.signature(task), from_tagged(items)))
        case {"starmap": {"task": task, "items": items}}:
            return bind(app, map_of(app.signature(task), from_tagged(items), star=True))
        case {"chunks": {"task": task, "items": items, "size": size}}:
            return bind(app, chunks_of(app.signature(task), from_tagged(items), size))
    return BoundSignature(
        task=node["task"],
        args=from_tagged(node.get("args", [])),
        kwargs=from_tagged(node.get("kwargs", {})),
        options=with_links(app, from_tagged(node.get("options", {}))),
        immutable=node.get("immutable", False),
        app=app,
    )


def with_links(app: Celeriac, options: dict[str, Any]) -> dict[str, Any]:
    """Options with the nodes of their links built."""
    links = {name: [built(app, node) for node in options[name]] for name in ("link", "link_error") if name in options}
    return {**options, **links}
