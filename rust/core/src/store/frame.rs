//! Frames: how records stand in a file, and what a damaged file looks like.
//!
//! A frame is a header of 20 bytes and a payload: u32 length of the payload, u32 CRC-32 of the payload, u64 offset up
//! to which this file was known to be on the disk when the frame was written, u32 CRC-32 of the 16 bytes before it;
//! all little-endian.
//!
//! Invariant: a file cut anywhere gives back its whole frames and `Tail::Torn`; a changed byte gives `Tail::Damaged`,
//! but for a sector of zeros where nothing was known to be on the disk yet: that is how a crash of the machine looks.
//! Not here: what payloads mean (see `record`, `snapshot`), files (see `wal`).

pub const HEADER_LEN: usize = 20;
/// A payload longer than this is refused when it is written.
pub const PAYLOAD_BYTES_MAX: usize = 512 << 20;
/// What a disk writes at once, at least.
const SECTOR_LEN: usize = 512;

/// Appends one frame; `write` appends the payload.
pub fn encode(out: &mut Vec<u8>, synced_offset: u64, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_LEN]);
    write(out);
    let (header, payload) = out[start..].split_at_mut(HEADER_LEN);
    header[0..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[4..8].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    header[8..16].copy_from_slice(&synced_offset.to_le_bytes());
    let crc = crc32fast::hash(&header[..16]);
    header[16..20].copy_from_slice(&crc.to_le_bytes());
}

/// How the frames of a file end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    Clean,
    /// From here on the file is not whole, and was never known to be.
    Torn {
        offset: usize,
    },
    Damaged {
        offset: usize,
        detail: &'static str,
    },
}

struct Header {
    length: usize,
    payload_crc: u32,
    synced_offset: u64,
}

/// Reads the frames of a file one by one.
pub struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    /// `at`: where the first frame begins, behind the file's own header.
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Frames { bytes, at }
    }

    /// What comes after the last whole frame. Meaningful once `next` has returned `None`.
    pub fn tail(&self) -> Tail {
        let rest = &self.bytes[self.at..];
        if rest.is_empty() {
            return Tail::Clean;
        }
        let torn = Tail::Torn { offset: self.at };
        if rest.len() < HEADER_LEN {
            return torn;
        }
        let (end, detail) = match header_at(self.bytes, self.at) {
            Some(header) if header.length > rest.len() - HEADER_LEN => return torn,
            Some(header) => (self.at + HEADER_LEN + header.length, "a record's checksum is wrong"),
            None => (self.bytes.len(), "a record's header is wrong"),
        };
        if self.has_lost_sector(end) && !self.is_known_synced() {
            return torn;
        }
        Tail::Damaged { offset: self.at, detail }
    }

    /// Whether a sector of the bad frame is all zeros, as when its page never reached the disk.
    fn has_lost_sector(&self, end: usize) -> bool {
        let mut start = self.at;
        while start < end {
            let sector_end = (start / SECTOR_LEN + 1) * SECTOR_LEN;
            let chunk = &self.bytes[start..sector_end.min(end)];
            if chunk.len() >= HEADER_LEN && chunk.iter().all(|byte| *byte == 0) {
                return true;
            }
            start = sector_end;
        }
        false
    }

    /// Whether a later frame says that the bad one had reached the disk.
    fn is_known_synced(&self) -> bool {
        (self.at + 1..self.bytes.len()).any(|at| {
            header_at(self.bytes, at).is_some_and(|header| {
                header.synced_offset > self.at as u64 && payload_at(self.bytes, at, &header).is_some()
            })
        })
    }
}

impl<'a> Iterator for Frames<'a> {
    /// Where the frame begins, and its payload.
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let header = header_at(self.bytes, self.at)?;
        let payload = payload_at(self.bytes, self.at, &header)?;
        let offset = self.at;
        self.at += HEADER_LEN + header.length;
        Some((offset, payload))
    }
}

fn header_at(bytes: &[u8], at: usize) -> Option<Header> {
    let header = bytes.get(at..at + HEADER_LEN)?;
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if crc32fast::hash(&header[..16]) != number(16) {
        return None;
    }
    let synced_offset = u64::from(number(8)) | u64::from(number(12)) << 32;
    Some(Header { length: number(0) as usize, payload_crc: number(4), synced_offset })
}

fn payload_at<'a>(bytes: &'a [u8], at: usize, header: &Header) -> Option<&'a [u8]> {
    let start = at + HEADER_LEN;
    let payload = bytes.get(start..start.checked_add(header.length)?)?;
    (crc32fast::hash(payload) == header.payload_crc).then_some(payload)
}
