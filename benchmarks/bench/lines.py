"""What is measured: one row for each table of the report, with the ratios that are wanted of it."""

from __future__ import annotations

from bench import contestants as who
from bench.model import Contestant, Line, Target

WORKER_COLUMNS = ("rate", "own", "broker", "start", "memory")


def names(contestants: tuple[Contestant, ...]) -> tuple[str, ...]:
    """The names of contestants, as targets name them."""
    return tuple(contestant.name for contestant in contestants)


OURS = names(who.CELERIAC_WORKERS)
PREFORKS = names(who.CELERY_PREFORKS)


def worker_line(
    name: str, title: str, broker: str, results: str, peers: tuple[Contestant, ...], celery: float, peer: float | None
) -> Line:
    """A worker takes a backlog of no-op tasks in two processes."""
    contestants = (*who.CELERIAC_WORKERS, *who.CELERY_WORKERS, *peers)
    others = tuple(contestant.name for contestant in peers if not contestant.ceiling)
    wanted = [Target(OURS, PREFORKS, at_least=celery)]
    wanted += [Target(OURS, others, at_least=peer, about="best other Python peer")] if peer and others else []
    wanted += [Target((contestant.name,), (), "start", at_most=0.4, about="seconds") for contestant in [who.CELERIAC]]
    wanted += [Target((contestant.name,), (), "memory", at_most=45, about="MB") for contestant in [who.CELERIAC]]
    if name == "worker-rabbitmq":
        wanted.append(Target(OURS, (), "own", at_most=60, about="microseconds of CPU for each task"))
    return Line(
        name=name, title=title, measure="tasks", broker=broker, results=results, contestants=contestants,
        columns=WORKER_COLUMNS, targets=tuple(wanted),
    )  # fmt: skip


RABBITMQ_PEERS = (who.BARE_AMQP, who.BARE_AMQP_MANY, who.BARE_KOMBU)
REDIS_PEERS = (who.BARE_REDIS, who.BARE_REDIS_MANY)

LINES = (
    worker_line("worker-rabbitmq", "Worker, RabbitMQ, no results", "amqp", "none", RABBITMQ_PEERS, 5, 2.2),
    worker_line("worker-rabbitmq-redis", "Worker, RabbitMQ, Redis results", "amqp", "redis", (), 10, 3),
    worker_line("worker-rabbitmq-rpc", "Worker, RabbitMQ, rpc results", "amqp", "rpc", (), 8, None),
    Line(
        name="worker-events",
        title="Worker, RabbitMQ, no results, events on",
        measure="tasks",
        broker="amqp",
        contestants=(who.CELERIAC_EVENTS, who.PREFORK_EVENTS),
        columns=WORKER_COLUMNS,
        targets=(Target((who.CELERIAC_EVENTS.name,), (who.PREFORK_EVENTS.name,), at_least=6),),
    ),
    worker_line("worker-redis", "Worker, Redis, no results", "redis", "none", REDIS_PEERS, 15, 3),
    worker_line("worker-redis-redis", "Worker, Redis, Redis results", "redis", "redis", REDIS_PEERS, 25, 4),
)
