"""The other side of the examples: celery -A tasks worker"""

import os

from celery import Celery

app = Celery("tasks", broker=os.environ["BROKER"], backend=os.environ["BACKEND"])


@app.task(name="tasks.add")
def add(x, y):
    return x + y


@app.task(name="tasks.total")
def total(values):
    return sum(values)


@app.task(name="tasks.divide")
def divide(x, y):
    return x / y


@app.task(name="tasks.report")
def report(result):
    print("the result is", result)
