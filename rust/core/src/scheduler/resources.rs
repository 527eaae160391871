//! Amounts of every resource: what a node has, what pods ask for.
//!
//! Invariant: `scalars` is sorted by symbol and holds each at most once; sums saturate.
//! Not here: how a pod's containers add up (see `requests`).

use super::interner::{Interner, Symbol};
use super::quantity;
use super::SchedulerError;
use std::collections::BTreeMap;

/// cpu in thousandths; memory and ephemeral storage in bytes; the rest in whole units by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Resources {
    pub milli_cpu: i64,
    pub memory_bytes: i64,
    pub ephemeral_storage_bytes: i64,
    pub pods: i64,
    pub scalars: Vec<(Symbol, i64)>,
}

/// Which resource, without its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResourceKey {
    Cpu,
    Memory,
    EphemeralStorage,
    Scalar(Symbol),
}

impl ResourceKey {
    pub fn of(name: &str, symbols: &mut Interner) -> ResourceKey {
        match name {
            "cpu" => ResourceKey::Cpu,
            "memory" => ResourceKey::Memory,
            "ephemeral-storage" => ResourceKey::EphemeralStorage,
            _ => ResourceKey::Scalar(symbols.intern(name)),
        }
    }

    /// cpu, memory and ephemeral storage: counted even for pods that do not name them.
    pub fn is_native(self) -> bool {
        !matches!(self, ResourceKey::Scalar(_))
    }
}

impl Resources {
    /// Becomes what the other is; keeps its own allocation.
    pub fn copy_from(&mut self, other: &Resources) {
        self.scalars.clone_from(&other.scalars);
        let scalars = std::mem::take(&mut self.scalars);
        *self = Resources { scalars, ..*other };
    }

    /// The amount of a resource, 0 for one that is not there.
    #[inline]
    pub fn get(&self, resource: ResourceKey) -> i64 {
        match resource {
            ResourceKey::Cpu => self.milli_cpu,
            ResourceKey::Memory => self.memory_bytes,
            ResourceKey::EphemeralStorage => self.ephemeral_storage_bytes,
            ResourceKey::Scalar(name) => self.scalar(name),
        }
    }

    /// Reads a resource list; `owner` names the object in the error.
    pub fn parse(
        list: &BTreeMap<String, super::manifest::QuantityText>,
        symbols: &mut Interner,
        owner: &str,
    ) -> Result<Resources, SchedulerError> {
        let mut resources = Resources::default();
        for (name, text) in list {
            let parsed =
                if name == "cpu" { quantity::milli_value(&text.0) } else { quantity::value(&text.0) };
            let amount = parsed.ok_or_else(|| {
                SchedulerError::Decode(format!("{owner}: {name}: \"{}\" is not a quantity", text.0))
            })?;
            match name.as_str() {
                "cpu" => resources.milli_cpu = amount,
                "memory" => resources.memory_bytes = amount,
                "ephemeral-storage" => resources.ephemeral_storage_bytes = amount,
                "pods" => resources.pods = amount,
                _ if is_scalar(name) => resources.set_scalar(symbols.intern(name), amount),
                _ => {}
            }
        }
        Ok(resources)
    }

    pub fn scalar(&self, name: Symbol) -> i64 {
        self.scalars.binary_search_by_key(&name, |s| s.0).map_or(0, |at| self.scalars[at].1)
    }

    pub fn set_scalar(&mut self, name: Symbol, amount: i64) {
        match self.scalars.binary_search_by_key(&name, |s| s.0) {
            Ok(at) => self.scalars[at].1 = amount,
            Err(at) => self.scalars.insert(at, (name, amount)),
        }
    }

    pub fn add(&mut self, other: &Resources) {
        self.combine(other, i64::saturating_add);
    }

    pub fn subtract(&mut self, other: &Resources) {
        self.combine(other, i64::saturating_sub);
    }

    /// Keeps the larger of each.
    pub fn raise_to(&mut self, other: &Resources) {
        self.combine(other, i64::max);
    }

    fn combine(&mut self, other: &Resources, with: fn(i64, i64) -> i64) {
        self.milli_cpu = with(self.milli_cpu, other.milli_cpu);
        self.memory_bytes = with(self.memory_bytes, other.memory_bytes);
        self.ephemeral_storage_bytes = with(self.ephemeral_storage_bytes, other.ephemeral_storage_bytes);
        for (name, amount) in &other.scalars {
            self.set_scalar(*name, with(self.scalar(*name), *amount));
        }
    }
}

/// Resources beside the four native ones that the scheduler counts: extended, huge pages, attachable volumes.
fn is_scalar(name: &str) -> bool {
    name.starts_with("hugepages-")
        || name.starts_with("attachable-volumes-")
        || name.contains("kubernetes.io/")
        || (name.contains('/') && !name.starts_with("requests."))
}
