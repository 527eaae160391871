//! What a pod's containers ask for together, as the scheduler and the kubelet count it.
//!
//! Invariant: sums over running containers, the largest over containers that run one after the other.
//! Not here: overhead and pod-level resources (the scheduler adds them).

use std::collections::BTreeMap;

use super::json::{Map, Value};
use super::quantity::Quantity;

type Amounts = BTreeMap<String, Quantity>;

/// The requests of all containers of a pod's spec.
pub fn container_requests(spec: &Map) -> Map {
    aggregated(spec, "requests")
}

/// The limits of all containers of a pod's spec.
pub fn container_limits(spec: &Map) -> Map {
    aggregated(spec, "limits")
}

fn aggregated(spec: &Map, field: &str) -> Map {
    let mut total = Amounts::new();
    for container in items(spec, "containers") {
        add(&mut total, &amounts(container, field));
    }
    let (mut sidecars, mut initial) = (Amounts::new(), Amounts::new());
    for container in items(spec, "initContainers") {
        let mut own = amounts(container, field);
        if container.get("restartPolicy").and_then(Value::as_str) == Some("Always") {
            add(&mut total, &own);
            add(&mut sidecars, &own);
            own = sidecars.clone();
        } else {
            add(&mut own, &sidecars);
        }
        raise(&mut initial, &own);
    }
    raise(&mut total, &initial);
    total.into_iter().map(|(name, amount)| (name, amount.to_string().into())).collect()
}

fn items<'s>(spec: &'s Map, field: &str) -> impl Iterator<Item = &'s Value> {
    spec.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn amounts(container: &Value, field: &str) -> Amounts {
    let list =
        container.get("resources").and_then(|resources| resources.get(field)).and_then(Value::as_object);
    let parsed = list.into_iter().flatten().map(|(name, value)| (name, value.as_str().map(Quantity::parse)));
    parsed.filter_map(|(name, quantity)| Some((name.clone(), quantity?.ok()?))).collect()
}

fn add(total: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = total.get(name).map_or_else(|| amount.clone(), |before| before.plus(amount));
        total.insert(name.clone(), sum);
    }
}

fn raise(highest: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        if highest.get(name).is_none_or(|before| before < amount) {
            highest.insert(name.clone(), amount.clone());
        }
    }
}
