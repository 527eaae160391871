//! Runs the scripts of `tests/scripts/scheduler` on the core; the grammar is in the README beside them.
//!
//! Invariant: it formats answers exactly as `tests/contract/scheduler/scheduler_script.py` does.

use std::path::PathBuf;

use pyk8s_core::scheduler::{Decision, Outcome, SchedulerEngine};
use serde_json::{json, Map, Value};

const START_S: f64 = 1000.0;

struct Script {
    engine: SchedulerEngine,
    now_s: f64,
}

impl Script {
    fn new() -> Self {
        let mut engine = SchedulerEngine::new(b"", 0, true).expect("the defaults");
        engine.advance(START_S);
        Script { engine, now_s: START_S }
    }

    fn answer(&mut self, line: &str) -> String {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if let Some(at) = words.iter().position(|w| w.starts_with('@')) {
            self.now_s = words.remove(at)[1..].parse().expect("a time");
        }
        let name = words.get(1).copied().unwrap_or_default();
        let pairs: Vec<(&str, &str)> = words.iter().skip(2).filter_map(|w| w.split_once('=')).collect();
        match words[0] {
            "node" => self.engine.set_node(&node(name, &pairs)).expect("a node"),
            "remove-node" => self.engine.remove_node(name),
            "pod" => self.engine.set_pod(&pod(name, &pairs)).expect("a pod"),
            "remove-pod" => self.engine.remove_pod(&format!("default/{name}")),
            "class" => self.set("StorageClass", &class(name, &pairs)),
            "volume" => self.set("PersistentVolume", &volume(name, &pairs)),
            "claim" => self.set("PersistentVolumeClaim", &claim(name, &pairs)),
            "advance" => self.engine.advance(self.now_s),
            "forget" => {
                let is_known = self.engine.forget(&format!("default/{name}"));
                return if is_known { "yes" } else { "no" }.to_owned();
            }
            "schedule" => {
                return self.engine.schedule_one(self.now_s).map_or("none".to_owned(), |d| told(&d))
            }
            "schedule-all" => {
                let decisions = self.engine.schedule(self.now_s, 1000);
                return decisions.iter().map(told).collect::<Vec<_>>().join("; ");
            }
            "deadline" => return self.engine.next_deadline_s().map_or("none".to_owned(), |s| s.to_string()),
            "counts" => return self.counts(),
            other => panic!("no command {other}"),
        }
        String::new()
    }

    fn set(&mut self, kind: &str, object: &Value) {
        self.engine.set_object(kind, object.to_string().as_bytes()).expect("an object");
    }

    fn counts(&self) -> String {
        let queue = self.engine.counts();
        let (nodes, bound, assumed) =
            (self.engine.node_count(), self.engine.bound_count(), self.engine.assumed_count());
        format!(
            "active={} backoff={} unschedulable={} gated={} nodes={nodes} bound={bound} assumed={assumed}",
            queue.active, queue.backoff, queue.unschedulable, queue.gated
        )
    }
}

fn told(decision: &Decision) -> String {
    let (name, message) = (&decision.pod.name, &decision.message);
    match decision.outcome {
        Outcome::Scheduled => format!("{name} on {}", decision.node_name),
        Outcome::Skipped => format!("{name} skipped {message}"),
        Outcome::Error => format!("{name} error {message}"),
        Outcome::Unschedulable => format!("{name} unschedulable [{}] {message}", decision.plugins.join(" ")),
    }
}

fn node(name: &str, pairs: &[(&str, &str)]) -> Vec<u8> {
    let (mut labels, mut taints, mut is_unschedulable) = (Map::new(), Vec::new(), false);
    let mut allocatable: Map<String, Value> = [("cpu", "8"), ("memory", "32Gi"), ("pods", "110")]
        .map(|(k, v)| (k.to_owned(), json!(v)))
        .into_iter()
        .collect();
    for (key, value) in pairs {
        match *key {
            "zone" => drop(labels.insert("topology.kubernetes.io/zone".to_owned(), json!(value))),
            "unschedulable" => is_unschedulable = true,
            "taint" => {
                let parts: Vec<&str> = value.split(':').collect();
                taints.push(json!({"key": parts[0], "value": parts[1], "effect": parts[2]}));
            }
            _ => match key.strip_prefix("label.") {
                Some(label) => drop(labels.insert(label.to_owned(), json!(value))),
                None => drop(allocatable.insert((*key).to_owned(), json!(value))),
            },
        }
    }
    let spec = json!({"unschedulable": is_unschedulable, "taints": taints});
    let status = json!({"allocatable": allocatable});
    json!({"metadata": {"name": name, "labels": labels}, "spec": spec, "status": status})
        .to_string()
        .into_bytes()
}

fn pod(name: &str, pairs: &[(&str, &str)]) -> Vec<u8> {
    let (mut metadata, mut status) = (json!({"name": name, "namespace": "default"}), json!({}));
    let mut spec = json!({"tolerations": [], "schedulingGates": [], "nodeSelector": {}});
    let (mut requests, mut ports, mut preferred) = (Map::new(), Vec::new(), Vec::new());
    let mut affinity = json!({});
    let (mut labels, mut spreads) = (json!({}), Vec::new());
    let mut volumes = Vec::new();
    let push = |list: &mut Value, item: Value| list.as_array_mut().expect("a list").push(item);
    for (key, value) in pairs {
        match *key {
            "node" => spec["nodeName"] = json!(value),
            "priority" => spec["priority"] = json!(value.parse::<i32>().expect("a priority")),
            "port" => ports.push(json!({"hostPort": value.parse::<i64>().expect("a port")})),
            "tolerate" => {
                let (tolerated, effect) = value.split_once(':').expect("KEY:EFFECT");
                let toleration = json!({"key": tolerated, "operator": "Exists", "effect": effect});
                push(&mut spec["tolerations"], toleration);
            }
            "gate" => push(&mut spec["schedulingGates"], json!({"name": value})),
            "deleted" => metadata["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
            "phase" => status["phase"] = json!(value),
            "claim" => volumes.push(json!({"name": value, "persistentVolumeClaim": {"claimName": value}})),
            _ => {
                if let Some(label) = key.strip_prefix("select.") {
                    spec["nodeSelector"][label] = json!(value);
                } else if let Some(label) = key.strip_prefix("prefer.") {
                    let term =
                        json!({"matchExpressions": [{"key": label, "operator": "In", "values": [value]}]});
                    preferred.push(json!({"weight": 1, "preference": term}));
                } else if let Some(label) = key.strip_prefix("label.") {
                    labels[label] = json!(value);
                } else if let Some(topology) = key.strip_prefix("spread.") {
                    let (skew, selected) = value.split_once(':').expect("SKEW:KEY:VALUE");
                    let mut constraint = matching(topology, selected);
                    constraint["maxSkew"] = json!(skew.parse::<i64>().expect("a skew"));
                    constraint["whenUnsatisfiable"] = json!("DoNotSchedule");
                    spreads.push(constraint);
                } else if let Some(topology) = key.strip_prefix("near.") {
                    affinity["podAffinity"] = required(matching(topology, value));
                } else if let Some(topology) = key.strip_prefix("apart.") {
                    affinity["podAntiAffinity"] = required(matching(topology, value));
                } else {
                    requests.insert((*key).to_owned(), json!(value));
                }
            }
        }
    }
    spec["containers"] = json!([{"name": "c", "resources": {"requests": requests}, "ports": ports}]);
    affinity["nodeAffinity"] = json!({"preferredDuringSchedulingIgnoredDuringExecution": preferred});
    (spec["affinity"], spec["topologySpreadConstraints"]) = (affinity, json!(spreads));
    (metadata["labels"], spec["volumes"]) = (labels, json!(volumes));
    json!({"metadata": metadata, "spec": spec, "status": status}).to_string().into_bytes()
}

fn required(term: Value) -> Value {
    json!({"requiredDuringSchedulingIgnoredDuringExecution": [term]})
}

/// A topology and `KEY:VALUE` as a topology key and a label selector.
fn matching(topology: &str, selected: &str) -> Value {
    let key = if topology == "zone" { "topology.kubernetes.io/zone" } else { topology };
    let (label, value) = selected.split_once(':').expect("KEY:VALUE");
    json!({"topologyKey": key, "labelSelector": {"matchLabels": {label: value}}})
}

fn class(name: &str, pairs: &[(&str, &str)]) -> Value {
    let provisioner = value_of(pairs, "provisioner", "kubernetes.io/no-provisioner");
    let mode = value_of(pairs, "mode", "WaitForFirstConsumer");
    json!({"metadata": {"name": name}, "provisioner": provisioner, "volumeBindingMode": mode})
}

fn volume(name: &str, pairs: &[(&str, &str)]) -> Value {
    let capacity = json!({"storage": value_of(pairs, "size", "1Gi")});
    let mut spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "c", "capacity": capacity});
    for (key, value) in pairs {
        match *key {
            "on" => {
                let term =
                    json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [value]}]});
                spec["nodeAffinity"] = json!({"required": {"nodeSelectorTerms": [term]}});
            }
            "claim" => spec["claimRef"] = json!({"namespace": "default", "name": value}),
            _ => {}
        }
    }
    let phase = if spec["claimRef"].is_null() { "Available" } else { "Bound" };
    let zone = value_of(pairs, "zone", "");
    let labels = if zone.is_empty() { json!({}) } else { json!({"topology.kubernetes.io/zone": zone}) };
    json!({"metadata": {"name": name, "labels": labels}, "spec": spec, "status": {"phase": phase}})
}

fn claim(name: &str, pairs: &[(&str, &str)]) -> Value {
    let mode = value_of(pairs, "access", "ReadWriteOnce");
    let requests = json!({"storage": value_of(pairs, "size", "1Gi")});
    let mut spec =
        json!({"accessModes": [mode], "storageClassName": "c", "resources": {"requests": requests}});
    let mut annotations = json!({});
    if let Some((_, volume)) = pairs.iter().find(|(key, _)| *key == "volume") {
        spec["volumeName"] = json!(volume);
        annotations["pv.kubernetes.io/bind-completed"] = json!("yes");
    }
    json!({"metadata": {"name": name, "namespace": "default", "annotations": annotations}, "spec": spec})
}

fn value_of<'a>(pairs: &[(&str, &'a str)], key: &str, otherwise: &'a str) -> &'a str {
    pairs.iter().find(|(k, _)| *k == key).map_or(otherwise, |(_, value)| value)
}

#[test]
fn every_script_comes_out_as_it_says() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts/scheduler");
    let mut checked_count = 0;
    for entry in std::fs::read_dir(folder).expect("the scripts are in the repository") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let mut script = Script::new();
        for (number, line) in std::fs::read_to_string(&path).expect("a script is text").lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (command, expected) = line.split_once(" -> ").map_or((line, None), |(c, e)| (c, Some(e)));
            let outcome = script.answer(command);
            if let Some(expected) = expected {
                assert_eq!(outcome, expected, "{}:{}: {command}", path.display(), number + 1);
                checked_count += 1;
            }
        }
    }
    assert!(checked_count > 50, "only {checked_count} outcomes were checked");
}
