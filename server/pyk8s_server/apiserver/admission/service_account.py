"""ServiceAccount: every pod runs as an account of its namespace and finds that account's token in a volume.

Always true: a pod that names a missing account is refused; pods of static manifests (mirror pods) have none.
Not here: making the default account (a controller does), issuing tokens.
"""

from __future__ import annotations

from typing import Any

from pyk8s_server.apiserver.admission.base import Plugin, is_create_of, refused, resource
from pyk8s_server.apiserver.interfaces import Attributes
from pyk8s_server.apiserver.registry.validation.volumes import access_projection

Json = dict[str, Any]

DEFAULT_ACCOUNT = "default"
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME_PREFIX = "kube-api-access-"
DEFAULT_ACCOUNT_TRIES = 10
DEFAULT_ACCOUNT_WAIT_S = 0.1
"""A pod may be created right after its namespace, before the controller made the default account: wait a second."""


class ServiceAccount(Plugin):
    name = "ServiceAccount"
    resources = frozenset({"pods"})

    def __init__(self) -> None:
        self._accounts = resource("", "v1", "serviceaccounts")

    async def admit(self, attributes: Attributes) -> None:
        if not is_create_of(attributes, "pods") or attributes.obj is None:
            return
        pod = attributes.obj
        if MIRROR_ANNOTATION in (pod["metadata"].get("annotations") or {}):
            return
        spec = pod["spec"]
        name = spec.get("serviceAccountName") or spec.get("serviceAccount") or DEFAULT_ACCOUNT
        spec["serviceAccountName"] = spec["serviceAccount"] = name
        account = await self._account(attributes, name)
        if is_automounting(spec, account):
            mount_token(spec, attributes.context.identity.suffix())
        if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
            spec["imagePullSecrets"] = [dict(reference) for reference in account["imagePullSecrets"]]

    async def validate(self, attributes: Attributes) -> None:
        if not is_create_of(attributes, "pods") or attributes.obj is None:
            return
        pod = attributes.obj
        if MIRROR_ANNOTATION not in (pod["metadata"].get("annotations") or {}):
            return
        if pod["spec"].get("serviceAccountName"):
            raise refused(attributes, "a mirror pod may not reference service accounts")

    async def _account(self, attributes: Attributes, name: str) -> Json:
        tries = DEFAULT_ACCOUNT_TRIES if name == DEFAULT_ACCOUNT else 1
        for attempt in range(tries):
            account = attributes.context.reader.get(self._accounts, name, attributes.namespace)
            if account is not None:
                return account
            if attempt + 1 < tries:
                await attributes.context.clock.sleep(DEFAULT_ACCOUNT_WAIT_S)
        raise refused(
            attributes,
            f'error looking up service account {attributes.namespace}/{name}: serviceaccount "{name}" not found',
        )


def is_automounting(spec: Json, account: Json) -> bool:
    """The pod's own word counts first, then the account's."""
    for owner in (spec, account):
        wish = owner.get("automountServiceAccountToken")
        if wish is not None:
            return bool(wish)
    return True


def mount_token(spec: Json, suffix: str) -> None:
    """Give every container the token's volume, except those that mount something else in its place."""
    volumes = spec.get("volumes") or []
    existing = next((v["name"] for v in volumes if v.get("name", "").startswith(VOLUME_PREFIX)), None)
    name = existing or VOLUME_PREFIX + suffix
    is_needed = False
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        mounts = container.get("volumeMounts") or []
        if any(mount.get("mountPath") == MOUNT_PATH for mount in mounts):
            continue
        container["volumeMounts"] = [*mounts, {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}]
        is_needed = True
    if is_needed and existing is None:
        spec["volumes"] = [*volumes, token_volume(name)]


def token_volume(name: str) -> Json:
    """The projected volume with token, cluster CA and namespace."""
    return {"name": name, "projected": access_projection()}
