//! Managed fields: who owns which fields of an object, kept in metadata.managedFields.
//!
//! Lives here: reading and writing the entries, and what an Update leaves of them.
//! Invariant: an entry owns at least one field; one manager, operation, version and subresource has one entry;
//! an update that changes nothing changes no entry.
//! Not here: comparing objects (see `comparison`), the sets themselves (see `field_set`), server-side apply.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::comparison::{compare, Comparison};
use super::field_set::FieldSet;
use super::json::{parse, write_string, Map, Value};
use super::structure::Structures;

const UPDATE_MANAGERS_MAX: usize = 10;
const ANCIENT_CHANGES: &str = "ancient-changes";
const METADATA_NEVER_OWNED: [&str; 9] = [
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
];

/// Who writes, when, through which endpoint.
pub struct Update<'a> {
    pub manager: &'a str,
    /// RFC 3339; given to the entry that changed.
    pub time: &'a str,
    pub subresource: &'a str,
    /// Dotted paths whose ownership this endpoint never takes.
    pub reset_fields: &'a [String],
}

/// One manager's fields. `time` is None where the entry came without one.
#[derive(Clone, Debug)]
struct Entry<'a> {
    manager: &'a str,
    operation: &'a str,
    api_version: &'a str,
    subresource: &'a str,
    time: Option<&'a str>,
    fields: FieldSet<'a>,
}

impl<'a> Entry<'a> {
    /// What makes two entries the same: an Apply stays one entry across versions.
    fn identity(&self) -> (&'a str, &'a str, &'a str, &'a str) {
        let version = if self.operation == "Apply" { "" } else { self.api_version };
        (self.manager, self.operation, version, self.subresource)
    }

    fn order(&self) -> (&'a str, &'a str, &'a str, &'a str, &'a str) {
        let time = self.time.unwrap_or_default();
        (self.operation, time, self.manager, self.api_version, self.subresource)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        if !self.manager.is_empty() {
            write_member("manager", self.manager, out);
            out.push(b',');
        }
        write_member("operation", self.operation, out);
        out.push(b',');
        write_member("apiVersion", self.api_version, out);
        if let Some(time) = self.time {
            out.push(b',');
            write_member("time", time, out);
        }
        out.extend_from_slice(b",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":");
        self.fields.write(out);
        if !self.subresource.is_empty() {
            out.push(b',');
            write_member("subresource", self.subresource, out);
        }
        out.push(b'}');
    }
}

fn write_member(name: &str, text: &str, out: &mut Vec<u8>) {
    write_string(name, out);
    out.push(b':');
    write_string(text, out);
}

/// `new` with the managed fields that an Update leaves; `old` is empty on create.
///
/// Errors are syntax errors of the two objects.
pub fn update_managed_fields(
    structures: &Structures,
    kind: &str,
    old: &[u8],
    new: &[u8],
    update: &Update<'_>,
) -> Result<Vec<u8>, String> {
    let new_value = parse(new)?;
    let old_value = if old.is_empty() { None } else { Some(parse(old)?) };
    let new_map = object_of(&new_value)?;
    let old_map = old_value.as_ref().map(object_of).transpose()?;
    let entries = entries_before(old_map, new_map, update.subresource);
    let entries = entries_after(structures, kind, entries, (old_map, new_map), update);
    let mut out = Vec::with_capacity(new.len() + 1024);
    write_with_managed_fields(new_map, &entries, &mut out);
    Ok(out)
}

fn object_of(value: &Value) -> Result<&Map, String> {
    let target = "Go value of type map[string]interface {}";
    value.as_object().ok_or_else(|| format!("json: cannot unmarshal {} into {target}", value.type_name()))
}

fn entries_after<'a>(
    structures: &'a Structures,
    kind: &'a str,
    mut entries: Vec<Entry<'a>>,
    (old, new): (Option<&'a Map>, &'a Map),
    update: &Update<'a>,
) -> Vec<Entry<'a>> {
    static NOTHING: LazyLock<Map> = LazyLock::new(Map::default);
    let (api_version, name) = kind.rsplit_once('/').unwrap_or_default();
    // An object whose fields nobody tracks stays so until it is applied.
    let is_tracked = old.is_none() || !entries.is_empty();
    if let Some(id) = structures.of_kind(kind).filter(|_| is_tracked) {
        if let Ok(comparison) = compare(structures, id, old.unwrap_or(&NOTHING), new) {
            // Entries of a version that the kind does not have any more are forgotten.
            entries.retain(|entry| structures.of_kind(&format!("{}/{name}", entry.api_version)).is_some());
            entries = updated(entries, comparison, api_version, update);
        }
    }
    entries.sort_by(|a, b| a.order().cmp(&b.order()));
    entries
}

/// The entries, None when one of them is invalid.
fn read_entries(managed_fields: Option<&Value>) -> Option<Vec<Entry<'_>>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for value in managed_fields.and_then(Value::as_array).into_iter().flatten() {
        let entry = read_entry(value)?;
        match entries.iter_mut().find(|other| other.identity() == entry.identity()) {
            Some(same) => *same = entry,
            None => entries.push(entry),
        }
    }
    Some(entries)
}

fn read_entry(value: &Value) -> Option<Entry<'_>> {
    let text = |name| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_known = matches!(text("operation"), "Apply" | "Update") && text("fieldsType") == "FieldsV1";
    if !is_known || text("apiVersion").is_empty() {
        return None;
    }
    static NO_FIELDS: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::default()));
    let fields = match value.get("fieldsV1") {
        None | Some(Value::Null) => &NO_FIELDS,
        Some(fields) => fields,
    };
    Some(Entry {
        manager: text("manager"),
        operation: text("operation"),
        api_version: text("apiVersion"),
        subresource: text("subresource"),
        time: value.get("time").and_then(Value::as_str),
        fields: FieldSet::from_fields(fields)?,
    })
}

/// The request's entries where it may set them, else the live object's.
fn entries_before<'a>(old: Option<&'a Map>, new: &'a Map, subresource: &str) -> Vec<Entry<'a>> {
    if subresource.is_empty() {
        let sent = managed_fields_of(new);
        if sent.and_then(Value::as_array).is_some_and(|entries| is_reset(entries)) {
            return Vec::new();
        }
        if let Some(entries) = read_entries(sent).filter(|entries| !entries.is_empty()) {
            return entries;
        }
    }
    read_entries(old.and_then(managed_fields_of)).unwrap_or_default()
}

fn managed_fields_of(object: &Map) -> Option<&Value> {
    object.get("metadata").and_then(|metadata| metadata.get("managedFields"))
}

/// `[]` and `[{}]` ask for forgetting all entries.
fn is_reset(entries: &[Value]) -> bool {
    match entries {
        [] => true,
        [only] => only.as_object().is_some_and(Map::is_empty),
        _ => false,
    }
}

fn updated<'a>(
    mut entries: Vec<Entry<'a>>,
    comparison: Comparison<'a>,
    api_version: &'a str,
    update: &Update<'a>,
) -> Vec<Entry<'a>> {
    let mut ignored = FieldSet::default();
    for path in update.reset_fields {
        ignored.insert(&path.split('.').collect::<Vec<_>>());
    }
    let seen = comparison.without(&ignored);
    let changed = seen.added.union(seen.modified);
    // What is gone leaves every entry; what changed leaves every entry and goes to the writer.
    for entry in &mut entries {
        entry.fields = std::mem::take(&mut entry.fields).difference(&changed).difference(&seen.removed);
    }
    entries.retain(|entry| !entry.fields.is_empty());
    let taken = changed.difference(&NEVER_OWNED);
    if !taken.is_empty() {
        let mut writer = Entry {
            manager: update.manager,
            operation: "Update",
            api_version,
            subresource: update.subresource,
            time: Some(update.time),
            fields: taken,
        };
        match entries.iter_mut().find(|entry| entry.identity() == writer.identity()) {
            Some(previous) => {
                writer.fields = std::mem::take(&mut previous.fields).union(writer.fields);
                *previous = writer;
            }
            None => entries.push(writer),
        }
    }
    capped(entries)
}

static NEVER_OWNED: LazyLock<FieldSet<'static>> = LazyLock::new(|| {
    let mut set = FieldSet::default();
    for name in ["apiVersion", "kind", "metadata"] {
        set.insert(&[name]);
    }
    for name in METADATA_NEVER_OWNED {
        set.insert(&["metadata", name]);
    }
    set
});

/// At most `UPDATE_MANAGERS_MAX` Update entries: the oldest of each version are merged into one.
fn capped(entries: Vec<Entry<'_>>) -> Vec<Entry<'_>> {
    let (mut updates, mut kept): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| entry.operation == "Update");
    let mut over = updates.len().saturating_sub(UPDATE_MANAGERS_MAX);
    updates.sort_by_key(|entry| (entry.time.unwrap_or_default(), entry.identity()));
    let mut oldest: BTreeMap<&str, Entry<'_>> = BTreeMap::new();
    for entry in updates {
        if over == 0 {
            kept.push(entry);
            continue;
        }
        match oldest.remove(entry.api_version) {
            None => {
                oldest.insert(entry.api_version, entry);
            }
            Some(first) => {
                let fields = first.fields.union(entry.fields);
                let bucket = Entry { manager: ANCIENT_CHANGES, subresource: "", fields, ..entry };
                oldest.insert(bucket.api_version, bucket);
                over -= 1;
            }
        }
    }
    kept.extend(oldest.into_values());
    kept
}

fn write_with_managed_fields(object: &Map, entries: &[Entry<'_>], out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (key, value)) in object.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        if key == "metadata" {
            write_metadata(value.as_object(), entries, out);
        } else {
            value.write(out);
        }
    }
    if !object.contains_key("metadata") {
        out.extend_from_slice(if object.is_empty() { b"\"metadata\":" } else { b",\"metadata\":" });
        write_metadata(None, entries, out);
    }
    out.push(b'}');
}

fn write_metadata(metadata: Option<&Map>, entries: &[Entry<'_>], out: &mut Vec<u8>) {
    out.push(b'{');
    let start = out.len();
    for (key, value) in metadata.into_iter().flatten().filter(|(key, _)| *key != "managedFields") {
        if out.len() > start {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        value.write(out);
    }
    if !entries.is_empty() {
        if out.len() > start {
            out.push(b',');
        }
        out.extend_from_slice(b"\"managedFields\":[");
        for (index, entry) in entries.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            entry.write(out);
        }
        out.push(b']');
    }
    out.push(b'}');
}
