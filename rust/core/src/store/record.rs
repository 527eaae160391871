//! Records: mutations as the payloads of the journal's frames.
//!
//! A payload begins with a byte for its kind. Numbers are little-endian, texts and values stand behind a u32 length.
//! 1 commit: u64 revision, u32 count, then per write a byte (1 put, 2 delete), the key, and of a put u64 lease, the value.
//! 2 lease grant: u64 lease, f64 ttl, f64 expiry. 3 lease revoke: u64 lease, u64 revision. 4 compaction: u64 revision.
//!
//! Invariant: `decode` gives back what `encode` was given; it refuses everything that `encode` never writes.
//! Not here: frames and checksums (see `frame`).

use std::sync::Arc;

use super::mutation::{Mutation, Record, RecordedWrite};

const COMMIT: u8 = 1;
const LEASE_GRANT: u8 = 2;
const LEASE_REVOKE: u8 = 3;
const COMPACTION: u8 = 4;
const PUT: u8 = 1;
const DELETE: u8 = 2;

/// Appends the payload of a mutation.
pub fn encode(mutation: &Mutation, out: &mut Vec<u8>) {
    match mutation {
        Mutation::Commit { revision, writes } => {
            out.push(COMMIT);
            put_number(out, *revision);
            out.extend_from_slice(&(writes.len() as u32).to_le_bytes());
            for write in writes {
                out.push(if write.version.is_some() { PUT } else { DELETE });
                put_bytes(out, write.key.as_bytes());
                if let Some(version) = &write.version {
                    put_number(out, version.lease);
                    put_bytes(out, &version.value);
                }
            }
        }
        Mutation::LeaseGrant { lease, ttl_s, expires_s } => {
            out.push(LEASE_GRANT);
            put_number(out, *lease);
            out.extend_from_slice(&ttl_s.to_le_bytes());
            out.extend_from_slice(&expires_s.to_le_bytes());
        }
        Mutation::LeaseRevoke { lease, revision } => {
            out.push(LEASE_REVOKE);
            put_number(out, *lease);
            put_number(out, *revision);
        }
        Mutation::Compaction { revision } => {
            out.push(COMPACTION);
            put_number(out, *revision);
        }
    }
}

/// Reads a payload; `None` when it is none of ours.
pub fn decode(payload: &[u8]) -> Option<Record> {
    let mut reader = Reader::new(payload);
    let record = match reader.byte()? {
        COMMIT => {
            let revision = reader.number()?;
            let count = reader.count()?;
            // The count is not trusted for the allocation: each write takes five bytes at least.
            let mut writes = Vec::with_capacity(count.min(payload.len() / 5));
            for _ in 0..count {
                writes.push(recorded_write(&mut reader)?);
            }
            Record::Commit { revision, writes }
        }
        LEASE_GRANT => {
            Record::LeaseGrant { lease: reader.number()?, ttl_s: reader.float()?, expires_s: reader.float()? }
        }
        LEASE_REVOKE => Record::LeaseRevoke { lease: reader.number()?, revision: reader.number()? },
        COMPACTION => Record::Compaction { revision: reader.number()? },
        _ => return None,
    };
    reader.is_at_end().then_some(record)
}

fn recorded_write(reader: &mut Reader<'_>) -> Option<RecordedWrite> {
    let kind = reader.byte()?;
    let key: Arc<str> = reader.text()?.into();
    match kind {
        PUT => {
            let lease = reader.number()?;
            Some(RecordedWrite { key, value: Some(reader.bytes()?.into()), lease })
        }
        DELETE => Some(RecordedWrite { key, value: None, lease: 0 }),
        _ => None,
    }
}

pub fn put_number(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Reads a payload from its beginning; `None` when it ends too early.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(payload: &'a [u8]) -> Self {
        Reader { rest: payload }
    }

    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    pub fn number(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub fn float(&mut self) -> Option<f64> {
        self.array().map(f64::from_le_bytes)
    }

    pub fn count(&mut self) -> Option<usize> {
        self.array().map(|bytes| u32::from_le_bytes(bytes) as usize)
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.count()?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*bytes)
    }
}
