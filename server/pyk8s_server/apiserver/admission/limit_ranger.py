"""LimitRanger: a namespace's limit ranges fill in what containers leave open and refuse what goes beyond.

Always true: what a pod says itself is never changed, only judged; the pod's annotation tells what was filled in.
Not here: the rules of limit ranges themselves (see registry).
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.quantity import Quantity

from pyk8s_server.apiserver.admission.base import Plugin, is_create_of, refused, resource
from pyk8s_server.apiserver.interfaces import Attributes

Json = dict[str, Any]

ANNOTATION = "kubernetes.io/limit-ranger"


class LimitRanger(Plugin):
    name = "LimitRanger"
    resources = frozenset({"pods", "persistentvolumeclaims"})

    def __init__(self) -> None:
        self._ranges = resource("", "v1", "limitranges")

    async def admit(self, attributes: Attributes) -> None:
        if not is_create_of(attributes, "pods") or attributes.obj is None:
            return
        for limits in self._limits(attributes):
            for limit in limits:
                if limit.get("type") == "Container":
                    fill_in(attributes.obj, limit)

    async def validate(self, attributes: Attributes) -> None:
        if attributes.obj is None or attributes.subresource or attributes.operation == "DELETE":
            return
        if is_create_of(attributes, "pods"):
            judge = _pod_problems
        elif attributes.resource.qualified == "persistentvolumeclaims":
            judge = _claim_problems
        else:
            return
        problems = [p for limits in self._limits(attributes) for limit in limits for p in judge(attributes.obj, limit)]
        if problems:
            text = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
            raise refused(attributes, text)

    def _limits(self, attributes: Attributes) -> list[list[Json]]:
        stored = attributes.context.reader.list(self._ranges, attributes.namespace)
        return [(o.get("spec") or {}).get("limits") or [] for o in stored]


# -- filling in ----------------------------------------------------------------------------------------------


def fill_in(pod: Json, limit: Json) -> None:
    """Give every container the default requests and limits that it lacks, and note it on the pod."""
    spec, notes = pod["spec"], []
    for kind, title in (("containers", "container"), ("initContainers", "init container")):
        for container in spec.get(kind) or ():
            name = f"{title} {container.get('name', '')}"
            for side, given, word in (
                ("requests", limit.get("defaultRequest"), "request"),
                ("limits", limit.get("default"), "limit"),
            ):
                added = _merged(container, side, given or {})
                if added:
                    notes.append(f"{', '.join(sorted(added))} {word} for {name}")
    if notes:
        annotations = pod["metadata"].get("annotations") or {}
        pod["metadata"]["annotations"] = {**annotations, ANNOTATION: f"LimitRanger plugin set: {'; '.join(notes)}"}


def _merged(container: Json, side: str, given: Json) -> list[str]:
    resources = container.get("resources") or {}
    own = resources.get(side) or {}
    added = [name for name in given if name not in own]
    if added:
        container["resources"] = {**resources, side: {**given, **own}}
    return added


# -- judging -------------------------------------------------------------------------------------------------


def _pod_problems(obj: Json, limit: Json) -> list[str]:
    kind, spec = limit.get("type", ""), obj["spec"]
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    if kind == "Container":
        return [
            problem
            for container in containers
            for problem in _problems(kind, limit, *_of_container(container.get("resources") or {}))
        ]
    if kind == "Pod":
        return _problems(kind, limit, _sums(spec, "requests"), _sums(spec, "limits"))
    return []


def _claim_problems(obj: Json, limit: Json) -> list[str]:
    if limit.get("type") != "PersistentVolumeClaim":
        return []
    requests, _ = _of_container((obj.get("spec") or {}).get("resources") or {})
    return _problems("PersistentVolumeClaim", {"min": limit.get("min"), "max": limit.get("max")}, requests, requests)


def _of_container(resources: Json) -> tuple[dict[str, Quantity], dict[str, Quantity]]:
    requests, limits = (
        {name: Quantity.of(value) for name, value in (resources.get(side) or {}).items()}
        for side in ("requests", "limits")
    )
    return requests, limits


def _sums(spec: Json, side: str) -> dict[str, Quantity]:
    """What a pod needs in all: the sum of its containers, or its greediest init container."""
    total: dict[str, Quantity] = {}
    for container in spec.get("containers") or ():
        for name, value in ((container.get("resources") or {}).get(side) or {}).items():
            total[name] = total.get(name, Quantity()) + Quantity.of(value)
    for container in spec.get("initContainers") or ():
        for name, value in ((container.get("resources") or {}).get(side) or {}).items():
            total[name] = max(total.get(name, Quantity()), Quantity.of(value))
    return total


def _problems(kind: str, limit: Json, requests: dict[str, Quantity], limits: dict[str, Quantity]) -> list[str]:
    found = []
    for name, value in (limit.get("min") or {}).items():
        found.append(_below(f"minimum {name} usage per {kind} is {value}", value, requests.get(name), limits.get(name)))
    for name, value in (limit.get("max") or {}).items():
        found.append(_above(f"maximum {name} usage per {kind} is {value}", value, requests.get(name), limits.get(name)))
    for name, value in (limit.get("maxLimitRequestRatio") or {}).items():
        found.append(_ratio(f"{name} max limit to request ratio per {kind} is {value}", value, requests, limits, name))
    return [problem for problem in found if problem]


def _below(text: str, value: Any, request: Quantity | None, limit: Quantity | None) -> str:
    least = Quantity.of(value)
    if request is None:
        return f"{text}.  No request is specified"
    if request < least:
        return f"{text}, but request is {request}"
    return f"{text}, but limit is {limit}" if limit is not None and limit < least else ""


def _above(text: str, value: Any, request: Quantity | None, limit: Quantity | None) -> str:
    most = Quantity.of(value)
    if limit is None:
        return f"{text}.  No limit is specified"
    if request is not None and request > most:
        return f"{text}, but request is {request}"
    return f"{text}, but limit is {limit}" if limit > most else ""


def _ratio(text: str, value: Any, requests: dict[str, Quantity], limits: dict[str, Quantity], name: str) -> str:
    request, limit = requests.get(name), limits.get(name)
    if request is None or not request:
        return f"{text}, but no request is specified or request is 0"
    if limit is None or not limit:
        return f"{text}, but no limit is specified or limit is 0"
    ratio = limit.nano / request.nano
    return f"{text}, but provided ratio is {ratio:f}" if ratio > Quantity.of(value).nano / 10**9 else ""
