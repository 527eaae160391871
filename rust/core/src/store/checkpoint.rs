//! Checkpoints: when the log has grown, a snapshot takes the place of its older segments.
//!
//! First a thread brings the segment to the disk, so that turning to the next one holds up no writer; then, under the
//! store's lock, the log turns to a new segment; then a thread writes the snapshot and removes what it replaces.
//!
//! Invariant: at most one of these threads runs; at every moment a snapshot and the segments after it, or all the
//! segments, hold everything.
//! Invariant: a checkpoint that fails (a full disk) costs no write; it is tried again when the log has doubled.
//! Not here: the snapshot's form (see `snapshot`).

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::content::Content;
use super::segment::Segment;
use super::snapshot;
use super::wal::Shared;

pub struct Checkpoints {
    /// Bytes of log that one snapshot replaces, at least.
    bytes_min: u64,
    /// Bytes of segments before the present one that no snapshot replaces yet.
    old_bytes: AtomicU64,
    /// Bytes of log at which the next checkpoint begins.
    due_bytes: AtomicU64,
    phase: Mutex<Phase>,
}

enum Phase {
    Idle,
    Syncing(JoinHandle<()>),
    Ready,
    Saving(JoinHandle<()>),
}

impl Checkpoints {
    /// `old_bytes`: the log found at the start, without its last segment; `snapshot_bytes`: the snapshot found there.
    pub fn new(bytes_min: u64, old_bytes: u64, snapshot_bytes: u64) -> Self {
        Checkpoints {
            bytes_min,
            old_bytes: AtomicU64::new(old_bytes),
            due_bytes: AtomicU64::new(bytes_min.max(snapshot_bytes)),
            phase: Mutex::new(Phase::Idle),
        }
    }

    pub fn old_bytes(&self) -> u64 {
        self.old_bytes.load(Ordering::Relaxed)
    }

    pub fn is_ready(&self) -> bool {
        matches!(*self.phase.lock(), Phase::Ready)
    }

    /// Begin a checkpoint if the log is long enough. Called after each write, without the store's lock.
    pub fn prepare(shared: &Arc<Shared>) {
        let this = &shared.checkpoints;
        let (file, end) = {
            let writer = shared.writer.lock();
            (writer.segment.file.clone(), writer.segment.end)
        };
        if this.old_bytes() + end < this.due_bytes.load(Ordering::Relaxed) {
            return;
        }
        let mut phase = this.phase.lock();
        if matches!(*phase, Phase::Idle) {
            let thread_shared = shared.clone();
            *phase = Phase::Syncing(std::thread::spawn(move || {
                // An error comes back when the segment is left, and is told there.
                let _ = file.sync_data();
                *thread_shared.checkpoints.phase.lock() = Phase::Ready;
            }));
        }
    }

    /// Turn to a new segment and save `content`, which is what all the segments before it hold. Called under the
    /// store's lock.
    pub fn start(shared: &Arc<Shared>, content: Content) {
        let this = &shared.checkpoints;
        let mut phase = this.phase.lock();
        if !matches!(*phase, Phase::Ready) {
            return;
        }
        match turn(shared) {
            Err(_) => {
                this.postpone(shared);
                *phase = Phase::Idle;
            }
            Ok(sequence) => {
                let thread_shared = shared.clone();
                *phase = Phase::Saving(std::thread::spawn(move || save(&thread_shared, sequence, &content)));
            }
        }
    }

    /// Wait for the thread that runs, if any.
    pub fn join(&self) {
        let running = std::mem::replace(&mut *self.phase.lock(), Phase::Idle);
        if let Phase::Syncing(thread) | Phase::Saving(thread) = running {
            // A panic in there has been printed; the log itself is whole.
            let _ = thread.join();
        }
    }

    fn postpone(&self, shared: &Shared) {
        let end = shared.writer.lock().segment.end;
        self.due_bytes.store(2 * (self.old_bytes() + end), Ordering::Relaxed);
    }
}

/// Leave the present segment, whole and on the disk, for the next one; returns its number.
fn turn(shared: &Shared) -> io::Result<u64> {
    let mut writer = shared.writer.lock();
    writer.flush()?;
    writer.segment.file.sync_data()?;
    let sequence = writer.segment.sequence + 1;
    let next = Segment::create(&shared.directory.segment_path(sequence), sequence)?;
    shared.checkpoints.old_bytes.fetch_add(writer.segment.end, Ordering::Relaxed);
    writer.turn_to(next, shared);
    Ok(sequence)
}

fn save(shared: &Shared, sequence: u64, content: &Content) {
    let this = &shared.checkpoints;
    let saved = snapshot::write(&shared.directory.snapshot_path(sequence), content);
    match saved.and_then(|size| shared.directory.remove_before(sequence).map(|()| size)) {
        Ok(size) => {
            this.old_bytes.store(0, Ordering::Relaxed);
            this.due_bytes.store(this.bytes_min.max(size), Ordering::Relaxed);
        }
        Err(_) => this.postpone(shared),
    }
    let mut phase = this.phase.lock();
    if matches!(*phase, Phase::Saving(_)) {
        *phase = Phase::Idle;
    }
}
