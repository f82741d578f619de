"""What follows a task: its callbacks, the next step of its chain, the body of its chord; or its errbacks."""

from __future__ import annotations

from typing import Any

from reference.canvas import DAY, KEY, Plan, Planner, Signature, followed, rest_of, written
from reference.codec import Flat
from reference.defects import change, has
from reference.values import from_json, to_json

#: Counts a member in one atomic step; the answer is the members' documents in order when it was the last one.
COUNT = """
local joined, size, counted, total, claim = unpack(KEYS)
if redis.call('GET', claim) or redis.call('SADD', counted, ARGV[1]) == 0 then return false end
redis.call('ZADD', joined, ARGV[2], ARGV[3])
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[4]) end
local number = redis.call('GET', size)
if not number or redis.call('ZCARD', joined) < tonumber(number) then return false end
redis.call('SET', claim, 'done', 'EX', 300)
local found = redis.call('ZRANGE', joined, 0, -1)
redis.call('DEL', joined, size, counted, total)
return found
"""
SUFFIXES = ("j", "s", "d", "t", "c")


class Follower:
    """Sends what comes next, through the ``broker`` and the ``results`` of a worker."""

    def __init__(self, broker: Any, results: Any, client: str) -> None:
        self.broker, self.results, self.client = broker, results, client
        self.redis: Any = getattr(results, "redis", None)

    def send(self, found: Signature, task: Flat) -> Plan:
        """Send a signature on behalf of a task, whose child it is."""
        kin = {"root_id": task.get("root_id") or task["id"], "parent_id": task["id"]}
        plan = Planner(self.client, self.redis is not None, **kin).plan(found)
        carry_out(plan, self.broker, self.redis)
        return plan

    def called(self, calls: list[Signature], task: Flat) -> list[Any]:
        """Send what the task has called from inside; the answer are the result tuples of its children."""
        return [change("child", [[self.send(found, task).task_id, None], None]) for found in calls]

    def replaced(self, by: Signature, task: Flat) -> None:
        """Send what takes the place of the task: under its id, with all that would have followed it."""
        behind = {
            "link": "callbacks",
            "link_error": "errbacks",
            "chain": "chain",
            "chord": "chord",
            "group_id": "group",
        }
        behind = change("handed on", {**behind, "group_index": "group_index", "reply_to": "reply_to"})
        options = {name: task[flat] for name, flat in behind.items() if task.get(flat) is not None}
        nesting = (task.get("replaced_task_nesting") or 0) + 1
        options |= {"task_id": task["id"], "replaced_task_nesting": nesting}
        if by["subtask_type"] == "group" and not has("replaces-by-the-bare-group"):
            body = written("celery.accumulate", (), {"index": 0}, options=options)
            by = written("celery.chord", (), {**by["kwargs"], "header": by["kwargs"]["tasks"], "body": body}, "chord")
            options = {"replaced_task_nesting": nesting}
        self.send({**by, "options": options}, task)

    def succeeded(self, task: Flat, result: Any) -> None:
        """Send all that waits for the result."""
        for callback in task.get("callbacks") or ():
            self.send(followed(callback, result), task)
        if task.get("chain"):
            step, rest = rest_of(task["chain"])
            step = followed(step, result)
            step["options"]["chain"] = [*rest, *(step["options"].get("chain") or ())]
            self.send(step, task)
        if task.get("chord") and self.redis is not None:
            self._count(task, result)

    def failed(self, task: Flat, failure: Any) -> list[str]:
        """Send the errbacks; the answer are the ids under which the failure is to be stored as well."""
        self._report(task.get("errbacks"), task["id"], task)
        ids = [step["options"].get("task_id") for step in task.get("chain") or ()]
        if task.get("chord") and self.redis is not None and not has("sends-the-body-whatever-has-failed"):
            body = task["chord"]["options"]
            self.redis.set(KEY.format(task["group"], "c"), "done", ex=300)
            self.redis.delete(KEY.format(task["group"], "s"))
            self._report(body.get("link_error"), body.get("task_id"), task)
            ids.append(body.get("task_id"))
        elif task.get("chord") and self.redis is not None:
            self._count(task, str(failure))
        return [found for found in ids if found]

    def _report(self, errbacks: Any, failed_id: Any, task: Flat) -> None:
        for errback in errbacks or ():
            self.send({**errback, "args": [failed_id, *errback["args"]]}, task)

    def _count(self, task: Flat, result: Any) -> None:
        index = task.get("group_index") or 0
        own = {"member": f"{task['id']}:{index}", "value": [1, task["id"], "SUCCESS", result]}
        own = change("counted", own)
        keys = [KEY.format(task["group"], suffix) for suffix in SUFFIXES]
        found = self.redis.eval(COUNT, len(keys), *keys, own["member"], index, to_json(own["value"]), DAY)
        if found:
            gathered = change("gathered", [from_json(member)[3] for member in found])
            self.send(followed(task["chord"], gathered), task)


def carry_out(plan: Plan, broker: Any, redis: Any) -> None:
    """Take the steps of a plan."""
    for kind, *what in plan.steps:
        if kind == "send":
            broker.publish(*what)
        else:
            redis.execute_command(*what)
