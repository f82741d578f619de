"""Private brokers: their ports stay theirs while they restart, and no other server is taken for one of them."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from conftest import url_of

from celeriac_conformance import brokers
from celeriac_conformance.brokers import HOST, PORTS, Broker, BrokerError, free_ports

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.mark.parametrize(("name", "part"), [("RabbitMQ", "rabbitmq"), ("Redis", "redis")])
def test_another_server_on_its_port_does_not_make_a_broker_up(
    name: str, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brokers, "BOOT_SECONDS", 0.1)
    broker = Broker(name, url_of(part), SLEEPS, tmp_path)
    with pytest.raises(BrokerError, match=f"{name} did not come up"):
        broker.start()
    assert broker.process is None


def test_the_system_gives_nobody_the_port_of_a_broker() -> None:
    ports = free_ports(20)
    assert len({*ports}) == 20
    assert {*ports} <= {*PORTS}
    for _ in range(200):
        with socket.create_server((HOST, 0)) as anybody:
            assert anybody.getsockname()[1] not in PORTS


def test_a_port_in_use_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = sorted(free_ports(2))
    monkeypatch.setattr(brokers, "PORTS", range(first, second + 1))
    with socket.create_server((HOST, first)):
        assert first not in free_ports(1)
    monkeypatch.setattr(brokers, "PORTS", range(first, first + 1))
    with socket.create_server((HOST, first)), pytest.raises(BrokerError, match="no 1 ports are free"):
        free_ports(1)
