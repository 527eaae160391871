//! Compiled configurations: profiles with their plugins by extension point, weights and arguments.
//!
//! Invariant: every point of a profile has a list; the score plugins have a weight of at least 1.
//! Not here: KubeSchedulerConfiguration files (see `pyk8s.scheduler.configuration`), what the arguments mean (each
//! plugin).

use super::SchedulerError;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value};

pub const POINTS: [&str; 12] = [
    "preEnqueue",
    "queueSort",
    "preFilter",
    "filter",
    "postFilter",
    "preScore",
    "score",
    "reserve",
    "permit",
    "preBind",
    "bind",
    "postBind",
];

const PRE_FILTERS: [&str; 11] = [
    "NodeAffinity",
    "NodePorts",
    "NodeResourcesFit",
    "VolumeRestrictions",
    "NodeVolumeLimits",
    "VolumeBinding",
    "VolumeZone",
    "PodTopologySpread",
    "InterPodAffinity",
    "DynamicResources",
    "NodeDeclaredFeatures",
];

const FILTERS_BEFORE: [&str; 3] = ["NodeUnschedulable", "NodeName", "TaintToleration"];

const PRE_SCORES: [&str; 7] = [
    "TaintToleration",
    "NodeAffinity",
    "NodeResourcesFit",
    "VolumeBinding",
    "PodTopologySpread",
    "InterPodAffinity",
    "NodeResourcesBalancedAllocation",
];

const SCORES: [&str; 9] = [
    "TaintToleration",
    "NodeAffinity",
    "NodeResourcesFit",
    "VolumeBinding",
    "PodTopologySpread",
    "InterPodAffinity",
    "DynamicResources",
    "NodeResourcesBalancedAllocation",
    "ImageLocality",
];

/// The plugin of v1.36 that is named nowhere by default.
const GANG: &str = "GangScheduling";

/// True for the plugins of v1.36 that the engine knows by name.
pub fn is_in_tree(name: &str) -> bool {
    name == GANG || POINTS.iter().any(|point| default_plugins(point).iter().any(|known| known == name))
}

/// Looks at every node.
const ALL_NODES: usize = 100;

/// kube-scheduler v1.36's default weight.
fn default_weight(name: &str) -> i64 {
    match name {
        "TaintToleration" => 3,
        "NodeAffinity" | "PodTopologySpread" | "InterPodAffinity" | "DynamicResources" => 2,
        _ => 1,
    }
}

/// kube-scheduler v1.36's default plugins of one point.
fn default_plugins(point: &str) -> Vec<String> {
    let names: Vec<&str> = match point {
        "preEnqueue" => vec!["SchedulingGates", "DynamicResources", "DefaultPreemption"],
        "queueSort" => vec!["PrioritySort"],
        "preFilter" => PRE_FILTERS.to_vec(),
        "filter" => [&FILTERS_BEFORE[..], &PRE_FILTERS[..]].concat(),
        "postFilter" => vec!["DynamicResources", "DefaultPreemption"],
        "preScore" => PRE_SCORES.to_vec(),
        "score" => SCORES.to_vec(),
        "reserve" | "preBind" => vec!["VolumeBinding", "DynamicResources"],
        "bind" => vec!["DefaultBinder"],
        _ => Vec::new(),
    };
    names.into_iter().map(str::to_owned).collect()
}

#[derive(Clone, Debug)]
pub struct Profile {
    pub scheduler_name: String,
    /// percentageOfNodesToScore: 100 looks at every node, 0 is adaptive.
    pub percentage: usize,
    pub points: FxHashMap<&'static str, Vec<String>>,
    pub weights: FxHashMap<String, i64>,
    /// pluginConfig by plugin.
    pub args: FxHashMap<String, Value>,
    pub gates: FxHashMap<String, bool>,
}

impl Profile {
    /// Every plugin once: in Filter's order first, for that is the order in which refusals are told.
    pub fn plugin_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in std::iter::once("filter").chain(POINTS).flat_map(|point| &self.points[point]) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    fn parse(
        manifest: &Map<String, Value>,
        gates: &FxHashMap<String, bool>,
        path: &str,
    ) -> Result<Profile, SchedulerError> {
        let mut points: FxHashMap<&'static str, Vec<String>> =
            POINTS.into_iter().map(|point| (point, default_plugins(point))).collect();
        let mut weights = FxHashMap::default();
        for (given, entries) in object_at(manifest, "plugins", path)? {
            let path = format!("{path}.plugins.{given}");
            let Some(point) = POINTS.into_iter().find(|p| p == given) else {
                let known = POINTS.join(", ");
                return Err(wrong(format!("{path}: unknown extension point, one of {known} is needed")));
            };
            let entries = entries.as_array().ok_or_else(|| wrong_type(&path))?;
            let mut names = Vec::new();
            for entry in entries {
                let name = if point == "score" {
                    let (name, weight) = scored(entry, &path)?;
                    weights.insert(name.clone(), weight);
                    name
                } else {
                    entry.as_str().ok_or_else(|| wrong_type(&path))?.to_owned()
                };
                if point != "score" || !names.contains(&name) {
                    names.push(name);
                }
            }
            points.insert(point, names);
        }
        for name in &points["score"] {
            weights.entry(name.clone()).or_insert_with(|| default_weight(name));
        }
        let percentage = match manifest.get("percentageOfNodesToScore") {
            None => ALL_NODES,
            Some(value) => {
                integer(value).ok_or_else(|| wrong_type(&format!("{path}.percentageOfNodesToScore")))?
            }
        };
        let scheduler_name = match manifest.get("schedulerName") {
            None | Some(Value::Null) => String::new(),
            Some(value) => {
                value.as_str().ok_or_else(|| wrong_type(&format!("{path}.schedulerName")))?.to_owned()
            }
        };
        let args = object_at(manifest, "pluginConfig", path)?;
        Ok(Profile {
            scheduler_name: if scheduler_name.is_empty() {
                "default-scheduler".to_owned()
            } else {
                scheduler_name
            },
            percentage,
            points,
            weights,
            args: args.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            gates: gates.clone(),
        })
    }
}

#[derive(Clone, Debug)]
pub struct Config {
    pub profiles: Vec<Profile>,
    pub initial_backoff_s: f64,
    pub max_backoff_s: f64,
}

impl Config {
    /// Reads a compiled configuration; nothing gives the defaults. The error names the field.
    pub fn parse(text: &[u8]) -> Result<Config, SchedulerError> {
        let text = if text.is_empty() { &b"{}"[..] } else { text };
        let parsed: Value =
            serde_json::from_slice(text).map_err(|_| wrong("configuration: not JSON".into()))?;
        let manifest = parsed.as_object().ok_or_else(|| wrong_type("configuration"))?;
        let gates: FxHashMap<String, bool> = match manifest.get("featureGates") {
            None | Some(Value::Null) => FxHashMap::default(),
            Some(Value::Object(gates)) => {
                gates.iter().map(|(name, on)| (name.clone(), on.as_bool().unwrap_or(false))).collect()
            }
            Some(_) => return Err(wrong_type("featureGates")),
        };
        let default = vec![Value::Object(Map::new())];
        let listed = match manifest.get("profiles") {
            None | Some(Value::Null) => &default,
            Some(Value::Array(profiles)) if profiles.is_empty() => &default,
            Some(Value::Array(profiles)) => profiles,
            Some(_) => return Err(wrong_type("profiles")),
        };
        let mut profiles: Vec<Profile> = Vec::new();
        for (i, profile) in listed.iter().enumerate() {
            let path = format!("profiles[{i}]");
            let profile = profile.as_object().ok_or_else(|| wrong_type(&path))?;
            profiles.push(Profile::parse(profile, &gates, &path)?);
        }
        for (i, profile) in profiles.iter().enumerate() {
            let name = &profile.scheduler_name;
            if profiles[..i].iter().any(|before| before.scheduler_name == *name) {
                return Err(wrong(format!("profiles[{i}].schedulerName: \"{name}\" is there twice")));
            }
        }
        let seconds = |key: &str, default: f64| match manifest.get(key) {
            None => Ok(default),
            Some(value) => value.as_f64().ok_or_else(|| wrong_type(key)),
        };
        let initial_backoff_s = seconds("podInitialBackoffSeconds", 1.0)?;
        let max_backoff_s = seconds("podMaxBackoffSeconds", 10.0)?;
        Ok(Config { profiles, initial_backoff_s, max_backoff_s })
    }
}

fn scored(entry: &Value, path: &str) -> Result<(String, i64), SchedulerError> {
    let entry = entry.as_object().ok_or_else(|| wrong_type(path))?;
    let name = entry.get("name").and_then(Value::as_str);
    let name = name.ok_or_else(|| wrong_type(&format!("{path}.name")))?;
    let weight = match entry.get("weight") {
        None => 1,
        Some(value) => value.as_i64().ok_or_else(|| wrong_type(&format!("{path}.weight")))?,
    };
    if weight < 1 {
        return Err(wrong(format!("{path}.weight: must be at least 1")));
    }
    Ok((name.to_owned(), weight))
}

fn object_at<'a>(
    manifest: &'a Map<String, Value>,
    key: &str,
    path: &str,
) -> Result<Vec<(&'a String, &'a Value)>, SchedulerError> {
    match manifest.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Object(fields)) => Ok(fields.iter().collect()),
        Some(_) => Err(wrong_type(&format!("{path}.{key}"))),
    }
}

fn integer(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok())
}

fn wrong_type(path: &str) -> SchedulerError {
    wrong(format!("{path}: has the wrong type"))
}

fn wrong(text: String) -> SchedulerError {
    SchedulerError::Decode(text)
}
