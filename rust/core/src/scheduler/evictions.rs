//! Evictions under way: which pods wait until the scheduler's victims have been told to leave.
//!
//! Invariant: a preemptor waits for at least one victim, and a victim is waited for by the preemptors that name it.
//! Not here: who becomes a victim (see `preemption`), the resources that a leaving victim still holds (see `cache`).

use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

type Waits = FxHashMap<Arc<str>, FxHashSet<Arc<str>>>;

#[derive(Debug, Default)]
pub struct Evictions {
    victims: Waits,
    preemptors: Waits,
}

impl Evictions {
    /// The preemptor waits for these victims, and for no others from now on.
    pub fn begin(&mut self, preemptor: &Arc<str>, victims: impl Iterator<Item = Arc<str>>) {
        self.end(preemptor);
        for victim in victims {
            self.victims.entry(preemptor.clone()).or_default().insert(victim.clone());
            self.preemptors.entry(victim).or_default().insert(preemptor.clone());
        }
    }

    pub fn is_waiting(&self, preemptor: &str) -> bool {
        self.victims.contains_key(preemptor)
    }

    /// The victim is leaving, or gone.
    pub fn seen(&mut self, victim: &str) {
        for preemptor in self.preemptors.remove(victim).into_iter().flatten() {
            take_out(&mut self.victims, &preemptor, victim);
        }
    }

    /// The preemptor waits no more. False when it did not.
    pub fn end(&mut self, preemptor: &str) -> bool {
        let Some(victims) = self.victims.remove(preemptor) else { return false };
        for victim in victims {
            take_out(&mut self.preemptors, &victim, preemptor);
        }
        true
    }
}

fn take_out(waits: &mut Waits, key: &str, value: &str) {
    let values = waits.get_mut(key).expect("both tables hold each pair");
    values.remove(value);
    if values.is_empty() {
        waits.remove(key);
    }
}
