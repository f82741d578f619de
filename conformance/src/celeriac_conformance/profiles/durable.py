"""Profile durable: plays in which the testee's connections are cut, held or slow, its worker or its servers killed.

The testee speaks to its servers through proxies (durable_lines); the witnesses speak to them directly. Sessions stay
open from case to case as in every play: what a fault has done to them is seen by the next case, too. Cases that
say ``own`` kill servers, so they are given ones that nobody else uses, started when the first of them comes.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

from celeriac_conformance import brokers
from celeriac_conformance.cases import Case
from celeriac_conformance.profiles import LegallyUnsupported
from celeriac_conformance.profiles.company import Company
from celeriac_conformance.profiles.durable_lines import Lines
from celeriac_conformance.profiles.play import PlayGroup
from celeriac_conformance.profiles.scene import Scene


@dataclass
class DurableGroup(PlayGroup):
    """The durable cases of one combination. ``servers`` are those that may be killed."""

    servers: dict[str, brokers.Broker] = field(default_factory=dict)
    _lines: Lines | None = field(default=None, init=False)
    _apart: DurableGroup | None = field(default=None, init=False)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, init=False)

    def start(self) -> None:
        """Put the proxies up; sessions are opened through them."""
        self._lines = Lines(self.combo, self.bench.urls, self.servers)
        self.bench.detours = self._lines.urls()
        super().start()

    def observe(self, case: Case) -> dict[str, Any]:
        """Act the script; the document has what crossed the proxies as ``wire``."""
        if case.steps.get("own") and not self.servers:
            return self._with_own_servers().observe(case)
        assert self._lines is not None
        self._lines.begin()
        return super().observe(case)

    def _with_own_servers(self) -> DurableGroup:
        if self._apart is None:
            servers = self._start_servers()
            bench = self.bench.beside({name: server.url for name, server in servers.items()})
            self._apart = DurableGroup(bench, self.combo, servers)
            self._apart.start()
        return self._apart

    def _start_servers(self) -> dict[str, brokers.Broker]:
        servers = {}
        try:
            if "amqp" in (self.combo.broker, self.combo.result):
                servers["amqp"] = self._stack.enter_context(brokers.rabbitmq())
            if "redis" in (self.combo.broker, self.combo.result):
                servers["redis"] = self._stack.enter_context(brokers.redis(persistent=True))
        except brokers.BrokerError as error:
            raise LegallyUnsupported(f"there is no server that may be killed: {error}") from error
        return servers

    def _furnish(self, scene: Scene) -> None:
        scene.notes["lines"] = self._lines

    def _tidy(self, scene: Scene, company: Company) -> None:
        """Heal the lines first: sessions cannot close in order through broken ones."""
        assert self._lines is not None
        scene.document["wire"] = self._lines.wire()
        self._lines.heal()
        super()._tidy(scene, company)

    def finish(self, broken: bool) -> None:
        """Close the sessions, then take down the proxies and the servers."""
        try:
            if self._apart is not None:
                self._apart.finish(broken)
        finally:
            self._apart = None
            try:
                super().finish(broken)
            finally:
                self._take_down()

    def _take_down(self) -> None:
        self.bench.detours = {}
        if self._lines is not None:
            self._lines.close()
        if self.servers:
            self.bench.dismiss()
        self._stack.close()
