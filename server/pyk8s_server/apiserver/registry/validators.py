"""Which rules hold for which kind and subresource.

Always true: keys are kinds as the scheme names them, and subresources; a kind that is not here has no rules but those
of its metadata and schema.
Not here: any rule (see `validation`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyk8s.api.field import FieldError

from pyk8s_server.apiserver.registry.validation import (
    admission_policies,
    autoscaling,
    batch,
    cluster_objects,
    core,
    definitions,
    endpoints,
    events,
    flow_control,
    networking,
    nodes,
    quotas,
    rbac,
    scheduling_policies,
    storage,
    webhooks,
    workloads,
)

Json = dict[str, Any]
CreateRule = Callable[[Json], list[FieldError]]
UpdateRule = Callable[[Json, Json], list[FieldError]]


@dataclass(frozen=True, slots=True)
class Validators:
    """The rules of one endpoint; without ``update`` those of ``create`` hold for updates too."""

    create: CreateRule | None = None
    update: UpdateRule | None = None

    def of_create(self, obj: Json) -> list[FieldError]:
        return self.create(obj) if self.create is not None else []

    def of_update(self, obj: Json, old: Json) -> list[FieldError]:
        return self.update(obj, old) if self.update is not None else self.of_create(obj)


NO_RULES = Validators()

VALIDATORS: dict[tuple[str, str], Validators] = {
    ("v1/ConfigMap", ""): Validators(core.validate_config_map, core.validate_config_map_update),
    ("v1/Secret", ""): Validators(core.validate_secret, core.validate_secret_update),
    ("v1/Namespace", ""): Validators(core.validate_namespace, core.validate_namespace_update),
    ("v1/Namespace", "status"): Validators(None, core.validate_namespace_status),
    ("v1/Namespace", "finalize"): Validators(None, core.validate_namespace_finalize),
    ("v1/Node", ""): Validators(nodes.validate_node, nodes.validate_node_update),
    ("v1/Node", "status"): Validators(nodes.validate_node, nodes.validate_node_update),
    ("v1/Event", ""): Validators(events.validate_core_event, events.validate_core_event_update),
    ("events.k8s.io/v1/Event", ""): Validators(events.validate_new_event, events.validate_new_event_update),
    ("v1/Endpoints", ""): Validators(endpoints.validate_endpoints),
    ("discovery.k8s.io/v1/EndpointSlice", ""): Validators(endpoints.validate_slice, endpoints.validate_slice_update),
    ("coordination.k8s.io/v1/Lease", ""): Validators(core.validate_lease),
    ("v1/ReplicationController", ""): Validators(workloads.validate_replication_controller),
    ("v1/PodTemplate", ""): Validators(workloads.validate_pod_template),
    ("apps/v1/ReplicaSet", ""): Validators(workloads.validate_replica_set, workloads.validate_replica_set_update),
    ("apps/v1/ReplicaSet", "status"): Validators(None, workloads.validate_replica_set_status),
    ("v1/ReplicationController", "status"): Validators(None, workloads.validate_replica_set_status),
    ("apps/v1/Deployment", ""): Validators(workloads.validate_deployment, workloads.validate_deployment_update),
    ("apps/v1/Deployment", "status"): Validators(None, workloads.validate_deployment_status),
    ("apps/v1/StatefulSet", ""): Validators(workloads.validate_stateful_set, workloads.validate_stateful_set_update),
    ("apps/v1/StatefulSet", "status"): Validators(None, workloads.validate_stateful_set_status),
    ("apps/v1/DaemonSet", ""): Validators(workloads.validate_daemon_set, workloads.validate_daemon_set_update),
    ("apps/v1/DaemonSet", "status"): Validators(None, workloads.validate_daemon_set_status),
    ("apps/v1/ControllerRevision", ""): Validators(batch.validate_revision, batch.validate_revision_update),
    ("batch/v1/Job", ""): Validators(batch.validate_job, batch.validate_job_update),
    ("batch/v1/Job", "status"): Validators(None, batch.validate_job_status),
    ("batch/v1/CronJob", ""): Validators(batch.validate_cron_job, batch.validate_cron_job_update),
    ("autoscaling/v2/HorizontalPodAutoscaler", ""): Validators(autoscaling.validate_autoscaler),
    ("v1/PersistentVolume", ""): Validators(storage.validate_volume, storage.validate_volume_update),
    ("v1/PersistentVolumeClaim", ""): Validators(storage.validate_claim, storage.validate_claim_update),
    ("v1/ResourceQuota", ""): Validators(quotas.validate_quota, quotas.validate_quota_update),
    ("v1/ResourceQuota", "status"): Validators(None, quotas.validate_quota_status),
    ("v1/LimitRange", ""): Validators(quotas.validate_limit_range),
    ("storage.k8s.io/v1/StorageClass", ""): Validators(
        storage.validate_storage_class, storage.validate_storage_class_update
    ),
    ("storage.k8s.io/v1/VolumeAttributesClass", ""): Validators(
        storage.validate_attributes_class, storage.validate_attributes_class_update
    ),
    ("storage.k8s.io/v1/CSIDriver", ""): Validators(storage.validate_driver, storage.validate_driver_update),
    ("storage.k8s.io/v1/CSINode", ""): Validators(storage.validate_node_drivers, storage.validate_node_drivers_update),
    ("storage.k8s.io/v1/CSIStorageCapacity", ""): Validators(
        storage.validate_capacity, storage.validate_capacity_update
    ),
    ("storage.k8s.io/v1/VolumeAttachment", ""): Validators(
        storage.validate_attachment, storage.validate_attachment_update
    ),
    ("networking.k8s.io/v1/Ingress", ""): Validators(networking.validate_ingress, networking.validate_ingress_update),
    ("networking.k8s.io/v1/Ingress", "status"): Validators(None, networking.validate_ingress_status),
    ("networking.k8s.io/v1/IngressClass", ""): Validators(
        networking.validate_ingress_class, networking.validate_ingress_class_update
    ),
    ("networking.k8s.io/v1/NetworkPolicy", ""): Validators(networking.validate_network_policy),
    ("networking.k8s.io/v1/IPAddress", ""): Validators(
        networking.validate_address_object, networking.validate_address_object_update
    ),
    ("networking.k8s.io/v1/ServiceCIDR", ""): Validators(
        networking.validate_service_cidr, networking.validate_service_cidr_update
    ),
    ("scheduling.k8s.io/v1/PriorityClass", ""): Validators(
        scheduling_policies.validate_priority_class, scheduling_policies.validate_priority_class_update
    ),
    ("policy/v1/PodDisruptionBudget", ""): Validators(scheduling_policies.validate_budget),
    ("policy/v1/PodDisruptionBudget", "status"): Validators(None, scheduling_policies.validate_budget_status),
    ("rbac.authorization.k8s.io/v1/Role", ""): Validators(rbac.validate_role),
    ("rbac.authorization.k8s.io/v1/ClusterRole", ""): Validators(rbac.validate_cluster_role),
    ("rbac.authorization.k8s.io/v1/RoleBinding", ""): Validators(
        rbac.validate_role_binding, rbac.validate_role_binding_update
    ),
    ("rbac.authorization.k8s.io/v1/ClusterRoleBinding", ""): Validators(
        rbac.validate_cluster_role_binding, rbac.validate_cluster_role_binding_update
    ),
    ("admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration", ""): Validators(webhooks.validate_webhooks),
    ("admissionregistration.k8s.io/v1/MutatingWebhookConfiguration", ""): Validators(webhooks.validate_webhooks),
    ("admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy", ""): Validators(admission_policies.validate_policy),
    ("admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding", ""): Validators(
        admission_policies.validate_policy_binding
    ),
    ("admissionregistration.k8s.io/v1/MutatingAdmissionPolicy", ""): Validators(
        admission_policies.validate_mutating_policy
    ),
    ("admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding", ""): Validators(
        admission_policies.validate_mutating_policy_binding
    ),
    ("flowcontrol.apiserver.k8s.io/v1/FlowSchema", ""): Validators(flow_control.validate_flow_schema),
    ("flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration", ""): Validators(
        flow_control.validate_priority_level
    ),
    ("apiregistration.k8s.io/v1/APIService", ""): Validators(cluster_objects.validate_api_service),
    ("apiextensions.k8s.io/v1/CustomResourceDefinition", ""): Validators(
        definitions.validate_definition, definitions.validate_definition_update
    ),
    ("node.k8s.io/v1/RuntimeClass", ""): Validators(
        cluster_objects.validate_runtime_class, cluster_objects.validate_runtime_class_update
    ),
    ("certificates.k8s.io/v1/CertificateSigningRequest", ""): Validators(cluster_objects.validate_signing_request),
    ("certificates.k8s.io/v1/CertificateSigningRequest", "approval"): Validators(
        None, cluster_objects.validate_approval
    ),
    ("certificates.k8s.io/v1/CertificateSigningRequest", "status"): Validators(None, cluster_objects.validate_issue),
    ("resource.k8s.io/v1/ResourceClaim", ""): Validators(
        cluster_objects.validate_resource_claim, cluster_objects.validate_resource_claim_update
    ),
    ("resource.k8s.io/v1/ResourceClaimTemplate", ""): Validators(
        cluster_objects.validate_resource_claim_template, cluster_objects.validate_resource_claim_template_update
    ),
    ("resource.k8s.io/v1/ResourceSlice", ""): Validators(
        cluster_objects.validate_resource_slice, cluster_objects.validate_resource_slice_update
    ),
}


def validators_for(gvk: str, subresource: str) -> Validators:
    return VALIDATORS.get((gvk, subresource), NO_RULES)
