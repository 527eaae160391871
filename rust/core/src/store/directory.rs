//! A store's directory: its lock, the names of its files, and how a file comes to be there whole.
//!
//! `lock`; `snapshot-N.snap`, the content before segment N; `wal-N.log`, segment N; `*.tmp`, unfinished.
//!
//! Invariant: at most one process holds the lock, for as long as it lives and no longer.
//! Invariant: a file without `.tmp` was complete and on the disk before it got its name.
//! Not here: what the files hold (see `snapshot`, `wal`).

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::error::StoreError;

const LOCK_NAME: &str = "lock";
const UNFINISHED: &str = "tmp";

pub struct Directory {
    path: PathBuf,
    /// The operating system lets go of the lock when the process ends, however it ends.
    lock: File,
}

/// Numbers of the files in a directory, rising.
#[derive(Default)]
pub struct Listing {
    pub snapshots: Vec<u64>,
    pub segments: Vec<u64>,
}

impl Directory {
    /// Make the directory if it is missing, and lock it. A lock file that nobody holds is taken over.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(path)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(LOCK_NAME))?;
        // SAFETY: the descriptor belongs to `lock`, which outlives the call.
        if unsafe { libc::flock(lock.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } != 0 {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::WouldBlock {
                return Err(StoreError::Locked { path: path.display().to_string() });
            }
            return Err(error.into());
        }
        // Only for people who look: who holds it. On a full disk the lock is no worse without it. Always as long, so
        // that the file need not be cut: file systems bring a file to the disk that was cut and written again.
        let _ = lock.write_all_at(format!("{:10}\n", std::process::id()).as_bytes(), 0);
        Ok(Directory { path: path.to_owned(), lock })
    }

    /// Let others open the directory; nothing may be written to it any more.
    pub fn unlock(&self) -> io::Result<()> {
        // SAFETY: the descriptor belongs to `lock`, which outlives the call.
        match unsafe { libc::flock(self.lock.as_raw_fd(), libc::LOCK_UN) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    pub fn snapshot_path(&self, sequence: u64) -> PathBuf {
        self.path.join(snapshot_name(sequence))
    }

    pub fn segment_path(&self, sequence: u64) -> PathBuf {
        self.path.join(format!("wal-{sequence:016}.log"))
    }

    /// The store's files. Removes those that were never finished.
    pub fn list(&self) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            if path.extension().is_some_and(|extension| extension == UNFINISHED) {
                fs::remove_file(&path)?;
            } else if let Some(sequence) = sequence_of(name, "snapshot-", ".snap") {
                listing.snapshots.push(sequence);
            } else if let Some(sequence) = sequence_of(name, "wal-", ".log") {
                listing.segments.push(sequence);
            }
        }
        listing.snapshots.sort_unstable();
        listing.segments.sort_unstable();
        Ok(listing)
    }

    /// Remove what the snapshot `sequence` makes needless.
    pub fn remove_before(&self, sequence: u64) -> io::Result<()> {
        let listing = self.list()?;
        for old in listing.segments.into_iter().filter(|old| *old < sequence) {
            fs::remove_file(self.segment_path(old))?;
        }
        for old in listing.snapshots.into_iter().filter(|old| *old < sequence) {
            fs::remove_file(self.snapshot_path(old))?;
        }
        Ok(())
    }
}

pub fn snapshot_name(sequence: u64) -> String {
    format!("snapshot-{sequence:016}.snap")
}

/// Write a file under another name, bring it to the disk, and only then give it its own. Returns what `write` does.
pub fn write_atomically<T>(path: &Path, write: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{UNFINISHED}"));
    let unfinished = PathBuf::from(unfinished);
    let written = (|| {
        let mut file = File::create(&unfinished)?;
        let outcome = write(&mut file)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        sync_parent(path)?;
        Ok(outcome)
    })();
    if written.is_err() {
        // The first error is the one to tell; what is left behind is removed at the next open.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// Bring the name of a file to the disk.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

fn sequence_of(name: &str, prefix: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
    if digits.len() != 16 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}
