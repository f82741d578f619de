"""The imports of a package, read from its source: function-level and TYPE_CHECKING imports count like all others."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set
from pathlib import Path


def modules(root: Path) -> dict[str, ast.Module]:
    """The source of every module of the package at ``root``, by its dotted name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = [root.name, *path.relative_to(root).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


def imports(name: str, tree: ast.Module, known: Set[str], *, is_package: bool) -> set[str]:
    """Dotted names of what a module imports; within the package the module itself, not the name taken from it."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, name, is_package=is_package)
            found.update(_targets(base, node, known))
    return found


def graph(root: Path) -> dict[str, set[str]]:
    """Who imports whom within the package."""
    trees = modules(root)
    packages = {name.rpartition(".")[0] for name in trees} | {root.name}
    return {
        name: imports(name, tree, trees.keys(), is_package=name in packages) & trees.keys() - {name}
        for name, tree in trees.items()
    }


def cycles(edges: Mapping[str, Set[str]]) -> Iterator[list[str]]:
    """Every import cycle that a walk from each module closes, shortest form, each set of modules once."""
    seen: set[frozenset[str]] = set()
    done: set[str] = set()
    for start in edges:
        for cycle in _walk(edges, start, [], done):
            if frozenset(cycle) not in seen:
                seen.add(frozenset(cycle))
                yield cycle


def _walk(edges: Mapping[str, Set[str]], name: str, path: list[str], done: set[str]) -> Iterator[list[str]]:
    if name in path:
        yield path[path.index(name) :]
        return
    if name in done:
        return
    for target in sorted(edges.get(name, ())):
        yield from _walk(edges, target, [*path, name], done)
    done.add(name)


def _absolute(node: ast.ImportFrom, name: str, *, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parents = name.split(".")
    parents = parents[: len(parents) - node.level + is_package]
    return ".".join([*parents, *([node.module] if node.module else [])])


def _targets(base: str, node: ast.ImportFrom, known: Set[str]) -> Iterator[str]:
    for alias in node.names:
        inner = f"{base}.{alias.name}"
        yield inner if inner in known else base
