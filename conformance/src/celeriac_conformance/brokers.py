"""Private brokers: a RabbitMQ and a Redis of one's own, on 127.0.0.1, gone when the block ends.

    with rabbitmq() as broker, redis() as store:
        run(broker.url, store.url)

or, from a shell, around any command::

    python -m celeriac_conformance.brokers --rabbitmq --redis -- pytest

which sets ``CELERIAC_AMQP_URL`` and ``CELERIAC_REDIS_URL`` for the command. A broker that is already
named by its variable is used as it is and left running. Standard library only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
BOOT_SECONDS = 240.0
#: How many databases a private Redis has: who speaks in one is not heard in another.
DATABASES = 64
STOP_SECONDS = 20.0
#: The system gives none of these to who asks for any port (Linux begins at 32768): while a broker restarts, or a proxy
#: plays dead, nobody takes its port by chance and answers in its place.
PORTS = range(20_000, 32_000)

#: Debian's wrapper in /usr/sbin refuses ordinary users and writes the system's data directory.
RABBITMQ_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
REDIS_SERVERS = ("redis-server", "valkey-server")
ENV_AMQP = "CELERIAC_AMQP_URL"
ENV_REDIS = "CELERIAC_REDIS_URL"


class BrokerError(RuntimeError):
    """A broker is not installed, or did not come up; the message names the remedy or quotes its log."""


@dataclass
class Broker:
    """A running private server: ``url`` to reach it, ``process`` to stop or kill it."""

    name: str
    url: str
    command: list[str]
    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The TCP port that the server listens on."""
        return int(self.url.rstrip("/").rsplit(":", 1)[1].split("/")[0])

    @property
    def log(self) -> Path:
        """The file that the server's output goes to."""
        return self.directory / "output.log"

    def start(self) -> None:
        """Start the server and return when it, and no other, answers; raises BrokerError with the end of its log."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.directory,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + BOOT_SECONDS
        while not _answers(self):
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace")[-2000:]
                self.kill()
                raise BrokerError(f"{self.name} did not come up; the end of its log:\n{tail}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop in order (SIGTERM); kill what has not ended after STOP_SECONDS."""
        if self.process is None:
            return
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Kill the server and its children at once, as a power cut would (SIGKILL)."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None


@contextlib.contextmanager
def rabbitmq(hosts: Sequence[str] = ()) -> Iterator[Broker]:
    """A private RabbitMQ with its own port mapper (epmd), data directory and Erlang cookie.

    ``hosts`` are virtual hosts beside ``/``; who speaks on one is not heard on another.
    """
    if not RABBITMQ_SERVER.exists():
        raise BrokerError("RabbitMQ is not installed (apt-get install rabbitmq-server)")
    epmd_binary = shutil.which("epmd")
    if epmd_binary is None:
        raise BrokerError("epmd is not on PATH (apt-get install erlang-base)")
    amqp, distribution, mapper = free_ports(3)
    with tempfile.TemporaryDirectory(prefix="celeriac-rabbitmq-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        # RabbitMQ would start an epmd that outlives it; one in the foreground is ours to stop.
        epmd = subprocess.Popen(
            [epmd_binary, "-port", str(mapper), "-address", HOST],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        broker = Broker(
            "RabbitMQ",
            f"amqp://guest:guest@{HOST}:{amqp}//",
            [str(RABBITMQ_SERVER)],
            directory,
            _rabbitmq_environment(directory, amqp, distribution, mapper, ("/", *hosts)),
        )
        try:
            broker.start()
            yield broker
        finally:
            broker.stop()
            epmd.kill()
            epmd.wait()


def _rabbitmq_environment(
    directory: Path, amqp: int, distribution: int, mapper: int, hosts: Sequence[str]
) -> dict[str, str]:
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    definitions = {
        "users": [{"name": "guest", "password": "guest", "tags": "administrator"}],
        "vhosts": [{"name": host} for host in hosts],
        "permissions": [{"user": "guest", "vhost": host, **everything} for host in hosts],
    }
    (directory / "definitions.json").write_text(json.dumps(definitions))
    (directory / "rabbitmq.conf").write_text(
        f"load_definitions = {directory / 'definitions.json'}\n"
        f"listeners.tcp.default = {HOST}:{amqp}\n"
        "loopback_users = none\n"
        "log.console = true\n"
        "log.console.level = warning\n"
        "log.file = false\n"
        "disk_free_limit.absolute = 50MB\n"
    )
    (directory / "enabled_plugins").write_text("[].\n")
    return {
        "HOME": str(directory),
        # It greets with this name, so that it can be told from any other.
        "RABBITMQ_NODENAME": f"{directory.name}@localhost",
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq"),
        "RABBITMQ_CONF_ENV_FILE": str(directory / "none"),
        "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
        "RABBITMQ_LOG_BASE": str(directory / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
        "RABBITMQ_PID_FILE": str(directory / "pid"),
        "RABBITMQ_DIST_PORT": str(distribution),
        "ERL_EPMD_PORT": str(mapper),
        "ERL_EPMD_ADDRESS": HOST,
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }


@contextlib.contextmanager
def redis(*, persistent: bool = False) -> Iterator[Broker]:
    """A private Redis (or Valkey, if that is what is on PATH) that writes nothing to disk unless ``persistent``.

    A persistent one has every write on disk before it answers, so that a killed one starts again with all of it.
    """
    binary = next(filter(None, map(shutil.which, REDIS_SERVERS)), None)
    if binary is None:
        raise BrokerError("Redis is not installed (apt-get install redis-server)")
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="celeriac-redis-", ignore_cleanup_errors=True) as name:
        command = [binary, "--bind", HOST, "--port", str(port), "--save", ""]
        command += ["--databases", str(DATABASES)]
        command += ["--appendonly", "yes", "--appendfsync", "always"] if persistent else ["--appendonly", "no"]
        broker = Broker("Redis", f"redis://{HOST}:{port}/0", command, Path(name))
        try:
            broker.start()
            yield broker
        finally:
            broker.stop()


def free_ports(count: int) -> list[int]:
    """Ports that the system says are free, all different because all are held until the last is known.

    They stay free while nobody listens there, but for whoever else calls this.
    """
    found: list[int] = []
    # Not the generator that tests seed: two of them would look in the same places.
    start = random.SystemRandom().randrange(len(PORTS))
    with contextlib.ExitStack() as stack:
        for port in (*PORTS[start:], *PORTS[:start]):
            held = stack.enter_context(socket.socket())
            # A child that another thread has just forked holds it a little longer than this.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                held.bind((HOST, port))
                found.append(port)
            if len(found) == count:
                return found
    raise BrokerError(f"no {count} ports are free between {PORTS.start} and {PORTS.stop}")


#: name -> (what to say, how the answer begins): a server that accepts but does not speak is not up. Further on in its
#: answer either names its directory, and so itself.
_GREETINGS = {
    "RabbitMQ": (b"AMQP\x00\x00\x09\x01", b"\x01\x00\x00"),
    "Redis": (b"PING\r\nCONFIG GET dir\r\n", b"+PONG"),
}


def _answers(broker: Broker) -> bool:
    greeting, beginning = _GREETINGS[broker.name]
    name, answer = broker.directory.name.encode(), b""
    try:
        with socket.create_connection((HOST, broker.port), timeout=2) as probe:
            probe.sendall(greeting)
            while name not in answer:
                received = probe.recv(4096)
                if not received:
                    return False
                answer += received
    except OSError:
        return False
    return answer.startswith(beginning)


def leave_in_order() -> None:
    """From now on SIGTERM raises SystemExit, so that brokers are stopped on the way out; a second does nothing."""

    def leave(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, leave)


def run(command: Sequence[str], **options: Any) -> int:
    """Run a command, with options of ``subprocess.Popen``; its exit code.

    Whatever ends us meanwhile ends it first, and it has time to stop what it has started: ``subprocess.run`` kills it.
    """
    process = subprocess.Popen(command, **options)
    try:
        return process.wait()
    except BaseException as stop:
        # A terminal sends Ctrl-C to both.
        if not isinstance(stop, KeyboardInterrupt):
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        process.kill()
        process.wait()
        raise


def main(argv: list[str] | None = None) -> int:
    """Run a command with brokers of its own; the exit code is the command's."""
    parser = argparse.ArgumentParser(prog="celeriac_conformance.brokers", description=main.__doc__)
    parser.add_argument("--rabbitmq", action="store_true", help=f"start RabbitMQ unless {ENV_AMQP} names one")
    parser.add_argument("--redis", action="store_true", help=f"start Redis unless {ENV_REDIS} names one")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="-- the command and its arguments")
    options = parser.parse_args(argv)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("name the command to run after --")
    leave_in_order()
    wanted = ((options.rabbitmq, ENV_AMQP, rabbitmq), (options.redis, ENV_REDIS, redis))
    try:
        with contextlib.ExitStack() as stack:
            for asked, variable, launcher in wanted:
                if asked and not os.environ.get(variable):
                    os.environ[variable] = stack.enter_context(launcher()).url
            return run(command)
    except BrokerError as error:
        sys.stderr.write(f"error: {error}\n")
        return 3
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
