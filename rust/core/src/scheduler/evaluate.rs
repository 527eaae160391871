//! A dry run told in full: who refused which node and why, every score. The ground for explanations.
//!
//! Always true: the same cycle as a real attempt, so what it says is what would happen.
//! Not here: keeping attempts that have happened.

use super::cycle::{Cycle, Trace, World};
use super::pod::PodInfo;
use serde_json::{json, Map, Value};

/// One JSON object: chosen, message, feasible, rejected, skippedFilters, raw, weighted, final.
pub fn evaluate(cycle: &mut Cycle, pod: &PodInfo, world: &World, start: usize, percentage: usize) -> Vec<u8> {
    let mut trace = Trace::default();
    let attempt = cycle.run(pod, world, start, percentage, Some(&mut trace));
    let name = |position: usize| world.symbols.text(world.cache.at(position).facts.name);
    let plugin = |index: usize| world.framework.plugins[index].name();
    let rejected: Vec<Value> = trace
        .rejected
        .iter()
        .map(|(position, index, code, reasons)| {
            let mut texts: Vec<String> = reasons.iter().map(|r| r.text(world.symbols)).collect();
            texts.sort_unstable();
            json!({"node": name(*position), "plugin": plugin(*index), "code": code.name(), "reasons": texts})
        })
        .collect();
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
    });
    answer.to_string().into_bytes()
}
