//! A segment: one file of the write-ahead log.
//!
//! A header of 32 bytes: "PYK8SWAL", u32 format, u32 zero, u64 sequence number, u32 zero, u32 CRC-32 of the 28 bytes
//! before it. Then one frame per mutation.
//!
//! Invariant: what stands before `end` is whole frames; what a failed write left behind it is cut before the next.
//! Not here: when segments begin and end (see `wal`), reading them back (see `recover`).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::directory::write_atomically;

pub const FORMAT: u32 = 1;
pub const MAGIC: &[u8; 8] = b"PYK8SWAL";
pub const HEADER_LEN: usize = 32;

pub struct Segment {
    pub sequence: u64,
    /// Shared with whoever is just bringing it to the disk.
    pub file: Arc<File>,
    pub end: u64,
    /// A write failed and what it left behind `end` could not be cut yet.
    is_ragged: bool,
}

impl Segment {
    /// A new file with nothing in it, on the disk before it returns.
    pub fn create(path: &Path, sequence: u64) -> io::Result<Self> {
        write_atomically(path, |file| file.write_all_at(&header(sequence), 0))?;
        Self::open(path, sequence, HEADER_LEN as u64)
    }

    /// Go on with a file; what is behind `end` is cut.
    pub fn open(path: &Path, sequence: u64, end: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        if file.metadata()?.len() != end {
            file.set_len(end)?;
        }
        Ok(Segment { sequence, file: Arc::new(file), end, is_ragged: false })
    }

    /// Append whole frames. On an error the file is as before.
    pub fn append(&mut self, frames: &[u8]) -> io::Result<()> {
        if self.is_ragged {
            self.file.set_len(self.end)?;
            self.is_ragged = false;
        }
        if let Err(error) = self.file.write_all_at(frames, self.end) {
            self.is_ragged = self.file.set_len(self.end).is_err();
            return Err(error);
        }
        self.end += frames.len() as u64;
        Ok(())
    }
}

fn header(sequence: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_LEN);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}
