"""Every mutant: its name and what is wrong with it. mutants.yaml says in words, and which cases find out."""

from __future__ import annotations

import datetime
import gzip
import math
import zlib
from typing import Any

from reference.catalogue_together import TOGETHER
from reference.defects import DROP, Deed, Edit, Effect, InvalidMessage, Skip

Table = dict[str, tuple[Effect, ...]]


def _turned(value: Any) -> Any:
    return value[::-1] if isinstance(value, list) else value


def _naive(text: str) -> str:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=None).isoformat()


def _nanoseconds(text: str) -> str:
    moment = datetime.datetime.fromisoformat(text)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}789+00:00"


def _whole(value: Any) -> Any:
    """Floats that are whole numbers as integers, at any depth."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return _each(value, _whole)


def _rounded(value: Any) -> Any:
    """Integers as a double holds them, at any depth."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(float(value))
    return _each(value, _rounded)


def _finite(value: Any) -> Any:
    """Null in place of NaN and the infinities, at any depth, as JavaScript writes them."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return _each(value, _finite)


def _dated(value: Any) -> Any:
    """Texts that look like dates as dates, at any depth."""
    if isinstance(value, str):
        try:
            return datetime.datetime.fromisoformat(value)
        except ValueError:
            return value
    return _each(value, _dated)


def _python_keys(value: Any) -> Any:
    """The keys false and null as Python spells them, at any depth."""
    if isinstance(value, dict):
        value = {{"false": "False", "null": "None"}.get(key, key): member for key, member in value.items()}
    return _each(value, _python_keys)


def _ascii(value: Any) -> Any:
    """A question mark for every letter outside ASCII, at any depth."""
    return value.encode("ascii", "replace").decode() if isinstance(value, str) else _each(value, _ascii)


def _each(value: Any, change: Any) -> Any:
    if isinstance(value, list):
        return [change(item) for item in value]
    if isinstance(value, dict):
        return {key: change(item) for key, item in value.items()}
    return value


def _unless(fits: Any) -> Any:
    """A reader that refuses what it should take: what does not fit is malformed."""

    def new(value: Any) -> Any:
        if not fits(value):
            raise InvalidMessage("refused by mistake")
        return value

    return new


def _task(path: str, new: Any) -> tuple[Effect, ...]:
    """A defect of the task messages that are written."""
    return (Edit("task", path, new),)


def _signatures(name: str, new: Any) -> tuple[Effect, ...]:
    """A defect of the first signature of an embedded list."""
    return (Edit("task", f"body.2.{name}", lambda found: [new(found[0]), *found[1:]] if found else found),)


def _without(*names: str) -> Any:
    return lambda signature: {name: value for name, value in signature.items() if name not in names}


def _typed(name: str, path: str, new: Any) -> tuple[Effect, ...]:
    """A defect of how values of that type are written."""
    return (Edit(f"write {name}", path, new),)


#: How task messages are written: headers, properties, body.
MESSAGES: Table = {
    "drops-task": _task("headers.task", DROP),
    "drops-id": _task("headers.id", DROP),
    "same-id-for-every-call": (Edit("new id", "", "00000000-0000-4000-8000-000000000001"),),
    "ids-are-not-texts": _task("headers.id", lambda _: ["an", "array"]),
    "drops-shadow": _task("headers.shadow", DROP),
    "writes-null-as-empty-text": _task("headers", lambda h: {n: "" if v is None else v for n, v in h.items()}),
    "sends-seconds-for-an-instant": (Deed(),),
    "writes-naive-instants": (Edit("instant", "", _naive),),
    "writes-nanoseconds": (Edit("instant", "", _nanoseconds),),
    "writes-no-instant-as-empty-text": (Edit("no instant", "", ""),),
    "swaps-timelimit": _task("headers.timelimit", _turned),
    "writes-timelimit-of-one": _task("headers.timelimit", lambda limits: limits[:1]),
    "counts-retries-from-one": _task("headers.retries", lambda n: n + 1),
    "drops-root-id": _task("headers.root_id", DROP),
    "no-root-is-null": _task("headers.root_id", None),
    "is-its-own-parent": (Edit("task", "headers", lambda h: {**h, "parent_id": h.get("id")}),),
    "drops-group-index": _task("headers.group_index", DROP),
    "counts-the-members-of-a-group-from-one": _task("headers.group_index", lambda n: n and n + 1),
    "replaces-without-counting": _task("headers.replaced_task_nesting", 0),
    "shows-everything": (Edit("shown", "", 10**9),),
    "has-no-origin": _task("headers.origin", "somewhere"),
    "stamps-without-a-list": _task("headers.stamped_headers", None),
    "names-a-compression-that-is-not-there": _task("headers.compression", "application/x-gzip"),
    "lets-headers-of-the-user-win": (Deed(),),
    "loses-headers-of-the-user": _task("headers.tenant", DROP),
    "drops-content-type": _task("content_type", None),
    "drops-content-encoding": _task("content_encoding", None),
    "writes-a-charset": (
        Edit("task", "content_type", "application/json; charset=utf-8"),
        Edit("reply", "content_type", "application/json; charset=utf-8"),
    ),
    "writes-upper-case-encoding": (
        Edit("task", "content_encoding", "UTF-8"),
        Edit("reply", "content_encoding", "UTF-8"),
    ),
    "writes-yaml": _task("content_type", "application/x-yaml"),
    "drops-correlation-id": _task("properties.correlation_id", DROP),
    "drops-reply-to": _task("properties.reply_to", DROP),
    "is-transient": _task("properties.delivery_mode", 1),
    "writes-expiration-in-seconds": _task("properties.expiration", lambda ms: ms and str(int(ms) // 1000)),
    "writes-any-expiration": (Deed(),),
    "sends-a-body-of-two": _task("body", lambda body: body[:2]),
    "sends-args-as-an-object": _task("body.0", lambda args: {str(at): arg for at, arg in enumerate(args)}),
    "sends-kwargs-as-pairs": _task("body.1", lambda kwargs: [[key, value] for key, value in kwargs.items()]),
    "writes-empty-kwargs-as-array": _task("body.1", lambda kwargs: kwargs or []),
    "writes-empty-kwargs-as-null": _task("body.1", lambda kwargs: kwargs or None),
    "sends-embed-as-null": _task("body.2", None),
    "sends-protocol-1": (
        Edit("task", "", lambda m: {**m, "headers": {}, "body": {"args": m["body"][0], "kwargs": m["body"][1]}}),
    ),
    "ignores-unknown-options": (Deed(),),
    "sends-callbacks-as-names": _signatures("callbacks", lambda signature: signature["task"]),
    "sends-errbacks-as-names": _signatures("errbacks", lambda signature: signature["task"]),
    "forgets-callbacks": _task("body.2.callbacks", None),
    "turns-the-chain-round": _task("body.2.chain", _turned),
    "gives-steps-no-id": _signatures("chain", lambda s: {**s, "options": _without("task_id")(s["options"])}),
    "sends-a-chord-without-its-body": _task("body.2.chord", None),
    "shortens-signatures": _signatures("callbacks", _without("subtask_type", "immutable")),
    "loses-the-result-before-args": _task("body.0", lambda args: args[1:]),
    "forgets-the-rest-of-the-chain": _task("body.2.chain", lambda _: []),
    "drops-eta": _task("headers.eta", None),
    "forgets-empty-objects": _task("body.0", lambda args: [arg or [] for arg in args]),
}

#: How JSON and typed values are written and read.
VALUES: Table = {
    "writes-whole-floats-as-integers": (Edit("written value", "", _whole),),
    "reads-whole-floats-as-integers": (Edit("read value", "", _whole),),
    "writes-integers-as-doubles": (Edit("written value", "", _rounded),),
    "reads-integers-as-doubles": (Edit("read value", "", _rounded),),
    "writes-null-for-nan": (Edit("written value", "", _finite),),
    "reads-null-for-nan": (Edit("read constant", "", None),),
    "spells-keys-as-python-does": (Edit("written value", "", _python_keys),),
    "reads-ascii-alone": (Edit("read value", "", _ascii),),
    "guesses-dates": (Edit("read value", "", _dated),),
    "takes-the-first-of-equal-keys": (Deed(),),
    "takes-broken-json": (Skip("json"),),
    "takes-any-bytes-for-utf-8": (Skip("utf-8"),),
    "takes-a-byte-order-mark": (Skip("byte order mark"),),
    "takes-any-depth": (Deed(),),
    "refuses-depth-50": (Edit("depth", "", 50),),
    "sends-the-reserved-shape": (Deed(),),
    "writes-datetime-as-text": _typed("datetime", "", lambda typed: typed["__value__"]),
    "writes-datetime-in-zulu": _typed("datetime", "__value__", lambda text: text.split("+")[0] + " UTC"),
    "writes-date-as-datetime": _typed("date", "__type__", "datetime"),
    "writes-time-as-text": _typed("time", "", lambda typed: typed["__value__"]),
    "writes-uuid-as-text-inside": _typed("uuid", "__value__", lambda inner: inner["hex"]),
    "writes-decimal-as-number": _typed("decimal", "", lambda typed: float(typed["__value__"])),
    "writes-bytes-as-text": _typed("bytes", "", lambda typed: typed["__value__"]),
    "writes-base64-without-padding": _typed("base64", "__value__", lambda text: text.rstrip("=") + "\n"),
    "leaves-typed-values-as-objects": (Deed(),),
    "takes-unknown-types-as-objects": (Skip("type"),),
    "takes-bad-values-of-a-type": (Skip("value of a type"),),
    "takes-any-object-with-a-type": (Deed(),),
    "takes-any-content-type": (Skip("content type"),),
    "unpickles": (Edit("content types", "", ["application/json", "application/x-python-serialize"]),),
    "takes-json-by-another-name": (Edit("content types", "", ["application/json", "text/plain"]),),
    "writes-real-gzip": (Edit("compressed", "", lambda body: gzip.compress(zlib.decompress(body))),),
    "does-not-compress": (Edit("compressed", "", zlib.decompress),),
    "compresses-under-another-name": _task("headers.compression", "gzip"),
    "takes-any-compression": (Skip("compression"),),
}

#: What readers of messages let through, or turn down.
READERS: Table = {
    "refuses-ids-that-are-no-uuid": (Edit("read task", "id", _unless(lambda value: len(value) == 36)),),
    "refuses-other-languages": (Edit("read task", "lang", _unless(lambda value: value == "py")),),
    "refuses-odd-texts-for-people": (Edit("read task", "argsrepr", _unless(lambda value: isinstance(value, str))),),
    "refuses-unknown-headers": (Edit("read task", "", _unless(lambda flat: not flat.get("extra", {}).get("headers"))),),
    "refuses-unknown-properties": (
        Edit(
            "read task",
            "",
            _unless(lambda flat: not {"app_id", "type"} & set(flat.get("extra", {}).get("properties", {}))),
        ),
    ),
    "leaves-the-lost": (Deed(),),
    "takes-the-redelivered-for-done": (Deed(),),
    "refuses-the-redelivered": (
        Edit("read task", "", _unless(lambda flat: "redelivered" not in flat.get("extra", {}).get("headers", {}))),
    ),
    "wants-every-header": (Edit("read task", "", _unless(lambda flat: "retries" in flat and "eta" in flat)),),
    "takes-wrong-types-in-headers": (Skip("header *"),),
    "takes-texts-for-retries": (Skip("header retries"),),
    "takes-any-eta": (Skip("header eta"), Skip("header expires")),
    "takes-any-timelimit": (Skip("header timelimit"),),
    "takes-any-body": (Skip("body"), Skip("args"), Skip("kwargs"), Skip("embed")),
    "takes-any-args": (Skip("args"),),
    "takes-any-kwargs": (Skip("kwargs"),),
    "takes-any-embed": (Skip("embed"),),
    "takes-wrong-types-in-embed": (Skip("embed *"),),
    "wants-embed": (Deed(),),
    "refuses-unknown-keys-of-embed": (Deed(),),
    "takes-the-id-from-embed": (Deed(),),
    "loses-unknown-headers": (Edit("read task", "extra", DROP),),
    "reads-naive-instants-in-another-zone": (Edit("naive zone", "", datetime.timezone(datetime.timedelta(hours=-5))),),
    "swaps-limits": (Edit("limits", "", _turned),),
    "swaps-limits-on-reading": (Edit("read task", "timelimit", _turned),),
    "returns-at-the-limit": (Deed(),),
    "reads-protocol-1-without-id": (Skip("protocol 1 id"), Skip("protocol 1 task"), Skip("protocol 1 args")),
    "loses-kwargs-of-protocol-1": (Edit("read protocol 1", "kwargs", {}),),
    "takes-any-document": (Skip("document"), Skip("result *"), Skip("exception"), Skip("json")),
    "takes-failures-without-exception": (Skip("exception"),),
    "refuses-unknown-keys-of-a-document": (Deed(),),
    "refuses-typed-headers": (Edit("read headers", "", _unless(lambda typed: not typed)),),
    "wants-base64": (Deed(),),
    "takes-any-envelope": (Skip("envelope *"), Skip("delivery_info"), Skip("properties")),
    "takes-any-body-of-an-envelope": (Skip("body of an envelope"), Skip("body_encoding"), Skip("base64")),
}

#: How a producer deals with its broker.
SENDING: Table = {
    "says-ok-and-does-nothing": (Deed(),),
    "sends-to-an-exchange-of-the-queue": (Edit("route", "exchange", "amq.direct"),),
    "sends-late": (Deed(),),
    "tells-passwords": (Deed(),),
    "drops-what-cannot-be-routed": (Deed(),),
    "says-sent-whatever-the-broker-says": (Deed(),),
    "declares-what-exists": (Deed(),),
    "declares-transient": (Edit("declare", "durable", False),),
    "declares-with-arguments": (Edit("declare", "arguments", {"x-max-priority": 10}),),
    "loses-priority": _task("properties.priority", 0),
    "one-delivery-tag": (Deed(),),
    "pushes-on-the-wrong-side": (Deed(),),
    "pushes-to-one-list": (Edit("list", "", ""),),
    "writes-the-body-as-text": (Edit("envelope", "properties.body_encoding", "utf-8"),),
    "drops-delivery-info": (Edit("envelope", "properties.delivery_info", DROP),),
    "drops-delivery-tag": (Edit("envelope", "properties.delivery_tag", DROP),),
    "names-properties-as-amqp-does": (
        Edit(
            "envelope",
            "properties",
            lambda p: {("correlationId" if name == "correlation_id" else name): value for name, value in p.items()},
        ),
    ),
    "drops-content-type-of-the-envelope": (Edit("envelope", "content-type", DROP),),
}

#: What a worker does with what it receives.
WORKING: Table = {
    "runs-what-shadow-says": (Deed(),),
    "stores-what-is-ignored": (Deed(),),
    "never-settles": (Deed(),),
    "leaves-the-index": (Deed(),),
    "runs-twice": (Deed(),),
    "adds-an-argument": (Edit("call", "", lambda call: ([*call[0], "more"], call[1])),),
    "drops-keywords": (Edit("call", "", lambda call: (call[0], {})),),
    "begins-whatever-the-arguments": (Deed(),),
    "silent-about-wrong-arguments": (Deed(),),
    "acknowledges-the-unknown": (Deed(),),
    "silent-about-the-unknown": (Deed(),),
    "requeues-what-it-rejects": (Deed(),),
    "dies-of-a-failure": (Deed(),),
    "hangs-after-a-failure": (Deed(),),
    "loses-large-bodies": (Deed(),),
    "imports-what-a-message-names": (Deed(),),
    "refuses-ids-seen-before": (Deed(),),
    "dies-of-poison": (Deed(),),
    "hangs-on-poison": (Deed(),),
    "requeues-poison": (Deed(),),
    "leaves-poison-unsettled": (Deed(),),
    "acknowledges-poison": (Deed(),),
    "silent-about-poison": (Deed(),),
    "stores-under-any-id": (Deed(),),
    "acknowledges-before-running": (Deed(),),
    "rejects-the-failed": (Deed(),),
    "silent-about-failures": (Deed(),),
    "forgets-what-waits": (Deed(),),
    "holds-nothing": (Deed(),),
    "ignores-eta": (Deed(),),
    "adds-a-delay": (Deed(),),
    "waits-for-eta-and-nothing-else": (Deed(),),
    "settles-what-waits": (Deed(),),
    "ignores-expires": (Deed(),),
    "goes-by-expiration": (Deed(),),
    "silent-about-the-expired": (Deed(),),
    "rejects-the-expired": (Deed(),),
    "retries-under-a-new-id": (Deed(),),
    "retries-without-counting": (Edit("retry", "retries", 1),),
    "forgets-to-retry": (Deed(),),
    "hides-the-id-from-the-task": (Edit("request", "id", None),),
    "hides-the-root-from-the-task": (Edit("request", "root_id", None),),
    "counts-missing-retries-as-one": (Edit("request", "retries", lambda n: n or 1),),
}

#: What a worker stores, and what a reader makes of it.
RESULTS: Table = {
    "stores-an-array": (Edit("result", "", lambda document: [document]),),
    "forgets-the-task-id": (Edit("result", "task_id", "another"),),
    "drops-the-status": (Edit("result", "status", DROP),),
    "stores-done-for-success": (Edit("result", "status", lambda s: "DONE" if s == "SUCCESS" else s),),
    "stores-success-for-failure": (Edit("result", "status", lambda s: "SUCCESS" if s == "FAILURE" else s),),
    "stores-no-value": (Edit("result", "result", lambda value: value if isinstance(value, dict) else None),),
    "drops-the-key-of-null": (Edit("result", "", lambda d: {k: v for k, v in d.items() if v is not None}),),
    "writes-date-done-naive": (Edit("result", "date_done", lambda text: text and _naive(text)),),
    "writes-exceptions-as-text": (Edit("result", "result", lambda v: str(v) if isinstance(v, dict) else v),),
    "forgets-the-type-of-exceptions": (Edit("exception", "exc_type", None),),
    "joins-the-arguments-of-exceptions": (
        Edit("result", "result.exc_message", lambda args: ", ".join(map(str, args or ()))),
    ),
    "forgets-the-module-of-exceptions": (Edit("result", "result.exc_module", DROP),),
    "dies-of-what-it-cannot-store": (Deed(),),
    "replaces-arguments-by-nothing": (Edit("exception", "exc_message", None),),
    "calls-the-unknown-a-key-error": (Edit("exception", "exc_type", "KeyError"),),
    "revokes-without-a-reason": (Edit("revoked", "exc_message", []),),
    "calls-its-queue-otherwise": (
        Edit("result", "", lambda d: {"destination" if name == "queue" else name: v for name, v in d.items()}),
    ),
    "writes-no-traceback": (Edit("result", "traceback", None),),
    "replies-elsewhere": (Edit("reply", "routing_key", "celeriac-conformance-nowhere"),),
    "replies-with-the-task-id": (
        Edit("reply", "", lambda r: {**r, "properties": {**r["properties"], "correlation_id": r["task_id"]}}),
    ),
    "stores-under-a-key-of-its-own": (Edit("result key", "", "result-{}"),),
    "announces-nothing": (Deed(),),
    "overwrites-success": (Deed(),),
    "stores-for-ever": (Edit("time to live", "", 10**8),),
    "looks-only-at-the-channel": (Deed(),),
    "deletes-what-it-reads": (Deed(),),
    "takes-started-for-the-end": (Edit("ends", "", lambda ends: [*ends, "STARTED"]),),
    "takes-retry-for-the-end": (Edit("ends", "", lambda ends: [*ends, "RETRY"]),),
    "takes-any-state-for-the-end": (Edit("ends", "", lambda ends: [*ends, "UPLOADING"]),),
    "takes-the-last-end": (Deed(),),
    "takes-any-reply": (Deed(),),
    "hands-failures-over-as-values": (Deed(),),
    "calls-what-a-document-names": (Deed(),),
    "waits-on-after-a-broken-document": (Deed(),),
    "listens-too-late": (Deed(),),
    "looks-when-the-wait-is-over": (Deed(),),
    "has-a-lasting-reply-queue": (Edit("reply queue", "auto_delete", False),),
}

MUTANTS: Table = {**MESSAGES, **VALUES, **READERS, **SENDING, **WORKING, **RESULTS, **TOGETHER}
