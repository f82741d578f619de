"""A small testee that is right, on Redis alone, and its mutants: the same with one deliberate defect each.

Run as ``python reference.py [MUTANT]``. It shares no code with the suite.
"""

from __future__ import annotations

import base64
import datetime
import heapq
import inspect
import json
import os
import sys
import threading
import time
import traceback
import uuid
from typing import Any

import redis
from reference_codec import InvalidMessage, decode_value, encode_value, from_wire, parse_task, to_wire

MUTANT = sys.argv[1] if len(sys.argv) > 1 else ""
STEPS = ("", "\x06\x163", "\x06\x166", "\x06\x169")
OPTIONS = {
    "queue", "routing_key", "exchange", "priority", "countdown", "eta", "expires", "time_limit", "soft_time_limit",
    "task_id", "ignore_result", "headers", "shadow", "root_id", "parent_id", "reply_to",
}  # fmt: skip
LOCK = threading.Lock()


def say(document: dict[str, Any]) -> None:
    with LOCK:
        os.write(1, json.dumps(document).encode() + b"\n")


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def instant(value: Any) -> str | None:
    if value is None:
        return None
    moment = value if isinstance(value, datetime.datetime) else now() + datetime.timedelta(seconds=value)
    if MUTANT == "writes-naive-eta":
        moment = moment.replace(tzinfo=None)
    return moment.isoformat()


def headers_for(task: str, task_id: str, args: Any, kwargs: Any, options: dict[str, Any]) -> dict[str, Any]:
    limits = [options.get("time_limit"), options.get("soft_time_limit")]
    expires = instant(options.get("expires"))
    headers = {
        **options.get("headers", {}), "lang": "py", "task": task, "id": task_id, "shadow": options.get("shadow"),
        "eta": instant(options.get("eta", options.get("countdown"))), "expires": expires, "group": None,
        "group_index": None, "retries": 0, "timelimit": limits[::-1] if MUTANT == "swaps-timelimit" else limits,
        "root_id": options.get("root_id", task_id), "parent_id": options.get("parent_id"),
        "argsrepr": repr(args)[:1000], "kwargsrepr": repr(kwargs)[:1000], "origin": f"gen{os.getpid()}@reference",
        "ignore_result": options.get("ignore_result", False), "replaced_task_nesting": 0, "stamped_headers": None,
        "stamps": {},
    }  # fmt: skip
    if MUTANT == "drops-root-id":
        del headers["root_id"]
    return headers


class Session:
    def __init__(self, request: dict[str, Any]) -> None:
        self.queue = request["queue"]
        # Any: the annotations of redis-py give every answer as a union of all its modes.
        self.broker: Any = redis.Redis.from_url(request["broker_url"], socket_connect_timeout=2)
        self.store: Any = redis.Redis.from_url(request["result_url"])
        self.oid = str(uuid.uuid4())

    def publish(self, request: dict[str, Any]) -> dict[str, Any]:
        options = decode_value(request["options"])
        if unknown := set(options) - OPTIONS:
            raise ValueError("InvalidCall", f"unknown option {min(unknown)}")
        args, kwargs = decode_value(request["args"]), decode_value(request["kwargs"])
        task_id = options.get("task_id") or str(uuid.uuid4())
        headers = headers_for(request["task"], task_id, args, kwargs, options)
        embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
        empty_as_array = MUTANT == "writes-empty-kwargs-as-array" and not kwargs
        body = to_wire([args, [] if empty_as_array else kwargs, embed])
        properties = {"correlation_id": task_id, "reply_to": options.get("reply_to", self.oid), "delivery_mode": 2}
        if headers["expires"]:
            left = (datetime.datetime.fromisoformat(headers["expires"]).astimezone() - now()).total_seconds() * 1000
            if left < 2**32:
                properties["expiration"] = str(max(0, int(left)))
        if MUTANT != "says-ok-and-does-nothing":
            self.push(options.get("queue", self.queue), headers, properties, body, options.get("priority", 0))
        return {"task_id": task_id, "confirmed": True}

    def push(self, queue: str, headers: Any, properties: dict[str, Any], body: str, priority: int) -> None:
        tag = "celery" if MUTANT == "one-delivery-tag" else str(uuid.uuid4())
        info = {"exchange": "", "routing_key": queue}
        properties = {**properties, "delivery_info": info, "priority": priority, "body_encoding": "base64"}
        envelope = {
            "body": base64.b64encode(body.encode()).decode(), "content-encoding": "utf-8",
            "content-type": "application/json", "headers": headers, "properties": {**properties, "delivery_tag": tag},
        }  # fmt: skip
        push = self.broker.rpush if MUTANT == "pushes-on-the-wrong-side" else self.broker.lpush
        try:
            push(queue + STEPS[min(priority // 3, 3)], json.dumps(envelope))
        except redis.ConnectionError as error:
            raise ValueError("BrokerUnavailable", str(error)) from error

    def await_(self, request: dict[str, Any]) -> dict[str, Any]:
        key, deadline = f"celery-task-meta-{request['task_id']}", time.monotonic() + request["timeout_ms"] / 1000
        terminal = {"SUCCESS", "FAILURE", "REVOKED"} | ({"RETRY"} if MUTANT == "takes-retry-for-the-end" else set())
        while time.monotonic() < deadline:
            stored = self.store.get(key)
            document = from_wire(stored) if stored else None
            if stored and (not isinstance(document, dict) or not isinstance(document.get("status"), str)):
                raise InvalidMessage("not a result")
            if document and document["status"] in terminal:
                return self.outcome(document)
            time.sleep(0.01)
        raise ValueError("TaskTimeout", "nothing came")

    def outcome(self, document: dict[str, Any]) -> dict[str, Any]:
        result = document["result"]
        if document["status"] in ("SUCCESS", "RETRY"):
            return {"state": document["status"], "result": encode_value(result)}
        if not isinstance(result, dict):
            raise InvalidMessage("a failure without an exception")
        args = encode_value(result["exc_message"])
        exception = {"type": result["exc_type"], "module": result.get("exc_module"), "args": args}
        return {"state": document["status"], "exception": exception}

    def close(self) -> None:
        self.broker.close()
        self.store.close()


class NotRegistered(Exception):
    pass


class Worker(Session):
    """Takes, decides, runs, stores and settles in one thread; what waits for its eta is kept in a heap."""

    def __init__(self, request: dict[str, Any]) -> None:
        super().__init__(request)
        self.open = True
        self.waiting: list[tuple[float, str, str, dict[str, Any]]] = []
        self.thread = threading.Thread(target=self.loop)
        self.thread.start()

    def loop(self) -> None:
        while self.open:
            found = self.broker.brpop([self.queue + step for step in STEPS], 0.02)
            if found:
                self.handle(found[1])
            while self.waiting and self.waiting[0][0] <= time.time():
                self.decide(*heapq.heappop(self.waiting)[2:])

    def handle(self, item: bytes) -> None:
        try:
            tag, task = parse_task(item)
        except InvalidMessage as error:
            if MUTANT == "dies-of-poison":
                os._exit(1)
            if MUTANT == "requeues-poison" and error.task_id:
                self.broker.lpush(self.queue, item)
            if error.task_id and MUTANT != "silent-about-poison":
                self.save(error.task_id, "FAILURE", error)
            return
        held = json.dumps([json.loads(item), "", self.queue])
        self.broker.hset("unacked", tag, held)
        eta = task["headers"].get("eta")
        due = datetime.datetime.fromisoformat(eta).timestamp() if eta and MUTANT != "ignores-eta" else 0
        if due > time.time():
            heapq.heappush(self.waiting, (due, tag, tag, task))
        else:
            self.decide(tag, task)

    def decide(self, tag: str, task: dict[str, Any]) -> None:
        headers = task["headers"]
        expires = headers.get("expires")
        late = expires and datetime.datetime.fromisoformat(expires) <= now()
        if MUTANT == "acknowledges-before-running":
            self.broker.hdel("unacked", tag)
        if late and MUTANT != "ignores-expires":
            self.save(headers["id"], "REVOKED", {"exc_type": "TaskRevokedError", "exc_message": ["expired"],
                      "exc_module": "celery.exceptions"})  # fmt: skip
        else:
            self.run(task, headers)
        if MUTANT != "never-settles":
            self.broker.hdel("unacked", tag)

    def run(self, task: dict[str, Any], headers: dict[str, Any]) -> None:
        name, retries = headers["task"], headers.get("retries", 0)
        ignore = headers.get("ignore_result") or (name == "conf.ignored" and headers.get("ignore_result") is None)
        if name == "conf.retry" and retries < task["args"][0]:
            self.ran(headers, retries)
            again = {**headers, "retries": retries + 1}
            if MUTANT == "retries-under-a-new-id":
                again["id"] = str(uuid.uuid4())
            self.push(self.queue, again, task["properties"], task["body"], 0)
            return
        try:
            result = self.call(name, task, headers, retries)
        except Exception as error:
            self.save(headers["id"], "FAILURE", error)
        else:
            if not ignore or MUTANT == "stores-what-is-ignored":
                self.save(headers["id"], "SUCCESS", result)

    def call(self, name: str, task: dict[str, Any], headers: dict[str, Any], retries: int) -> Any:
        def fail(message: str) -> None:
            raise ValueError(message)

        def request() -> dict[str, Any]:
            names = ("id", "parent_id", "group", "timelimit", "eta", "expires", "shadow")
            seen = {name: headers.get(name) for name in names}
            more = {key: value for key, value in headers.items() if key in ("tenant",)}
            root = headers.get("root_id") or headers["id"]
            properties = {key: task["properties"].get(key) for key in ("correlation_id", "reply_to")}
            return {**seen, **properties, "root_id": root, "retries": retries, "headers": more}

        catalogue: dict[str, Any] = {
            "conf.echo": lambda value: value, "conf.add": lambda x, y: x + y, "conf.kwargs": lambda **kw: kw,
            "conf.sleep": lambda seconds: (time.sleep(seconds), seconds)[1],  # type: ignore[func-returns-value]
            "conf.retry": lambda times: retries,
            "conf.ignored": lambda value: value, "conf.big": lambda n: "x" * n, "conf.fail": fail,
            "conf.nested": lambda: fail(object()), "conf.request": request,  # type: ignore[arg-type]
        }  # fmt: skip
        if name not in catalogue:
            raise NotRegistered(name)
        function = catalogue[name]
        inspect.signature(function).bind(*task["args"], **task["kwargs"])  # arguments that do not fit never run
        self.ran(headers, retries)
        if MUTANT == "runs-twice":
            self.ran(headers, retries)
        return function(*task["args"], **task["kwargs"])

    def ran(self, headers: dict[str, Any], retries: int) -> None:
        event = {"event": "ran", "task_id": headers["id"], "task": headers["task"], "retries": retries}
        say({**event, "redelivered": bool(headers.get("redelivered"))})

    def save(self, task_id: str, status: str, result: Any) -> None:
        trace = None
        if isinstance(result, Exception):
            trace = "".join(traceback.format_exception(result))
            module = "celery.exceptions" if isinstance(result, NotRegistered) else type(result).__module__
            args = [arg if isinstance(arg, (str, int)) else repr(arg) for arg in result.args]
            result = {"exc_type": type(result).__name__, "exc_message": args, "exc_module": module}
        document = {"status": status, "result": result, "traceback": trace, "children": [], "task_id": task_id}
        if MUTANT == "forgets-the-task-id":
            del document["task_id"]
        text, key = to_wire({**document, "date_done": now().isoformat()}), f"celery-task-meta-{task_id}"
        self.store.setex(key, 86400, text)
        if MUTANT != "publishes-nothing":
            self.store.publish(key, text)

    def close(self) -> None:
        self.open = False
        self.thread.join()
        for _, tag, _, _ in self.waiting:  # give back what was not run
            held = self.broker.hget("unacked", tag)
            if held:
                self.broker.rpush(self.queue, json.dumps(json.loads(held)[0]))
                self.broker.hdel("unacked", tag)
        super().close()


SESSIONS: dict[str, Session] = {}
HELLO = {
    "protocol": 1,
    "implementation": {"name": "reference", "version": "0", "language": "python", "runtime": "test"},
    "roles": ["codec", "producer", "result", "worker"],
    "features": {"broker": ["redis"], "result": ["redis"], "serializer": ["json"], "protocol": [2],
                 "compression": [], "kinds": ["value"], "confirm": True},
}  # fmt: skip


def open_(request: dict[str, Any]) -> dict[str, Any]:
    SESSIONS[request["session"]] = (Worker if request["role"] == "worker" else Session)(request)
    return {}


def close(request: dict[str, Any]) -> dict[str, Any]:
    SESSIONS.pop(request["session"]).close()
    return {}


def encode(request: dict[str, Any]) -> dict[str, Any]:
    body = to_wire(decode_value(request["message"]["value"])).encode()
    wire = {"content_type": "application/json", "content_encoding": "utf-8"}
    return {"wire": {**wire, "body": base64.b64encode(body).decode()}}


def decode(request: dict[str, Any]) -> dict[str, Any]:
    wire = request["wire"]
    if (wire.get("content_type"), wire.get("content_encoding")) != ("application/json", "utf-8"):
        raise InvalidMessage("content type")
    return {"message": {"value": encode_value(from_wire(base64.b64decode(wire["body"])))}}


OPS: dict[str, Any] = {
    "hello": lambda _: HELLO, "decode": decode, "encode": encode, "open": open_, "close": close, "bye": lambda _: {},
    "publish": lambda request: SESSIONS[request["session"]].publish(request),
    "await": lambda request: SESSIONS[request["session"]].await_(request),
}  # fmt: skip


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer: dict[str, Any] = {"ok": OPS[request["op"]](request)}
        except InvalidMessage as error:
            answer = {"error": {"kind": "InvalidMessage", "message": str(error)}}
        except ValueError as error:
            kind = error.args[0] if len(error.args) == 2 else "InvalidCall"
            answer = {"error": {"kind": kind, "message": str(error.args[-1])}}
        say({"id": request["id"], **answer})
        if request["op"] == "bye":
            return


if __name__ == "__main__":
    main()
