//! Recovery: a store from what its directory holds.
//!
//! Invariant: the newest snapshot and the segments after it, without a gap, give the store; older files are leftovers.
//! Invariant: only the last segment may be torn, and is cut there; any other flaw refuses the start and changes nothing.
//! Not here: how files become whole (see `directory`), what torn means (see `frame`).

use std::fs;
use std::path::Path;

use super::checkpoint::Checkpoints;
use super::directory::{Directory, Listing};
use super::error::StoreError;
use super::frame::{Frames, Tail};
use super::mutation::Record;
use super::record;
use super::segment::{Segment, FORMAT, HEADER_LEN, MAGIC};
use super::snapshot::{self, check_header, damaged};
use super::store::Store;
use super::wal::{Durability, Wal};

/// Bytes of log that a snapshot replaces, unless asked otherwise: replayed in well under a second.
pub const WAL_BYTES_MAX: u64 = 64 << 20;

pub struct OpenOptions {
    pub is_object_store: bool,
    pub durability: Durability,
    /// Bytes of log after which a snapshot takes its place; more if the last snapshot was larger.
    pub wal_bytes_max: u64,
}

impl Store {
    /// Open or create the store in a directory.
    pub fn open(path: &Path, options: OpenOptions) -> Result<Store, StoreError> {
        let directory = Directory::open(path)?;
        let listing = directory.list()?;
        let store = Store::new(options.is_object_store);
        let (first, snapshot_bytes) = match listing.snapshots.last() {
            Some(sequence) => {
                let snapshot = snapshot::read(&directory.snapshot_path(*sequence))?;
                let size = snapshot.file_bytes;
                snapshot.into_store(&store)?;
                (*sequence, size)
            }
            None => (1, 0),
        };
        let (segment, old_bytes) = replay_segments(&store, &directory, &listing, first)?;
        directory.remove_before(first)?;
        let checkpoints = Checkpoints::new(options.wal_bytes_max, old_bytes, snapshot_bytes);
        let wal = Wal::new(directory, options.durability, segment, store.revision(), checkpoints)?;
        store.attach(Box::new(wal));
        Ok(store)
    }
}

/// Replay the segments from `first` on; returns the last one, to go on with, and the bytes of those before it.
fn replay_segments(
    store: &Store,
    directory: &Directory,
    listing: &Listing,
    first: u64,
) -> Result<(Segment, u64), StoreError> {
    let sequences: Vec<u64> =
        listing.segments.iter().copied().filter(|sequence| *sequence >= first).collect();
    let mut old_bytes = 0;
    for (index, sequence) in sequences.iter().enumerate() {
        let expected = first + index as u64;
        if *sequence != expected {
            return Err(damaged(&directory.segment_path(expected), 0, "the file is missing"));
        }
        let path = directory.segment_path(*sequence);
        let is_last = index + 1 == sequences.len();
        let end = replay_segment(store, &path, *sequence, is_last)?;
        if is_last {
            let segment = match end {
                Some(end) => Segment::open(&path, *sequence, end)?,
                None => Segment::create(&path, *sequence)?,
            };
            return Ok((segment, old_bytes));
        }
        old_bytes += end.unwrap_or(0);
    }
    Ok((Segment::create(&directory.segment_path(first), first)?, 0))
}

/// Replay one segment; returns where its whole frames end, `None` when not even its header is whole.
fn replay_segment(
    store: &Store,
    path: &Path,
    sequence: u64,
    is_last: bool,
) -> Result<Option<u64>, StoreError> {
    let bytes = fs::read(path)?;
    let is_headless = bytes.len() < HEADER_LEN || bytes.iter().all(|byte| *byte == 0);
    if is_headless && is_last {
        return Ok(None);
    }
    check_segment_header(path, &bytes, sequence)?;
    let mut frames = Frames::new(&bytes, HEADER_LEN);
    for (offset, payload) in frames.by_ref() {
        let record =
            record::decode(payload).ok_or_else(|| damaged(path, offset, "a record cannot be read"))?;
        check_order(store, &record).map_err(|detail| damaged(path, offset, &detail))?;
        store.replay(record).map_err(|error| damaged(path, offset, &error.to_string()))?;
    }
    match frames.tail() {
        Tail::Clean => Ok(Some(bytes.len() as u64)),
        Tail::Torn { offset } if is_last => Ok(Some(offset as u64)),
        Tail::Torn { offset } => Err(damaged(path, offset, "the file ends within a record")),
        Tail::Damaged { offset, detail } => Err(damaged(path, offset, detail)),
    }
}

fn check_segment_header(path: &Path, bytes: &[u8], sequence: u64) -> Result<(), StoreError> {
    let header =
        bytes.get(..HEADER_LEN).ok_or_else(|| damaged(path, bytes.len(), "the file ends too early"))?;
    if !header.starts_with(MAGIC) {
        return Err(damaged(path, 0, "this is no log of a store"));
    }
    check_header(path, header, FORMAT)?;
    if header[16..24] != sequence.to_le_bytes() {
        return Err(damaged(path, 16, "the file belongs to another place in the log"));
    }
    Ok(())
}

/// Revisions rise one by one; a record that would not continue the store is none of this log.
fn check_order(store: &Store, record: &Record) -> Result<(), String> {
    let current = store.revision();
    match record {
        Record::Commit { revision, .. } | Record::LeaseRevoke { revision, .. }
            if *revision != current + 1 =>
        {
            Err(format!("revision {revision} follows {current}"))
        }
        Record::Compaction { revision } if *revision > current => {
            Err(format!("compaction of revision {revision} follows {current}"))
        }
        _ => Ok(()),
    }
}
