"""Set up everything that `make test` needs: Debian packages, environments, the Node and the PHP SDK.

    python3 tools/setup.py            # all of it; says what is missing and cannot be installed
    python3 tools/setup.py node php   # only these parts

A second run only compares content hashes. The exit code is 1 when a step fails or when CELERIAC_REQUIRE
(a comma list of rabbitmq, redis, node, php) names a part that is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection

import debian
import venvs
from common import NODE, PHP, Failed, alone, answer, digest, once, quiet, say, to_exit_code
from parts import PARTS, REQUIRE, absences, php_facts, required

ENVIRONMENTS = "environments"
ALL = (*(part.name for part in PARTS), ENVIRONMENTS)


def packages(wanted: Collection[str]) -> None:
    """Let apt bring what is missing, where that can be done; what stays missing is reported afterwards."""
    lacking = absences(part for part in PARTS if part.name in wanted)
    names = [name for part in PARTS if part.name in lacking for name in part.packages]
    if not venvs.can_create():
        names.append("python3-venv")
    if not names:
        return
    try:
        debian.install(names)
    except Failed as error:
        say(f"  not installed: {error}")


def environments() -> None:
    """.venv for the project and its tools, and the environment of the real Celery that stands witness."""
    venvs.ensure(venvs.DEV)
    venvs.ensure(venvs.WITNESS)


def node() -> None:
    """The Node SDK: its locked dependencies, and dist/ built from src/ (what adapters and examples import)."""
    lock = NODE / "package-lock.json"
    if not lock.exists():
        return
    with once(NODE / "node_modules" / "setup.stamp", digest(lock, answer(["node", "--version"]) or "")) as needed:
        if needed:
            quiet(["npm", "ci", "--no-audit", "--no-fund"], what="clients/node: npm ci", cwd=NODE)
    sources = (NODE / "src", NODE / "package.json", *sorted(NODE.glob("tsconfig*.json")))
    built = NODE / "dist" / "index.js"
    # The stamp is not in dist/, which `npm test` builds anew; a dist/ that is gone is needed all the same.
    with once(NODE / "node_modules" / "build.stamp", digest(lock, *sources)) as changed:
        if changed or not built.exists():
            quiet(["npm", "run", "build"], what="clients/node: npm run build", cwd=NODE)


def php() -> None:
    """The PHP SDK: its dependencies, from Debian's packages where there is no Packagist."""
    tool = PHP / "tools" / "install"
    if not tool.exists():
        return
    key = digest(PHP / "composer.json", PHP / "tools", php_facts()[0] or "")
    with once(PHP / "vendor" / ".setup.stamp", key) as needed:
        if needed:
            quiet([tool], what="clients/php: tools/install", cwd=PHP)


#: What is done for a part that is there; the brokers are started by who needs them.
INSTALLERS: dict[str, Callable[[], None]] = {"node": node, "php": php}


def run(wanted: Collection[str] = ALL) -> dict[str, str]:
    """Set up the wanted parts; part name -> why it is missing. Raises Failed when a step of it fails."""
    with alone():
        packages(wanted)
        missing = absences(part for part in PARTS if part.name in wanted)
        if ENVIRONMENTS in wanted:
            environments()
        for name, install in INSTALLERS.items():
            if name in wanted and name not in missing:
                install()
    return missing


def report(missing: dict[str, str]) -> int:
    """Say what is missing, a line each; the exit code."""
    for name, reason in missing.items():
        say(f"SKIPPED {name}: {reason}")
    refused = sorted(required() & missing.keys())
    if refused:
        say(f"error: {REQUIRE} asks for {', '.join(refused)}")
    return 1 if refused else 0


def main(arguments: list[str]) -> int:
    """Set up what the command line names, or everything."""
    required()
    unknown = set(arguments) - set(ALL)
    if unknown:
        sys.exit(f"error: unknown part {', '.join(sorted(unknown))}; known: {', '.join(ALL)}")
    return to_exit_code(lambda: report(run(arguments or ALL)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
