"""What Celery declares on RabbitMQ: the methods of a channel, recorded as they are called.

``python -m capture.topology worker ...`` is the shop's worker, ``... client`` one call, each with its methods as JSON
lines on standard output.
"""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import amqp

from . import shop
from .wires import Rabbit, eventually

SECONDS = 60
TOOLS = Path(__file__).resolve().parents[1]
#: Method of a channel -> the parameters that are its fields on the wire.
METHODS = {
    "exchange_declare": ("exchange", "type", "passive", "durable", "auto_delete", "arguments"),
    "queue_declare": ("queue", "passive", "durable", "exclusive", "auto_delete", "arguments"),
    "queue_bind": ("queue", "exchange", "routing_key", "arguments"),
    "exchange_bind": ("destination", "source", "routing_key", "arguments"),
    "basic_qos": ("prefetch_size", "prefetch_count", "a_global"),
    "basic_consume": ("queue", "no_ack", "exclusive", "arguments"),
    "confirm_select": (),
}
Method = dict[str, Any]


def recording(name: str, method: Callable[..., Any], say: Callable[[Method], None]) -> Callable[..., Any]:
    """The method, which first says what it is called with."""
    signature = inspect.signature(method)

    @wraps(method)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        called = signature.bind(*args, **kwargs)
        called.apply_defaults()
        fields = {field: called.arguments[field] for field in METHODS[name]}
        say({"method": name.replace("_", ".", 1), **fields})
        return method(*args, **kwargs)

    return recorded


@contextmanager
def recorded(say: Callable[[Method], None]) -> Iterator[None]:
    """Say every method that any channel of this process calls while the block lasts."""
    originals = {name: getattr(amqp.Channel, name) for name in METHODS}
    for name, method in originals.items():
        setattr(amqp.Channel, name, recording(name, method, say))
    try:
        yield
    finally:
        for name, method in originals.items():
            setattr(amqp.Channel, name, method)


@contextmanager
def process(rabbit: Rabbit, backend: str, conf: dict[str, Any], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process of this module; terminated at the end, its output still to be read."""
    variables = {"CAPTURE_BROKER": rabbit.url, "CAPTURE_BACKEND": backend, "CAPTURE_CONF": json.dumps(conf)}
    environment = {**os.environ, **variables, "PYTHONPATH": str(TOOLS)}
    command = [sys.executable, "-m", "capture.topology", *arguments]
    out, log = subprocess.PIPE, subprocess.DEVNULL
    started = subprocess.Popen(command, env=environment, cwd=TOOLS, text=True, stdout=out, stderr=log)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)


def methods_in(output: str) -> list[Method]:
    """The methods among the lines that a process wrote, without repetitions."""
    methods = [json.loads(line) for line in output.splitlines() if line.startswith('{"method"')]
    return [method for place, method in enumerate(methods) if method not in methods[:place]]


def of_client(rabbit: Rabbit, backend: str, **conf: Any) -> list[Method]:
    """What a client declares for its first call, in a process that has declared nothing before."""
    with process(rabbit, backend, conf, "client") as client:
        output, _ = client.communicate(timeout=SECONDS)
    return methods_in(output)


def of_worker(rabbit: Rabbit, queue: str, **conf: Any) -> list[Method]:
    """What a real worker declares and consumes until it answers remote control."""
    options = ("--pool", "solo", "-Q", queue, "-n", "w1@host.example", "-l", "error")
    with process(rabbit, "rpc://", conf, "worker", *options) as worker, shop.build(rabbit.url, None) as app:
        eventually("an answer of the worker", lambda: app.control.ping(timeout=1.0, limit=1) or None)
    output, _ = worker.communicate(timeout=SECONDS)
    return methods_in(output)


def forget(rabbit: Rabbit, *queues: str) -> None:
    """Delete the queues."""
    for queue in queues:
        rabbit.channel.queue_delete(queue)


def tell(method: Method) -> None:
    """Write one method; a worker redirects sys.stdout to its log."""
    print(json.dumps(method), file=sys.__stdout__, flush=True)


def main() -> None:
    """Be a worker, or a client that makes one call."""
    conf = json.loads(os.environ["CAPTURE_CONF"])
    app = shop.build(os.environ["CAPTURE_BROKER"], os.environ["CAPTURE_BACKEND"] or None, **conf)
    with recorded(tell):
        if sys.argv[1] == "worker":
            app.worker_main(sys.argv[1:])
        else:
            app.tasks["shop.add"].apply_async((2, 3))


if __name__ == "__main__":
    main()
