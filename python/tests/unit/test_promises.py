"""What is known of tasks whose process died: records in shared memory, and the messages in them."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from celeriac import Wire
from celeriac.transport import Delivery
from celeriac.worker.promises import EXTENT, SMALLEST, Promises, Records

from .worker_parts import message

WIRE = Wire(b"", "application/json", "utf-8", {}, {})


def delivery() -> Delivery:
    return Delivery(WIRE, 1, "mail")


def test_records_are_found_by_whoever_comes_next() -> None:
    records = Records()
    pid = os.fork()
    if pid == 0:
        gone = records.add(b"gone")
        records.add(b"there")
        records.remove(gone or 0)
        os._exit(0)
    os.waitpid(pid, 0)
    assert [record for _, record in records] == [b"there"] and records
    # What was given free is taken again, by one who has not seen it given.
    assert records.add(b"next") == 0


def test_room_is_used_again_and_has_an_end() -> None:
    step = SMALLEST + EXTENT.size
    records = Records(3 * step)
    places = [records.add(b"x" * SMALLEST) for _ in range(4)]
    assert places == [0, step, 2 * step, None]
    records.remove(step)
    assert records.add(b"y" * (SMALLEST + 1)) is None
    assert records.add(b"y") == step
    assert [record[:1] for _, record in records] == [b"x", b"y", b"x"]


def test_all_but_the_arguments_is_promised() -> None:
    records = Records()
    about = message(args=("secret",), kwargs={"more": 1}, headers={"since": datetime(2026, 1, 2, tzinfo=timezone.utc)})
    Promises(records).make(delivery(), about)
    promises = Promises(records)
    ((held, found),) = promises.inherited()
    assert (held.queue, held.redelivered) == ("mail", True)
    assert (found.id, found.reply_to, found.extra) == (about.id, about.reply_to, about.extra)
    assert (found.args, found.kwargs) == ([], {})
    promises.keep(held)
    assert not records and not Promises(records).inherited()


def test_a_promise_that_is_kept_is_forgotten() -> None:
    records = Records()
    promises = Promises(records)
    one, other = delivery(), delivery()
    promises.make(one, message(id="one"))
    promises.make(other, message(id="other"))
    promises.keep(one)
    promises.keep(delivery())
    assert [found.id for _, found in Promises(records).inherited()] == ["other"]


def test_what_there_is_no_room_for_is_not_promised() -> None:
    records = Records(SMALLEST)
    promises = Promises(records)
    promises.make(delivery(), message())
    assert not records and not promises.inherited()
