"""The rules of API services, runtime classes, signing requests and device claims.

Not here: what a certificate request holds beyond being one.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from pyk8s.api.field import FieldError, duplicate, forbidden, invalid, not_supported, required, too_many

from pyk8s_server.apiserver.registry.internal_form import internal_form
from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import choice, formatted, immutable, required_format
from pyk8s_server.apiserver.registry.validation.resources import validate_requirements
from pyk8s_server.apiserver.registry.validation.scheduling import validate_tolerations
from pyk8s_server.apiserver.registry.validation.webhooks import validate_service_reference

Json = dict[str, Any]

RESOURCE = "k8s.io.api.resource.v1."
GROUP_PRIORITY_MAX = 20000
VERSION_PRIORITY_MAX = 1000
SIGNING_S_MIN = 600
LEGACY_SIGNER = "kubernetes.io/legacy-unknown"
REQUESTS_MAX = 32
DEVICES_MAX = 128
USAGES = (
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
)


# -- APIService ----------------------------------------------------------------------------------------------


def validate_api_service(obj: Json) -> list[FieldError]:
    spec, name = obj.get("spec") or {}, obj["metadata"].get("name", "")
    version, group = spec.get("version", ""), spec.get("group", "")
    errors: list[FieldError] = []
    if name != (expected := f"{version}.{group}"):
        detail = f'must be `spec.version+"."+spec.group`: "{expected}"'
        errors.append(invalid("metadata.name", name, detail))
    if group:
        errors += formatted("spec.group", group, formats.dns_subdomain)
    elif version != "v1":
        errors.append(required("spec.group", "only v1 may have an empty group and it better be legacy kube"))
    errors += formatted("spec.version", version, formats.dns_1035_label)
    for field, limit in (("groupPriorityMinimum", GROUP_PRIORITY_MAX), ("versionPriority", VERSION_PRIORITY_MAX)):
        value = spec.get(field, 0)
        if not 0 < value <= limit:
            errors.append(invalid(f"spec.{field}", value, f"must be positive and less than {limit}"))
    service, bundle, insecure = spec.get("service"), spec.get("caBundle"), spec.get("insecureSkipTLSVerify")
    if service is None:
        if bundle:
            errors.append(invalid("spec.caBundle", f"{len(bundle)} bytes", "local APIServices may not have a caBundle"))
        if insecure:
            detail = "local APIServices may not have insecureSkipTLSVerify"
            errors.append(invalid("spec.insecureSkipTLSVerify", insecure, detail))
        return errors
    errors += sorted(validate_service_reference("spec.service", service), key=lambda e: "namespace" not in e.path)
    if insecure and bundle:
        errors.append(invalid("spec.insecureSkipTLSVerify", insecure, "may not be true if caBundle is present"))
    return errors


# -- RuntimeClass --------------------------------------------------------------------------------------------


def validate_runtime_class(obj: Json) -> list[FieldError]:
    errors = [invalid("handler", obj.get("handler", ""), m) for m in formats.dns_label(obj.get("handler", ""))]
    if fixed := (obj.get("overhead") or {}).get("podFixed"):
        errors += validate_requirements("overhead", {"limits": fixed})
    scheduling = obj.get("scheduling") or {}
    if tolerations := scheduling.get("tolerations"):
        errors += validate_tolerations("scheduling.tolerations", tolerations)
    return errors


def validate_runtime_class_update(obj: Json, old: Json) -> list[FieldError]:
    return validate_runtime_class(obj) + immutable("handler", obj.get("handler"), old.get("handler"))


# -- CertificateSigningRequest -------------------------------------------------------------------------------


def validate_signing_request(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors = _request("spec.request", spec.get("request") or "")
    usages = spec.get("usages") or []
    if not usages:
        errors.append(required("spec.usages"))
    for i, usage in enumerate(usages):
        errors += choice(f"spec.usages[{i}]", usage, USAGES)
        if usage in usages[:i]:
            errors.append(duplicate(f"spec.usages[{i}]", usage))
    signer = spec.get("signerName", "")
    if signer == LEGACY_SIGNER:
        detail = "the legacy signerName is not allowed via this API version"
        errors.append(invalid("spec.signerName", signer, detail))
    else:
        errors += _signer("spec.signerName", signer)
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < SIGNING_S_MIN:
        detail = f"may not specify a duration less than {SIGNING_S_MIN} seconds (10 minutes)"
        errors.append(invalid("spec.expirationSeconds", seconds, detail))
    return errors


def _request(path: str, encoded: str) -> list[FieldError]:
    try:
        text = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        text = b""
    if b"-----BEGIN CERTIFICATE REQUEST-----" in text:
        return []
    return [invalid(path, encoded, "PEM block type must be CERTIFICATE REQUEST")]


def _signer(path: str, signer: str) -> list[FieldError]:
    if not signer:
        return [required(path)]
    domain, slash, name = signer.partition("/")
    if not slash or "/" in name:
        detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        return [invalid(path, signer, detail)]
    errors = [invalid(path, domain, m) for m in formats.dns_subdomain(domain)]
    if not errors and "." not in domain:
        detail = "should be a domain with at least two segments separated by dots"
        errors.append(invalid(path, domain, detail))
    return errors + [invalid(path, name, m) for m in formats.dns_subdomain(name)]


def validate_approval(obj: Json, old: Json) -> list[FieldError]:
    """certificatesigningrequests/approval."""
    return _conditions(obj) + _kept(obj, old, ("Approved", "Denied", "Failed"))


def _conditions(obj: Json) -> list[FieldError]:
    conditions = (obj.get("status") or {}).get("conditions") or []
    errors: list[FieldError] = []
    kinds: list[str] = []
    for i, condition in enumerate(conditions):
        path, kind, state = f"status.conditions[{i}]", condition.get("type", ""), condition.get("status", "")
        if not kind:
            errors.append(required(f"{path}.type"))
        allowed = ["True"] if kind in ("Approved", "Denied", "Failed") else ["False", "True", "Unknown"]
        if not state:
            errors.append(required(f"{path}.status"))
        elif state not in allowed:
            errors.append(not_supported(f"{path}.status", state, allowed))
        if kind in kinds:
            errors.append(duplicate(f"{path}.type", kind))
        if kind in ("Approved", "Denied") and {"Approved", "Denied"} <= {*kinds, kind}:
            detail = "Approved and Denied conditions are mutually exclusive"
            errors.append(invalid("status.conditions", kind, detail))
        kinds.append(kind)
    return errors


def _kept(obj: Json, old: Json, kinds: tuple[str, ...]) -> list[FieldError]:
    now = {c.get("type") for c in (obj.get("status") or {}).get("conditions") or ()}
    was = {c.get("type") for c in (old.get("status") or {}).get("conditions") or ()}
    return [
        forbidden("status.conditions", f'updates may not remove a condition of type "{kind}"')
        for kind in kinds
        if kind in was and kind not in now
    ]


def validate_issue(obj: Json, old: Json) -> list[FieldError]:
    """certificatesigningrequests/status."""
    certificate = (obj.get("status") or {}).get("certificate")
    before = (old.get("status") or {}).get("certificate")
    errors = _conditions(obj)
    if certificate and certificate != before:
        text = base64.b64decode(certificate)
        if b"-----BEGIN CERTIFICATE-----" not in text:
            detail = "must contain at least one CERTIFICATE PEM block"
            errors.append(invalid("status.certificate", "<certificate data>", detail))
        elif before:
            detail = "updates may not modify existing certificate content"
            errors.append(forbidden("status.certificate", detail))
    return errors


# -- ResourceClaim and its kin -------------------------------------------------------------------------------


def validate_resource_claim(obj: Json) -> list[FieldError]:
    return _claim_spec("spec", obj.get("spec") or {})


def validate_resource_claim_template(obj: Json) -> list[FieldError]:
    return _claim_spec("spec.spec", (obj.get("spec") or {}).get("spec") or {})


def _claim_spec(path: str, spec: Json) -> list[FieldError]:
    requests = (spec.get("devices") or {}).get("requests") or []
    errors: list[FieldError] = []
    if len(requests) > REQUESTS_MAX:
        errors.append(too_many(f"{path}.devices.requests", len(requests), REQUESTS_MAX))
    names: set[str] = set()
    for i, request in enumerate(requests):
        where, name = f"{path}.devices.requests[{i}]", request.get("name", "")
        errors += required_format(f"{where}.name", name, formats.dns_label)
        if name in names:
            errors.append(duplicate(where, name))
        names.add(name)
        exactly, alternatives = request.get("exactly"), request.get("firstAvailable")
        if (exactly is None) == (not alternatives):
            detail = "exactly one of `exactly` or `firstAvailable` is required"
            errors.append(required(where, detail) if exactly is None else invalid(where, None, detail))
        elif exactly is not None:
            errors += _exact(f"{where}.exactly", exactly)
    return errors


def _exact(path: str, request: Json) -> list[FieldError]:
    name = request.get("deviceClassName", "")
    errors = required_format(f"{path}.deviceClassName", name, formats.dns_subdomain)
    mode, count = request.get("allocationMode", "ExactCount"), request.get("count", 1)
    if mode == "ExactCount":
        if count <= 0:
            errors.append(invalid(f"{path}.count", count, formats.GREATER_THAN_ZERO))
    elif mode == "All":
        if request.get("count"):
            detail = "must not be specified when allocationMode is 'All'"
            errors.append(invalid(f"{path}.count", count, detail))
    else:
        errors += choice(f"{path}.allocationMode", mode, ("All", "ExactCount"))
    return errors


def validate_resource_claim_update(obj: Json, old: Json) -> list[FieldError]:
    return _frozen_spec("ResourceClaimSpec", obj, old) + validate_resource_claim(obj)


def validate_resource_claim_template_update(obj: Json, old: Json) -> list[FieldError]:
    return _frozen_template(obj, old) + validate_resource_claim_template(obj)


def _frozen_spec(kind: str, obj: Json, old: Json) -> list[FieldError]:
    if obj.get("spec") == old.get("spec"):
        return []
    return [invalid("spec", internal_form(f"{RESOURCE}{kind}", obj.get("spec")), formats.IMMUTABLE)]


def _frozen_template(obj: Json, old: Json) -> list[FieldError]:
    if obj.get("spec") == old.get("spec"):
        return []
    shown = internal_form(f"{RESOURCE}ResourceClaimSpec", (obj.get("spec") or {}).get("spec"))
    return [invalid("spec", {"Spec": shown}, formats.IMMUTABLE)]


def validate_resource_slice(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    devices = spec.get("devices") or []
    errors = required_format("spec.driver", spec.get("driver"), formats.dns_subdomain)
    given = [n for n in ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection") if spec.get(n)]
    names = "`nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection`"
    if not given:
        errors.append(required("spec", f"exactly one of {names} is required"))
    elif len(given) > 1:
        shown = "{" + ", ".join(f"`{name}`" for name in given) + "}"
        errors.append(invalid("spec", shown, f"exactly one of {names} is required, but multiple fields are set"))
    if len(devices) > DEVICES_MAX:
        errors.append(too_many("spec.devices", len(devices), DEVICES_MAX))
    seen: set[str] = set()
    for i, device in enumerate(devices):
        name = device.get("name", "")
        errors += required_format(f"spec.devices[{i}].name", name, formats.dns_label)
        if name in seen:
            errors.append(duplicate(f"spec.devices[{i}]", name))
        seen.add(name)
    return errors


def validate_resource_slice_update(obj: Json, old: Json) -> list[FieldError]:
    new, was = obj.get("spec") or {}, old.get("spec") or {}
    errors = validate_resource_slice(obj)
    for name in ("driver", "nodeName"):
        errors += immutable(f"spec.{name}", new.get(name), was.get(name))
    pools = [(spec.get("pool") or {}).get("name") for spec in (new, was)]
    return errors + immutable("spec.pool.name", pools[0], pools[1])
