"""The reference testee, or one of its mutants: ``python testee.py [MUTANT]`` speaks the testee protocol."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

from reference import canvas, codec, defects, following, kinds, producer, signed
from reference.catalogue import MUTANTS
from reference.codec import FAILED, Flat
from reference.defects import CallError, InvalidMessage, change, has
from reference.news import Reporter
from reference.post import post_of
from reference.values import from_tagged, to_tagged

OTHER_KINDS = ("canvas", "control", "reply", "event", "stored")
#: Those whose members are tagged one by one.
HEADED = ("control", "reply", "event", "stored")
HELLO = {
    "protocol": 1,
    "implementation": {"name": "reference", "version": "0", "language": "python", "runtime": "test"},
    "roles": ["codec", "producer", "result", "worker", "control", "events"],
    "features": {
        "broker": ["amqp", "redis"],
        "result": ["rpc", "redis"],
        "serializer": ["json", "yaml", "msgpack"],
        "protocol": [1, 2],
        "compression": ["zlib", "bzip2"],
        "kinds": ["task", "task-v1", "envelope", "result", "value", "signed", *OTHER_KINDS],
        "canvas": ["chain", "group", "chord", "map", "starmap", "chunks", "link", "stamps"],
        "worker_canvas": ["chain", "link", "link_error", "chord", "replace"],
        "control": [
            "ping",
            "active",
            "reserved",
            "scheduled",
            "query_task",
            "registered",
            "active_queues",
            "stats",
            "revoked",
            "revoke",
            "terminate",
            "revoke_by_stamped_headers",
            "enable_events",
            "disable_events",
            "heartbeat",
        ],
        "events": True,
        "sent_events": True,
        "confirm": True,
        "time_limits": True,
        "foreign": True,
        "worker_tasks": ["limited", "reject", "replace_by", "announce", "die", "die_again"],
    },
}
LOCK = threading.Lock()


def say(document: dict[str, Any]) -> None:
    """Write one line to the suite, whole."""
    with LOCK:
        os.write(1, json.dumps(document).encode() + b"\n")


class Session:
    """A producer, a worker or a reader of results, on the broker and the store that its request names."""

    def __init__(self, request: dict[str, Any]) -> None:
        # Imported here: the codec needs no broker, and most mutants are of the codec.
        from reference import on_amqp, on_redis
        from reference.control import Controller
        from reference.news import Monitor
        from reference.worker import Worker

        self.client = on_amqp.new_client()
        url, store, queue = request["broker_url"], request["result_url"], request["queue"]
        self.broker: Any
        self.results: Any
        if url.startswith("amqp"):
            self.broker = on_amqp.AmqpBroker(url, queue)
        else:
            self.broker = on_redis.RedisBroker(url, queue)
        if store == "rpc://":
            self.results = on_amqp.RpcResults(self.broker, self.client)
        else:
            self.results = on_redis.RedisResults(store)
        self.groups: dict[str, list[str]] = {}
        self.tells = request["role"] == "producer" and bool((request.get("options") or {}).get("events"))
        roles: dict[str, Any] = {
            "worker": lambda: Worker(self.broker, self.results, say, request.get("options") or {}, self.client),
            "control": lambda: Controller(self.broker),
            "events": lambda: Monitor(self.broker, request["session"], say),
        }
        self.acts: Any = roles[request["role"]]() if request["role"] in roles else None

    def publish(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a task, or what a canvas becomes."""
        options = from_tagged(request["options"])
        if "canvas" in request:
            return self.publish_canvas(from_tagged(request["canvas"]), options)
        args, kwargs = from_tagged(request["args"]), from_tagged(request["kwargs"])
        args += [object()] if request.get("foreign") else []
        flat = producer.message(request["task"], args, kwargs, options, self.client)
        if not has("listens-too-late"):
            self.results.prepare()
        if has("sends-late"):
            threading.Timer(0.3, self.broker.publish, (flat, options)).start()
        elif not has("says-ok-and-does-nothing"):
            self.broker.publish(flat, options)
        if self.tells or has("announces-what-it-sends"):
            queue = options.get("queue", self.broker.queue)
            Reporter("gen@reference", post_of(self.broker), on=False).sent(flat, queue)
        return {"task_id": flat["id"], "confirmed": True}

    def publish_canvas(self, node: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
        """Send what a canvas becomes."""
        found = canvas.signature(node)
        stamps = options.pop("stamps", {})
        stamped = {**stamps, "stamped_headers": list(stamps)} if stamps else {}
        found["options"] = {**found["options"], **options, **stamped}
        redis = getattr(self.results, "redis", None)
        plan = canvas.Planner(self.client, redis is not None).plan(found)
        self.results.prepare()
        following.carry_out(plan, self.broker, redis)
        if plan.children is None:
            return {"task_id": plan.task_id, "confirmed": True}
        self.groups[plan.task_id] = plan.children
        return {"task_id": plan.task_id, "confirmed": True, "children": plan.children}

    def await_(self, request: dict[str, Any]) -> dict[str, Any]:
        """Wait for the end of a task."""
        deadline = time.monotonic() + request["timeout_ms"] / 1000
        members = self.groups.get(request["task_id"])
        if members is not None:
            ends = [self.end_of(member, deadline) for member in members]
            return {"state": "SUCCESS", "result": change("results of a group", [end["result"] for end in ends])}
        return self.end_of(request["task_id"], deadline)

    def end_of(self, task_id: str, deadline: float) -> dict[str, Any]:
        """The end of one task."""
        if has("looks-when-the-wait-is-over"):
            time.sleep(max(0.0, deadline - time.monotonic()))
        try:
            flat = self.results.wait(task_id, deadline, self.ended)
        except InvalidMessage:
            if not has("waits-on-after-a-broken-document"):
                raise
            flat = None
        if flat is None:
            raise CallError("TaskTimeout", "nothing came in time; the task may still run")
        return dict(change("told", self.told(flat)))

    @staticmethod
    def ended(flat: Flat) -> bool:
        """Whether the document is the end of its task."""
        return flat["status"] in change("ends", ["SUCCESS", *FAILED])

    @staticmethod
    def told(flat: Flat) -> dict[str, Any]:
        """What the caller is told of an end."""
        result: Any = flat.get("result")
        if flat["status"] not in FAILED or has("hands-failures-over-as-values"):
            return {"state": flat["status"], "result": to_tagged(result)}
        if has("calls-what-a-document-names"):
            getattr(__import__(result["exc_module"]), result["exc_type"])(*result["exc_message"])
        result = result if isinstance(result, dict) else {"exc_type": "Exception"}  # only a mutant lets such through
        message = result.get("exc_message")
        args = message if isinstance(message, list) else [message]
        exception = {"type": result["exc_type"], "module": result.get("exc_module"), "args": to_tagged(args)}
        return {"state": flat["status"], "exception": exception}

    def close(self) -> None:
        """End in order."""
        if self.acts is not None:
            self.acts.close()
        self.results.close()
        self.broker.close()


SESSIONS: dict[str, Session] = {}


def hello(request: dict[str, Any]) -> dict[str, Any]:
    """Say what this is. ``mutant`` names the defect to have from now on: one process is many, one after the other."""
    if "mutant" in request:
        defects.switch_on(request["mutant"], MUTANTS.get(request["mutant"], ()))
    return HELLO


def open_(request: dict[str, Any]) -> dict[str, Any]:
    """Begin a session."""
    SESSIONS[request["session"]] = Session(request)
    return {}


def close(request: dict[str, Any]) -> dict[str, Any]:
    """End a session."""
    SESSIONS.pop(request["session"]).close()
    return {}


def coder(kind: str) -> Any:
    """The module that reads and writes messages of that kind."""
    return kinds if kind in OTHER_KINDS else codec


def decode(kind: str, wire: dict[str, Any]) -> dict[str, Any]:
    """The message of a raw one, as the testee protocol has it; raises InvalidMessage."""
    if kind == "signed":  # read and never written: that takes a key
        return signed.decode(wire)
    found = coder(kind).decode(kind, wire)
    return {name: to_tagged(value) for name, value in found.items()} if kind in HEADED else dict(found)


OPS: dict[str, Any] = {
    "hello": hello,
    "decode": lambda request: {"message": decode(request["kind"], request["wire"])},
    "encode": lambda request: {"wire": coder(request["kind"]).encode(request["kind"], request["message"])},
    "open": open_,
    "close": close,
    "publish": lambda request: SESSIONS[request["session"]].publish(request),
    "await": lambda request: SESSIONS[request["session"]].await_(request),
    "control": lambda request: SESSIONS[request["session"]].acts.control(request),
    "bye": lambda _: {},
}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request, without its id."""
    try:
        return {"ok": OPS[request["op"]](request)}
    except InvalidMessage as error:
        return {"error": {"kind": "InvalidMessage", "message": str(error)}}
    except CallError as error:
        return {"error": {"kind": error.kind, "message": str(error)}}


def main() -> None:
    """Answer requests until ``bye``."""
    if len(sys.argv) > 1:
        defects.switch_on(sys.argv[1], MUTANTS[sys.argv[1]])
    for line in sys.stdin:
        request = json.loads(line)
        say({"id": request["id"], **answer(request)})
        if request["op"] == "bye":
            return


if __name__ == "__main__":
    main()
