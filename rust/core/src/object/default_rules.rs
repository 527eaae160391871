//! The defaulting rules that no table can say: each a few lines, named in the program as `{"do": NAME}`.
//!
//! Invariant: as all defaults, a rule only fills what is unset; but `round-quantities` and `string-data` rewrite.
//! Not here: walking to the object a rule is for (see `default`).

use super::base64;
use super::default::is_empty;
use super::image::pull_policy;
use super::json::{Map, Value};
use super::message::Message;
use super::pod_resources::{container_limits, container_requests};
use super::quantity::Quantity;

/// The finest amount a resource list keeps.
const MILLI: i32 = -3;
const NAMESPACE_LABEL: &str = "kubernetes.io/metadata.name";

#[derive(Debug)]
pub enum Rule {
    RoundQuantities,
    FillQuantities { from: String, to: String },
    PullPolicy { image: String, policy: String },
    EmptyDir,
    TargetPort,
    IpMode,
    HostPort,
    PodLevelLimits,
    PodLevelRequests,
    NamespaceLabel,
    StringData,
    StoredVersions,
    SingularName,
    ListKind,
}

impl Rule {
    pub fn compile(name: &str, entry: &Value) -> Rule {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_string();
        match name {
            "round-quantities" => Rule::RoundQuantities,
            "fill-quantities" => Rule::FillQuantities { from: text("from"), to: text("to") },
            "requests-from-limits" => Rule::FillQuantities { from: "limits".into(), to: "requests".into() },
            "pull-policy" => Rule::PullPolicy { image: text("image"), policy: text("policy") },
            "empty-dir" => Rule::EmptyDir,
            "target-port" => Rule::TargetPort,
            "ip-mode" => Rule::IpMode,
            "host-port" => Rule::HostPort,
            "pod-level-limits" => Rule::PodLevelLimits,
            "pod-level-requests" => Rule::PodLevelRequests,
            "namespace-label" => Rule::NamespaceLabel,
            "string-data" => Rule::StringData,
            "stored-versions" => Rule::StoredVersions,
            "singular-name" => Rule::SingularName,
            "list-kind" => Rule::ListKind,
            _ => unreachable!("the defaults table names a rule that does not exist: {name}"),
        }
    }

    /// Apply the rule to one object; `message` is None when that is a resource list.
    pub fn run(&self, message: Option<&Message>, object: &mut Map) {
        if let Rule::RoundQuantities = self {
            return round_quantities(object);
        }
        let Some(message) = message else { return };
        let filled = match self {
            Rule::RoundQuantities => None,
            Rule::FillQuantities { from, to } => {
                let missing = missing(object.get(from), object.get(to), |_| true);
                return fill(message, object, to, missing);
            }
            Rule::PullPolicy { image, policy } => {
                Some((policy.as_str(), pull_policy(text(object, image)).into()))
            }
            Rule::EmptyDir if object.keys().all(|key| key == "name") => {
                Some(("emptyDir", Value::Object(Map::default())))
            }
            Rule::EmptyDir => None,
            Rule::TargetPort => object.get("port").map(|port| ("targetPort", port.clone())),
            Rule::IpMode if is_filled(object, "ip") => Some(("ipMode", "VIP".into())),
            Rule::IpMode => None,
            Rule::HostPort => object.get("containerPort").map(|port| ("hostPort", port.clone())),
            Rule::PodLevelLimits => return pod_level_limits(object),
            Rule::PodLevelRequests => return pod_level_requests(object),
            Rule::NamespaceLabel => return namespace_label(message, object),
            Rule::StringData => return string_data(message, object),
            Rule::StoredVersions => return stored_versions(object),
            Rule::SingularName => Some(("singular", text(object, "kind").to_lowercase().into())),
            Rule::ListKind if is_filled(object, "kind") => {
                Some(("listKind", format!("{}List", text(object, "kind")).into()))
            }
            Rule::ListKind => None,
        };
        if let Some((field, value)) = filled {
            if !is_filled(object, field) {
                message.insert(object, field, value);
            }
        }
    }
}

fn text<'o>(object: &'o Map, field: &str) -> &'o str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn is_filled(object: &Map, field: &str) -> bool {
    object.get(field).is_some_and(|value| !is_empty(value))
}

fn round_quantities(list: &mut Map) {
    for value in list.values_mut() {
        let Some(text) = value.as_str() else { continue };
        // Canonical text is finer than a thousandth only with one of these suffixes.
        if !text.ends_with(['n', 'u']) && !text.contains("e-") {
            continue;
        }
        if let Ok(mut quantity) = Quantity::parse(text) {
            quantity.round_up(MILLI);
            *value = quantity.to_string().into();
        }
    }
}

/// The entries of `source` that `target` lacks.
fn missing(
    source: Option<&Value>,
    target: Option<&Value>,
    is_wanted: fn(&str) -> bool,
) -> Vec<(String, Value)> {
    let source = source.and_then(Value::as_object).into_iter().flatten();
    let target = target.and_then(Value::as_object);
    let is_missing = |name: &str| target.is_none_or(|target| !target.contains_key(name));
    source
        .filter(|(name, _)| is_wanted(name) && is_missing(name))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect()
}

/// Add entries to a resource list, which stays sorted and is created if there is something to add.
fn fill(message: &Message, object: &mut Map, field: &str, entries: Vec<(String, Value)>) {
    if entries.is_empty() {
        return;
    }
    if !is_filled(object, field) {
        message.insert(object, field, Value::Object(Map::default()));
    }
    add(object.get_mut(field), entries);
}

fn add(list: Option<&mut Value>, entries: Vec<(String, Value)>) {
    if let Some(list) = list.and_then(Value::as_object_mut) {
        list.extend(entries);
        list.sort_unstable_keys();
    }
}

fn is_pod_level(name: &str) -> bool {
    matches!(name, "cpu" | "memory") || is_huge_page(name)
}

fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// `spec.resources.limits` takes huge pages from the containers when the pod says anything about resources.
fn pod_level_limits(spec: &mut Map) {
    let Some(resources) = spec.get("resources").and_then(Value::as_object) else { return };
    if !is_filled(resources, "limits") && !is_filled(resources, "requests") {
        return;
    }
    let aggregated = Value::Object(container_limits(spec));
    let mut entries = missing(Some(&aggregated), resources.get("limits"), is_huge_page);
    let requests = resources.get("requests").and_then(Value::as_object);
    entries.retain(|(name, _)| requests.is_none_or(|requests| !requests.contains_key(name)));
    fill_pod_level(spec, "limits", entries);
}

/// `spec.resources.requests` takes cpu and memory from the containers, and what is still missing from the limits.
fn pod_level_requests(spec: &mut Map) {
    let Some(resources) = spec.get("resources").and_then(Value::as_object) else { return };
    if !is_filled(resources, "limits") {
        return;
    }
    let aggregated = Value::Object(container_requests(spec));
    let from_containers =
        missing(Some(&aggregated), resources.get("requests"), |name| matches!(name, "cpu" | "memory"));
    let mut entries = missing(resources.get("limits"), resources.get("requests"), is_pod_level);
    entries.retain(|(name, _)| from_containers.iter().all(|(taken, _)| taken != name));
    entries.extend(from_containers);
    fill_pod_level(spec, "requests", entries);
}

fn fill_pod_level(spec: &mut Map, field: &str, entries: Vec<(String, Value)>) {
    if entries.is_empty() {
        return;
    }
    if let Some(resources) = spec.get_mut("resources").and_then(Value::as_object_mut) {
        if !is_filled(resources, field) {
            let position = usize::from(field == "requests" && resources.contains_key("limits"));
            resources.shift_remove(field);
            resources.shift_insert(
                position.min(resources.len()),
                field.into(),
                Value::Object(Map::default()),
            );
        }
        add(resources.get_mut(field), entries);
    }
}

fn namespace_label(metadata_message: &Message, metadata: &mut Map) {
    if is_filled(metadata, "name") {
        let name = Value::from(text(metadata, "name"));
        if !is_filled(metadata, "labels") {
            metadata_message.insert(metadata, "labels", Value::Object(Map::default()));
        }
        add(metadata.get_mut("labels"), vec![(NAMESPACE_LABEL.into(), name)]);
    }
}

/// A secret's `stringData` is written into `data`, over what stands there, and not kept.
fn string_data(message: &Message, secret: &mut Map) {
    let Some(Value::Object(strings)) = secret.shift_remove("stringData") else { return };
    if !is_filled(secret, "data") {
        message.insert(secret, "data", Value::Object(Map::default()));
    }
    let encoded = |(key, value): (String, Value)| {
        let text = base64::encode(value.as_str().unwrap_or_default().as_bytes());
        (key, text.into())
    };
    add(secret.get_mut("data"), strings.into_iter().map(encoded).collect());
}

/// A new custom resource definition has stored nothing but its storage version.
fn stored_versions(definition: &mut Map) {
    let versions = definition.get("spec").and_then(|spec| spec.get("versions")).and_then(Value::as_array);
    let storage =
        versions.into_iter().flatten().find(|version| version.get("storage") == Some(&Value::Bool(true)));
    let Some(name) = storage.and_then(|version| version.get("name")).cloned() else { return };
    if let Some(status) = definition.get_mut("status").and_then(Value::as_object_mut) {
        if !is_filled(status, "storedVersions") {
            status.insert("storedVersions".into(), Value::Array(vec![name]));
        }
    }
}
