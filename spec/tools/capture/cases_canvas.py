# ruff: noqa: E501  (tables: one case a line)
"""What to send for the vectors of canvas/: producers' calls, and what a real worker makes of them."""

from __future__ import annotations

from dataclasses import dataclass

GROUP = "0b0e2b52-93a7-4bd7-9d3b-6c4f0a1f7f10"


@dataclass(frozen=True)
class Canvas:
    """One call and the names of the tasks in the messages that it sends, in order.

    ``ids`` are the requirements it is an example of. ``commands`` asks for what it tells the result store about groups.
    """

    name: str
    about: str
    ids: tuple[str, ...]
    call: str
    tasks: tuple[str, ...] = ("shop.add",)
    commands: bool = False


SIG = ("CV-SIG-001", "TM-BODY-009")
STEP = ("CV-CHAIN-001", "CV-CHAIN-002", "TM-BODY-010", "TM-BODY-014")
ADDS = ("shop.add",) * 2

#: Sent by a producer on RabbitMQ with results in Redis.
PRODUCED = (
    Canvas("signature-partial", "a callback that takes the result as its first argument", ("CV-SIG-002", *SIG), "add.apply_async((2, 3), link=add.s(10))"),
    Canvas("signature-immutable", "a callback that ignores the result", ("CV-SIG-003", *SIG), "add.apply_async((2, 3), link=echo.si('done'))"),
    Canvas("signature-options", "a signature with keyword arguments and options of every sort", ("CV-SIG-004", *SIG), "add.apply_async((2, 3), link=total.signature((), {'start': 1}, queue='shop.out', countdown=5, expires=60, priority=3, time_limit=30, headers={'tenant': 'acme'}))"),
    Canvas("signature-nested-links", "a callback that has a callback and an errback of its own", ("CV-LINK-001", *SIG), "add.apply_async((2, 3), link=add.s(10).on_error(echo.s('broken')) | echo.s())"),
    Canvas("signature-chain", "a chain as a callback", ("CV-SIG-005", *SIG), "add.apply_async((2, 3), link=chain(add.s(10), add.s(100), echo.s()))"),
    Canvas("signature-group", "a group as a callback", ("CV-SIG-005", *SIG), "add.apply_async((2, 3), link=group(add.s(10), add.s(20)))"),
    Canvas("signature-chord", "a chord as a callback", ("CV-SIG-005", *SIG), "add.apply_async((2, 3), link=chord([add.s(10), add.s(20)], total.s()))"),
    Canvas("link-two-and-errback", "two callbacks and an errback", ("CV-LINK-001", "CV-LINK-002"), "add.apply_async((2, 3), link=[add.s(10), echo.si('done')], link_error=echo.s('broken'))"),
    Canvas("chain-of-4", "a chain: one message, the rest in reverse order, reply_to in each step", ("CV-CHAIN-003", *STEP), "chain(add.s(2, 3), add.s(10), add.s(100), echo.s()).apply_async()"),
    Canvas("chain-steps-with-options", "options of each step stay in its signature, as they were given", ("CV-SIG-004", *STEP), "chain(add.s(2, 3), add.s(10).set(queue='shop.out', countdown=5), echo.si('done').set(expires=60)).apply_async()"),
    Canvas("chain-options", "options of the whole chain reach the first message alone", ("CV-CHAIN-004", *STEP), "chain(add.s(2, 3), add.s(10), add.s(100)).apply_async(priority=7, time_limit=30, headers={'tenant': 'acme'})"),
    Canvas("chain-link", "link of a chain goes to its last step", ("CV-CHAIN-005", *STEP), "chain(add.s(2, 3), add.s(10), add.s(100)).apply_async(link=echo.s())"),
    Canvas("chain-link-error", "link_error of a chain goes to every step", ("CV-CHAIN-006", *STEP), "chain(add.s(2, 3), add.s(10), add.s(100)).apply_async(link_error=echo.s('broken'))"),
    Canvas("chain-of-1", "a chain of one is a plain task", ("CV-CHAIN-001",), "chain(add.s(2, 3)).apply_async()"),
    Canvas("group-of-3", "a group: one message each", ("CV-GROUP-001", "TM-HDR-023"), f"group(add.s(1, 1), add.s(2, 2), add.s(3, 3)).apply_async(task_id='{GROUP}')", ("shop.add",) * 3),
    Canvas("group-of-chains", "a group of chains: group and index sit in the last step of each", ("CV-GROUP-002",), f"group(add.s(1, 1) | add.s(10), add.s(2, 2) | add.s(20)).apply_async(task_id='{GROUP}')", ADDS),
    Canvas("group-empty", "an empty group sends nothing", ("CV-GROUP-003",), "group([]).apply_async()", ()),
    Canvas("group-of-groups", "a group in a group is taken apart", ("CV-GROUP-004",), f"group(add.s(1, 1), group(add.s(2, 2), add.s(3, 3))).apply_async(task_id='{GROUP}')", ("shop.add",) * 3),
    Canvas("chord", "a chord: the header's tasks with the body in each; the size goes to the result store first", ("CV-CHORD-001", "CV-CHORD-002", "TM-BODY-011"), "chord([add.s(1, 1), add.s(2, 2)], total.s()).apply_async()", ADDS, commands=True),
    Canvas("chord-of-chains", "a chord whose header is chains: chord and group are in the last step", ("CV-CHORD-003",), "chord([add.s(1, 1) | add.s(10), add.s(2, 2) | add.s(20)], total.s()).apply_async()", ADDS, commands=True),
    Canvas("chord-link-error", "an errback of a chord is in its body", ("CV-CHORD-004",), "chord([add.s(1, 1), add.s(2, 2)], total.s().on_error(echo.s('broken'))).apply_async()", ADDS),
    Canvas("chord-empty", "a chord with nothing to wait for: the body at once, with an empty list", ("CV-CHORD-005",), "chord([], total.s()).apply_async()", ("shop.total",), commands=True),
    Canvas("chord-as-task", "a chord as one message, which a worker takes apart", ("CV-CHORD-006",), "app.send_task('celery.chord', kwargs={'header': [add.s(1, 1), add.s(2, 2)], 'body': total.s(), 'kwargs': {}})", ("celery.chord",), commands=True),
    Canvas("chain-then-group", "a chain that ends with a group", ("CV-CHAIN-007",), "chain(add.s(2, 3), group(add.s(10), add.s(20))).apply_async()"),
    Canvas("chain-group-then-task", "a group followed by a task becomes a chord inside the chain", ("CV-CHAIN-007",), "chain(add.s(2, 3), group(add.s(10), add.s(20)), total.s()).apply_async()"),
    Canvas("map", "map: one message that runs the task for each item", ("CV-MAP-001",), "echo.map([1, 2, 3]).apply_async()", ("celery.map",)),
    Canvas("starmap", "starmap: each item is the arguments of one run", ("CV-MAP-001",), "add.starmap([(1, 2), (3, 4)]).apply_async()", ("celery.starmap",)),
    Canvas("chunks", "chunks: a group of starmaps", ("CV-MAP-002",), "add.chunks([(1, 1), (2, 2), (3, 3)], 2).apply_async()", ("celery.starmap",) * 2),
    Canvas("stamped-chain", "a stamped chain: headers in the first message, flat options in the steps", ("CV-STAMP-001", "TM-HDR-024"), "chain(add.s(2, 3).stamp(tenant='acme'), add.s(10).stamp(tenant='acme')).apply_async()"),
    Canvas("stamped-group", "a stamped group: each member", ("CV-STAMP-001", "TM-HDR-024"), f"group(add.s(1, 1).stamp(tenant='acme'), add.s(2, 2).stamp(tenant='acme')).apply_async(task_id='{GROUP}')", ADDS),
)  # fmt: skip

#: Sent by a producer on Redis.
PRODUCED_ON_REDIS = (
    Canvas("redis-chord", "a chord on Redis: the counters, then the header's tasks", ("CV-CHORD-001", "CV-CHORD-002"), "chord([add.s(1, 1), add.s(2, 2)], total.s()).apply_async()", ADDS, commands=True),
    Canvas("redis-chain", "a chain on Redis", STEP, "chain(add.s(2, 3), add.s(10), add.s(100)).apply_async()"),
)  # fmt: skip

AWAY = "set(queue='shop.out')"
#: Sent by a worker; what is to be found goes to shop.out, the rest runs.
WORKED = (
    Canvas("worker-chord-body", "the last task of a chord's header sends the body; results in the order of the header", ("CV-CHORD-007", "CV-CHORD-008"), f"chord([add.s(1, 1), add.s(2, 2)], total.s().{AWAY}).apply_async()", ("shop.total",), commands=True),
    Canvas("worker-chord-as-task", "a worker takes a celery.chord message apart", ("CV-CHORD-006",), f"app.send_task('celery.chord', kwargs={{'header': [add.s(1, 1).{AWAY}, add.s(2, 2).{AWAY}], 'body': total.s(), 'kwargs': {{}}}})", ADDS, commands=True),
    Canvas("worker-chord-failed", "a task of the header failed: the errback of the body, and the counters are gone", ("CV-CHORD-009",), "chord([add.s(1, 1), fail.si('no stock')], total.s().on_error(app.signature('shop.elsewhere', queue='shop.out'))).apply_async()", ("shop.elsewhere",), commands=True),
    Canvas("worker-step-immutable", "the next step of a chain, immutable: no result in its arguments", ("CV-SIG-003", "CV-CHAIN-008"), f"chain(add.s(2, 3), echo.si('done').{AWAY}, echo.s()).apply_async()", ("shop.echo",)),
    Canvas("worker-step-partial", "the next step of a chain: the result comes before its own arguments", ("CV-SIG-002", "CV-CHAIN-008"), f"chain(add.s(2, 3), echo.s('second').{AWAY}, echo.s()).apply_async()", ("shop.echo",)),
    Canvas("worker-link-group", "a group as a callback: each member gets the result", ("CV-SIG-005", "CV-LINK-003"), f"add.apply_async((2, 3), link=group(echo.s(10).{AWAY}, echo.s(20).{AWAY}))", ("shop.echo",) * 2),
    Canvas("worker-errback-old-style", "an errback that the worker does not know gets the id of what failed", ("CV-LINK-004",), "fail.apply_async(('no stock',), task_id='order-4711', link_error=app.signature('shop.elsewhere', queue='shop.out'))", ("shop.elsewhere",)),
    Canvas("worker-replace-chain", "a task that replaced itself by a chain: its id goes to the last step", ("CV-REPL-001", "TM-HDR-028"), "swap_chain.apply_async()"),
    Canvas("worker-replace-group", "a task that replaced itself by a group: a chord whose body has its id", ("CV-REPL-002",), "swap_group.apply_async()", ADDS),
    Canvas("worker-replace-in-chain", "a task of a chain that replaced itself: the rest of the chain moves to the new one", ("CV-REPL-003",), "chain(swap.s(), echo.s()).apply_async()"),
)  # fmt: skip
