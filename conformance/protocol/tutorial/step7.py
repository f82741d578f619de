import json
import sys
import uuid

import step5
import step6
from amqp import Message
from amqp.exceptions import AMQPError

KNOWN = {
    *("queue", "exchange", "routing_key", "priority", "countdown", "eta", "expires", "time_limit", "soft_time_limit"),
    *("task_id", "ignore_result", "headers", "link", "link_error", "shadow", "root_id", "parent_id", "reply_to"),
}


class Failed(Exception):
    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def publish(request):
    session, options = step5.SESSIONS[request["session"]], request["options"]
    if unknown := options.keys() - KNOWN:
        raise Failed("InvalidCall", f"no option {min(unknown)}")
    if session["broker_url"].startswith("redis:"):
        return step5.publish(request)
    task_id = options.get("task_id") or str(uuid.uuid4())
    message = Message(
        json.dumps([request["args"], request["kwargs"], step6.EMBED]),
        content_type="application/json",
        content_encoding="utf-8",
        delivery_mode=2,
        correlation_id=task_id,
        application_headers=step5.headers(request, task_id),
    )
    exchange, key, returned = options.get("exchange", ""), options.get("routing_key", session["queue"]), []
    try:
        with step6.connection(session["broker_url"]) as broker:
            channel = broker.channel()
            channel.events["basic_return"].add(lambda *back: returned.append(back))
            channel.basic_publish_confirm(message, exchange=exchange, routing_key=key, mandatory=True)
    except OSError as error:
        raise Failed("BrokerUnavailable", str(error)) from error
    except AMQPError as error:
        raise Failed("PublishFailed", str(error)) from error
    if returned:
        raise Failed("PublishFailed", f"no queue for {key}")
    return {"task_id": task_id, "confirmed": True}


def answer(request):
    try:
        return {"ok": step5.OPERATIONS[request["op"]](request)}
    except Failed as failure:
        return {"error": {"kind": failure.kind, "message": str(failure)}}


step5.OPERATIONS["publish"] = publish

if __name__ == "__main__":
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps({"id": request["id"], **answer(request)}), flush=True)
        if request["op"] == "bye":
            break
