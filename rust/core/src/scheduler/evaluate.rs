//! A dry run told in full: who refused which node and why, every score. The ground for explanations.
//!
//! Always true: the same cycle as a real attempt, so what it says is what would happen.
//! Not here: keeping attempts that have happened.

use super::cycle::{Attempt, Cycle, Luck, Trace};
use super::framework::{Framework, World};
use super::pod::PodInfo;
use super::preemption::post_filter;
use serde_json::{json, Map, Value};

/// One JSON object: chosen, message, feasible, rejected, skippedFilters, raw, weighted, final, preemption.
pub fn evaluate(
    cycle: &mut Cycle,
    pod: &PodInfo,
    framework: &Framework,
    world: &World,
    luck: Luck,
) -> Vec<u8> {
    told(cycle, pod, framework, world, luck).1.to_string().into_bytes()
}

/// The attempt, and all there is to tell of it.
pub fn told(
    cycle: &mut Cycle,
    pod: &PodInfo,
    framework: &Framework,
    world: &World,
    luck: Luck,
) -> (Attempt, Value) {
    let mut trace = Trace::default();
    let mut attempt = cycle.run(pod, framework, world, luck, Some(&mut trace));
    post_filter(&mut attempt, pod, framework, world, luck.draw);
    let name = |slot: u32| world.symbols.text(world.cache.info(slot).facts.name);
    let plugin = |index: usize| framework.plugins[index].name();
    let mut rejected: Vec<Value> = trace
        .rejected
        .iter()
        .map(|(slot, index, code, reasons)| {
            let mut texts: Vec<String> = reasons.iter().map(|r| r.text(world.symbols)).collect();
            texts.sort_unstable();
            json!({"node": name(*slot), "plugin": plugin(*index), "code": code.name(), "reasons": texts})
        })
        .collect();
    for out in &attempt.ruled_out {
        rejected.extend(out.nodes.iter().map(|slot| {
            json!({"node": name(*slot), "plugin": out.plugins, "code": out.code.name(),
                   "reasons": [out.reason], "stage": "PreFilter"})
        }));
    }
    let scores = |weighted: bool| -> Map<String, Value> {
        let of = |(index, raw, points): &(usize, Vec<i64>, Vec<i64>)| {
            (plugin(*index).to_owned(), json!(if weighted { points } else { raw }))
        };
        trace.scores.iter().map(of).collect()
    };
    let answer = json!({
        "chosen": attempt.chosen.map(name),
        "message": attempt.message,
        "feasible": attempt.feasible.iter().map(|p| name(*p)).collect::<Vec<_>>(),
        "rejected": rejected,
        "skippedFilters": trace.skipped_filters.iter().map(|i| plugin(*i)).collect::<Vec<_>>(),
        "raw": scores(false),
        "weighted": scores(true),
        "final": trace.totals,
        "preemption": attempt.preemption.as_ref().map(|found| found.told(world)),
    });
    (attempt, answer)
}
