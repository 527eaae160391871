//! Bytes for clients: pages of a list, and watch events as JSON lines.
//!
//! Invariant: objects are copied as they are stored; nothing is decoded.
//! Not here: the list's own head and metadata (the API server writes them).

use std::sync::Arc;

use super::version::{Event, Version};

const LINE_START: &[u8] = b"{\"type\":\"";
const LINE_OBJECT: &[u8] = b"\",\"object\":";
const LINE_END: &[u8] = b"}\n";

/// Length of the event's line in a watch answer.
pub fn line_len(event: &Event) -> usize {
    LINE_START.len()
        + event.kind.name().len()
        + LINE_OBJECT.len()
        + event.version().value.len()
        + LINE_END.len()
}

/// Length of `write_lines`' output.
pub fn lines_len(events: &[Event]) -> usize {
    events.iter().map(line_len).sum()
}

/// Fills `out`, which is `lines_len` long, with the events' lines: `{"type":"ADDED","object":…}\n`.
pub fn write_lines(events: &[Event], out: &mut [u8]) {
    let mut out = Output(out);
    for event in events {
        out.put(LINE_START);
        out.put(event.kind.name().as_bytes());
        out.put(LINE_OBJECT);
        out.put(&event.version().value);
        out.put(LINE_END);
    }
}

/// Length of `write_list`'s output.
pub fn list_len(items: &[Arc<Version>], strip_type: bool) -> usize {
    let lengths = items.iter().map(|version| version.value.len() - stripped_len(version, strip_type));
    lengths.sum::<usize>() + items.len().saturating_sub(1)
}

/// Fills `out`, which is `list_len` long, with the values joined by commas.
pub fn write_list(items: &[Arc<Version>], strip_type: bool, out: &mut [u8]) {
    let mut out = Output(out);
    for (index, version) in items.iter().enumerate() {
        if index > 0 {
            out.put(b",");
        }
        match stripped_len(version, strip_type) {
            0 => out.put(&version.value),
            stripped => {
                out.put(b"{");
                out.put(&version.value[stripped + 1..]);
            }
        }
    }
}

/// Bytes of kind and apiVersion that are left out behind the opening brace.
fn stripped_len(version: &Version, strip_type: bool) -> usize {
    let object = version.object.as_ref().filter(|_| strip_type);
    object.map_or(0, |object| object.envelope.head_len().saturating_sub(1))
}

struct Output<'a>(&'a mut [u8]);

impl Output<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let (head, rest) = std::mem::take(&mut self.0).split_at_mut(bytes.len());
        head.copy_from_slice(bytes);
        self.0 = rest;
    }
}
