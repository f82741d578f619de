"""The mutants of what goes beyond one task: canvases, remote control, events, and what is stored of groups."""

from __future__ import annotations

import ast
import re
import uuid
import zlib
from typing import Any

from reference.defects import DROP, Deed, Edit, Effect, InvalidMessage, Skip

Table = dict[str, tuple[Effect, ...]]


def _turned(value: Any) -> Any:
    return value[::-1]


def _renamed(old: str, new: str) -> Any:
    """A function that calls a member of an object otherwise."""
    return lambda found: {new if name == old else name: value for name, value in found.items()}


def _refused(when: Any) -> Any:
    """A reader that refuses what it should take."""

    def new(value: Any) -> Any:
        if when(value):
            raise InvalidMessage("refused by mistake")
        return value

    return new


def _together(options: dict[str, Any]) -> dict[str, Any]:
    """Stamps under one name in place of their own."""
    stamps = {name: value for name, value in options.items() if name != "stamped_headers"}
    return {**options, "stamps": stamps, **dict.fromkeys(stamps)} if stamps else options


def _valued(event: dict[str, Any]) -> dict[str, Any]:
    """The text of a result as the value that it may have been."""
    return {**event, "result": ast.literal_eval(event["result"])} if "result" in event else event


def _every_time_anew(own: dict[str, Any]) -> dict[str, Any]:
    once = str(uuid.uuid4())
    return {"member": once, "value": [once, *own["value"][1:]]}


def _typed(ids: Any) -> Any:
    """Task ids as typed values."""
    wrap = [{"__type__": "uuid", "__value__": {"hex": found.replace("-", "")}} for found in ids]
    return wrap if isinstance(ids, list) else ids


#: What canvases become.
CANVAS: Table = {
    "sends-steps-under-an-id-of-its-own": (Edit("next", "options.task_id", DROP),),
    "puts-the-result-last": (Edit("partial", "", lambda args: [*args[1:], args[0]]),),
    "hands-results-to-immutable-steps": (Edit("next", "immutable", False),),
    "forgets-the-times-of-a-step": (Edit("next", "options.countdown", DROP), Edit("next", "options.expires", DROP)),
    "writes-no-subtask-type": (Edit("signature", "subtask_type", None),),
    "calls-links-callbacks": (Edit("signature", "options", _renamed("link", "callbacks")),),
    "sends-the-first-member-alone": (Edit("members", "", lambda members: members[:1]),),
    "sends-groups-as-tasks": (Deed(),),
    "sends-every-step-of-a-chain": (Deed(),),
    "hands-out-the-first-id": (Edit("ids of a chain", "", _turned),),
    "forgets-where-steps-reply": (Edit("step", "reply_to", DROP),),
    "links-a-chain-at-its-beginning": (Edit("linked step", "", 0),),
    "puts-errbacks-at-the-end-alone": (Edit("errback steps", "", lambda steps: steps[-1:]),),
    "leaves-groups-in-the-middle": (Deed(),),
    "gives-members-one-id": (Edit("member", "task_id", "00000000-0000-4000-8000-000000000002"),),
    "counts-chains-by-their-first-step": (Edit("member step", "", 0),),
    "gives-members-one-place": (Edit("task", "headers.group_index", 0),),
    "forgets-the-size-of-a-chord": (Edit("size of a chord", "", lambda commands: commands[:1]),),
    "sets-the-size-too-late": (Edit("members before the size", "", lambda before: before + 1),),
    "forgets-the-errbacks-of-a-chord": (Edit("body of a chord", "options.link_error", DROP),),
    "sends-nothing-for-an-empty-chord": (Edit("an empty chord", "", []),),
    "counts-members-twice": (Edit("counted", "", _every_time_anew),),
    "gathers-in-another-order": (Edit("gathered", "", _turned),),
    "sends-the-body-whatever-has-failed": (Deed(),),
    "calls-the-items-of-a-map-otherwise": (Edit("map", "", _renamed("it", "items")),),
    "puts-all-chunks-into-one": (Edit("chunks", "", lambda chunks: [[item for chunk in chunks for item in chunk]]),),
    "keeps-stamps-together": (Edit("stamped", "", _together),),
    "forgets-the-chain-of-the-replaced": (Edit("handed on", "chain", DROP),),
    "lists-children-by-their-ids": (Edit("child", "", lambda child: child[0][0]),),
    "gathers-results-backwards": (Edit("results of a group", "", _turned),),
    "saves-groups-bare": (Edit("stored", "", lambda found: found.get("result", found)),),
    "refuses-compressed-documents": (Edit("compressed document", "", True),),
}

#: How a controller asks, and how a node answers.
CONTROL: Table = {
    "addresses-requests": (Edit("request letter", "routing_key", "workers"),),
    "leaves-out-what-is-null": (
        Edit("request letter", "body", lambda body: {n: v for n, v in body.items() if v is not None}),
    ),
    "asks-without-a-ticket": (Edit("request letter", "body.ticket", DROP),),
    "obeys-what-is-for-others": (Edit("meant", "", True),),
    "takes-every-name-for-a-match": (Edit("fits the pattern", "", True),),
    "listens-after-asking": (Deed(),),
    "replies-late-to-what-wanted-none": (Deed(),),
    "replies-with-more-than-its-name": (Edit("reply body", "", lambda body: {**body, "clock": 1}),),
    "loses-the-ticket": (Edit("reply letter", "headers.ticket", "another"),),
    "gives-up-at-once": (Edit("wait", "", 0.0),),
    "takes-null-for-silence": (Edit("replies", "", lambda rows: [row for row in rows if row["reply"] is not None]),),
    "says-done-for-ok": (Edit("reply", "", lambda found: {"done": found["ok"]} if "ok" in (found or ()) else found),),
    "calls-arguments-otherwise": (Edit("request letter", "body.arguments", _renamed("task_name", "name")),),
    "takes-failures-for-nothing-to-say": (Edit("error", "", None),),
    "goes-deaf-after-an-error": (Deed(),),
    "waits-for-replies-to-shutdown": (Edit("wait for nothing", "", 8.2),),
    "writes-ids-as-typed-values": (Edit("request letter", "body.arguments.task_id", _typed),),
    "takes-ok-for-the-end": (
        Edit(
            "replies",
            "",
            lambda rows: [{**row, "reply": "REVOKED"} if "ok" in (row["reply"] or ()) else row for row in rows],
        ),
    ),
    "stops-whatever-is-revoked": (Edit("terminate", "", True),),
    "ignores-stamps": (Edit("revoked stamps", "", {}),),
    "forgets-the-revoked": (Deed(),),
    "runs-the-revoked": (Edit("is revoked", "", False),),
    "calls-the-revoked-failed": (Edit("result", "status", lambda s: "FAILURE" if s == "REVOKED" else s),),
    "calls-the-terminated-revoked": (Edit("why terminated", "", "revoked"),),
    "lists-nothing-as-null": (Edit("list", "", lambda rows: rows or None),),
    "forgets-the-names-of-tasks-in-lists": (Edit("task in a list", "name", DROP),),
    "lists-what-waits-like-the-rest": (Edit("scheduled", "", lambda row: row["request"]),),
    "answers-for-unknown-ids": (Edit("found", "", lambda found: {**found, "unknown": None}),),
    "wants-every-key-of-stats": (Deed(),),
    "takes-a-common-name": (Edit("node name", "", "celery@suite.example"),),
    "publishes-requests-elsewhere": (Edit("channel of celery.pidbox", "", "celery.pidbox"),),
    "replies-to-a-list-of-its-own": (Edit("lists of a reply", "", ["reply.celery.pidbox"]),),
    "binds-nothing": (Deed(),),
}

#: What is told of tasks and workers, and what a monitor makes of it.
EVENTS: Table = {
    "keeps-events": (Edit("event letter", "properties.delivery_mode", 2),),
    "forgets-who-tells": (Edit("event", "hostname", DROP),),
    "tells-of-tasks-one-by-one": (Edit("events", "", lambda events: events[0]),),
    "has-one-routing-key": (Edit("event letter", "routing_key", "worker.multi"),),
    "reads-no-arrays": (Deed(),),
    "refuses-unknown-news": (
        Edit("seen event", "type", _refused(lambda kind: kind.split("-")[0] not in ("task", "worker"))),
    ),
    "stops-listening-at-a-bad-event": (Deed(),),
    "forgets-which-task": (Edit("event", "uuid", "another"),),
    "reads-results-as-values": (Edit("told event", "", _valued),),
    "wants-a-traceback": (
        Edit("seen event", "", _refused(lambda row: row["type"] == "task-failed" and "traceback" not in row)),
    ),
    "forgets-why-revoked": (Edit("event", "expired", DROP),),
    "forgets-what-it-is": (Edit("event", "sw_ident", DROP),),
    "listens-to-workers-alone": (Edit("binding of events", "", "worker.#"),),
    "tells-on-one-channel": (Edit("channel of celeryev", "", "/0.celeryev"),),
    "subscribes-without-a-pattern": (Edit("pattern of events", "", "/0.celeryev"),),
    "writes-every-event-as-an-array": (
        Edit("written events", "", lambda found: found if isinstance(found, list) else [found]),
    ),
    "tells-of-what-it-sends-in-arrays": (Edit("sent", "", lambda event: [event]),),
    "tells-of-progress-in-arrays": (Edit("announced", "", lambda event: [event]),),
    "forgets-whether-it-goes-back": (
        Edit("event", "requeue", DROP),
        Edit(
            "written events",
            "",
            lambda found: (
                [{n: v for n, v in row.items() if n != "requeue"} for row in found]
                if isinstance(found, list)
                else found
            ),
        ),
    ),
    "announces-what-it-sends": (Deed(),),
}


def _opaque(message: dict[str, Any]) -> dict[str, Any]:
    """A compressed body as bytes of no kind."""
    return {**message, "content_encoding": "gzip"} if "compression" in message["headers"] else message


#: YAML and MessagePack beside JSON, and what is compressed.
SERIALIZERS: Table = {
    "calls-yaml-text": (Edit("task", "content_type", lambda name: name.replace("application/x-yaml", "text/yaml")),),
    "builds-what-tags-say": (Deed(),),
    "overlooks-tags": (Edit("read yaml", "", lambda body: re.sub(rb"![\w!/.:-]+", b"", body)),),
    "packs-bytes-as-text": (Edit("family of bytes", "", "str"),),
    "packs-whole-floats-as-integers": (Edit("packed float", "", lambda v: int(v) if v.is_integer() else v),),
    "packs-everything-as-text": (Deed(),),
    "writes-everything-as-text": (Deed(),),
    "calls-the-compression-an-encoding": (Edit("task", "", _opaque),),
    "compresses-twice": (Edit("compressed", "", lambda body: zlib.compress(body)),),
    "writes-types-of-python": (Edit("yaml", "", lambda body: body.replace(b"!!binary", b"!!python/bytes")),),
}

#: Of workers and readers: limits, retries, replacement, and what they take from where.
WORKERS: Table = {
    "makes-room-for-what-is-announced": (Deed(),),
    "goes-by-limits-of-its-own": (Edit("limits", "", [1, None]),),
    "settles-before-it-retries": (Deed(),),
    "retries-without-end": (Deed(),),
    "silent-about-the-dead": (Deed(),),
    "lets-them-die-twice-as-often": (Edit("deliveries", "", lambda number: 2 * number),),
    "acknowledges-what-kills": (Edit("end of the deadly", "", "acknowledge"),),
    "keeps-the-header-without-the-compression": (Deed(),),
    "takes-all-there-is": (Deed(),),
    "limits-the-channel": (Edit("limit for the channel", "", True),),
    "reads-the-least-urgent-first": (Edit("lists", "", _turned),),
    "shares-its-reply-queue": (Edit("client", "", "celeriac-conformance-replies"),),
    "gives-the-id-of-a-chain-to-its-first-step": (Edit("step of the chain's id", "", 0),),
    "replaces-by-the-bare-group": (Deed(),),
}

#: Of those who read signed bodies.
SIGNED: Table = {
    "takes-the-unsigned": (Skip("signed body"),),
    "takes-any-signer": (Skip("signer"),),
    "takes-any-signature": (Skip("signed bytes"),),
    "takes-certificates-that-have-ended": (Skip("signer's certificate"),),
    "trusts-the-type-that-was-signed": (Deed(),),
}

TOGETHER: Table = {**CANVAS, **CONTROL, **EVENTS, **SERIALIZERS, **WORKERS, **SIGNED}
