"""Starts the consumer that is written in C: contestants/c/consumer.c, which tools/bench.py compiles."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import job


def work(asked: job.Job) -> None:
    """Become it."""
    parts = urlsplit(asked.broker_url)
    program = os.environ["CELERIAC_BENCH_CONSUMER"]
    words = [parts.hostname, parts.port, asked.queue, asked.options["ack_every"], asked.marks, asked.processes]
    os.execv(program, [program, *map(str, words)])
