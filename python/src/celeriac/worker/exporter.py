"""Serves a worker's numbers to Prometheus, and whether it is ready, from a process beside those that run tasks."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate
from typing import TYPE_CHECKING

from celeriac.errors import InvalidCall
from celeriac.waiting import next_signal
from celeriac.worker.readiness import Readiness
from celeriac.worker.tally import BOUNDS, COUNTERS, Tally

if TYPE_CHECKING:
    from prometheus_client import Metric

logger = logging.getLogger("celeriac.worker")

#: Seconds between two looks whether the supervisor lives.
LOOK_EVERY = 1.0
#: Seconds that a client may take to say what it wants.
PATIENCE = 5.0
_ABOUT = {
    "received": "Tasks taken from queues.",
    "succeeded": "Tasks that returned.",
    "failed": "Tasks that raised or ran for too long, and messages that no task here can run.",
    "retried": "Runs that asked to be run again.",
    "rejected": "Messages that tasks refused, or that are malformed.",
    "revoked": "Tasks that were revoked, terminated, or came too late.",
}


class WorkerCollector:
    """What ``prometheus_client`` asks for the metrics."""

    def __init__(self, tally: Tally, readiness: Readiness) -> None:
        self._tally = tally
        self._readiness = readiness

    def collect(self) -> Iterator[Metric]:
        """The metrics of now."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        totals = self._tally.totals()
        for counter in COUNTERS:
            counts = CounterMetricFamily(f"celeriac_task_{counter}", _ABOUT[counter], labels=["task"])
            for task, numbers in totals.items():
                counts.add_metric([task], numbers.counts[counter])
            yield counts
        about = "Seconds that tasks took which returned."
        runtimes = HistogramMetricFamily("celeriac_task_runtime_seconds", about, labels=["task"])
        bounds = [*map(str, BOUNDS), "+Inf"]
        for task, numbers in totals.items():
            buckets = list(zip(bounds, map(float, accumulate(numbers.runtimes)), strict=True))
            runtimes.add_metric([task], buckets=buckets, sum_value=numbers.seconds)
        yield runtimes
        yield GaugeMetricFamily("celeriac_worker_active_tasks", "Tasks that run.", value=self._tally.active())
        about = "Whether all processes consume, and the worker was not told to stop."
        yield GaugeMetricFamily("celeriac_worker_ready", about, value=int(bool(self._readiness)))


class Exporter:
    """Listens from now on; ``run`` answers. Port 0: one that is free.

    Raises ``InvalidCall`` where that is not possible: ``prometheus_client`` is missing, the port is somebody else's.
    """

    def __init__(self, host: str, port: int, tally: Tally, readiness: Readiness) -> None:
        metrics = _renderer(tally, readiness)

        class Handler(BaseHTTPRequestHandler):
            timeout = PATIENCE

            def do_GET(self) -> None:  # the library's name
                answer = _answer(self.path.partition("?")[0], metrics, readiness)
                self.send_response(answer[0])
                self.send_header("Content-Type", answer[1])
                self.send_header("Content-Length", str(len(answer[2])))
                self.end_headers()
                self.wfile.write(answer[2])

            def log_message(self, text: str, *values: object) -> None:
                logger.debug(text, *values)

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise InvalidCall(f"metrics cannot be served at {host}:{port}: {error}") from error
        self.address = f"{host}:{self._server.server_port}"

    def run(self) -> int:
        """Answer until told to stop. Called in a process of its own, with the supervisor's signals blocked."""
        supervisor = os.getppid()
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()
        logger.info("Metrics are at http://%s/metrics", self.address)
        while next_signal({signal.SIGTERM}, LOOK_EVERY) is None and os.getppid() == supervisor:
            pass
        return 0

    def close(self) -> None:
        """Listen no longer."""
        self._server.server_close()


_Answer = tuple[HTTPStatus, str, bytes]
_PLAIN = "text/plain; charset=utf-8"


def _renderer(tally: Tally, readiness: Readiness) -> Callable[[], _Answer]:
    try:
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    except ModuleNotFoundError:
        raise InvalidCall("metrics need prometheus-client; install celeriac[metrics]") from None
    registry = CollectorRegistry()
    registry.register(WorkerCollector(tally, readiness))
    return lambda: (HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))


def _answer(path: str, metrics: Callable[[], _Answer], readiness: Readiness) -> _Answer:
    if path == "/metrics":
        return metrics()
    if path == "/ready":
        status = HTTPStatus.OK if readiness else HTTPStatus.SERVICE_UNAVAILABLE
        return status, _PLAIN, b"ready\n" if readiness else b"not ready\n"
    return HTTPStatus.NOT_FOUND, _PLAIN, b"there are /metrics and /ready\n"
