"""An adapter for celeriac-conformance: turns its requests into calls of your implementation. Run by the suite.

One JSON object per line on stdin and stdout; logs go to stderr. Nothing here judges anything.
"""

import json
import platform
import sys

HELLO = {
    "protocol": 1,
    "implementation": {"name": "mine", "version": "0.1", "language": "python", "runtime": platform.python_version()},
    "roles": [],  # of codec, producer, result, worker, control, events: claim what OPERATIONS below can do
    "features": {"broker": [], "result": [], "serializer": ["json"], "protocol": [2], "kinds": [], "confirm": False},
}


class Unsupported(Exception):
    """The operation is not written yet. It may say so only while hello does not claim its role."""


def hello(request):
    return HELLO


def decode(request):  # request["kind"], request["wire"] -> {"message": ...}
    raise Unsupported("codec")


def encode(request):  # request["kind"], request["message"] -> {"wire": ...}
    raise Unsupported("codec")


def open_(request):  # connect to request["broker_url"]; remember the session by request["session"]
    raise Unsupported("producer")


def publish(request):  # send request["task"] with args, kwargs and options -> {"task_id": ..., "confirmed": True}
    raise Unsupported("producer")


def await_(request):  # wait request["timeout_ms"] for request["task_id"] -> {"state": ..., "result": ...}
    raise Unsupported("result")


def close(request):
    return {}


def bye(request):
    return {}


OPERATIONS = {
    "hello": hello, "decode": decode, "encode": encode, "open": open_, "publish": publish, "await": await_,
    "close": close, "bye": bye,
}  # fmt: skip


def answer(request):
    try:
        if request["op"] not in OPERATIONS:
            raise Unsupported(request["op"])
        return {"ok": OPERATIONS[request["op"]](request)}
    except Unsupported as missing:
        return {"unsupported": {"feature": str(missing), "why": "not written yet"}}
    except Exception as error:  # noqa: BLE001 - your errors become kinds: InvalidMessage, InvalidCall, BrokerUnavailable ...
        return {"error": {"kind": type(error).__name__, "message": str(error)}}


for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps({"id": asked["id"], **answer(asked)}), flush=True)
    if asked["op"] == "bye":
        break
