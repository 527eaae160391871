"""How kube-apiserver prints a struct inside an error: its Go fields by their Go names, all of them.

Always true: a value is printed as the JSON of the server's internal type, where no field has a JSON name of its own:
names are Go's, absent pointers, lists and maps are null, absent values are zero.
Not here: types of meta/v1, which print as on the wire (label selectors, labels).
"""

from __future__ import annotations

import difflib
import json
from functools import cache
from typing import Any

from pyk8s.api.tables import table

Json = dict[str, Any]

META = "k8s.io.apimachinery.pkg.apis.meta.v1."
INT_OR_STRING = "k8s.io.apimachinery.pkg.util.intstr.IntOrString"
QUANTITY = "k8s.io.apimachinery.pkg.api.resource.Quantity"
SCALAR_ZEROS: dict[str, Any] = {"string": "", "bool": False, "bytes": None, QUANTITY: "0", INT_OR_STRING: 0}

INITIALISMS = (
    "apiGroup",
    "csi",
    "cpu",
    "dns",
    "fc",
    "fs",
    "gce",
    "aws",
    "grpc",
    "http",
    "ip",
    "iscsi",
    "nfs",
    "os",
    "rbd",
    "tcp",
    "tty",
    "uid",
)
GO_NAMES = {
    "apiGroup": "APIGroup",
    "apiVersion": "APIVersion",
    "awsElasticBlockStore": "AWSElasticBlockStore",
    "cephfs": "CephFS",
    "clusterIP": "ClusterIP",
    "downwardAPI": "DownwardAPI",
    "gcePersistentDisk": "GCEPersistentDisk",
    "ipFamilies": "IPFamilies",
    "ipFamilyPolicy": "IPFamilyPolicy",
    "os": "OS",
    "scaleIO": "ScaleIO",
    "seLinuxChangePolicy": "SELinuxChangePolicy",
    "seLinuxMount": "SELinuxMount",
    "seLinuxOptions": "SELinuxOptions",
    "serviceAccount": "DeprecatedServiceAccount",
    "tty": "TTY",
    "ip": "IP",
    "uid": "UID",
}


def go_name(name: str) -> str:
    """``dnsPolicy`` -> ``DNSPolicy``, ``nodeName`` -> ``NodeName``."""
    if name in GO_NAMES:
        return GO_NAMES[name]
    for start in INITIALISMS:
        rest = name[len(start) :]
        if name.startswith(start) and (not rest or rest[0].isupper()):
            return start.upper() + rest
    return name[0].upper() + name[1:]


POD_SPEC = "k8s.io.api.core.v1.PodSpec"
POD_CONTEXT = "k8s.io.api.core.v1.PodSecurityContext"
HOST_FIELDS = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers")
"""Fields of a pod's spec that the internal type keeps in the security context."""


@cache
def _fields(message: str) -> list[Json]:
    """The fields of a struct, with those of inlined structs in their place."""
    fields: list[Json] = []
    for field in table("protobuf-fields")["messages"][message]["f"]:
        if field["j"] is None:
            fields += _fields(field["t"])
        elif not (message == POD_SPEC and field["j"] in ("serviceAccount", *HOST_FIELDS)):
            fields.append(field)
    if message == POD_CONTEXT:
        of_spec = {f["j"]: f for f in table("protobuf-fields")["messages"][POD_SPEC]["f"]}
        fields = [of_spec[name] for name in HOST_FIELDS] + fields
    return fields


def internal_form(message: str, value: Json | None) -> Any:
    """``value`` (JSON of the type ``message``) as the server prints it in errors."""
    if value is None:
        return None
    if message.startswith(META):
        return value
    if message == POD_SPEC:
        hosts = {name: value[name] for name in HOST_FIELDS if name in value}
        value = {**value, "securityContext": {**(value.get("securityContext") or {}), **hosts}}
    return {go_name(f["j"]): _field_form(f, value.get(f["j"])) for f in _fields(message)}


def _field_form(field: Json, value: Any) -> Any:
    kind = field.get("t", "")
    is_struct = "." in kind and kind not in SCALAR_ZEROS
    if "map" in field:
        return value or None
    if "rep" in field:
        if not value:
            return None
        return [internal_form(kind, item) for item in value] if is_struct else value
    if is_struct:
        return internal_form(kind, value if value is not None or "ptr" in field else {})
    if value is None and "ptr" not in field:
        return SCALAR_ZEROS.get(kind, 0)
    return value


def struct_diff(message: str, old: Json, new: Json) -> str:
    """What changed between two structs: a unified diff of their indented JSON, without file names."""
    before, after = (
        json.dumps(internal_form(message, value), indent=1, ensure_ascii=False).splitlines() for value in (old, new)
    )
    lines = list(difflib.unified_diff(before, after, lineterm="", n=3))[2:]
    return "".join(f"{line}\n" for line in lines)
