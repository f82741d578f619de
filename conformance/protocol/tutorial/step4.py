import base64
import json
import socket
import sys
import urllib.parse
import uuid

HELLO = {
    "protocol": 1,
    "implementation": {"name": "mine", "version": "0.1", "language": "python", "runtime": "3"},
    "roles": ["producer"],
    "features": {"broker": ["redis"], "serializer": ["json"], "protocol": [2], "confirm": True},
}
SESSIONS = {}


def redis(url, *command):
    """One command to Redis, and its answer as it came."""
    parts = urllib.parse.urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        words = [word.encode() for word in command]
        connection.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return connection.recv(1000)


def hello(request):
    return HELLO


def open_(request):
    SESSIONS[request["session"]] = request
    return {}


def publish(request):
    session, task_id = SESSIONS[request["session"]], str(uuid.uuid4())
    body = [request["args"], request["kwargs"], {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    envelope = {
        "body": base64.b64encode(json.dumps(body).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"task": request["task"], "id": task_id},
        "properties": {
            "correlation_id": task_id,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": session["queue"]},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        },
    }
    answer = redis(session["broker_url"], "LPUSH", session["queue"], json.dumps(envelope))
    return {"task_id": task_id, "confirmed": answer.startswith(b":")}


def close(request):
    del SESSIONS[request["session"]]
    return {}


def bye(request):
    return {}


OPERATIONS = {"hello": hello, "open": open_, "publish": publish, "close": close, "bye": bye}

for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"id": request["id"], "ok": OPERATIONS[request["op"]](request)}), flush=True)
    if request["op"] == "bye":
        break
