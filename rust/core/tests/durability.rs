//! What a store on disk gives back: after any cut, any flipped byte, a full log, and 64 writers at once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyk8s_core::store::read::RangeQuery;
use pyk8s_core::store::recover::OpenOptions;
use pyk8s_core::store::wal::Durability;
use pyk8s_core::store::write::Precondition;
use pyk8s_core::store::{Store, StoreError};

/// A directory of this test, gone when it ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pyk8s-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the temporary directory can be written");
        Scratch(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path, durability: Durability, wal_bytes_max: u64) -> Result<Store, StoreError> {
    Store::open(path, OpenOptions { is_object_store: true, durability, wal_bytes_max })
}

fn buffered(path: &Path) -> Result<Store, StoreError> {
    open(path, Durability::Buffered, 1 << 30)
}

type State = (i64, Vec<(String, Vec<u8>, i64, i64, i64, i64)>);

fn state_of(store: &Store) -> State {
    let query = RangeQuery { prefix: "", start_after: "", limit: 0, revision: 0, selection: None };
    let page = store.range(query).expect("the present can be read");
    let versions = page.items.iter().map(|version| {
        let v = &**version;
        (v.key.to_string(), v.value.to_vec(), v.create_revision, v.mod_revision, v.version, v.lease)
    });
    (store.revision(), versions.collect())
}

/// A small history of every kind of mutation; the state after each of them.
fn write_history(store: &Store) -> Vec<State> {
    let mut states = vec![state_of(store)];
    let object =
        |n: usize| format!(r#"{{"metadata":{{"name":"o{n}"}},"spec":{{"text":"é{}"}}}}"#, "x".repeat(n * 40));
    for n in 0..6 {
        store
            .put(&format!("/a/{}", n % 4), object(n).as_bytes(), 0, Precondition::None)
            .expect("a put works");
        states.push(state_of(store));
    }
    let lease = store.lease_grant(10.0, 0.0, 0).expect("a lease is granted");
    states.push(state_of(store));
    store.put("/b/leased", object(1).as_bytes(), lease, Precondition::None).expect("a put works");
    states.push(state_of(store));
    store.delete("/a/1", 0).expect("a deletion works");
    states.push(state_of(store));
    store.lease_revoke(lease).expect("a lease is revoked");
    states.push(state_of(store));
    store.compact(store.revision() - 1).expect("compaction works");
    states.push(state_of(store));
    states
}

#[test]
fn a_log_cut_at_any_byte_gives_back_a_prefix_of_the_acknowledged_writes() {
    let scratch = Scratch::new("cut");
    let store = buffered(&scratch.join("whole")).expect("a new store opens");
    let states = write_history(&store);
    drop(store);
    let log = fs::read(scratch.join("whole").join("wal-0000000000000001.log")).expect("the log is there");

    let mut newest = 0;
    for cut in 0..=log.len() {
        let path = scratch.join("cut");
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("the directory can be made");
        fs::write(path.join("wal-0000000000000001.log"), &log[..cut]).expect("the log can be written");

        let store = buffered(&path).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        let found = state_of(&store);
        let at = states.iter().rposition(|state| *state == found).unwrap_or_else(|| panic!("cut at {cut}"));
        assert!(at >= newest || states[at] == states[newest], "cut at {cut} went back");
        newest = newest.max(at);
        store.put("/c", b"{}", 0, Precondition::Absent).expect("the store goes on");
        drop(store);
        assert_eq!(buffered(&path).expect("it opens again").revision(), found.0 + 1);
    }
    assert_eq!(states[newest], states[states.len() - 1]);
}

#[test]
fn a_changed_byte_anywhere_is_found_and_nothing_is_touched() {
    let scratch = Scratch::new("flip");
    let store = buffered(&scratch.join("whole")).expect("a new store opens");
    write_history(&store);
    drop(store);
    let log = fs::read(scratch.join("whole").join("wal-0000000000000001.log")).expect("the log is there");

    for at in 0..log.len() {
        let path = scratch.join("flipped");
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("the directory can be made");
        let mut bytes = log.clone();
        bytes[at] ^= 0x40;
        let file = path.join("wal-0000000000000001.log");
        fs::write(&file, &bytes).expect("the log can be written");

        match buffered(&path) {
            Err(StoreError::Damaged { offset, .. }) => assert!(offset <= at as u64),
            Err(other) => panic!("flip at {at}: {other}"),
            Ok(_) => panic!("flip at {at} went unnoticed"),
        }
        assert_eq!(fs::read(&file).expect("the log is still there"), bytes);
    }
}

#[test]
fn a_long_log_gives_way_to_a_snapshot_and_nothing_is_lost() {
    let scratch = Scratch::new("checkpoint");
    for durability in [Durability::Buffered, Durability::Fsync] {
        let path = scratch.join(&format!("{durability:?}"));
        let store = open(&path, durability, 20_000).expect("a new store opens");
        let lease = store.lease_grant(10.0, 5.0, 7).expect("a lease is granted");
        let has_snapshot = || {
            let files = fs::read_dir(&path).expect("the directory is there");
            files.flatten().any(|file| file.file_name().to_string_lossy().ends_with(".snap"))
        };
        let text = "x".repeat(500);
        for n in 0..100_000 {
            let value = format!(r#"{{"metadata":{{"name":"o{n}"}},"text":"{text}"}}"#);
            let lease = if n % 50 == 0 { lease } else { 0 };
            let key = format!("/a/{}", n % 100);
            store.put(&key, value.as_bytes(), lease, Precondition::None).expect("a put works");
            if n > 200 && has_snapshot() {
                break;
            }
        }
        let before = state_of(&store);
        store.close().expect("the store closes");
        drop(store);

        assert!(has_snapshot());
        let store = open(&path, durability, 20_000).expect("it opens again");
        assert_eq!(state_of(&store), before);
        assert!(store.compact_revision() > 0);
        assert_eq!(store.advance(16.0, 0.0).expect("time passes"), 2);
        assert_eq!(store.lease_grant(1.0, 0.0, 0).expect("another lease"), 8);
    }
}

#[test]
fn a_store_is_open_once_and_closing_lets_go_of_it() {
    let scratch = Scratch::new("lock");
    let path = scratch.join("store");
    let store = buffered(&path).expect("a new store opens");

    assert!(matches!(buffered(&path), Err(StoreError::Locked { .. })));
    store.close().expect("the store closes");

    assert!(path.join("lock").exists());
    buffered(&path).expect("a lock that nobody holds is taken over");
}

#[test]
fn many_writers_share_their_fsyncs_and_none_is_lost() {
    let scratch = Scratch::new("group");
    let path = scratch.join("store");
    let store = Arc::new(open(&path, Durability::Fsync, 1 << 30).expect("a new store opens"));
    let watch = store.watch(pyk8s_core::store::watch::WatchOptions {
        prefix: "/".into(),
        start_revision: 0,
        selection: None,
        notifier: None,
        backlog_max: 10_000,
    });
    let watch = watch.expect("a watch starts");

    std::thread::scope(|scope| {
        for writer in 0..16 {
            let store = store.clone();
            scope.spawn(move || {
                for n in 0..20 {
                    let key = format!("/{writer}/{n}");
                    let version = store.put(&key, b"{}", 0, Precondition::Absent).expect("a put works");
                    assert!(store.durable_revision() >= version.mod_revision);
                }
            });
        }
    });

    let events =
        store.poll(&watch, pyk8s_core::store::watch::Budget::Count(1000)).expect("the watch is alive");
    assert!(events.iter().map(|event| event.revision()).eq(2..=321));
    let before = state_of(&store);
    drop(store);
    assert_eq!(state_of(&buffered(&path).expect("it opens again")), before);
}

#[test]
fn a_snapshot_file_makes_a_new_store() {
    let scratch = Scratch::new("snapshot");
    let store = buffered(&scratch.join("store")).expect("a new store opens");
    write_history(&store);
    let file = scratch.join("saved");

    assert_eq!(store.snapshot_save(&file).expect("it is saved"), store.revision());
    Store::snapshot_restore(&file, &scratch.join("twin")).expect("it is restored");
    let again = Store::snapshot_restore(&file, &scratch.join("twin"));

    assert_eq!(state_of(&buffered(&scratch.join("twin")).expect("it opens")), state_of(&store));
    assert!(matches!(again, Err(StoreError::Io(error)) if error.kind() == std::io::ErrorKind::AlreadyExists));
    let bytes = fs::read(&file).expect("the file is there");
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        fs::write(scratch.join("bad"), &flipped).expect("it can be written");
        let refused = Store::snapshot_restore(&scratch.join("bad"), &scratch.join("other"));
        assert!(matches!(refused, Err(StoreError::Damaged { .. })), "flip at {at}");
        fs::write(scratch.join("bad"), &bytes[..at]).expect("it can be written");
        let refused = Store::snapshot_restore(&scratch.join("bad"), &scratch.join("other"));
        assert!(matches!(refused, Err(StoreError::Damaged { .. })), "cut at {at}");
    }
    assert!(!scratch.join("other").exists());
}
