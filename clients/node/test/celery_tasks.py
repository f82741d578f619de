"""The worker of the tests that need a real one."""

import os

from celery import Celery

app = Celery("tests", broker=os.environ["BROKER"], backend=os.environ["BACKEND"])
app.conf.update(
    task_default_queue=os.environ["QUEUE"],
    accept_content=["json", "msgpack", "yaml"],
    broker_connection_retry_on_startup=True,
)


@app.task(name="t.add")
def add(x, y):
    return x + y


@app.task(name="t.total")
def total(values):
    return sum(values)


@app.task(name="t.echo")
def echo(*args, **kwargs):
    return [list(args), kwargs]


@app.task(name="t.fail")
def fail(*_):
    raise ValueError("no")


@app.task(name="t.stamps", bind=True)
def stamps(self, *_):
    return self.request.stamps
