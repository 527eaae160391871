//! The envelope of a stored object: what lists, watches and selectors need to know without decoding its body.
//!
//! Invariant: an envelope describes exactly the bytes it was parsed from, or those `write_revision` last returned.
//! Invariant: labels are sorted by key and none is doubled; of doubled members the last one counts.
//! Not here: reading it off the bytes (see `envelope_parser`), the object's types and defaults, matching (see `selector`).

pub use super::envelope_parser::parse;
use super::scan::NotJson;

/// Paths of all the selectable fields of one kind together: one bit each in a mask.
pub const FIELD_PATHS_MAX: usize = 64;
/// Labels or owners of one object; a body of 3 MiB cannot hold many more.
pub const LABELS_MAX: usize = u16::MAX as usize;

/// Why an object has no envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("object is not valid JSON")]
    NotJson,
    #[error("{0} is not {1}")]
    WrongType(&'static str, &'static str),
    #[error("object has more than {LABELS_MAX} labels or owners")]
    TooMany,
}

impl From<NotJson> for EnvelopeError {
    fn from(_: NotJson) -> Self {
        EnvelopeError::NotJson
    }
}

/// One selectable field: its label, where its value stands, and what it is when it stands nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    pub label: Box<str>,
    pub default: Box<str>,
    pub(super) paths: Vec<Vec<Box<str>>>,
}

impl FieldSpec {
    /// `paths`: one dotted path, or several joined by "|"; the first that is present and not empty counts.
    pub fn new(label: &str, paths: &str, default: &str) -> FieldSpec {
        let paths = paths.split('|').map(|path| path.split('.').map(Box::from).collect()).collect();
        FieldSpec { label: label.into(), default: default.into(), paths }
    }
}

/// How the resourceVersion gets into the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Over the value that is there.
    Replace,
    /// Behind the uid.
    AfterMember,
    /// First of the metadata's members.
    FirstMember,
    /// Into metadata that has no member.
    OnlyMember,
    /// Metadata itself is missing: before, behind or instead of other members.
    MetadataBefore,
    MetadataAfter,
    MetadataAlone,
    /// Over metadata that is null.
    MetadataReplace,
}

impl Form {
    fn around(self) -> (&'static str, &'static str) {
        match self {
            Form::Replace => ("\"", "\""),
            Form::AfterMember => (",\"resourceVersion\":\"", "\""),
            Form::FirstMember => ("\"resourceVersion\":\"", "\","),
            Form::OnlyMember => ("\"resourceVersion\":\"", "\""),
            Form::MetadataBefore => ("\"metadata\":{\"resourceVersion\":\"", "\"},"),
            Form::MetadataAfter => (",\"metadata\":{\"resourceVersion\":\"", "\"}"),
            Form::MetadataAlone => ("\"metadata\":{\"resourceVersion\":\"", "\"}"),
            Form::MetadataReplace => ("{\"resourceVersion\":\"", "\"}"),
        }
    }
}

/// Where and how the resourceVersion is written: `length` bytes at `offset` give way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub offset: u32,
    pub length: u32,
    pub form: Form,
}

/// What is known of one object. About 40 bytes and one allocation of the texts' length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Texts, each behind its length: name, namespace, labels (key, value), fields, uid, owner uids.
    pub(super) packed: Box<[u8]>,
    pub(super) slot: Slot,
    pub(super) head_len: u32,
    pub(super) label_count: u16,
    pub(super) field_count: u8,
    pub(super) is_deleting: bool,
}

impl Envelope {
    pub fn name(&self) -> &str {
        self.texts().next().unwrap_or("")
    }

    pub fn namespace(&self) -> &str {
        self.texts().nth(1).unwrap_or("")
    }

    pub fn uid(&self) -> &str {
        self.texts().nth(self.uid_index()).unwrap_or("")
    }

    /// The value of a label, `None` when the object does not carry it.
    #[inline]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels().find(|(found, _)| *found == key).map(|(_, value)| value)
    }

    /// Labels in order of their keys.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut texts = self.texts_from(2);
        (0..self.label_count).map_while(move |_| Some((texts.next()?, texts.next()?)))
    }

    /// The field at this place in the specs that the envelope was parsed with; "" beyond them.
    pub fn field(&self, index: usize) -> &str {
        if index >= self.field_count as usize {
            return "";
        }
        self.texts().nth(2 + 2 * self.label_count as usize + index).unwrap_or("")
    }

    /// The field of this label; metadata.name and metadata.namespace always exist, any other may be "".
    pub fn field_named(&self, label: &str, specs: &[FieldSpec]) -> &str {
        match label {
            "metadata.name" => self.name(),
            "metadata.namespace" => self.namespace(),
            _ => specs.iter().position(|spec| *spec.label == *label).map_or("", |index| self.field(index)),
        }
    }

    pub fn owner_uids(&self) -> impl Iterator<Item = &str> {
        self.texts_from(self.uid_index() + 1)
    }

    /// Whether metadata.deletionTimestamp is set.
    pub fn is_deleting(&self) -> bool {
        self.is_deleting
    }

    /// Bytes to leave out for an object without kind and apiVersion: `{` and what follows them is the rest.
    pub fn head_len(&self) -> usize {
        self.head_len as usize
    }

    /// Bytes this envelope holds beside its own size.
    pub fn heap_bytes(&self) -> usize {
        self.packed.len()
    }

    /// The object's bytes with `revision` as its resourceVersion; the envelope then describes these.
    pub fn write_revision(&mut self, value: &[u8], revision: i64) -> Vec<u8> {
        let Slot { offset, length, form } = self.slot;
        let (before, after) = form.around();
        let digits = revision.to_string();
        let (start, end) = (offset as usize, (offset + length) as usize);
        let mut out =
            Vec::with_capacity(value.len() - length as usize + before.len() + digits.len() + after.len());
        out.extend_from_slice(&value[..start]);
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(digits.as_bytes());
        out.extend_from_slice(after.as_bytes());
        out.extend_from_slice(&value[end..]);
        if form == Form::MetadataAfter {
            self.head_len += 1;
        }
        let value_start = start + before.len() - 1;
        self.slot = Slot { offset: value_start as u32, length: digits.len() as u32 + 2, form: Form::Replace };
        debug_assert!(out[value_start] == b'"', "a resourceVersion starts with its quote");
        out
    }

    fn uid_index(&self) -> usize {
        2 + 2 * self.label_count as usize + self.field_count as usize
    }

    fn texts(&self) -> Texts<'_> {
        Texts { rest: &self.packed }
    }

    fn texts_from(&self, index: usize) -> Texts<'_> {
        let mut texts = self.texts();
        for _ in 0..index {
            texts.next();
        }
        texts
    }
}

/// Reads the packed texts one by one.
struct Texts<'a> {
    rest: &'a [u8],
}

const LONG: u8 = u8::MAX;

impl<'a> Iterator for Texts<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        let (&first, rest) = self.rest.split_first()?;
        let (length, rest) = match first {
            LONG => {
                let (length, rest) = rest.split_first_chunk::<4>()?;
                (u32::from_le_bytes(*length) as usize, rest)
            }
            short => (short as usize, rest),
        };
        let (text, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        // SAFETY: `pack` is the only writer and it writes the bytes of a `str` behind their length.
        Some(unsafe { std::str::from_utf8_unchecked(text) })
    }
}

/// Bytes that `pack` appends.
pub(super) fn packed_len(text: &str) -> usize {
    text.len() + if text.len() < LONG as usize { 1 } else { 5 }
}

/// Put one text behind the others.
pub(super) fn pack(packed: &mut Vec<u8>, text: &str) {
    if text.len() < LONG as usize {
        packed.push(text.len() as u8);
    } else {
        packed.push(LONG);
        packed.extend_from_slice(&(text.len() as u32).to_le_bytes());
    }
    packed.extend_from_slice(text.as_bytes());
}
