"""Distil recorded conversations with kube-apiserver into golden cases of patches and managed fields.

    python tools/distill_patches.py RECORDINGS/api tests/golden

Lives here: pairing every recorded write with the object before it, and leaving out what admission and strategies add.
Always true: a case is taken from a recording unchanged but for server-added parts; nothing is computed by the engine.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

Json = dict[str, Any]

# Something changed the object between two recorded steps, or a strategy changed it after ownership was taken.
UNSEEN = (
    "list/fields-service-clusterip", "metadata/finalizers", "metadata/namespace-finalize-terminating",
    "resources/certificatesigningrequests", "resources/customresourcedefinitions/status",
    "resources/daemonsets/status", "resources/flowschemas/patch", "resources/jobs", "subresources/job-status",
    "list/fields-job-successful", "fieldvalidation/custom", "subresources/ephemeral-containers", "subresources/resize",
)  # fmt: skip

AREAS = ("resources", "patch", "metadata", "defaults", "list", "subresources", "fieldvalidation")

# What admission plugins and strategies add after ownership was taken, so that nobody owns it.
ADDED = {
    "Pod": ("spec.volumes", "spec.serviceAccount", "spec.serviceAccountName", "spec.tolerations", "spec.priority",
            "spec.preemptionPolicy"),
    "Service": ("spec.clusterIPs", "spec.ipFamilies", "spec.ipFamilyPolicy", "spec.clusterIP"),
    "Namespace": ("spec.finalizers",),
    "PersistentVolumeClaim": ("metadata.finalizers",),
    "PersistentVolume": ("metadata.finalizers",),
    "VolumeAttributesClass": ("metadata.finalizers",),
    "Node": ("spec.taints",),
}  # fmt: skip


def conversations(root: Path) -> Iterator[tuple[str, Json, Json | None, Json, int]]:
    """(file, request, object before, answer, status) of every write."""
    for path in sorted(file for area in AREAS for file in (root / area).rglob("*.json")):
        scenario = json.loads(path.read_text())
        if scenario.get("needs") != "apiserver":
            continue
        live: dict[str, Json] = {}
        for step in scenario["steps"]:
            request, response = step.get("request"), step.get("response")
            if not request or not response or not isinstance(response.get("body"), dict):
                continue
            body, status = response["body"], response["status"]
            url = request["path"]
            for suffix in ("/status", "/ephemeralcontainers", "/resize", "/approval"):
                url = url.removesuffix(suffix)
            if request["method"] == "POST" and "metadata" in body:
                url += f"/{body['metadata'].get('name')}"
            if request["method"] in ("POST", "PUT", "PATCH"):
                yield str(path.relative_to(root)), request, live.get(url), body, status
            is_kept = status < 300 and "dryRun" not in (request.get("query") or {}) and body.get("kind") != "Status"
            if is_kept and request["method"] != "DELETE" and body.get("metadata", {}).get("uid"):
                live[url] = body


def ownership(root: Path) -> Iterator[Json]:
    counts: dict[Any, int] = defaultdict(int)
    for name, request, before, after, status in conversations(root):
        media = (request.get("headers") or {}).get("Content-Type", "")
        if status >= 300 or "apply" in media or after.get("kind") == "Status" or "metadata" not in after:
            continue
        if request["method"] == "POST" and (before is not None or request["path"].endswith(("token", "binding"))):
            continue
        if request["method"] != "POST" and (before is None or before["kind"] != after["kind"]):
            continue
        entries = after["metadata"].get("managedFields")
        if not entries or "${" in json.dumps(request.get("query") or {}):
            continue
        subresource = request["path"].rsplit("/", 1)[1]
        subresource = subresource if subresource in ("status", "ephemeralcontainers", "resize", "approval") else ""
        key = (after["kind"], request["method"], media, subresource)
        counts[key] += not name.startswith(UNSEEN)
        if counts[key] > 1 or name.startswith(UNSEEN):
            continue
        yield {
            "name": name,
            "kind": f"{after['apiVersion']}/{after['kind']}",
            "manager": (request.get("query") or {}).get("fieldManager", "recorder"),
            "subresource": subresource,
            "resetFields": [] if subresource == "status" else ["status"],
            "old": without_added(before) if before else None,
            "new": without_added(after, drop_entries=True),
            "managedFields": entries,
        }


def without_added(value: Json, *, drop_entries: bool = False) -> Json:
    value = deepcopy(value)
    if drop_entries:
        value["metadata"].pop("managedFields", None)
    for path in ADDED.get(value["kind"], ()):
        *parents, last = path.split(".")
        here: Any = value
        for parent in parents:
            here = here.get(parent, {})
        here.pop(last, None)
    if value["kind"] == "Pod":
        for container in value["spec"].get("containers", ()):
            container.pop("volumeMounts", None)
    return value


def patches(root: Path) -> Iterator[Json]:
    for name, request, before, after, status in conversations(root):
        media = (request.get("headers") or {}).get("Content-Type", "").partition(";")[0]
        if request["method"] != "PATCH" or before is None or "apply" in media or not media:
            continue
        if not name.startswith(("patch", "fieldvalidation")) or "resourceVersion" in json.dumps(request.get("body")):
            continue
        case = {
            "name": name,
            "type": media.removeprefix("application/").removesuffix("+json"),
            "kind": f"{before['apiVersion']}/{before['kind']}",
            "object": before,
            "patch": request["text"] if "text" in request else json.dumps(request.get("body")),
        }
        yield {**case, "status": status, "answer": after}


def main() -> None:
    root, target = Path(sys.argv[1]), Path(sys.argv[2])
    for name, cases in (("managed_fields", ownership(root)), ("patches", patches(root))):
        lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
        (target / f"{name}.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
