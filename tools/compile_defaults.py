"""Turn the defaulting table, whose conditions are sentences, into a program that both engines run.

The program is a set of named nodes. A node belongs to one Go type and has ``ops``, run in order on an object of that
type, and ``in``: the fields to walk into afterwards (``containers[*]`` is every element), each with its node.

An op is one of
    {"set": PATH, "to": VALUE}    fill the field: a pointer when it is absent, any other when it is empty
    {"set": PATH, "from": PATH}   the same, with a copy of another field, unless that is empty
    {"clear": PATH}               remove the field
    {"do": NAME, "at": PATH, …}   a rule that has code of its own in both engines, at every object the path leads to
and may have "when": a list of [PATH, "in", VALUES], [PATH, "set"], [PATH, "unset"], [PATH, "filled"], [PATH, "empty"],
all of which must hold; with "force" a set replaces what is there. Paths are dotted; ``!`` behind a field creates it
when it is absent (fields that Go does not point to are always there).

Always true: a sentence that has no translation here stops the build, so a new table cannot lose a rule silently.
"""

from __future__ import annotations

from typing import Any

Op = dict[str, Any]

SIMPLE = {"unset", "empty", "0", "unset otherwise", "unset (v1 and v2)", "unset (Pod only, not templates)"}
"""Sentences that say no more than what `set` does by itself."""

TEMPLATE_LABELS = "spec.template.metadata.labels"
PULL_POLICY = "Always when the tag is latest or both tag and digest are missing, else IfNotPresent"


def of_type(path: str, *values: str | bool) -> list[Any]:
    return [path, "in", list(values)]


def pull_policy(at: str, image: str, policy: str) -> list[Op]:
    return [{"do": "pull-policy", "at": at, "image": image, "policy": policy}]


ROLLING = "spec.updateStrategy.rollingUpdate"
EXACT = [of_type("allocationMode", "ExactCount")]

TRANSLATED: dict[tuple[str, str], list[Op]] = {
    ("ResourceList", "*"): [{"do": "round-quantities", "at": ""}],
    ("ReplicationController", "spec.selector"): [{"set": "spec.selector", "from": TEMPLATE_LABELS}],
    ("ReplicationController", "metadata.labels"): [{"set": "metadata.labels", "from": TEMPLATE_LABELS}],
    ("Job", "metadata.labels"): [{"set": "metadata.labels", "from": TEMPLATE_LABELS}],
    ("Volume", "emptyDir"): [{"do": "empty-dir", "at": ""}],
    ("Volume", "image.pullPolicy"): pull_policy("image", "reference", "pullPolicy"),
    ("Container", "imagePullPolicy"): pull_policy("", "image", "imagePullPolicy"),
    ("EphemeralContainer", "imagePullPolicy"): pull_policy("", "image", "imagePullPolicy"),
    ("Service", "spec.sessionAffinityConfig"): [
        {"clear": "spec.sessionAffinityConfig", "when": [of_type("spec.sessionAffinity", "None")]},
        {
            "set": "spec.sessionAffinityConfig",
            "to": {"clientIP": {"timeoutSeconds": 10800}},
            "when": [
                of_type("spec.sessionAffinity", "ClientIP"),
                ["spec.sessionAffinityConfig.clientIP.timeoutSeconds", "unset"],
            ],
            "force": True,
        },
    ],
    ("Service", "spec.ports[*].targetPort"): [{"do": "target-port", "at": "spec.ports[*]"}],
    ("Service", "spec.externalTrafficPolicy"): [
        {
            "set": "spec.externalTrafficPolicy",
            "to": "Cluster",
            "when": [of_type("spec.type", "LoadBalancer", "NodePort")],
        },
        {
            "set": "spec.externalTrafficPolicy",
            "to": "Cluster",
            "when": [of_type("spec.type", "ClusterIP"), ["spec.externalIPs", "filled"]],
        },
    ],
    ("Service", "spec.internalTrafficPolicy"): [
        {
            "set": "spec.internalTrafficPolicy",
            "to": "Cluster",
            "when": [of_type("spec.type", "ClusterIP", "NodePort", "LoadBalancer")],
        }
    ],
    ("Service", "spec.allocateLoadBalancerNodePorts"): [
        {"set": "spec.allocateLoadBalancerNodePorts", "to": True, "when": [of_type("spec.type", "LoadBalancer")]}
    ],
    ("Service", "status.loadBalancer.ingress[*].ipMode"): [
        {"do": "ip-mode", "at": "status.loadBalancer.ingress[*]", "when": [of_type("spec.type", "LoadBalancer")]}
    ],
    ("Pod", "spec.containers[*].resources.requests.<r>"): [
        {"do": "requests-from-limits", "at": "spec.containers[*].resources"}
    ],
    ("Pod", "spec.initContainers[*].resources.requests.<r>"): [
        {"do": "requests-from-limits", "at": "spec.initContainers[*].resources"}
    ],
    ("Pod", "spec.resources.limits.hugepages-*"): [{"do": "pod-level-limits", "at": "spec"}],
    ("Pod", "spec.resources.requests.<r>"): [{"do": "pod-level-requests", "at": "spec"}],
    ("Pod", "spec.containers[*].ports[*].hostPort"): [
        {"do": "host-port", "at": "spec.containers[*].ports[*]", "when": [of_type("spec.hostNetwork", True)]}
    ],
    ("Pod", "spec.initContainers[*].ports[*].hostPort"): [
        {"do": "host-port", "at": "spec.initContainers[*].ports[*]", "when": [of_type("spec.hostNetwork", True)]}
    ],
    ("ConfigMap", "data"): [],
    ("Namespace", 'metadata.labels["kubernetes.io/metadata.name"]'): [{"do": "namespace-label", "at": "metadata"}],
    ("NodeStatus", "allocatable"): [{"set": "allocatable", "from": "capacity"}],
    ("LimitRangeItem", "default.<r>"): [
        {"do": "fill-quantities", "at": "", "to": "default", "from": "max", "when": [of_type("type", "Container")]}
    ],
    ("LimitRangeItem", "defaultRequest.<r>"): [
        {
            "do": "fill-quantities",
            "at": "",
            "to": "defaultRequest",
            "from": source,
            "when": [of_type("type", "Container")],
        }
        for source in ("default", "min")
    ],
    ("LimitRangeItem", "default, defaultRequest"): [],
    ("PodLogOptions", "stream"): [],  # its gate is off
    ("Deployment", "spec.strategy.rollingUpdate.maxUnavailable"): [
        {
            "set": "spec.strategy.rollingUpdate!.maxUnavailable",
            "to": "25%",
            "when": [of_type("spec.strategy.type", "RollingUpdate")],
        }
    ],
    ("Deployment", "spec.strategy.rollingUpdate.maxSurge"): [
        {
            "set": "spec.strategy.rollingUpdate!.maxSurge",
            "to": "25%",
            "when": [of_type("spec.strategy.type", "RollingUpdate")],
        }
    ],
    ("DaemonSet", f"{ROLLING}.maxUnavailable"): [
        {"set": f"{ROLLING}!.maxUnavailable", "to": 1, "when": [of_type("spec.updateStrategy.type", "RollingUpdate")]}
    ],
    ("DaemonSet", f"{ROLLING}.maxSurge"): [
        {"set": f"{ROLLING}!.maxSurge", "to": 0, "when": [of_type("spec.updateStrategy.type", "RollingUpdate")]}
    ],
    # The table lists the type first; whether it was given decides about rollingUpdate, so that is asked before.
    ("StatefulSet", "spec.updateStrategy.type"): [
        {"set": ROLLING, "to": {}, "when": [["spec.updateStrategy.type", "empty"]]},
        {"set": "spec.updateStrategy.type", "to": "RollingUpdate"},
    ],
    ("StatefulSet", ROLLING): [],
    ("StatefulSet", f"{ROLLING}.partition"): [
        {"set": f"{ROLLING}.partition", "to": 0, "when": [of_type("spec.updateStrategy.type", "RollingUpdate")]}
    ],
    ("StatefulSet", f"{ROLLING}.maxUnavailable"): [],  # its gate is off
    ("StatefulSet", "spec.persistentVolumeClaimRetentionPolicy.whenDeleted"): [
        {"set": "spec.persistentVolumeClaimRetentionPolicy!.whenDeleted", "to": "Retain"}
    ],
    ("StatefulSet", "spec.persistentVolumeClaimRetentionPolicy.whenScaled"): [
        {"set": "spec.persistentVolumeClaimRetentionPolicy!.whenScaled", "to": "Retain"}
    ],
    ("Job", "spec.completions"): [{"set": "spec.completions", "to": 1, "when": [["spec.parallelism", "unset"]]}],
    ("Job", "spec.backoffLimit"): [
        {"set": "spec.backoffLimit", "to": 2147483647, "when": [["spec.backoffLimitPerIndex", "set"]]},
        {"set": "spec.backoffLimit", "to": 6},
    ],
    ("Job", "spec.podReplacementPolicy"): [
        {"set": "spec.podReplacementPolicy", "to": "Failed", "when": [["spec.podFailurePolicy", "set"]]},
        {"set": "spec.podReplacementPolicy", "to": "TerminatingOrFailed"},
    ],
    ("NetworkPolicy", "spec.policyTypes"): [
        {"set": "spec.policyTypes", "to": ["Ingress", "Egress"], "when": [["spec.egress", "filled"]]},
        {"set": "spec.policyTypes", "to": ["Ingress"]},
    ],
    ("IngressClass", "spec.parameters.scope"): [{"set": "spec.parameters.scope", "to": "Cluster"}],
    ("Subject", "apiGroup"): [
        {"set": "apiGroup", "to": "rbac.authorization.k8s.io", "when": [of_type("kind", "User", "Group")]}
    ],
    ("CSIDriver", "spec.preventPodSchedulingIfMissing"): [],  # its gate is off
    ("ExactDeviceRequest", "count"): [{"set": "count", "to": 1, "when": EXACT}],
    ("DeviceSubRequest", "count"): [{"set": "count", "to": 1, "when": EXACT}],
    ("DeviceTaint", "timeAdded"): [],  # the time of the request: the API server sets it
    ("Device", "nodeAllocatableResourceMappings.*.allocationMultiplier"): [
        {"set": "nodeAllocatableResourceMappings[*].allocationMultiplier", "to": "1"}
    ],
    ("CustomResourceDefinition", "spec.*"): [],  # spec has a node of its own
    ("CustomResourceDefinition", "status.storedVersions"): [{"do": "stored-versions", "at": ""}],
    ("CustomResourceDefinitionSpec", "names.singular"): [{"do": "singular-name", "at": "names"}],
    ("CustomResourceDefinitionSpec", "names.listKind"): [{"do": "list-kind", "at": "names"}],
}


BESIDE_THE_TABLE: dict[str, dict[str, list[Op]]] = {
    "apps/v1/StatefulSet": {
        "spec.volumeClaimTemplates[*]": [
            {"set": "kind", "to": "PersistentVolumeClaim"},
            {"set": "apiVersion", "to": "v1"},
        ]
    },
    "core/v1/Secret": {"": [{"do": "string-data", "at": ""}]},
}
"""What kube-apiserver does to every object it reads in the step after defaulting: kind -> path -> ops."""


def hpa_behavior(direction: str, values: dict[str, Any]) -> list[Op]:
    return [{"set": f"spec.behavior.{direction}!.{field}", "to": value} for field, value in values.items()]


def translate(rule: str, entry: dict[str, Any], *, kind: str) -> list[Op]:
    """The ops of one entry of a rule. Raises ValueError for a sentence that nobody has translated."""
    field, when = entry["field"], entry["when"]
    if rule == "HorizontalPodAutoscaler" and field.startswith(("spec.metrics", "spec.behavior")):
        if not kind.startswith("autoscaling/v2/"):
            return []
        if field == "spec.metrics":
            return [{"set": field, "to": entry["value"]}]
        return hpa_behavior(field.rsplit(".", 1)[-1], entry["value"])
    if (rule, field) in TRANSLATED:
        return TRANSLATED[rule, field]
    if when not in SIMPLE or entry["value"] == PULL_POLICY:
        raise ValueError(f"the rule {rule} says of {field}: {when}; add its translation to compile_defaults.py")
    return [{"set": field, "to": entry["value"]}]


class Compiler:
    """Collects the nodes of all kinds; equal nodes of one type become one."""

    def __init__(self, defaults: dict[str, Any], protobuf: dict[str, Any]) -> None:
        self.rules, self.apply = defaults["rules"], defaults["apply"]
        self.messages, self.kinds = protobuf["messages"], protobuf["kinds"]
        self.nodes: dict[str, Any] = {}

    def program(self) -> dict[str, Any]:
        kinds = {}
        for kind, entries in self.apply.items():
            message = self.kinds.get(kind)
            if message:
                kinds[kind.removeprefix("core/")] = self.add(message, self.tree(kind, entries))
        return {"kinds": kinds, "nodes": self.nodes}

    def tree(self, kind: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        """All entries of a kind as one tree of ``ops`` and ``in``."""
        root: dict[str, Any] = {"ops": [], "in": {}}
        for entry in entries:
            segments = [part for part in entry["path"].split(".") if part]
            leaf = "" if "rule" in entry else segments.pop()
            self.node_at(root, segments)["ops"] += self.ops(kind, entry, leaf)
        for path, ops in BESIDE_THE_TABLE.get(kind, {}).items():
            self.node_at(root, [part for part in path.split(".") if part])["ops"] += ops
        return root

    def node_at(self, root: dict[str, Any], segments: list[str]) -> dict[str, Any]:
        node = root
        for segment in segments:
            node = node["in"].setdefault(segment, {"ops": [], "in": {}})
        return node

    def ops(self, kind: str, entry: dict[str, Any], leaf: str) -> list[Op]:
        if "rule" not in entry:
            return [{"set": leaf, "to": entry["value"]}]
        ops: list[Op] = []
        for rule_entry in self.rules[entry["rule"]]:
            for op in translate(entry["rule"], rule_entry, kind=kind):
                if op not in ops:
                    ops.append(op)
        return ops

    def add(self, message: str, tree: dict[str, Any]) -> str:
        """The name of the node for this tree."""
        inner = {
            segment: self.add(self.type_of(message, segment.removesuffix("[*]")), subtree)
            for segment, subtree in tree["in"].items()
        }
        node = {key: value for key, value in (("ops", tree["ops"]), ("in", inner)) if value}
        base = message.rsplit(".", 1)[-1] if "." in message else message
        name, number = base, 1
        while self.nodes.setdefault(name, node) != node:
            number += 1
            name = f"{base}-{number}"
        return name

    def type_of(self, message: str, field: str) -> str:
        """The type a field of a message leads to, embedded structs searched."""
        found = self.find(message, field)
        if found is None:
            raise ValueError(f"{message} has no field {field}")
        return found

    def find(self, message: str, field: str) -> str | None:
        for entry in self.messages[message]["f"]:
            if entry.get("inl"):
                inner = self.find(entry["t"], field)
                if inner:
                    return inner
            elif entry["j"] == field:
                return str(entry["map"][1] if "map" in entry else entry["t"])
        return None


def compile_defaults(defaults: dict[str, Any], protobuf: dict[str, Any]) -> dict[str, Any]:
    return Compiler(defaults, protobuf).program()
