"""The root CA publisher: every active namespace has the config map ``kube-root-ca.crt``.

Always true: what is changed or deleted there is put back.
Not here: making the CA (the composition root does).
"""

from __future__ import annotations

from typing import ClassVar

from pyk8s.api.status import StatusError
from pyk8s.client.well_known import CONFIG_MAPS, NAMESPACES
from pyk8s.controllers.context import Context, Json
from pyk8s.controllers.controller import Controller
from pyk8s.controllers.pod_control import is_namespace_terminating
from pyk8s.controllers.serviceaccount import is_active_namespace

CONFIG_MAP_NAME = "kube-root-ca.crt"
DESCRIPTION_ANNOTATION = "kubernetes.io/description"
DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


class RootCaCertificatePublisher(Controller):
    """Keys are names of namespaces."""

    name: ClassVar[str] = "root-ca-certificate-publisher"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._namespaces = context.informers.informer(NAMESPACES)
        # Only these are watched: a cluster's other config maps are none of our memory.
        self._maps = context.informers.informer(CONFIG_MAPS, field_selector=f"metadata.name={CONFIG_MAP_NAME}")
        self._namespaces.add_handler(on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new))
        self._maps.add_handler(on_update=lambda old, new: self._map_changed(new), on_delete=self._map_changed)

    def _map_changed(self, config_map: Json) -> None:
        self.queue.add(config_map["metadata"]["namespace"])

    async def sync(self, key: str) -> None:
        namespace = self._namespaces.cache.get_by_key(key)
        if namespace is None or not is_active_namespace(namespace):
            return
        wanted = {"ca.crt": self.context.root_ca}
        known = self._maps.cache.get(CONFIG_MAP_NAME, key)
        if known is None:
            await self._create(key, wanted)
        elif known.get("data") != wanted or DESCRIPTION_ANNOTATION not in (known["metadata"].get("annotations") or {}):
            await self.client.update(CONFIG_MAPS, _with(known, wanted))

    async def _create(self, namespace: str, data: dict[str, str]) -> None:
        blank = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": CONFIG_MAP_NAME, "namespace": namespace},
        }
        try:
            await self.client.create(CONFIG_MAPS, _with(blank, data), namespace)
        except StatusError as error:
            if error.reason != "AlreadyExists" and not is_namespace_terminating(error):
                raise


def _with(config_map: Json, data: dict[str, str]) -> Json:
    annotations = {**(config_map["metadata"].get("annotations") or {}), DESCRIPTION_ANNOTATION: DESCRIPTION}
    return {**config_map, "metadata": {**config_map["metadata"], "annotations": annotations}, "data": data}
