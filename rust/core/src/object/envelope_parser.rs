//! Reads an object's envelope in one pass over its bytes.
//!
//! Invariant: nothing is built for members that no envelope holds; they are only checked to be JSON.
//! Not here: what an envelope is (see `envelope`), JSON's syntax (see `scan`).

use std::borrow::Cow;

use super::envelope::{
    pack, packed_len, Envelope, EnvelopeError, FieldSpec, Form, Slot, FIELD_PATHS_MAX, LABELS_MAX,
};
use super::scan::Cursor;

/// Read the envelope of a JSON object in one pass over its bytes.
pub fn parse(bytes: &[u8], fields: &[FieldSpec]) -> Result<Envelope, EnvelopeError> {
    if bytes.len() > u32::MAX as usize {
        return Err(EnvelopeError::TooMany);
    }
    Parser::new(fields).run(Cursor::new(bytes)?).map_err(|error| {
        // A wrong type is only worth telling of bytes that are JSON to their end.
        let is_json = Cursor::new(bytes).and_then(|mut cursor| cursor.skip().and_then(|()| cursor.finish()));
        is_json.err().map_or(error, EnvelopeError::from)
    })
}

type Text<'a> = Cow<'a, str>;

/// One path to look out for, in the order of the specs, and what stood there.
struct Wanted<'a, 'f> {
    field: usize,
    path: &'f [Box<str>],
    found: Option<Text<'a>>,
}

/// What one pass collects.
struct Parser<'a, 'f> {
    fields: &'f [FieldSpec],
    wanted: Vec<Wanted<'a, 'f>>,
    metadata: Metadata<'a>,
    head_len: usize,
    slot: Option<Slot>,
}

#[derive(Default)]
struct Metadata<'a> {
    name: Text<'a>,
    namespace: Text<'a>,
    uid: Text<'a>,
    labels: Vec<(Text<'a>, Text<'a>)>,
    owner_uids: Vec<Text<'a>>,
    is_deleting: bool,
}

impl<'a, 'f> Parser<'a, 'f> {
    fn new(fields: &'f [FieldSpec]) -> Self {
        let paths = fields.iter().enumerate().flat_map(|(index, field)| {
            field.paths.iter().map(move |path| Wanted { field: index, path, found: None })
        });
        let wanted = paths.take(FIELD_PATHS_MAX).collect();
        Parser { fields, wanted, metadata: Metadata::default(), head_len: 1, slot: None }
    }

    fn run(mut self, mut cursor: Cursor<'a>) -> Result<Envelope, EnvelopeError> {
        if cursor.peek() != Some(b'{') {
            return Err(EnvelopeError::WrongType("object", "a JSON object"));
        }
        self.root(&mut cursor)?;
        cursor.finish()?;
        self.envelope()
    }

    fn root(&mut self, cursor: &mut Cursor<'a>) -> Result<(), EnvelopeError> {
        let (mut is_in_head, mut member_count) = (true, 0);
        let all = u64::MAX.checked_shr((FIELD_PATHS_MAX - self.wanted.len()) as u32).unwrap_or(0);
        self.head_len = cursor.offset() + 1;
        cursor.members(|cursor, key| {
            if is_in_head {
                self.head_len = cursor.key_offset();
            }
            is_in_head = is_in_head && matches!(&**key, "kind" | "apiVersion") && cursor.peek() == Some(b'"');
            member_count += 1;
            let chosen = self.chosen(all, 0, key);
            match &**key {
                "metadata" => self.metadata(cursor, chosen),
                _ => self.value(cursor, chosen, 1),
            }
        })?;
        self.finish_root(cursor.end() - 1, member_count, is_in_head);
        Ok(())
    }

    /// Settle what only the end of the object tells: `closing` is the offset of its last brace.
    fn finish_root(&mut self, closing: usize, member_count: usize, is_all_head: bool) {
        if is_all_head && member_count > 0 {
            self.head_len = closing;
        }
        if self.slot.is_none() {
            let form = match (member_count, is_all_head) {
                (0, _) => Form::MetadataAlone,
                (_, true) => Form::MetadataAfter,
                _ => Form::MetadataBefore,
            };
            self.slot = Some(Slot { offset: self.head_len as u32, length: 0, form });
        }
    }

    /// The paths among `among` whose segment at `depth` is `key`; what they found before no longer counts.
    fn chosen(&mut self, among: u64, depth: usize, key: &str) -> u64 {
        let mut mask = 0;
        for index in bits(among) {
            let wanted = &mut self.wanted[index];
            if wanted.path.get(depth).is_some_and(|segment| **segment == *key) {
                mask |= 1 << index;
                wanted.found = None;
            }
        }
        mask
    }

    /// Read one value that the paths in `mask` lead into, `depth` segments down.
    fn value(&mut self, cursor: &mut Cursor<'a>, mask: u64, depth: usize) -> Result<(), EnvelopeError> {
        if mask == 0 {
            return Ok(cursor.skip()?);
        }
        if cursor.peek() == Some(b'{') {
            return cursor.members(|cursor, key| {
                let chosen = self.chosen(mask, depth, key);
                self.value(cursor, chosen, depth + 1)
            });
        }
        let text = leaf(cursor)?;
        for index in bits(mask) {
            let wanted = &mut self.wanted[index];
            if wanted.path.len() == depth {
                wanted.found = text.clone();
            }
        }
        Ok(())
    }

    fn metadata(&mut self, cursor: &mut Cursor<'a>, mask: u64) -> Result<(), EnvelopeError> {
        self.metadata = Metadata::default();
        let start = cursor.offset();
        match cursor.peek() {
            Some(b'n') => {
                cursor.skip()?;
                self.slot = Some(slot(start, cursor.end(), Form::MetadataReplace));
                return Ok(());
            }
            Some(b'{') => {}
            _ => return Err(EnvelopeError::WrongType("metadata", "an object")),
        }
        self.slot = Some(slot(start + 1, start + 1, Form::OnlyMember));
        cursor.members(|cursor, key| {
            let chosen = self.chosen(mask, 1, key);
            if chosen != 0 {
                self.value(&mut cursor.clone(), chosen, 2)?;
            }
            self.metadata_member(cursor, key)
        })
    }

    fn metadata_member(&mut self, cursor: &mut Cursor<'a>, key: &str) -> Result<(), EnvelopeError> {
        let (key_start, start) = (cursor.key_offset(), cursor.offset());
        match key {
            "name" => self.metadata.name = text(cursor, "metadata.name")?,
            "namespace" => self.metadata.namespace = text(cursor, "metadata.namespace")?,
            "uid" => self.metadata.uid = text(cursor, "metadata.uid")?,
            "labels" => self.metadata.labels = labels(cursor)?,
            "ownerReferences" => self.metadata.owner_uids = owner_uids(cursor)?,
            "deletionTimestamp" => {
                self.metadata.is_deleting = cursor.peek() != Some(b'n');
                cursor.skip()?;
            }
            _ => cursor.skip()?,
        }
        let form = self.slot.map(|slot| slot.form);
        match key {
            "resourceVersion" => self.slot = Some(slot(start, cursor.end(), Form::Replace)),
            "uid" if form != Some(Form::Replace) => {
                self.slot = Some(slot(cursor.end(), cursor.end(), Form::AfterMember));
            }
            _ if form == Some(Form::OnlyMember) => {
                self.slot = Some(slot(key_start, key_start, Form::FirstMember))
            }
            _ => {}
        }
        Ok(())
    }

    fn envelope(self) -> Result<Envelope, EnvelopeError> {
        let Metadata { name, namespace, uid, labels, owner_uids, is_deleting } = self.metadata;
        if labels.len() > LABELS_MAX || owner_uids.len() > LABELS_MAX {
            return Err(EnvelopeError::TooMany);
        }
        let field_texts = field_texts(self.fields, &self.wanted);
        let texts = [&*name, &*namespace].into_iter();
        let texts = texts.chain(labels.iter().flat_map(|(key, value)| [&**key, &**value]));
        let texts = texts.chain(field_texts.iter().copied());
        let texts = texts.chain([&*uid]).chain(owner_uids.iter().map(|uid| &**uid));
        let mut packed = Vec::with_capacity(texts.clone().map(packed_len).sum());
        texts.for_each(|text| pack(&mut packed, text));
        Ok(Envelope {
            packed: packed.into(),
            slot: self.slot.expect("finish_root fills the slot"),
            head_len: self.head_len as u32,
            label_count: labels.len() as u16,
            field_count: self.fields.len() as u8,
            is_deleting,
        })
    }
}

/// Of each field the first of its paths that was present and not empty, or its default.
fn field_texts<'t>(fields: &'t [FieldSpec], wanted: &'t [Wanted<'_, '_>]) -> Vec<&'t str> {
    let mut texts = vec![""; fields.len()];
    for Wanted { field, found, .. } in wanted {
        if texts[*field].is_empty() {
            texts[*field] = found.as_deref().unwrap_or("");
        }
    }
    for (text, field) in texts.iter_mut().zip(fields) {
        if text.is_empty() {
            *text = &field.default;
        }
    }
    texts
}

/// The places of a mask's bits, rising.
fn bits(mask: u64) -> impl Iterator<Item = usize> {
    let mut rest = mask;
    std::iter::from_fn(move || {
        let index = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
        rest &= rest - 1;
        Some(index)
    })
}

fn slot(start: usize, end: usize, form: Form) -> Slot {
    Slot { offset: start as u32, length: (end - start) as u32, form }
}

/// A string, or "" for null.
fn text<'a>(cursor: &mut Cursor<'a>, path: &'static str) -> Result<Text<'a>, EnvelopeError> {
    match cursor.peek() {
        Some(b'"') => Ok(cursor.string()?),
        Some(b'n') => Ok(cursor.skip().map(|()| Cow::Borrowed(""))?),
        _ => Err(EnvelopeError::WrongType(path, "a string")),
    }
}

fn labels<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<(Text<'a>, Text<'a>)>, EnvelopeError> {
    let mut labels = Vec::new();
    match cursor.peek() {
        Some(b'n') => cursor.skip()?,
        Some(b'{') => cursor.members(|cursor, key| {
            labels.push((key.clone(), text(cursor, "metadata.labels")?));
            Ok::<_, EnvelopeError>(())
        })?,
        _ => return Err(EnvelopeError::WrongType("metadata.labels", "an object")),
    }
    // Of doubled keys the last one counts: reversed, the stable sort puts it first, and dedup keeps the first.
    labels.reverse();
    labels.sort_by(|a, b| a.0.cmp(&b.0));
    labels.dedup_by(|later, kept| later.0 == kept.0);
    Ok(labels)
}

fn owner_uids<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Text<'a>>, EnvelopeError> {
    let mut uids = Vec::new();
    match cursor.peek() {
        Some(b'n') => cursor.skip()?,
        Some(b'[') => cursor.elements(|cursor| {
            uids.push(member(cursor, "uid", "metadata.ownerReferences")?.unwrap_or_default());
            Ok::<_, EnvelopeError>(())
        })?,
        _ => return Err(EnvelopeError::WrongType("metadata.ownerReferences", "an array")),
    }
    Ok(uids)
}

/// The text of one member of an object; `None` when the object has none or it is no string.
fn member<'a>(
    cursor: &mut Cursor<'a>,
    name: &str,
    path: &'static str,
) -> Result<Option<Text<'a>>, EnvelopeError> {
    if cursor.peek() != Some(b'{') {
        return Err(EnvelopeError::WrongType(path, "an array of objects"));
    }
    let mut found = None;
    cursor.members(|cursor, key| {
        if key != name {
            return cursor.skip();
        }
        found = None;
        if cursor.peek() == Some(b'"') {
            found = Some(cursor.string()?);
            return Ok(());
        }
        cursor.skip()
    })?;
    Ok(found)
}

/// A field's value as text: strings, numbers as written, true and false, the `ip` of each element joined by ",".
fn leaf<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Text<'a>>, EnvelopeError> {
    match cursor.peek() {
        Some(b'"') => Ok(Some(cursor.string()?)),
        Some(b'[') => {
            let mut parts: Vec<Text<'a>> = Vec::new();
            cursor.elements(|cursor| {
                match cursor.peek() {
                    Some(b'"') => parts.push(cursor.string()?),
                    Some(b'{') => parts.extend(member(cursor, "ip", "")?),
                    _ => cursor.skip()?,
                }
                Ok::<_, EnvelopeError>(())
            })?;
            Ok(Some(Cow::Owned(parts.join(","))))
        }
        _ => Ok(Some(cursor.scalar()?).filter(|text| *text != "null").map(Cow::Borrowed)),
    }
}
