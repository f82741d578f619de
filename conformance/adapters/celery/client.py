"""The sessions of real Celery that send: tasks, canvases, remote control; and the one that listens to events."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import celery
import celery.canvas
import celery.events
import celery.result
from tagged import from_tagged, to_tagged

Request = dict[str, Any]


def application(request: Request) -> celery.Celery:
    """An app for the brokers that the request names."""
    app = celery.Celery("conf", broker=request["broker_url"], backend=request["result_url"])
    app.conf.update(task_default_queue=request["queue"], broker_connection_timeout=4)
    app.conf.task_send_sent_event = bool(request["options"].get("events"))
    if request["broker_url"].startswith("amqp"):
        app.conf.broker_transport_options = {"confirm_publish": True}
    return app


class Client:
    """A session that sends and awaits."""

    def __init__(self, request: Request) -> None:
        self.app = application(request)
        self.groups: dict[str, Any] = {}

    def publish(self, request: Request) -> dict[str, Any]:
        """Send a task by name, or a canvas."""
        options = from_tagged(request["options"])
        if "canvas" in request:
            return self.canvas(request["canvas"], options)
        args, kwargs = from_tagged(request["args"]), from_tagged(request["kwargs"])
        args += [object()] if request.get("foreign") else []
        result = self.app.send_task(request["task"], args, kwargs, **options)
        return {"task_id": result.id, "confirmed": True}

    def canvas(self, node: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
        """Send a canvas."""
        stamps = options.pop("stamps", None)
        canvas = self.node(node)
        if stamps:
            canvas.stamp(**stamps)
        result = canvas.apply_async(**options)
        answer = {"task_id": result.id, "confirmed": True}
        if isinstance(result, celery.result.GroupResult):
            self.groups[result.id] = result
            answer["children"] = [child.id for child in result.results]
        return answer

    def node(self, node: dict[str, Any]) -> Any:
        """The signature or canvas of a node."""
        if "task" in node:
            args, kwargs, options = (
                from_tagged(node.get(*item)) for item in (("args", []), ("kwargs", {}), ("options", {}))
            )
            links = {name: [self.node(link) for link in options.pop(name, [])] for name in ("link", "link_error")}
            options |= {name: found for name, found in links.items() if found}
            return self.app.signature(
                node["task"], args, kwargs, options=options, immutable=node.get("immutable", False)
            )
        ((kind, content),) = node.items()
        if kind in ("chain", "group"):
            return getattr(celery, kind)([self.node(member) for member in content], app=self.app)
        if kind == "chord":
            header, body = [self.node(member) for member in content["header"]], self.node(content["body"])
            return celery.chord(header, body, app=self.app)
        task, items = self.app.signature(content["task"]), from_tagged(content["items"])
        if kind == "chunks":
            return celery.canvas.chunks(task, items, content["size"], app=self.app).group()
        return {"map": celery.canvas.xmap, "starmap": celery.canvas.xstarmap}[kind](task, items, app=self.app)

    def await_(self, request: Request) -> dict[str, Any]:
        """Wait for a result, or for those of a group that this session sent."""
        result = self.groups.get(request["task_id"]) or self.app.AsyncResult(request["task_id"])
        value = result.get(timeout=request["timeout_ms"] / 1000, propagate=False)
        state = "SUCCESS" if request["task_id"] in self.groups else result.state
        if not isinstance(value, BaseException):
            return {"state": state, "result": to_tagged(value)}
        kind = type(value)
        exception = {"type": kind.__name__, "module": kind.__module__, "args": to_tagged(value.args)}
        return {"state": state, "exception": exception}

    def close(self) -> None:
        """End the session."""
        self.app.close()


class Controller:
    """A session that sends remote control."""

    def __init__(self, request: Request) -> None:
        self.app = application(request)

    def control(self, request: Request) -> dict[str, Any]:
        """Send a command, and gather what replies come."""
        names = ("destination", "pattern", "matcher", "reply", "limit")
        arguments = from_tagged(request["arguments"])
        replies = self.app.control.broadcast(
            request["method"],
            arguments,
            timeout=request["timeout_ms"] / 1000,
            **{name: request[name] for name in names},
        )
        rows = [(node, reply) for body in replies or [] for node, reply in body.items()]
        return {"replies": [{"node": node, "reply": to_tagged(reply)} for node, reply in rows]}

    def close(self) -> None:
        """End the session."""
        self.app.close()


class Receiver(celery.events.EventReceiver):  # type: ignore[misc]
    """Celery's own; what it still receives while it goes down because of a message is not handed on."""

    def _receive(self, body: Any, message: Any, **options: Any) -> None:
        try:
            super()._receive(body, message, **options)
        except Exception:
            self.handlers = {"*": lambda _: None}
            raise


class Monitor:
    """A session that listens to events, and says what it has seen."""

    def __init__(self, request: Request, write: Callable[[dict[str, Any]], None]) -> None:
        self.app, self.session, self.write = application(request), request["session"], write
        self.connection = self.app.connection_for_read()
        self.receiver = Receiver(self.connection, app=self.app, handlers={"*": self.seen})
        consuming = threading.Event()
        self.thread = threading.Thread(target=self.listen, args=(consuming,), daemon=True)
        self.thread.start()
        if not consuming.wait(10):
            raise RuntimeError("the event receiver did not begin to consume")

    def seen(self, event: dict[str, Any]) -> None:
        """Say what came."""
        self.write({"event": "seen", "session": self.session, "events": [to_tagged(dict(event))]})

    def listen(self, consuming: threading.Event) -> None:
        """Consume until the session is closed; what ends it earlier is told."""
        try:
            self.consume(consuming)
        except Exception as error:  # noqa: BLE001 - whatever a message did to Celery
            self.write({"event": "down", "session": self.session, "why": f"{type(error).__name__}: {error}"[:500]})

    def consume(self, consuming: threading.Event) -> None:
        """Hand on what comes until the session is closed."""
        with self.receiver.consumer_context(wakeup=False) as (connection, *_):
            while not self.receiver.should_stop:
                with contextlib.suppress(TimeoutError):
                    connection.drain_events(timeout=0.2)
                consuming.set()  # on Redis the first round is what subscribes

    def close(self) -> None:
        """Stop listening."""
        self.receiver.should_stop = True
        self.thread.join(5)
        self.connection.release()
        self.app.close()
