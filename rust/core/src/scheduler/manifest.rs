//! The parts of Pod and Node JSON that the scheduler reads; everything else is skipped while parsing.
//!
//! Invariant: null and absent mean the same.
//! Not here: what the fields mean (see `pod`, `node`, `requests`).

use serde::de::{Deserializer, Error, IgnoredAny, Visitor};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// A quantity as it was written: a string, or a bare number.
#[derive(Debug, Clone, Default)]
pub struct QuantityText(pub String);

impl<'de> Deserialize<'de> for QuantityText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = QuantityText;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a quantity")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<QuantityText, E> {
                Ok(QuantityText(text.to_owned()))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<QuantityText, E> {
                Ok(QuantityText(number.to_string()))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<QuantityText, E> {
                Ok(QuantityText(number.to_string()))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<QuantityText, E> {
                Ok(QuantityText(number.to_string()))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

pub type ResourceList = BTreeMap<String, QuantityText>;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectMeta {
    pub name: Option<String>,
    pub namespace: Option<String>,
    pub uid: Option<String>,
    pub labels: Option<BTreeMap<String, String>>,
    pub deletion_timestamp: Option<String>,
    pub owner_references: Option<Vec<OwnerReference>>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Pod {
    pub metadata: Option<ObjectMeta>,
    pub spec: Option<PodSpec>,
    pub status: Option<PodStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    pub node_name: Option<String>,
    pub scheduler_name: Option<String>,
    pub priority: Option<i32>,
    pub containers: Option<Vec<Container>>,
    pub init_containers: Option<Vec<Container>>,
    pub resources: Option<Requirements>,
    pub overhead: Option<ResourceList>,
    pub tolerations: Option<Vec<Toleration>>,
    pub node_selector: Option<BTreeMap<String, String>>,
    pub affinity: Option<Affinity>,
    pub scheduling_gates: Option<Vec<SchedulingGate>>,
    pub preemption_policy: Option<String>,
    pub scheduling_group: Option<SchedulingGroup>,
    pub topology_spread_constraints: Option<Vec<TopologySpreadConstraint>>,
    pub volumes: Option<Vec<Volume>>,
    pub resource_claims: Option<Vec<PodClaim>>,
}

/// A volume of a pod, or the spec of a PersistentVolume: both name the same sources.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    pub name: Option<String>,
    pub persistent_volume_claim: Option<ClaimSource>,
    /// Only whether it is there.
    pub ephemeral: Option<IgnoredAny>,
    pub aws_elastic_block_store: Option<DiskSource>,
    pub gce_persistent_disk: Option<DiskSource>,
    pub iscsi: Option<DiskSource>,
    pub rbd: Option<DiskSource>,
    pub azure_disk: Option<DiskSource>,
    pub azure_file: Option<DiskSource>,
    pub cinder: Option<DiskSource>,
    pub vsphere_volume: Option<DiskSource>,
    pub portworx_volume: Option<DiskSource>,
    pub image: Option<ImageSource>,
}

#[derive(Debug, Default, Deserialize)]
pub struct ImageSource {
    pub reference: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimSource {
    pub claim_name: Option<String>,
}

/// What tells in-tree volumes apart, whatever their kind.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiskSource {
    #[serde(rename = "volumeID")]
    pub volume_id: Option<String>,
    pub pd_name: Option<String>,
    #[serde(rename = "diskURI")]
    pub disk_uri: Option<String>,
    pub share_name: Option<String>,
    pub volume_path: Option<String>,
    pub iqn: Option<String>,
    pub pool: Option<String>,
    pub image: Option<String>,
    pub monitors: Option<Vec<String>>,
    pub read_only: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchedulingGroup {
    pub pod_group_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    pub name: Option<String>,
    pub resources: Option<Requirements>,
    pub ports: Option<Vec<ContainerPort>>,
    pub restart_policy: Option<String>,
    pub image: Option<String>,
    pub restart_policy_rules: Option<Vec<RestartRule>>,
}

#[derive(Debug, Default, Deserialize)]
pub struct RestartRule {
    pub action: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Requirements {
    pub requests: Option<ResourceList>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerPort {
    pub host_port: Option<i64>,
    #[serde(rename = "hostIP")]
    pub host_ip: Option<String>,
    pub protocol: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Toleration {
    pub key: Option<String>,
    pub operator: Option<String>,
    pub value: Option<String>,
    pub effect: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub struct SchedulingGate {
    pub name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Affinity {
    pub node_affinity: Option<NodeAffinity>,
    pub pod_affinity: Option<PodAffinity>,
    pub pod_anti_affinity: Option<PodAffinity>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeAffinity {
    pub required_during_scheduling_ignored_during_execution: Option<NodeSelector>,
    pub preferred_during_scheduling_ignored_during_execution: Option<Vec<PreferredTerm>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSelector {
    pub node_selector_terms: Option<Vec<NodeSelectorTerm>>,
}

#[derive(Debug, Default, Deserialize)]
pub struct PreferredTerm {
    pub weight: Option<i64>,
    pub preference: Option<NodeSelectorTerm>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSelectorTerm {
    pub match_expressions: Option<Vec<NodeSelectorRequirement>>,
    pub match_fields: Option<Vec<NodeSelectorRequirement>>,
}

#[derive(Debug, Default, Deserialize)]
pub struct NodeSelectorRequirement {
    pub key: Option<String>,
    pub operator: Option<String>,
    pub values: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerReference {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub name: Option<String>,
    pub controller: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    pub match_labels: Option<BTreeMap<String, String>>,
    pub match_expressions: Option<Vec<NodeSelectorRequirement>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopologySpreadConstraint {
    pub topology_key: Option<String>,
    pub max_skew: Option<i64>,
    pub when_unsatisfiable: Option<String>,
    pub label_selector: Option<LabelSelector>,
    pub match_label_keys: Option<Vec<String>>,
    pub min_domains: Option<i64>,
    pub node_affinity_policy: Option<String>,
    pub node_taints_policy: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodAffinity {
    pub required_during_scheduling_ignored_during_execution: Option<Vec<PodAffinityTerm>>,
    pub preferred_during_scheduling_ignored_during_execution: Option<Vec<WeightedPodAffinityTerm>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WeightedPodAffinityTerm {
    pub weight: Option<i64>,
    pub pod_affinity_term: Option<PodAffinityTerm>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodAffinityTerm {
    pub topology_key: Option<String>,
    pub label_selector: Option<LabelSelector>,
    pub namespaces: Option<Vec<String>>,
    pub namespace_selector: Option<LabelSelector>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodClaim {
    pub name: Option<String>,
    pub resource_claim_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    pub resource_claim_statuses: Option<Vec<PodClaim>>,
    pub phase: Option<String>,
    pub nominated_node_name: Option<String>,
    pub start_time: Option<String>,
    pub conditions: Option<Vec<Condition>>,
    pub container_statuses: Option<Vec<ContainerStatus>>,
    pub init_container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Condition {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub status: Option<String>,
    pub reason: Option<String>,
}

impl Condition {
    /// The scheduler has chosen the pod as a victim.
    pub fn is_preemption(&self) -> bool {
        let parts = [&self.kind, &self.status, &self.reason].map(Option::as_deref);
        parts == [Some("DisruptionTarget"), Some("True"), Some("PreemptionByScheduler")]
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStatus {
    pub name: Option<String>,
    pub allocated_resources: Option<ResourceList>,
    pub resources: Option<Requirements>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Node {
    pub metadata: Option<ObjectMeta>,
    pub spec: Option<NodeSpec>,
    pub status: Option<NodeStatus>,
}

#[derive(Debug, Default, Deserialize)]
pub struct NodeSpec {
    pub unschedulable: Option<bool>,
    pub taints: Option<Vec<Taint>>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Taint {
    pub key: Option<String>,
    pub value: Option<String>,
    pub effect: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    pub allocatable: Option<ResourceList>,
    pub images: Option<Vec<NodeImage>>,
    pub declared_features: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeImage {
    pub names: Option<Vec<String>>,
    pub size_bytes: Option<i64>,
}
