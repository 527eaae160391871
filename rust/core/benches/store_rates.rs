//! Rates of the store without Python: one JSON object a line, {"name", "value", "unit"}.
//!
//! Invariant: time is this thread's processor time, so that other load on the machine does not count.
//! Invariant: each figure is the median of `ROUNDS` rounds on a store of its own.
//! Not here: aims and comparison with the reference (see `benches/bench_store.py`, which runs this).

use std::sync::Arc;

use pyk8s_core::object::envelope::FieldSpec;
use pyk8s_core::selector::Selection;
use pyk8s_core::store::read::RangeQuery;
use pyk8s_core::store::watch::{Budget, WatchOptions, Watcher};
use pyk8s_core::store::write::Precondition;
use pyk8s_core::store::Store;

const ROUNDS: usize = 5;
const KEY_COUNT: usize = 100_000;
const VALUE_LEN: usize = 1024;
const WATCHER_COUNT: usize = 10_000;
const LARGE_COUNT: usize = 1_000_000;
const SELECT_COUNT: usize = 300_000;

fn main() {
    let keys: Vec<String> = (0..KEY_COUNT).map(|i| format!("/pods/default/web-{i:07}")).collect();
    let value = vec![b'x'; VALUE_LEN];
    told("overwrite, 1 KB, one watcher", "/s", median(|| overwrite(&keys, &value)));
    told("create, 1 KB", "/s", median(|| create(&keys, &value)));
    told("get, 1 KB", "/s", median(|| get(&keys, &value)));
    told("watch deliveries, 10,000 watchers", "/s", median(|| fan_out(&value)));
    large();
    selective();
}

fn told(name: &str, unit: &str, value: f64) {
    println!("{{\"name\":\"{name}\",\"value\":{value:.6},\"unit\":\"{unit}\"}}");
}

fn median(round: impl Fn() -> f64) -> f64 {
    let mut values: Vec<f64> = (0..ROUNDS).map(|_| round()).collect();
    values.sort_by(f64::total_cmp);
    values[ROUNDS / 2]
}

fn watch(store: &Store, prefix: &str) -> Arc<Watcher> {
    let options = WatchOptions {
        prefix: prefix.to_owned(),
        start_revision: 0,
        selection: None,
        notifier: None,
        backlog_max: 10_000,
    };
    store.watch(options).expect("an open store")
}

fn overwrite(keys: &[String], value: &[u8]) -> f64 {
    let store = Store::new(false);
    let watcher = watch(&store, "/pods/");
    let started = Timer::start();
    for i in 0..KEY_COUNT {
        store.put(&keys[i % 1000], value, 0, Precondition::None).expect("a put");
        if i % 1000 == 999 {
            assert_eq!(store.poll(&watcher, Budget::Count(1000)).expect("events").len(), 1000);
        }
    }
    KEY_COUNT as f64 / started.seconds()
}

fn filled(keys: &[String], value: &[u8]) -> Store {
    let store = Store::new(false);
    for key in keys {
        store.put(key, value, 0, Precondition::Absent).expect("a create");
    }
    store
}

fn create(keys: &[String], value: &[u8]) -> f64 {
    let started = Timer::start();
    let store = filled(keys, value);
    let seconds = started.seconds();
    drop(store);
    KEY_COUNT as f64 / seconds
}

fn get(keys: &[String], value: &[u8]) -> f64 {
    let store = filled(keys, value);
    let started = Timer::start();
    for key in keys {
        assert!(store.get(key, 0).expect("a read").is_some());
    }
    KEY_COUNT as f64 / started.seconds()
}

fn fan_out(value: &[u8]) -> f64 {
    let store = Store::new(false);
    let watchers: Vec<_> = (0..WATCHER_COUNT).map(|_| watch(&store, "/pods/")).collect();
    let (started, mut count) = (Timer::start(), 0);
    for _ in 0..5 {
        for _ in 0..20 {
            store.put("/pods/default/a", value, 0, Precondition::None).expect("a put");
        }
        for watcher in &watchers {
            count += store.poll(watcher, Budget::Count(1000)).expect("events").len();
        }
    }
    assert_eq!(count, 100 * WATCHER_COUNT);
    count as f64 / started.seconds()
}

fn large() {
    let before = resident_bytes();
    let store = Store::new(false);
    let value = vec![b'x'; VALUE_LEN];
    let mut encoded_bytes = 0;
    for i in 0..LARGE_COUNT {
        let key = format!("/pods/default/web-{i:07}");
        encoded_bytes += key.len() + value.len();
        store.put(&key, &value, 0, Precondition::Absent).expect("a create");
    }
    let ratio = (resident_bytes() - before) as f64 / encoded_bytes as f64;
    told("memory for 1,000,000 objects of 1 KB", "x encoded", ratio);
    let fork_ms = median(|| {
        let started = Timer::start();
        let fork = store.fork(0).expect("a fork");
        let took_ms = started.seconds() * 1e3;
        drop(fork);
        took_ms
    });
    told("fork of 1,000,000 objects", "ms", fork_ms);
}

fn selective() {
    let store = Store::new(true);
    let fields = vec![FieldSpec::new("spec.nodeName", "spec.nodeName", "")];
    store.set_fields("/pods/", fields).expect("fields");
    for i in 0..SELECT_COUNT {
        let (app, node) = (i % 300, i % 1000);
        let labels = format!(r#"{{"app":"app-{app}","tier":"front"}}"#);
        let metadata = format!(r#"{{"name":"web-{i:07}","namespace":"default","labels":{labels}}}"#);
        let pod = format!(r#"{{"kind":"Pod","metadata":{metadata},"spec":{{"nodeName":"node-{node}"}}}}"#);
        let key = format!("/pods/default/web-{i:07}");
        store.put(&key, pod.as_bytes(), 0, Precondition::Absent).expect("a create");
    }
    for (name, labels, fields) in [
        ("list of 300,000, label that matches none", "app=none", ""),
        ("list of 300,000, absent label key", "release", ""),
        ("list of 300,000, != that matches none", "tier!=front", ""),
        ("list of 300,000, field of 1 in 1,000", "", "spec.nodeName=node-7"),
    ] {
        let selection = Selection::parse(labels, fields).expect("a selector");
        let took_ms = median(|| {
            let started = Timer::start();
            let query = RangeQuery { prefix: "/pods/", selection: Some(&selection), ..RangeQuery::default() };
            let page = store.range(query).expect("a page");
            assert!(page.items.len() <= SELECT_COUNT / 1000);
            started.seconds() * 1e3
        });
        told(name, "ms", took_ms);
    }
}

/// Bytes of memory in use, 0 where the system does not tell.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    pages * 4096
}

/// Measures the processor time of this thread.
struct Timer {
    started_s: f64,
}

impl Timer {
    fn start() -> Self {
        Timer { started_s: thread_cpu_s() }
    }

    fn seconds(&self) -> f64 {
        thread_cpu_s() - self.started_s
    }
}

fn thread_cpu_s() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec that the call fills.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
