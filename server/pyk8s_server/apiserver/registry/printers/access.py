"""Rows of role bindings, certificate requests and API services.

Always true: subjects are sorted by where they stand in the object, joined by ", ".
"""

from __future__ import annotations

from typing import Any

from pyk8s_server.apiserver.interfaces import Json
from pyk8s_server.apiserver.registry.printers.text import NONE, age, condition, duration, name_of


def binding(obj: Json, now_s: float) -> list[Any]:
    role = obj.get("roleRef") or {}
    subjects = obj.get("subjects") or ()
    users = ", ".join(s["name"] for s in subjects if s.get("kind") == "User")
    groups = ", ".join(s["name"] for s in subjects if s.get("kind") == "Group")
    accounts = ", ".join(f"{s.get('namespace', '')}/{s['name']}" for s in subjects if s.get("kind") == "ServiceAccount")
    return [name_of(obj), f"{role.get('kind', '')}/{role.get('name', '')}", age(obj, now_s), users, groups, accounts]


def certificate_request(obj: Json, now_s: float) -> list[Any]:
    spec = obj.get("spec") or {}
    asked = spec.get("expirationSeconds")
    lasting = NONE if asked is None else duration(asked)
    requestor = spec.get("username", "")
    return [name_of(obj), age(obj, now_s), spec.get("signerName") or NONE, requestor, lasting, _request_state(obj)]


def _request_state(obj: Json) -> str:
    """``Approved,Issued`` and the like."""
    words = [kind for kind in ("Approved", "Denied") if condition(obj, kind)]
    state = ("Denied" if "Denied" in words else "Approved") if words else "Pending"
    state += ",Failed" if condition(obj, "Failed") else ""
    return state + (",Issued" if (obj.get("status") or {}).get("certificate") else "")


def api_service(obj: Json, now_s: float) -> list[Any]:
    service = (obj.get("spec") or {}).get("service")
    place = f"{service.get('namespace', '')}/{service.get('name', '')}" if service else "Local"
    available = condition(obj, "Available") or {}
    shown = available.get("status", "Unknown")
    if shown != "True" and available.get("reason"):
        shown = f"{shown} ({available['reason']})"
    return [name_of(obj), place, shown, age(obj, now_s)]


ROWS = {
    "APIService": api_service,
    "CertificateSigningRequest": certificate_request,
    "ClusterRoleBinding": binding,
    "RoleBinding": binding,
}
