//! The scheduler's engine alone: pods taken in and decided a second, one case a line.
//!
//! Invariant: time is this thread's processor time, so that other load on the machine does not count.
//! `cargo bench -p pyk8s-core --bench scheduler_rates -- [CASE] [NODES] [PODS] [scan]`; without a case, all of them.

use pyk8s_core::scheduler::{Outcome, SchedulerEngine};

const HOST: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";

/// (name, what the pods' spec has beside the usual, whether a service selects them).
const CASES: [(&str, &str, bool); 13] = [
    ("basic", "", false),
    (
        "node-affinity",
        r#","affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"topology.kubernetes.io/zone","operator":"In","values":["zone-0","zone-1"]}]}]}}}"#,
        false,
    ),
    (
        "spread-hard",
        r#","topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"topology.kubernetes.io/zone","whenUnsatisfiable":"DoNotSchedule","labelSelector":{"matchLabels":{"color":"blue"}}}]"#,
        false,
    ),
    (
        "spread-soft",
        r#","topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"topology.kubernetes.io/zone","whenUnsatisfiable":"ScheduleAnyway","labelSelector":{"matchLabels":{"color":"blue"}}}]"#,
        false,
    ),
    ("spread-default", "", true),
    (
        "affinity",
        r#","affinity":{"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"labelSelector":{"matchLabels":{"color":"blue"}},"topologyKey":"topology.kubernetes.io/zone"}]}}"#,
        false,
    ),
    (
        "anti-affinity",
        r#","affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"labelSelector":{"matchLabels":{"color":"blue"}},"topologyKey":"kubernetes.io/hostname"}]}}"#,
        false,
    ),
    (
        "preferred-affinity",
        r#","affinity":{"podAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":1,"podAffinityTerm":{"labelSelector":{"matchLabels":{"color":"blue"}},"topologyKey":"kubernetes.io/hostname"}}]}}"#,
        false,
    ),
    (
        "preferred-anti-affinity",
        r#","affinity":{"podAntiAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":1,"podAffinityTerm":{"labelSelector":{"matchLabels":{"color":"blue"}},"topologyKey":"kubernetes.io/hostname"}}]}}"#,
        false,
    ),
    ("unschedulable", r#","nodeSelector":{"nowhere":"x"}"#, false),
    (
        "named",
        r#","affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchFields":[{"key":"metadata.name","operator":"In","values":["NODE"]}]}]}}}"#,
        false,
    ),
    ("numbered", "", false),
    ("many-shapes", "", false),
];

/// Microseconds of this thread's processor time.
fn now_us() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills the structure that it is given.
    let answer = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(answer, 0, "every Linux has this clock");
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

fn node(number: usize) -> Vec<u8> {
    format!(
        r#"{{"apiVersion":"v1","kind":"Node","metadata":{{"name":"node-{number}","uid":"00000000-0000-4000-8000-{number:012}","resourceVersion":"{number}","creationTimestamp":"2026-01-01T00:00:00Z","labels":{{"{HOST}":"node-{number}","{ZONE}":"zone-{}","kubernetes.io/arch":"amd64","kubernetes.io/os":"linux"}}}},"spec":{{}},"status":{{"capacity":{{"cpu":"32","ephemeral-storage":"100Gi","memory":"256Gi","pods":"110"}},"allocatable":{{"cpu":"32","ephemeral-storage":"100Gi","memory":"256Gi","pods":"110"}},"conditions":[{{"type":"Ready","status":"True"}}]}}}}"#,
        number % 3
    )
    .into_bytes()
}

/// Of the case "many-shapes".
const SHAPE_COUNT: usize = 500;

fn pod(number: usize, case: &str, extra: &str, node_count: usize) -> Vec<u8> {
    let extra = extra.replace("NODE", &format!("node-{}", number % node_count));
    let milli_cpu = if case == "many-shapes" { 100 + number % SHAPE_COUNT } else { 100 };
    let label = if case == "numbered" { format!(r#","number":"{number}""#) } else { String::new() };
    format!(
        r#"{{"kind":"Pod","apiVersion":"v1","metadata":{{"name":"pod-{number}","generateName":"pod-","namespace":"default","uid":"00000000-0000-4000-9000-{number:012}","resourceVersion":"{number}","generation":1,"creationTimestamp":"2026-01-01T00:00:00Z","labels":{{"color":"blue"{label}}}}},"spec":{{"volumes":[],"containers":[{{"name":"pause","image":"registry.k8s.io/pause:3.10","ports":[{{"containerPort":80,"protocol":"TCP"}}],"resources":{{"limits":{{"cpu":"100m","memory":"500Mi"}},"requests":{{"cpu":"{milli_cpu}m","memory":"500Mi"}}}},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}}],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"default","serviceAccount":"default","securityContext":{{}},"schedulerName":"default-scheduler","tolerations":[{{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}},{{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}}],"priority":0,"enableServiceLinks":true,"preemptionPolicy":"PreemptLowerPriority"{extra}}},"status":{{"phase":"Pending","qosClass":"Burstable"}}}}"#
    )
    .into_bytes()
}

fn run(case: &(&str, &str, bool), node_count: usize, pod_count: usize, is_indexed: bool) {
    let (name, extra, is_served) = case;
    let mut engine = SchedulerEngine::new(b"", 1, is_indexed).expect("the defaults are a configuration");
    let nodes: Vec<Vec<u8>> = (0..node_count).map(node).collect();
    let pods: Vec<Vec<u8>> = (0..pod_count).map(|number| pod(number, name, extra, node_count)).collect();
    let started = now_us();
    for node in &nodes {
        engine.set_node(node).expect("it is a node");
    }
    let nodes_us = (now_us() - started) / node_count as f64;
    if *is_served {
        let service =
            br#"{"metadata":{"name":"s","namespace":"default"},"spec":{"selector":{"color":"blue"}}}"#;
        engine.set_object("Service", service).expect("it is a service");
    }
    let started = now_us();
    for pod in &pods {
        engine.set_pod(pod).expect("it is a pod");
    }
    let pods_us = (now_us() - started) / pod_count as f64;
    let started = now_us();
    let (mut scheduled_count, mut slowest_us) = (0, 0.0f64);
    let mut before = started;
    while let Some(decision) = engine.schedule_one(1_000.0) {
        scheduled_count += usize::from(decision.outcome == Outcome::Scheduled);
        let now = now_us();
        slowest_us = slowest_us.max(now - before);
        before = now;
    }
    let decide_us = (now_us() - started) / pod_count as f64;
    let rate = 1e6 / (pods_us + decide_us);
    println!(
        "{name:24} {node_count:>8} nodes at {nodes_us:5.2} us  {pod_count:>8} pods: in {pods_us:5.2} us, decided {decide_us:7.2} us \
         (slowest {slowest_us:9.0}), {scheduled_count} scheduled, {rate:9.0} pods/s"
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let number =
        |at: usize, default: usize| arguments.get(at).and_then(|a| a.parse().ok()).unwrap_or(default);
    let is_indexed = !arguments.iter().any(|a| a == "scan");
    let wanted = arguments.first().filter(|a| *a != "all");
    for case in CASES.iter().filter(|case| wanted.is_none_or(|w| w == case.0)) {
        run(case, number(1, 5_000), number(2, 10_000), is_indexed);
    }
}
