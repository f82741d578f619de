"""Private brokers: their ports stay theirs while they restart, and no other server is taken for one of them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
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


#: Takes its time to end in order, and says that it has.
CAREFUL = """
import pathlib, signal, sys, time
def leave(number, _):
    time.sleep(0.5)
    pathlib.Path("left").write_text(str(number))
    sys.exit()
signal.signal(signal.SIGTERM, leave)
signal.signal(signal.SIGINT, leave)
pathlib.Path("up").touch()
time.sleep(60)
"""
RUNNER = f"""
import sys
from celeriac_conformance import brokers
brokers.leave_in_order()
try:
    brokers.run([sys.executable, "-c", {CAREFUL!r}])
finally:
    print("it has ended", flush=True)
"""


@pytest.mark.parametrize(
    ("number", "send"),
    [
        pytest.param(signal.SIGTERM, os.kill, id="SIGTERM"),
        pytest.param(signal.SIGTERM, os.killpg, id="SIGTERM to its group"),
        pytest.param(signal.SIGINT, os.killpg, id="Ctrl-C"),
    ],
)
def test_a_command_is_given_time_to_end(
    number: signal.Signals, send: Callable[[int, int], None], tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RUNNER],
        cwd=tmp_path,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as runner:
        deadline = time.monotonic() + 20
        while not (tmp_path / "up").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        send(runner.pid, number)
        assert runner.communicate(timeout=20)[0] == b"it has ended\n"
    assert (tmp_path / "left").read_text() == str(int(number))
