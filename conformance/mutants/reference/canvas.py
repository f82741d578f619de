"""What a canvas becomes: signatures, and a plan of what is sent in which order."""

from __future__ import annotations

import copy
import uuid
from dataclasses import dataclass, field
from typing import Any

from reference import producer
from reference.defects import change, has

Signature = dict[str, Any]
#: How long results, and what is counted of chords, are kept.
DAY = 86_400
KEY = "celery-taskset-meta-{}.{}"
#: Options of a signature that say where it stands, beside those of a call.
PLACES = {"group_id": "group", "group_index": "group_index", "chord": "chord", "chain": "chain"}


@dataclass
class Plan:
    """What is done in order: ("send", flat message, options) or ("redis", command...); and what the caller is told."""

    steps: list[tuple[Any, ...]] = field(default_factory=list)
    task_id: str = ""
    children: list[str] | None = None


# -- signatures ------------------------------------------------------------------------------------


def written(task: str, args: Any = (), kwargs: Any = None, subtask_type: str | None = None, **more: Any) -> Signature:
    """A signature with all of its members."""
    whole = {"task": task, "args": list(args), "kwargs": kwargs or {}, "options": more.get("options") or {}}
    whole |= {"subtask_type": subtask_type, "immutable": more.get("immutable", False)}
    return dict(change("signature", whole))


def signature(node: dict[str, Any]) -> Signature:
    """The signature of a node of the testee protocol."""
    if "chain" in node:
        return written("celery.chain", kwargs={"tasks": _all(node["chain"])}, subtask_type="chain")
    if "group" in node:
        return written("celery.group", kwargs={"tasks": _all(node["group"])}, subtask_type="group")
    if "chord" in node:
        parts = {"header": _all(node["chord"]["header"]), "body": signature(node["chord"]["body"]), "kwargs": {}}
        return written("celery.chord", kwargs=parts, subtask_type="chord")
    for name in ("map", "starmap"):
        if name in node:
            return _mapped(name, node[name]["task"], node[name]["items"])
    if "chunks" in node:
        task, items, size = (node["chunks"][name] for name in ("task", "items", "size"))
        parts = change("chunks", [items[at : at + size] for at in range(0, len(items), size)])
        return written(
            "celery.group", kwargs={"tasks": [_mapped("starmap", task, p) for p in parts]}, subtask_type="group"
        )
    options = {name: _all(v) if name in ("link", "link_error") else v for name, v in node.get("options", {}).items()}
    return written(
        node["task"], node.get("args", []), node.get("kwargs"), options=options, immutable=node.get("immutable", False)
    )


def _all(nodes: list[Any]) -> list[Signature]:
    return [signature(node) for node in nodes]


def _mapped(name: str, task: str, items: list[Any]) -> Signature:
    return written(f"celery.{name}", kwargs=change("map", {"task": written(task), "it": items}))


def followed(found: Signature, result: Any) -> Signature:
    """A signature that follows a task: partial ones get its result first; groups and chains hand it on."""
    found = dict(change("next", copy.deepcopy(found)))
    if found["subtask_type"] == "group":
        found["kwargs"]["tasks"] = [followed(inner, result) for inner in found["kwargs"]["tasks"]]
    elif found["subtask_type"] == "chain":
        first, *others = found["kwargs"]["tasks"]
        found["kwargs"]["tasks"] = [followed(first, result), *others]
    elif found["subtask_type"] == "chord":
        found["kwargs"]["header"] = [followed(inner, result) for inner in members(found["kwargs"]["header"])]
    elif not found["immutable"]:
        found["args"] = change("partial", [result, *found["args"]])
    return found


def members(header: Any) -> list[Signature]:
    """The signatures of a group, or of a chord's header; groups inside are taken apart."""
    tasks = header["kwargs"]["tasks"] if isinstance(header, dict) else header
    return [inner for task in tasks for inner in (members(task) if task["subtask_type"] == "group" else [task])]


# -- plans -----------------------------------------------------------------------------------------


class Planner:
    """Plans what is sent for a signature. ``client`` is where results go, ``counts`` says that Redis keeps them."""

    def __init__(self, client: str | None, counts: bool, **kin: str | None) -> None:
        self.client, self.counts, self.kin = client, counts, kin

    def plan(self, found: Signature) -> Plan:
        """The plan for a signature of any kind."""
        kinds = {"chain": self._chain, "group": self._group, "chord": self._chord}
        return kinds.get(found["subtask_type"], self._single)(copy.deepcopy(found))

    def _message(self, found: Signature) -> tuple[Any, ...]:
        options = {**self.kin, **found["options"]}
        places = {flat: options.pop(name) for name, flat in PLACES.items() if name in options}
        names = options.pop("stamped_headers", None)
        stamps = {name: options.pop(name) for name in names or ()}
        nesting = options.pop("replaced_task_nesting", 0)
        flat = producer.message(found["task"], found["args"], found["kwargs"], options, self.client)
        flat |= {"stamped_headers": names, "stamps": stamps, "replaced_task_nesting": nesting, **places}
        return "send", flat, {name: options[name] for name in ("queue", "routing_key", "exchange") if name in options}

    def _single(self, found: Signature) -> Plan:
        step = self._message(found)
        return Plan([step], step[1]["id"])

    def _named(self, found: Signature, place: str) -> Signature:
        """With an id and an address for the reply."""
        target = found["kwargs"]["body"] if found["subtask_type"] == "chord" else found
        target["options"].setdefault("task_id", str(uuid.uuid4()))
        if self.client:
            target["options"].setdefault("reply_to", self.client)
        target["options"] = change(place, target["options"])
        return found

    def _chain(self, found: Signature) -> Plan:
        steps = [self._named(step, "step") for step in _joined(_flat(found["kwargs"]["tasks"]))]
        self._spread(found["options"], steps)
        at = change("member step", -1)
        last = steps[at]["kwargs"]["body"] if steps[at]["subtask_type"] == "chord" else steps[at]
        last["options"] |= {name: found["options"][name] for name in PLACES if name in found["options"]}
        if "task_id" in found["options"]:
            own = {name: found["options"][name] for name in ("task_id", "reply_to") if name in found["options"]}
            _target(steps[change("step of the chain's id", -1)])["options"] |= own
        first, *others = steps
        if others:
            first["options"]["chain"] = others[::-1]
        plan = self.plan(first)
        if has("sends-every-step-of-a-chain"):
            plan.steps += [step for other in others for step in self.plan(other).steps]
        ids = [_target(step)["options"].get("task_id") for step in steps]
        plan.task_id = change("ids of a chain", ids)[-1] or ""
        if others:
            plan.children = None
        return plan

    @staticmethod
    def _spread(options: dict[str, Any], steps: list[Signature]) -> None:
        """Options of the whole chain: links at its end, errbacks and stamps everywhere, the rest at its beginning."""
        rest = {name: value for name, value in options.items() if name not in ("link", "link_error", *PLACES)}
        stamps = rest.get("stamped_headers") or []
        for step in steps[1:]:
            _target(step)["options"] |= change("stamped", {n: rest[n] for n in ("stamped_headers", *stamps) if stamps})
        if options.get("link"):
            target = _target(steps[change("linked step", -1)])["options"]
            target["link"] = [*(target.get("link") or []), *options["link"]]
        for at in change("errback steps", list(range(len(steps)))) if options.get("link_error") else ():
            target = _target(steps[at])["options"]
            target["link_error"] = [*(target.get("link_error") or []), *options["link_error"]]
        steps[0]["options"] = {**steps[0]["options"], **{n: v for n, v in rest.items() if n != "task_id"}}

    def _group(self, found: Signature) -> Plan:
        tasks, options = members(found), found["options"]
        group = options.get("task_id") or str(uuid.uuid4())
        if has("sends-groups-as-tasks"):
            return self._single({**found, "options": {"task_id": group}})
        tasks = change("members", tasks)
        more = {name: value for name, value in options.items() if name not in ("task_id", "reply_to")}
        plan = Plan(task_id=group, children=[])
        for index, task in enumerate(tasks):
            self._named(task, "member")
            task["options"] |= {**more, "group_id": group, "group_index": index}
            inner = self.plan(task)
            plan.steps += inner.steps
            plan.children = [*(plan.children or []), inner.task_id]
        return plan

    def _chord(self, found: Signature) -> Plan:
        tasks, body = members(found["kwargs"]["header"]), found["kwargs"]["body"]
        body["options"] |= {name: value for name, value in found["options"].items() if name != "task_id"}
        body = self._named(dict(change("body of a chord", body)), "body")
        if not tasks:
            plan = self.plan(followed(body, []))
            plan.steps = change("an empty chord", plan.steps)
            return plan
        if not self.counts:
            kwargs = {"header": tasks, "body": body, "kwargs": {}}
            return Plan([self._message(written("celery.chord", kwargs=kwargs))], _end(body))
        group = str(uuid.uuid4())
        plan = self._group(written("celery.group", kwargs={"tasks": tasks}, options={"task_id": group, "chord": body}))
        size = [
            ("redis", "DEL", KEY.format(group, "c")),
            ("redis", "SET", KEY.format(group, "s"), len(tasks), "EX", DAY),
        ]
        size = change("size of a chord", size)
        at = change("members before the size", len(plan.steps) - 1)
        plan.steps[at:at] = size
        return Plan(plan.steps, _end(body))


def _end(body: Signature) -> str:
    """The id under which the result of a body comes: its own, or that of the last step behind it."""
    behind = body["options"].get("chain")
    return str(_target(behind[0])["options"]["task_id"] if behind else body["options"]["task_id"])


def _flat(steps: list[Signature]) -> list[Signature]:
    return [inner for s in steps for inner in (_flat(s["kwargs"]["tasks"]) if s["subtask_type"] == "chain" else [s])]


def _joined(steps: list[Signature]) -> list[Signature]:
    """Each group that is followed by a step is a chord with it."""
    if has("leaves-groups-in-the-middle"):
        return steps
    found: list[Signature] = []
    for step in steps:
        if found and found[-1]["subtask_type"] == "group":
            parts = {"header": members(found.pop()), "body": step, "kwargs": {}}
            step = written("celery.chord", kwargs=parts, subtask_type="chord")
        found.append(step)
    return found


def _target(step: Signature) -> Signature:
    """Where the options of a step are that its end has: in a chord, those of the body."""
    found: Signature = step["kwargs"]["body"] if step["subtask_type"] == "chord" else step
    return found


def rest_of(chain: list[Signature]) -> tuple[Signature, list[Signature]]:
    """The next step of a chain as embed has it, and the steps that are left."""
    return chain[-1], chain[:-1]
