import json
import urllib.parse
import uuid

import amqp
import step5

EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def connection(url):
    parts = urllib.parse.urlsplit(url)
    return amqp.Connection(f"{parts.hostname}:{parts.port}", parts.username, parts.password, virtual_host="/")


def publish(request):
    session, options = step5.SESSIONS[request["session"]], request["options"]
    if session["broker_url"].startswith("redis:"):
        return step5.publish(request)
    task_id = options.get("task_id") or str(uuid.uuid4())
    message = amqp.Message(
        json.dumps([request["args"], request["kwargs"], EMBED]),
        content_type="application/json",
        content_encoding="utf-8",
        delivery_mode=2,
        correlation_id=task_id,
        application_headers=step5.headers(request, task_id),
    )
    with connection(session["broker_url"]) as broker:
        exchange, key = options.get("exchange", ""), options.get("routing_key", session["queue"])
        broker.channel().basic_publish(message, exchange=exchange, routing_key=key)
    return {"task_id": task_id, "confirmed": True}


step5.HELLO["features"]["broker"].append("amqp")
step5.OPERATIONS["publish"] = publish

if __name__ == "__main__":
    step5.main()
