//! Features that a pod needs its node to declare, as its spec shows them.
//!
//! Not here: comparing them with what nodes declare (see `plugins::node_declared_features`).

use super::interner::{Interner, Symbol};
use super::manifest;

const RESTART_ALL: &str = "RestartAllContainersOnContainerExits";

/// The needed features. GuaranteedQoSPodCPUResize concerns only resizes of pods that are on a node already.
pub fn inferred_features(spec: &manifest::PodSpec, symbols: &mut Interner) -> Vec<Symbol> {
    let containers = spec.init_containers.iter().flatten().chain(spec.containers.iter().flatten());
    let mut rules = containers.flat_map(|c| c.restart_policy_rules.iter().flatten());
    let restarts_all = rules.any(|rule| rule.action.as_deref() == Some("RestartAllContainers"));
    restarts_all.then(|| symbols.intern(RESTART_ALL)).into_iter().collect()
}
