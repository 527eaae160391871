//! Snapshots: a store's content at one revision in one file.
//!
//! A header of 56 bytes: "PYK8SSNP", u32 format, u32 zero, u64 revision, u64 number of keys, u64 number of leases,
//! u64 highest lease id ever granted, u32 zero, u32 CRC-32 of the 52 bytes before it. Then frames whose payload begins
//! with 5 (u32 count, then per key: key, value, u64 create revision, mod revision, version, lease) or 6 (u32 count, then
//! per lease: u64 id, f64 ttl, f64 expiry).
//!
//! Invariant: a file is read as a whole or refused; it holds as many keys and leases as its header says.
//! Not here: when a snapshot is taken (see `wal`), history: a snapshot has none.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::content::Content;
use super::directory::{snapshot_name, sync_parent, write_atomically};
use super::error::StoreError;
use super::frame::{self, Frames, Tail};
use super::mutation::Record;
use super::record::{put_bytes, put_number, Reader};
use super::store::Store;
use super::version::Version;

pub const FORMAT: u32 = 1;
const MAGIC: &[u8; 8] = b"PYK8SSNP";
const HEADER_LEN: usize = 56;
const VERSIONS: u8 = 5;
const LEASES: u8 = 6;
/// Bytes of payload after which a frame is closed.
const FRAME_BYTES: usize = 256 << 10;

/// Write `content` to one file, atomically; returns its size.
pub fn write(path: &Path, content: &Content) -> io::Result<u64> {
    write_atomically(path, |file| {
        let mut out = header(content);
        let mut size = 0;
        let mut flush = |out: &mut Vec<u8>| {
            size += out.len() as u64;
            file.write_all(out).map(|()| out.clear())
        };
        flush(&mut out)?;
        let mut versions = content.versions().peekable();
        while versions.peek().is_some() {
            frame_of(&mut out, VERSIONS, &mut versions, |out, version| put_version(out, version));
            flush(&mut out)?;
        }
        let mut leases = content.leases().peekable();
        while leases.peek().is_some() {
            frame_of(&mut out, LEASES, &mut leases, |out, (lease, ttl_s, expires_s)| {
                put_number(out, lease);
                out.extend_from_slice(&ttl_s.to_le_bytes());
                out.extend_from_slice(&expires_s.to_le_bytes());
            });
            flush(&mut out)?;
        }
        Ok(size)
    })
}

fn header(content: &Content) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_LEN);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    put_number(&mut out, content.revision);
    put_number(&mut out, content.version_count() as i64);
    put_number(&mut out, content.leases().count() as i64);
    put_number(&mut out, content.last_lease_id());
    out.extend_from_slice(&[0; 4]);
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// One frame of as many items as fit.
fn frame_of<T>(
    out: &mut Vec<u8>,
    kind: u8,
    items: &mut impl Iterator<Item = T>,
    mut put: impl FnMut(&mut Vec<u8>, T),
) {
    frame::encode(out, 0, |out| {
        out.push(kind);
        let count_at = out.len();
        out.extend_from_slice(&[0; 4]);
        let mut count = 0u32;
        while out.len() - count_at < FRAME_BYTES {
            let Some(item) = items.next() else { break };
            put(out, item);
            count += 1;
        }
        out[count_at..count_at + 4].copy_from_slice(&count.to_le_bytes());
    });
}

fn put_version(out: &mut Vec<u8>, version: &Version) {
    put_bytes(out, version.key.as_bytes());
    put_bytes(out, &version.value);
    put_number(out, version.create_revision);
    put_number(out, version.mod_revision);
    put_number(out, version.version);
    put_number(out, version.lease);
}

/// What a snapshot file holds.
pub struct Snapshot {
    pub revision: i64,
    pub last_lease_id: i64,
    pub versions: Vec<Version>,
    pub leases: Vec<(i64, f64, f64)>,
    pub file_bytes: u64,
}

/// Read and check a whole snapshot file.
pub fn read(path: &Path) -> Result<Snapshot, StoreError> {
    let bytes = fs::read(path)?;
    let damaged = |offset: usize, detail: &str| damaged(path, offset, detail);
    let (mut snapshot, key_count, lease_count) = read_header(path, &bytes)?;
    let mut frames = Frames::new(&bytes, HEADER_LEN);
    for (offset, payload) in frames.by_ref() {
        take(&mut snapshot, payload).ok_or_else(|| damaged(offset, "a record cannot be read"))?;
    }
    match frames.tail() {
        Tail::Clean => {}
        Tail::Torn { offset } => return Err(damaged(offset, "the file ends too early")),
        Tail::Damaged { offset, detail } => return Err(damaged(offset, detail)),
    }
    if (snapshot.versions.len() as i64, snapshot.leases.len() as i64) != (key_count, lease_count) {
        return Err(damaged(bytes.len(), "the file ends too early"));
    }
    Ok(snapshot)
}

fn read_header(path: &Path, bytes: &[u8]) -> Result<(Snapshot, i64, i64), StoreError> {
    let header =
        bytes.get(..HEADER_LEN).ok_or_else(|| damaged(path, bytes.len(), "the file ends too early"))?;
    if !header.starts_with(MAGIC) {
        return Err(damaged(path, 0, "this is no snapshot of a store"));
    }
    check_header(path, header, FORMAT)?;
    let mut reader = Reader::new(&header[16..]);
    let mut number = || reader.number().expect("the header has its length");
    let (revision, key_count, lease_count, last_lease_id) = (number(), number(), number(), number());
    let snapshot = Snapshot {
        revision,
        last_lease_id,
        versions: Vec::new(),
        leases: Vec::new(),
        file_bytes: bytes.len() as u64,
    };
    Ok((snapshot, key_count, lease_count))
}

/// Check a file header's checksum, its last four bytes, and its format, at byte 8.
pub fn check_header(path: &Path, header: &[u8], supported: u32) -> Result<(), StoreError> {
    let (checked, crc) = header.split_at(header.len() - 4);
    if crc32fast::hash(checked).to_le_bytes() != crc {
        return Err(damaged(path, 0, "the file's header is wrong"));
    }
    let found = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    if found != supported {
        return Err(StoreError::Version { path: path.display().to_string(), found, supported });
    }
    Ok(())
}

fn take(snapshot: &mut Snapshot, payload: &[u8]) -> Option<()> {
    let mut reader = Reader::new(payload);
    let kind = reader.byte()?;
    for _ in 0..reader.count()? {
        match kind {
            VERSIONS => snapshot.versions.push(read_version(&mut reader)?),
            LEASES => snapshot.leases.push((reader.number()?, reader.float()?, reader.float()?)),
            _ => return None,
        }
    }
    reader.is_at_end().then_some(())
}

fn read_version(reader: &mut Reader<'_>) -> Option<Version> {
    Some(Version {
        key: Arc::from(reader.text()?),
        value: reader.bytes()?.into(),
        create_revision: reader.number()?,
        mod_revision: reader.number()?,
        version: reader.number()?,
        lease: reader.number()?,
        object: None,
    })
}

pub fn damaged(path: &Path, offset: usize, detail: &str) -> StoreError {
    StoreError::Damaged { path: path.display().to_string(), offset: offset as u64, detail: detail.to_owned() }
}

impl Snapshot {
    /// Fill an empty store.
    pub fn into_store(self, store: &Store) -> Result<(), StoreError> {
        let is_last_gone = self.leases.iter().all(|(lease, ..)| *lease != self.last_lease_id);
        if self.last_lease_id > 0 && is_last_gone {
            // Granted and revoked: the id will not be given again.
            let (lease, revision) = (self.last_lease_id, 0);
            store.replay(Record::LeaseGrant { lease, ttl_s: 1.0, expires_s: 0.0 })?;
            store.replay(Record::LeaseRevoke { lease, revision })?;
        }
        for (lease, ttl_s, expires_s) in self.leases {
            store.replay(Record::LeaseGrant { lease, ttl_s, expires_s })?;
        }
        store.restore(self.revision, self.versions)
    }
}

impl Store {
    /// Write the present content to one file, atomically; returns its revision.
    pub fn snapshot_save(&self, path: &Path) -> Result<i64, StoreError> {
        let content = self.content();
        write(path, &content)?;
        Ok(content.revision)
    }

    /// Make a store directory at `path`, which must not exist, from a snapshot file.
    pub fn snapshot_restore(snapshot: &Path, path: &Path) -> Result<(), StoreError> {
        if path.symlink_metadata().is_ok() {
            return Err(io::Error::from_raw_os_error(libc::EEXIST).into());
        }
        read(snapshot)?;
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".restoring");
        let unfinished = Path::new(&unfinished);
        if unfinished.is_dir() {
            fs::remove_dir_all(unfinished)?;
        }
        fs::create_dir_all(unfinished)?;
        let bytes = fs::read(snapshot)?;
        write_atomically(&unfinished.join(snapshot_name(1)), |file| file.write_all(&bytes))?;
        fs::rename(unfinished, path)?;
        Ok(sync_parent(path)?)
    }
}
