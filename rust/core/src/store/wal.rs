//! Write-ahead log: every mutation is in a file before the store applies it.
//!
//! Invariant: `writer` is locked before `sync`; the store's lock before both.
//! Invariant: a mutation whose `append` failed is not in the file, now or after the next start.
//! Invariant: once an fsync has failed nothing is accepted any more: what the disk holds is then unknown.
//! Not here: the files' forms (see `segment`, `frame`, `record`), reading them (see `recover`), when the log gives way
//! to a snapshot (see `checkpoint`).

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::checkpoint::Checkpoints;
use super::content::Content;
use super::directory::Directory;
use super::frame;
use super::mutation::{Journal, Mutation};
use super::record;
use super::segment::{Segment, HEADER_LEN};

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A clean close; nothing else is promised.
    None,
    /// The death of the process: the operating system has it.
    Buffered,
    /// The death of the machine: the disk has it.
    Fsync,
}

/// Bytes collected without durability before they are written.
const BUFFER_BYTES_MAX: usize = 1 << 20;

pub struct Wal {
    pub(super) shared: Arc<Shared>,
}

/// What the log shares with the thread that writes a snapshot.
pub struct Shared {
    pub directory: Directory,
    pub durability: Durability,
    pub writer: Mutex<Writer>,
    sync: Mutex<SyncState>,
    advanced: Condvar,
    /// Bytes appended since the log was opened, of all segments; changed with `writer` locked.
    appended: AtomicU64,
    /// How many of these are known to be on the disk; changed with `sync` locked.
    synced: AtomicU64,
    pub checkpoints: Checkpoints,
}

pub struct Writer {
    pub segment: Segment,
    /// `appended` at the beginning of the segment's frames.
    base: u64,
    /// Frames not yet written to the file (without durability), or the one that is being written.
    buffer: Vec<u8>,
    /// Newest revision appended.
    revision: i64,
    is_closed: bool,
}

#[derive(Default)]
struct SyncState {
    is_syncing: bool,
    revision: i64,
    failure: Option<i32>,
}

impl Wal {
    /// Go on with `segment`, whose frames end at `revision`.
    pub fn new(
        directory: Directory,
        durability: Durability,
        segment: Segment,
        revision: i64,
        checkpoints: Checkpoints,
    ) -> io::Result<Self> {
        if durability == Durability::Fsync {
            // What an earlier process wrote may never have reached the disk.
            segment.file.sync_data()?;
        }
        let appended = segment.end - HEADER_LEN as u64;
        let writer = Writer { segment, base: 0, buffer: Vec::new(), revision, is_closed: false };
        let synced = if durability == Durability::Fsync { appended } else { 0 };
        let sync = SyncState { revision, ..SyncState::default() };
        let shared = Shared {
            directory,
            durability,
            writer: Mutex::new(writer),
            sync: Mutex::new(sync),
            advanced: Condvar::new(),
            appended: AtomicU64::new(appended),
            synced: AtomicU64::new(synced),
            checkpoints,
        };
        Ok(Wal { shared: Arc::new(shared) })
    }
}

impl Journal for Wal {
    fn append(&self, mutation: &Mutation) -> io::Result<()> {
        let shared = &*self.shared;
        shared.check_disk()?;
        let mut writer = shared.writer.lock();
        if writer.is_closed {
            return Err(io::Error::other("the store's log is closed"));
        }
        let appended = writer.append(mutation, shared)?;
        shared.appended.fetch_add(appended, Ordering::Release);
        if let Mutation::Commit { revision, .. } = mutation {
            writer.revision = *revision;
        }
        Ok(())
    }

    fn settle(&self, revision: i64) -> io::Result<()> {
        let shared = &*self.shared;
        match shared.durability {
            Durability::Fsync => shared.sync_to(shared.appended.load(Ordering::Acquire), revision)?,
            Durability::Buffered | Durability::None => {
                let mut writer = shared.writer.lock();
                writer.revision = writer.revision.max(revision);
            }
        }
        Checkpoints::prepare(&self.shared);
        Ok(())
    }

    fn durable_revision(&self) -> i64 {
        match self.shared.durability {
            Durability::None => 0,
            Durability::Buffered => self.shared.writer.lock().revision,
            Durability::Fsync => self.shared.sync.lock().revision,
        }
    }

    fn is_durable_before_seen(&self) -> bool {
        self.shared.durability == Durability::Fsync
    }

    fn wal_bytes(&self) -> u64 {
        self.shared.checkpoints.old_bytes() + self.shared.writer.lock().segment.end
    }

    fn sync(&self) -> io::Result<()> {
        let shared = &*self.shared;
        let revision = {
            let mut writer = shared.writer.lock();
            writer.flush()?;
            writer.revision
        };
        shared.sync_to(shared.appended.load(Ordering::Acquire), revision)
    }

    fn wants_checkpoint(&self) -> bool {
        self.shared.checkpoints.is_ready()
    }

    fn checkpoint(&self, content: Content) {
        Checkpoints::start(&self.shared, content);
    }

    fn close(&self) -> io::Result<()> {
        let synced = self.sync();
        self.shared.writer.lock().is_closed = true;
        self.shared.checkpoints.join();
        synced.and(self.shared.directory.unlock())
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        // A store that nobody closed: nobody is left to tell of an error either.
        let _ = self.shared.writer.lock().flush();
        self.shared.checkpoints.join();
    }
}

impl Writer {
    /// Put one mutation into the file, or into the buffer without durability; returns the bytes it takes.
    fn append(&mut self, mutation: &Mutation, shared: &Shared) -> io::Result<u64> {
        let start = self.buffer.len();
        let synced_offset =
            HEADER_LEN as u64 + shared.synced.load(Ordering::Acquire).saturating_sub(self.base);
        frame::encode(&mut self.buffer, synced_offset, |out| record::encode(mutation, out));
        let length = self.buffer.len() - start;
        if length > frame::PAYLOAD_BYTES_MAX {
            self.buffer.truncate(start);
            return Err(io::Error::from_raw_os_error(libc::EFBIG));
        }
        let is_due = shared.durability != Durability::None || self.buffer.len() > BUFFER_BYTES_MAX;
        if is_due {
            if let Err(error) = self.segment.append(&self.buffer) {
                self.buffer.truncate(start);
                return Err(error);
            }
            self.buffer.clear();
            self.buffer.shrink_to(BUFFER_BYTES_MAX);
        }
        Ok(length as u64)
    }

    /// Write what was collected.
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.segment.append(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Go on in another segment; everything before it is on the disk.
    pub fn turn_to(&mut self, segment: Segment, shared: &Shared) {
        self.segment = segment;
        self.base = shared.appended.load(Ordering::Acquire);
        shared.advance(self.base, self.revision);
    }
}

impl Shared {
    /// Return when the first `target` bytes are on the disk. One thread at a time syncs for all who wait.
    fn sync_to(&self, target: u64, revision: i64) -> io::Result<()> {
        let mut sync = self.sync.lock();
        loop {
            if let Some(code) = sync.failure {
                return Err(io::Error::from_raw_os_error(code));
            }
            if self.synced.load(Ordering::Acquire) >= target {
                sync.revision = sync.revision.max(revision);
                return Ok(());
            }
            if sync.is_syncing {
                self.advanced.wait(&mut sync);
                continue;
            }
            sync.is_syncing = true;
            drop(sync);
            let (file, reached, newest) = self.position();
            let outcome = file.sync_data();
            sync = self.sync.lock();
            sync.is_syncing = false;
            match outcome {
                Ok(()) => {
                    self.synced.fetch_max(reached, Ordering::AcqRel);
                    sync.revision = sync.revision.max(newest);
                }
                Err(error) => sync.failure = Some(error.raw_os_error().unwrap_or(libc::EIO)),
            }
            self.advanced.notify_all();
        }
    }

    /// The file being written, how far it was written, and the revision there.
    fn position(&self) -> (Arc<File>, u64, i64) {
        let writer = self.writer.lock();
        (writer.segment.file.clone(), self.appended.load(Ordering::Acquire), writer.revision)
    }

    fn advance(&self, synced: u64, revision: i64) {
        let mut sync = self.sync.lock();
        self.synced.fetch_max(synced, Ordering::AcqRel);
        sync.revision = sync.revision.max(revision);
        self.advanced.notify_all();
    }

    fn check_disk(&self) -> io::Result<()> {
        if self.durability != Durability::Fsync {
            return Ok(());
        }
        match self.sync.lock().failure {
            Some(code) => Err(io::Error::from_raw_os_error(code)),
            None => Ok(()),
        }
    }
}
