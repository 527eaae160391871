"""The admission plugins that are on by default, in kube-apiserver's order."""

from __future__ import annotations

from pyk8s_server.apiserver.admission.ingress_class import DefaultIngressClass
from pyk8s_server.apiserver.admission.limit_ranger import LimitRanger
from pyk8s_server.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from pyk8s_server.apiserver.admission.nodes import PodResizeValidator, TaintNodesByCondition
from pyk8s_server.apiserver.admission.priority import Priority
from pyk8s_server.apiserver.admission.resource_quota import ResourceQuota
from pyk8s_server.apiserver.admission.runtime_class import RuntimeClass
from pyk8s_server.apiserver.admission.service_account import ServiceAccount
from pyk8s_server.apiserver.admission.storage_objects import (
    DefaultStorageClass,
    PersistentVolumeClaimResize,
    StorageObjectInUseProtection,
)
from pyk8s_server.apiserver.admission.tolerations import DefaultTolerationSeconds
from pyk8s_server.apiserver.interfaces import AdmissionPlugin


def default_plugins(quota: ResourceQuota | None = None) -> list[AdmissionPlugin]:
    """New plugins, ready for a chain. ``quota`` is the one that writes; None: the chain enforces no quotas."""
    plugins: list[AdmissionPlugin] = [
        NamespaceLifecycle(),
        LimitRanger(),
        ServiceAccount(),
        TaintNodesByCondition(),
        Priority(),
        DefaultTolerationSeconds(),
        StorageObjectInUseProtection(),
        DefaultStorageClass(),
        RuntimeClass(),
        DefaultIngressClass(),
        PersistentVolumeClaimResize(),
        PodResizeValidator(),
    ]
    # Quotas come last: what another plugin refuses must not be reserved.
    return plugins if quota is None else [*plugins, quota]
