"""What is measured: one row for each table of the report, with the ratios that are wanted of it."""

from __future__ import annotations

from dataclasses import replace

from bench import contestants as who
from bench.model import Contestant, Line, Short, Target

BROKERS = {"amqp": "RabbitMQ", "redis": "Redis"}
RESULTS = {"none": "no results", "redis": "Redis results", "rpc": "rpc results"}
WORKER_COLUMNS = ("rate", "own", "broker", "start", "memory")


def names(contestants: tuple[Contestant, ...]) -> tuple[str, ...]:
    """The names of contestants, as targets name them."""
    return tuple(contestant.name for contestant in contestants)


OURS = names(who.CELERIAC_WORKERS)
PREFORKS = names(who.CELERY_PREFORKS)


def worker_line(
    broker: str,
    results: str,
    peers: tuple[Contestant, ...],
    short: Short,
    *,
    celery: float,
    peer: float | None = None,
    own: float | None = None,
    bare: Contestant | None = None,
) -> Line:
    """A worker takes a backlog of no-op tasks in two processes. ``bare``: the driver alone that it is held against."""
    contestants = (*who.CELERIAC_WORKERS, *who.CELERY_WORKERS, *peers)
    others = tuple(
        contestant.name for contestant in peers if not contestant.ceiling and contestant.language == "python"
    )
    wanted = [Target(OURS, PREFORKS, at_least=celery)]
    wanted += [Target(OURS, others, at_least=peer, about="best other Python peer")] if peer else []
    wanted += [Target((who.CELERIAC.name,), (), "start", at_most=0.4, about="seconds")]
    wanted += [Target((who.CELERIAC.name,), (), "memory", at_most=45, about="MB")]
    wanted += [Target(OURS, (), "own", at_most=own, about="microseconds of CPU for each task")] if own else []
    wanted += [Target(OURS, (bare.name,), about="the bare client")] if bare else []
    place, stored = BROKERS[broker], "" if results == "none" else f"-{results}"
    return Line(
        name=f"worker-{place.lower()}{stored}", title=f"Worker, {place}, {RESULTS[results]}", measure="tasks",
        broker=broker, results=results, contestants=contestants, columns=WORKER_COLUMNS, targets=tuple(wanted),
        short=short,
    )  # fmt: skip


RABBITMQ_PEERS = (*who.PEERS_RABBITMQ, who.CELERY_NODE, *who.CEILINGS_RABBITMQ)
REDIS_PEERS = (*who.PEERS_REDIS, who.BULLMQ, *who.CEILINGS_REDIS)


def sending_line(
    name: str, title: str, broker: str, senders: tuple[Contestant, ...], *wanted: Target, short: Short | None = None
) -> Line:
    """A producer sends as fast as it can, no results asked for."""
    return Line(
        name=name, title=title, measure="sending", broker=broker, contestants=senders,
        columns=("rate", "own", "broker"), targets=wanted, short=short,
    )  # fmt: skip


def trip_line(name: str, title: str, broker: str, results: str, clients: tuple[Contestant, ...]) -> Line:
    """A client sends one task and waits for its result, again and again."""
    bare = clients[-1].name
    return Line(
        name=name, title=title, measure="round trips", broker=broker, results=results, contestants=clients,
        metric="p50", columns=("p50", "p99"), short=Short(150, (who.CELERIAC, who.PREFORK, clients[-1])),
        targets=(
            Target((who.CELERIAC.name,), (who.PREFORK.name,), "p50", at_most=0.6),
            Target((who.CELERIAC.name,), (bare,), "p50", at_most=1.6, about="the bare broker's RPC"),
        ),
    )  # fmt: skip


def idle_line(name: str, title: str, broker: str) -> Line:
    """A worker has nothing to do."""
    return Line(
        name=name, title=title, measure="idleness", broker=broker, contestants=(who.CELERIAC, who.PREFORK),
        metric="idle", columns=("idle",), count=10, rounds=2, patience=3,
        targets=(Target((who.CELERIAC.name,), (), "idle", at_most=0.5, about="% of one core"),),
    )  # fmt: skip


def payload_line(name: str, title: str, size: int, most: int) -> Line:
    """A worker takes large messages."""
    return Line(
        name=name, title=title, measure="tasks", broker="amqp", columns=WORKER_COLUMNS, conditions={"size": size},
        contestants=(*who.CELERIAC_WORKERS, who.PREFORK_TUNED, who.BARE_AMQP), most=most, rounds=2,
        # 1.3 times the cost is 0.77 of the rate.
        targets=(Target(OURS, (who.BARE_AMQP.name,), at_least=0.77, about="the bare client"),),
    )  # fmt: skip


def backlog_line(name: str, title: str, broker: str, bare: Contestant) -> Line:
    """A worker takes some of a long queue; so does a driver alone, because the broker may be what slows down."""
    return Line(
        name=name, title=title, measure="backlog", broker=broker, metric="kept", columns=("kept", "rate"),
        contestants=(who.CELERIAC_WIDE, who.PREFORK_TUNED, bare), patience=10,
        targets=(Target((who.CELERIAC_WIDE.name,), (), "kept", at_least=0.9, about="of the rate with a short queue"),),
    )  # fmt: skip


def against(of: Contestant, other: Contestant, at_least: float, about: str = "") -> Target:
    """A ratio of rates between two contestants."""
    return Target((of.name,), (other.name,), at_least=at_least, about=about)


#: Who is in the short runs of most workers.
FEW = (*who.CELERIAC_WORKERS, who.PREFORK, who.DRAMATIQ)
LINES = (
    worker_line(
        "amqp",
        "none",
        RABBITMQ_PEERS,
        Short(6_000, (*who.CELERIAC_WORKERS, *who.CELERY_PREFORKS, who.DRAMATIQ, who.BARE_AMQP)),
        celery=5,
        peer=2.2,
        own=60,
        bare=who.BARE_AMQP,
    ),
    worker_line("amqp", "redis", who.PEERS_RABBITMQ, Short(5_000, FEW), celery=10, peer=3),
    worker_line("amqp", "rpc", (), Short(5_000, (*who.CELERIAC_WORKERS, who.PREFORK)), celery=8),
    Line(
        name="worker-events",
        title="Worker, RabbitMQ, no results, events on",
        measure="tasks",
        broker="amqp",
        contestants=(who.CELERIAC_EVENTS, who.PREFORK_EVENTS),
        columns=WORKER_COLUMNS,
        targets=(Target((who.CELERIAC_EVENTS.name,), (who.PREFORK_EVENTS.name,), at_least=6),),
        short=Short(4_000, (who.CELERIAC_EVENTS, who.PREFORK_EVENTS)),
    ),
    worker_line(
        "redis",
        "none",
        REDIS_PEERS,
        Short(6_000, (*FEW, *who.CEILINGS_REDIS)),
        celery=15,
        peer=3,
        bare=who.BARE_REDIS,
    ),
    worker_line(
        "redis", "redis", REDIS_PEERS, Short(6_000, (*FEW, who.BARE_REDIS)), celery=25, peer=4, bare=who.BARE_REDIS
    ),
    sending_line(
        "producer-rabbitmq",
        "Producer, RabbitMQ",
        "amqp",
        who.SENDERS_RABBITMQ,
        against(who.SENDS_MANY, who.CELERY_SENDS, 1.8, "which is not confirmed"),
        against(who.SENDS_MANY, who.CELERY_SENDS_CONFIRMED, 8),
        against(who.SENDS_MANY, who.AIO_PIKA, 1.6),
        against(who.SENDS, who.CELERY_SENDS_CONFIRMED, 1.3),
        against(who.SENDS, who.BARE_AMQP_CONFIRMED, 0.9),
        against(who.SENDS_UNCONFIRMED, who.CELERY_SENDS, 3),
        against(who.SENDS_UNCONFIRMED, who.BARE_AMQP_SENDS, 0.85),
        short=Short(
            1_500,
            (
                *(who.SENDS, who.SENDS_MANY, who.SENDS_UNCONFIRMED, who.CELERY_SENDS, who.CELERY_SENDS_CONFIRMED),
                *(who.AIO_PIKA, who.BARE_AMQP_SENDS, who.BARE_AMQP_CONFIRMED),
            ),
        ),
    ),
    sending_line(
        "producer-redis",
        "Producer, Redis",
        "redis",
        who.SENDERS_REDIS,
        against(who.SENDS, who.CELERY_SENDS, 3),
        against(who.SENDS_MANY, who.CELERY_SENDS, 9),
        against(who.SENDS, who.BARE_REDIS_SENDS, 0.85),
        against(who.SENDS_MANY, who.BARE_REDIS_SENDS_MANY, 0.85),
        short=Short(
            # As many as Celery sends in four seconds; `send_many` takes a fifth of one.
            8_000,
            (who.SENDS, who.SENDS_MANY, who.CELERY_SENDS, who.BARE_REDIS_SENDS, who.BARE_REDIS_SENDS_MANY),
        ),
    ),
    replace(
        sending_line(
            "producer-foreign-rabbitmq",
            "Producers in Node and PHP, RabbitMQ",
            "amqp",
            who.FOREIGN_RABBITMQ,
            against(who.NODE_SENDS, who.CELERY_NODE_SENDS, 100),
            against(who.NODE_SENDS, who.AMQPLIB, 0.9),
            against(who.PHP_SENDS, who.PHP_AMQPLIB, 0.9),
            Target((who.PHP_SENDS.name,), ("celery-php",), at_least=5),
        ),
        absent={"celery-php": "it is on Packagist alone, whose packages cannot be pinned by hash here"},
        # So many that compiling, which Node does in the first of them, is a small part of it.
        short=Short(12_000, (who.NODE_SENDS, who.AMQPLIB, who.PHP_SENDS, who.PHP_AMQPLIB)),
    ),
    sending_line("producer-foreign-redis", "Producers in Node and PHP, Redis", "redis", who.FOREIGN_REDIS),
    trip_line("trip-rabbitmq", "Round trip, RabbitMQ, rpc results", "amqp", "rpc", who.TRIPS_RABBITMQ),
    trip_line("trip-redis", "Round trip, Redis, Redis results", "redis", "redis", who.TRIPS_REDIS),
    idle_line("idle-rabbitmq", "An idle worker, RabbitMQ", "amqp"),
    idle_line("idle-redis", "An idle worker, Redis", "redis"),
    payload_line("payload-64k", "Worker, RabbitMQ, arguments of 64 KB", 1 << 16, 5_000),
    payload_line("payload-1m", "Worker, RabbitMQ, arguments of 1 MB", 1 << 20, 200),
    backlog_line("backlog-rabbitmq", "Worker, RabbitMQ, 100,000 messages more", "amqp", who.BARE_AMQP),
    backlog_line("backlog-redis", "Worker, Redis, 100,000 messages more", "redis", who.BARE_REDIS),
    Line(
        name="processes",
        title="Worker, RabbitMQ, two processes and four",
        measure="tasks",
        broker="amqp",
        contestants=(who.CELERIAC_WIDE, who.CELERIAC_FOUR),
        columns=WORKER_COLUMNS,
        targets=(Target((who.CELERIAC_FOUR.name,), (who.CELERIAC_WIDE.name,), at_least=1.0, about="no slower"),),
        rounds=2,
    ),
    Line(
        name="eta",
        title="Worker, RabbitMQ, 10,000 tasks that are due in an hour",
        measure="waiting",
        broker="amqp",
        contestants=(who.CELERIAC, who.PREFORK_UNLIMITED),
        metric="bytes",
        columns=("bytes",),
        count=10_000,
        targets=(Target((who.CELERIAC.name,), (who.PREFORK_UNLIMITED.name,), "bytes", at_most=1.0),),
        rounds=1,
        patience=5,
    ),
)
