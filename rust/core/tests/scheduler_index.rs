//! The index against the exhaustive loop: the same calls, the same decisions, on random clusters.

use proptest::prelude::*;
use pyk8s_core::scheduler::SchedulerEngine;

const NODE_COUNT: usize = 40;
const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";
const HARD: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const SOFT: &str = "preferredDuringSchedulingIgnoredDuringExecution";

#[derive(Debug, Clone)]
enum Step {
    Node { number: usize, zone: usize, cpu: usize, effect: usize },
    NodeGone { number: usize },
    Pods { kind: usize, count: usize },
    PodGone { nth: usize },
    Schedule { count: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = 0..NODE_COUNT;
    let step = prop_oneof![
        3 => (number.clone(), 0..4usize, 1..5usize, 0..6usize)
            .prop_map(|(number, zone, cpu, effect)| Step::Node { number, zone, cpu, effect }),
        1 => number.prop_map(|number| Step::NodeGone { number }),
        4 => (0..KINDS, 1..9usize).prop_map(|(kind, count)| Step::Pods { kind, count }),
        1 => any::<usize>().prop_map(|nth| Step::PodGone { nth }),
        3 => (1..12usize).prop_map(|count| Step::Schedule { count }),
    ];
    proptest::collection::vec(step, 20..80)
}

fn node(number: usize, zone: usize, cpu: usize, effect: usize) -> String {
    let taint = ["NoSchedule", "PreferNoSchedule"].get(effect);
    let taint = taint.map_or(String::new(), |effect| format!(r#"{{"key":"t","effect":"{effect}"}}"#));
    // Zone 0 is no zone at all.
    let zone = if zone == 0 { String::new() } else { format!(r#","{ZONE}":"z{zone}""#) };
    format!(
        r#"{{"metadata":{{"name":"n{number}","labels":{{"{HOST}":"n{number}"{zone}}}}},"spec":{{"taints":[{taint}]}},
            "status":{{"allocatable":{{"cpu":"{cpu}","memory":"4Gi","pods":"9"}}}}}}"#
    )
}

const KINDS: usize = 10;

/// What pods of one kind have in their spec beside a container.
fn constraints(kind: usize) -> String {
    let selector = r#""labelSelector":{"matchLabels":{"app":"a"}}"#;
    let spread = |key: &str, action: &str| {
        format!(r#"{{"maxSkew":1,"topologyKey":"{key}","whenUnsatisfiable":"{action}",{selector}}}"#)
    };
    let term = |key: &str| format!(r#"{{"topologyKey":"{key}",{selector}}}"#);
    let weighted = |key: &str| format!(r#"{{"weight":7,"podAffinityTerm":{}}}"#, term(key));
    match kind {
        0 => String::new(),
        1 => format!(r#","topologySpreadConstraints":[{}]"#, spread(ZONE, "DoNotSchedule")),
        2 => format!(
            r#","topologySpreadConstraints":[{},{}]"#,
            spread(ZONE, "ScheduleAnyway"),
            spread(HOST, "DoNotSchedule")
        ),
        3 => format!(r#","affinity":{{"podAffinity":{{"{HARD}":[{}]}}}}"#, term(ZONE)),
        4 => format!(r#","affinity":{{"podAntiAffinity":{{"{HARD}":[{}]}}}}"#, term(HOST)),
        5 => format!(r#","affinity":{{"podAffinity":{{"{SOFT}":[{}]}}}}"#, weighted(ZONE)),
        6 => format!(r#","affinity":{{"podAntiAffinity":{{"{SOFT}":[{}]}}}}"#, weighted(HOST)),
        7 => r#","tolerations":[{"key":"t","operator":"Exists"}],"nodeSelector":{"topology.kubernetes.io/zone":"z1"}"#
            .to_owned(),
        8 => {
            let names: Vec<String> = (0..NODE_COUNT / 2).map(|number| format!(r#""n{number}""#)).collect();
            let names = names.join(",");
            let field = format!(r#"{{"key":"metadata.name","operator":"In","values":[{names}]}}"#);
            let terms = format!(r#"{{"nodeSelectorTerms":[{{"matchFields":[{field}]}}]}}"#);
            format!(r#","affinity":{{"nodeAffinity":{{"{HARD}":{terms}}}}}"#)
        }
        _ => format!(r#","topologySpreadConstraints":[{}]"#, spread(HOST, "ScheduleAnyway")),
    }
}

fn pod(number: usize, kind: usize) -> String {
    format!(
        r#"{{"metadata":{{"name":"p{number}","uid":"p{number}","namespace":"d","labels":{{"app":"a"}}}},"spec":{{"containers":
            [{{"name":"c","resources":{{"requests":{{"cpu":"250m","memory":"100Mi"}}}}}}]{}}},"status":{{}}}}"#,
        constraints(kind)
    )
}

/// Two engines that are told the same.
struct Pair {
    engines: [SchedulerEngine; 2],
    pod_count: usize,
    now_s: f64,
}

impl Pair {
    fn new(seed: u64) -> Pair {
        let engine = |is_indexed| SchedulerEngine::new(b"", seed, is_indexed).expect("the defaults");
        Pair { engines: [engine(true), engine(false)], pod_count: 0, now_s: 1_000.0 }
    }

    fn each(&mut self, tell: impl Fn(&mut SchedulerEngine)) {
        self.engines.iter_mut().for_each(tell);
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Node { number, zone, cpu, effect } => {
                let node = node(number, zone, cpu, effect);
                self.each(|engine| engine.set_node(node.as_bytes()).expect("a node"));
            }
            Step::NodeGone { number } => self.each(|engine| engine.remove_node(&format!("n{number}"))),
            Step::Pods { kind, count } => {
                for _ in 0..count {
                    let pod = pod(self.pod_count, kind);
                    self.pod_count += 1;
                    self.each(|engine| engine.set_pod(pod.as_bytes()).expect("a pod"));
                }
            }
            Step::PodGone { nth } => {
                let uid = format!("p{}", nth % self.pod_count.max(1));
                self.each(|engine| engine.remove_pod(&uid));
            }
            Step::Schedule { count } => self.schedule(count),
        }
    }

    fn schedule(&mut self, count: usize) {
        self.now_s += 1.0;
        let now_s = self.now_s;
        let [indexed, scanned] = &mut self.engines;
        for (a, b) in indexed.schedule(now_s, count).iter().zip(&scanned.schedule(now_s, count)) {
            assert_eq!((&a.pod.uid, &a.node_name), (&b.pod.uid, &b.node_name));
            assert_eq!((&a.message, &a.plugins, a.attempts), (&b.message, &b.plugins, b.attempts));
        }
        assert_eq!(indexed.counts(), scanned.counts());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn index_and_scan_decide_alike(seed in any::<u64>(), steps in steps()) {
        let mut pair = Pair::new(seed);
        for step in &steps {
            pair.apply(step);
        }
        pair.schedule(1_000);
    }
}

#[test]
fn pods_of_every_kind_are_decided_by_the_index() {
    for kind in 0..KINDS {
        let mut pair = Pair::new(1);
        for number in 0..NODE_COUNT {
            pair.apply(&Step::Node { number, zone: number % 4, cpu: 4, effect: 9 });
        }
        pair.apply(&Step::Pods { kind, count: 100 });
        pair.schedule(100);
        let [indexed, scanned] = &pair.engines;
        // The first pods of a shape are scanned: nobody knows yet that more will come.
        assert!(indexed.indexed_count() >= 95, "kind {kind}: {}", indexed.indexed_count());
        assert_eq!(scanned.indexed_count(), 0);
    }
}
