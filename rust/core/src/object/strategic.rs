//! Strategic merge patch: merging by the patch strategies and merge keys of the built-in types.
//!
//! Lives here: the directives `$patch`, `$deleteFromPrimitiveList` and `$retainKeys`, and what merges into what.
//! Invariant: every list operation costs O(n log n); messages are kube-apiserver's.
//! Not here: lists (see `strategic_list`), whether the result fits the types (see `restore`), unknown fields and
//! defaults (see `decode`).

use super::go_text::{go_text, go_type};
use super::json::{parse, Map, Value};
use super::merge_patch::read_object;
use super::patch_error::{PatchError, Reason};
use super::restore::restore_struct;
use super::strategic_list::{merge_lists, merge_ordered_lists};
use super::structure::{Field, Shape, Structures, Type};

pub const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
pub const ELEMENT_ORDER: &str = "$setElementOrder";
const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList";

pub type Outcome<T> = Result<T, PatchError>;

/// `original` with `patch` applied.
pub fn strategic_merge_patch(
    structures: &Structures,
    kind: &str,
    original: &[u8],
    patch: &[u8],
) -> Outcome<Vec<u8>> {
    let changes = read_object(patch, "")?.unwrap_or_default();
    let original = match parse(original).map_err(PatchError::internal)? {
        Value::Object(map) => map,
        other => return Err(PatchError::internal(format!("a {} cannot be patched", other.type_name()))),
    };
    let Some(id) = structures.of_kind(kind) else {
        return Err(PatchError::internal(format!("no kind {kind:?} is registered")));
    };
    let structure = Type { shape: Shape::Struct(id), is_atomic: false };
    let mut merged = merge_object(structures, original, changes, Some(&structure))?;
    restore_struct(structures, &mut merged, id).map_err(|message| PatchError {
        reason: Reason::Invalid,
        message,
        value: go_text(&parse(patch).unwrap_or(Value::Null)),
    })?;
    keep_type(&mut merged, kind);
    Ok(Value::Object(merged).to_bytes())
}

/// A patch cannot change what an object is.
fn keep_type(merged: &mut Map, kind: &str) {
    let (api_version, name) = kind.rsplit_once('/').unwrap_or_default();
    merged.insert("kind".into(), name.into());
    merged.insert("apiVersion".into(), api_version.into());
}

/// What the members of an object are: the fields of a struct, or the values of a map.
pub enum Known<'s> {
    Field(&'s Field),
    Element(&'s Type),
}

impl<'s> Known<'s> {
    /// Anything that is no struct or map has no fields to merge.
    pub fn of(structures: &'s Structures, structure: Option<&'s Type>, name: &str) -> Outcome<Self> {
        let owner = match structure.map(|kind| &kind.shape) {
            Some(Shape::Map(element)) => return Ok(Known::Element(element)),
            Some(Shape::Struct(id)) => {
                let owner = structures.get(*id);
                if let Some(field) = owner.fields.get(name) {
                    return Ok(Known::Field(field));
                }
                &owner.name
            }
            _ => "",
        };
        let message = format!("unable to find api field in struct {owner} for the json field \"{name}\"");
        Err(PatchError::internal(message))
    }

    pub fn kind(&self) -> &'s Type {
        match self {
            Known::Field(field) => &field.kind,
            Known::Element(kind) => kind,
        }
    }

    pub fn merges(&self) -> bool {
        matches!(self, Known::Field(field) if field.merges)
    }

    fn replaces(&self) -> bool {
        matches!(self, Known::Field(field) if field.replaces)
    }

    pub fn merge_key(&self) -> &'s str {
        match self {
            Known::Field(field) => &field.merge_key,
            Known::Element(_) => "",
        }
    }
}

/// `original` with `patch` applied; `structure` is None where no type is known.
pub fn merge_object(
    structures: &Structures,
    mut original: Map,
    mut patch: Map,
    structure: Option<&Type>,
) -> Outcome<Map> {
    if patch.contains_key(PATCH) {
        return directed_object(patch);
    }
    retain_keys(&mut original, &mut patch)?;
    merge_ordered_lists(structures, &mut original, &mut patch, structure)?;
    for (key, value) in patch {
        let is_deletion = key.starts_with(DELETE_FROM_LIST);
        let name =
            if is_deletion { named(&key, DELETE_FROM_LIST, "primitive list")?.to_owned() } else { key };
        merge_member(structures, &mut original, name, value, structure, is_deletion)?;
    }
    Ok(original)
}

fn merge_member(
    structures: &Structures,
    original: &mut Map,
    name: String,
    value: Value,
    structure: Option<&Type>,
    is_deletion: bool,
) -> Outcome<()> {
    if value == Value::Null {
        original.shift_remove(&name);
        return Ok(());
    }
    let Some(slot) = original.get_mut(&name).filter(|before| go_type(before) == go_type(&value)) else {
        if !is_deletion {
            put(original, name, value);
        }
        return Ok(());
    };
    let before = std::mem::replace(slot, Value::Null);
    *slot = match (before, value) {
        (Value::Object(before), Value::Object(patch)) => {
            let known = Known::of(structures, structure, &name)?;
            if known.replaces() {
                Value::Object(patch)
            } else {
                Value::Object(merge_object(structures, before, patch, Some(known.kind()))?)
            }
        }
        (Value::Array(before), Value::Array(patch)) => {
            let known = Known::of(structures, structure, &name)?;
            Value::Array(merge_lists(structures, before, patch, &known, is_deletion)?)
        }
        (_, value) => value,
    };
    Ok(())
}

fn directed_object(mut patch: Map) -> Outcome<Map> {
    match patch.get(PATCH).and_then(Value::as_str) {
        Some("replace") => {
            patch.shift_remove(PATCH);
            Ok(patch)
        }
        Some("delete") => Ok(Map::default()),
        _ => Err(unknown_directive(&Value::Object(patch))),
    }
}

fn retain_keys(original: &mut Map, patch: &mut Map) -> Outcome<()> {
    let keys = match patch.shift_remove(RETAIN_KEYS) {
        None => return Ok(()),
        Some(Value::Array(keys)) => keys,
        Some(_) => return Err(malformed("retainKeys")),
    };
    let retained: rustc_hash::FxHashSet<&str> = keys.iter().filter_map(Value::as_str).collect();
    for (key, value) in patch.iter() {
        let is_list_directive = key.starts_with(DELETE_FROM_LIST) || key.starts_with(ELEMENT_ORDER);
        if *value != Value::Null && !is_list_directive && !retained.contains(key.as_str()) {
            return Err(malformed("retainKeys"));
        }
    }
    original.retain(|key, _| retained.contains(key.as_str()));
    Ok(())
}

/// Take a patch's value that meets nothing of its type: directives and nulls go.
fn put(original: &mut Map, name: String, value: Value) {
    match plain(value) {
        Some(value) => {
            original.insert(name, value);
        }
        None => {
            original.shift_remove(&name);
        }
    }
}

fn plain(value: Value) -> Option<Value> {
    match value {
        Value::Array(items) => Some(Value::Array(items.into_iter().filter_map(plain).collect())),
        Value::Object(map) if map.contains_key(PATCH) => None,
        Value::Object(map) => {
            let members = map.into_iter().filter(|(_, value)| *value != Value::Null);
            Some(Value::Object(members.filter_map(|(key, value)| Some((key, plain(value)?))).collect()))
        }
        scalar => Some(scalar),
    }
}

/// The list's name in `$setElementOrder/name`.
pub fn named<'k>(key: &'k str, prefix: &str, what: &str) -> Outcome<&'k str> {
    key[prefix.len()..].strip_prefix('/').ok_or_else(|| malformed(what))
}

fn malformed(what: &str) -> PatchError {
    PatchError::malformed(format!("invalid patch format of {what}"))
}

/// `patch` holds a `$patch` that means nothing.
pub fn unknown_directive(patch: &Value) -> PatchError {
    let directive = patch.get(PATCH).unwrap_or(&Value::Null);
    let text = match directive {
        Value::String(text) => text.clone(),
        other => format!("%!s({}={})", go_type(other), go_text(other)),
    };
    PatchError::internal(format!("unknown patch type: {text} in map: {}", go_text(patch)))
}
