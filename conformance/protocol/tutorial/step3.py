import json
import sys

HELLO = {
    "protocol": 1,
    "implementation": {"name": "mine", "version": "0.1", "language": "python", "runtime": "3"},
    "roles": ["producer"],
    "features": {"broker": ["redis"], "serializer": ["json"], "protocol": [2], "confirm": True},
}


def hello(request):
    return HELLO


def nothing(request):
    return {}


def publish(request):
    return {"task_id": "1", "confirmed": True}


OPERATIONS = {"hello": hello, "open": nothing, "publish": publish, "close": nothing, "bye": nothing}

for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"id": request["id"], "ok": OPERATIONS[request["op"]](request)}), flush=True)
    if request["op"] == "bye":
        break
