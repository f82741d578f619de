"""The parts that a machine may lack: how each is recognised, which Debian packages bring it, what its absence means.

A missing part is one visible line, ``SKIPPED php: ...``, unless the comma list CELERIAC_REQUIRE names it:
then it is a failure. Nothing here installs anything (debian.py does) or starts a service.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from common import answer

REQUIRE = "CELERIAC_REQUIRE"
NODE_FLOOR = (20, 0)
PHP_FLOOR = (8, 2)

#: Where Debian puts the server itself; conformance/src/celeriac_conformance/brokers.py starts it from there.
RABBITMQ_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
PHP_COMMANDS = ("composer", "phpunit", "phpcs")
PHP_EXTENSIONS = ("mbstring", "amqp", "redis", "msgpack", "sockets", "bz2")
_PHP_PROBE = (
    "echo json_encode(['version' => PHP_VERSION, 'extensions' => array_map('strtolower', get_loaded_extensions()),"
    " 'amqplib' => stream_resolve_include_path('PhpAmqpLib/autoload.php') !== false]);"
)


@dataclass(frozen=True)
class Part:
    """Something that tests need: ``missing`` says what is absent (None: all there), ``packages`` bring it on Debian."""

    name: str
    missing: Callable[[], str | None]
    packages: tuple[str, ...]
    remedy: str


def _chromium() -> str | None:
    return None if shutil.which("chromium") else "chromium not found"


def numbers(text: str | None) -> tuple[int, int]:
    """Major and minor number in a text such as v20.1.2; (0, 0) where there is none."""
    found = re.search(r"(\d+)\.(\d+)", text or "")
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _rabbitmq() -> str | None:
    if not RABBITMQ_SERVER.exists():
        return "RabbitMQ not found"
    return None if shutil.which("epmd") else "epmd (Erlang's port mapper) not found"


def _redis() -> str | None:
    return None if shutil.which("redis-server") or shutil.which("valkey-server") else "redis-server not found"


def _node() -> str | None:
    version = answer(["node", "--version"])
    if version is None:
        return "node not found"
    if numbers(version) < NODE_FLOOR:
        return f"node {version} is too old, {NODE_FLOOR[0]} is needed"
    return None if answer(["npm", "--version"]) else "npm not found"


def php_facts() -> tuple[str | None, frozenset[str], bool]:
    """PHP's version (None: no php), its loaded extensions, and whether php-amqplib is on its include path."""
    printed = answer(["php", "-r", _PHP_PROBE])
    if not printed:
        return None, frozenset(), False
    facts = json.loads(printed)
    return facts["version"], frozenset(facts["extensions"]), facts["amqplib"]


def _php() -> str | None:
    version, extensions, amqplib = php_facts()
    if version is None:
        return "php not found"
    if numbers(version) < PHP_FLOOR:
        return f"php {version} is too old, {PHP_FLOOR[0]}.{PHP_FLOOR[1]} is needed"
    absent = [f"extension {name}" for name in PHP_EXTENSIONS if name not in extensions]
    absent += [name for name in PHP_COMMANDS if not shutil.which(name)]
    absent += [] if amqplib else ["php-amqplib"]
    return f"not found: {', '.join(absent)}" if absent else None


_PHP_PACKAGES = (
    *("php-cli", "php-mbstring", "php-amqplib", "php-amqp", "php-redis", "php-msgpack"),
    *("php-bz2", "php-predis", "phpunit", "composer", "php-codesniffer"),
)
PARTS = (
    Part("rabbitmq", _rabbitmq, ("rabbitmq-server",), "apt-get install rabbitmq-server"),
    Part("redis", _redis, ("redis-server",), "apt-get install redis-server"),
    Part("php", _php, _PHP_PACKAGES, f"apt-get install {' '.join(_PHP_PACKAGES)}"),
    Part("chromium", _chromium, ("chromium",), "apt-get install chromium"),
    # Debian 12 has Node 18 only, so no package is named: a newer Node is the user's choice of source.
    Part("node", _node, (), "install Node.js 20 or newer with npm and put it on PATH"),
)


def required() -> frozenset[str]:
    """The parts named by CELERIAC_REQUIRE; a name that does not exist is a usage error, not a silent no."""
    names = frozenset(filter(None, os.environ.get(REQUIRE, "").replace(" ", "").split(",")))
    unknown = names - {part.name for part in PARTS}
    if unknown:
        raise SystemExit(f"error: {REQUIRE} names {', '.join(sorted(unknown))}; known: {_known()}")
    return names


def _known() -> str:
    return ", ".join(part.name for part in PARTS)


def absences(parts: Iterable[Part] = PARTS) -> dict[str, str]:
    """Part name -> what is absent and the remedy, for the parts that are not there."""
    found = {part: part.missing() for part in parts}
    return {part.name: f"{reason} (remedy: {part.remedy})" for part, reason in found.items() if reason}
