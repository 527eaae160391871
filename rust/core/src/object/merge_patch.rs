//! JSON merge patch, RFC 7386, as kube-apiserver understands it.
//!
//! Invariant: a null in the patch removes, at any depth of objects; arrays are replaced whole, but objects within
//! them lose their nulls.
//! Not here: types of the result (see `decode`), lists that merge by key (see `strategic`).

use super::json::{parse, Map, Value};
use super::patch_error::PatchError;

pub fn merge_patch(original: &[u8], patch: &[u8]) -> Result<Vec<u8>, PatchError> {
    let Some(changes) = read_object(patch, "error decoding patch: ")? else {
        return Err(PatchError::malformed("Invalid JSON Patch"));
    };
    let original = parse(original).map_err(PatchError::internal)?;
    Ok(merged(original, Value::Object(changes)).to_bytes())
}

/// A patch that must be an object, or null. Errors are malformed patches, in Go's words behind `prefix`.
pub fn read_object(patch: &[u8], prefix: &str) -> Result<Option<Map>, PatchError> {
    match parse(patch) {
        Ok(Value::Object(map)) => Ok(Some(map)),
        Ok(Value::Null) => Ok(None),
        Ok(other) => Err(PatchError::malformed(format!(
            "{prefix}json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            other.type_name()
        ))),
        Err(problem) => Err(PatchError::malformed(format!("{prefix}{problem}"))),
    }
}

fn merged(original: Value, patch: Value) -> Value {
    let (mut original, patch) = match (original, patch) {
        (Value::Object(original), Value::Object(patch)) => (original, patch),
        (Value::Object(_), other) => return other,
        (_, other) => return without_nulls(other),
    };
    for (key, value) in patch {
        if value == Value::Null {
            original.swap_remove(&key);
            continue;
        }
        let merged = match original.swap_remove(&key) {
            None | Some(Value::Null) => without_nulls(value),
            Some(before) => merged(before, value),
        };
        original.insert(key, merged);
    }
    // kube-apiserver shows merged objects in its errors with sorted keys.
    original.sort_unstable_keys();
    Value::Object(original)
}

/// `value` without the null members of its objects; a null that is an array's element stays.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        Value::Object(map) => {
            let members = map.into_iter().filter(|(_, value)| *value != Value::Null);
            let mut map: Map = members.map(|(key, value)| (key, without_nulls(value))).collect();
            map.sort_unstable_keys();
            Value::Object(map)
        }
        scalar => scalar,
    }
}
