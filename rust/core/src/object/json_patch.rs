//! JSON patch, RFC 6902, as kube-apiserver understands it.
//!
//! Invariant: the answer is the whole patch or an error; no operation nests deeper than `DEPTH_MAX`, and all copies
//! together add at most `COPIED_BYTES_MAX`.
//! Not here: how many operations a request may hold (the API server's limit), types of the result (see `decode`).

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::json::{parse, Map, Value, DEPTH_MAX};
use super::patch_error::PatchError;

/// What kube-apiserver allows one patch to add by "copy".
pub const COPIED_BYTES_MAX: usize = 3 * 1024 * 1024;

/// How often a patch that moves things about may come near `DEPTH_MAX`: each time costs a walk over the document.
const RECOUNT_MAX: usize = 16;

type Outcome<T> = Result<T, PatchError>;

pub fn json_patch(original: &[u8], patch: &[u8]) -> Outcome<Vec<u8>> {
    let operations = read(patch)?;
    let value = parse(original).map_err(PatchError::internal)?;
    let mut document = Document { deepest: depth_of(&value), value, recount_count: 0, copied_bytes: 0 };
    for operation in &operations {
        document.apply(operation)?;
    }
    document.sort_touched(&operations);
    Ok(document.value.to_bytes())
}

fn read(patch: &[u8]) -> Outcome<Vec<Map>> {
    let value =
        parse(patch).map_err(|problem| PatchError::malformed(format!("error decoding patch: {problem}")))?;
    let operations = match value {
        Value::Array(operations) => operations,
        Value::Null => Vec::new(),
        other => return Err(mistyped(&other, "value of type []handlers.jsonPatchOp")),
    };
    operations.into_iter().map(read_operation).collect()
}

fn read_operation(value: Value) -> Outcome<Map> {
    let operation = match value {
        Value::Object(map) => map,
        Value::Null => Map::default(),
        other => return Err(mistyped(&other, "value of type handlers.jsonPatchOp")),
    };
    for name in ["op", "path", "from"] {
        match operation.get(name) {
            None | Some(Value::Null | Value::String(_)) => {}
            Some(other) => {
                return Err(mistyped(other, &format!("struct field jsonPatchOp.{name} of type string")))
            }
        }
    }
    Ok(operation)
}

fn mistyped(value: &Value, target: &str) -> PatchError {
    let name = value.type_name();
    PatchError::malformed(format!("error decoding patch: json: cannot unmarshal {name} into Go {target}"))
}

/// The object being patched. `deepest` is an upper bound of its nesting.
struct Document {
    value: Value,
    deepest: usize,
    recount_count: usize,
    copied_bytes: usize,
}

impl Document {
    fn apply(&mut self, operation: &Map) -> Outcome<()> {
        match operation.get("op").and_then(Value::as_str) {
            Some("add") => {
                let value = operation.get("value").cloned().unwrap_or(Value::Null);
                let depth = depth_of(&value);
                self.insert(pointer(operation, "path")?, value, depth)
            }
            Some("remove") => self.take(pointer(operation, "path")?).map(|_| ()),
            Some("replace") => self.replace(operation),
            Some("move") => self.relocate(operation),
            Some("copy") => self.copy(operation),
            Some("test") => self.test(operation),
            None | Some("") => Err(refused("unexpected operation: unknown")),
            Some(unknown) => Err(refused(format!("unexpected operation: {unknown}"))),
        }
    }

    fn replace(&mut self, operation: &Map) -> Outcome<()> {
        let path = pointer(operation, "path")?;
        let value = operation.get("value").cloned().unwrap_or(Value::Null);
        let depth = depth_of(&value);
        if path.is_empty() {
            if depth == 0 {
                return Err(refused("a document can only be replaced by an object or an array"));
            }
            (self.value, self.deepest) = (value, depth);
            return Ok(());
        }
        self.find(path)?;
        self.deepen(path, &value, depth)?;
        let (parent, key) = self.find(path)?;
        match parent {
            Value::Array(items) => {
                let at = index(&key, items.len().checked_sub(1))?;
                items[at] = value;
            }
            parent => {
                object(parent).insert(key.into_owned(), value);
            }
        }
        Ok(())
    }

    fn relocate(&mut self, operation: &Map) -> Outcome<()> {
        let (source, target) = (pointer(operation, "from")?, pointer(operation, "path")?);
        let value = self.take(source)?;
        let depth = self.deepest.saturating_sub(step_count(source));
        self.insert(target, value, depth)
    }

    fn copy(&mut self, operation: &Map) -> Outcome<()> {
        let (source, target) = (pointer(operation, "from")?, pointer(operation, "path")?);
        let value = self.get(source)?.unwrap_or(&Value::Null);
        let added_bytes = if *value == Value::Null { 0 } else { value.to_bytes().len() };
        self.copied_bytes += added_bytes;
        if self.copied_bytes > COPIED_BYTES_MAX {
            let added = self.copied_bytes;
            return Err(refused(format!("copies add {added} bytes; at most {COPIED_BYTES_MAX} are allowed")));
        }
        let value = self.get(source)?.cloned().unwrap_or(Value::Null);
        let depth = depth_of(&value);
        self.insert(target, value, depth)
    }

    fn test(&self, operation: &Map) -> Outcome<()> {
        let path = pointer(operation, "path")?;
        let actual = if path.is_empty() { Some(&self.value) } else { self.get(path)? };
        let holds = match (actual, operation.get("value")) {
            (None | Some(Value::Null), wanted) => matches!(wanted, None | Some(Value::Null)),
            (Some(_), None) => false,
            (Some(actual), Some(wanted)) => actual == wanted,
        };
        if holds {
            return Ok(());
        }
        Err(refused(format!("testing value {path} failed")))
    }

    /// The container that holds the last element of `path`, and that element.
    fn find<'p>(&mut self, path: &'p str) -> Outcome<(&mut Value, Cow<'p, str>)> {
        let (steps, last) = split(path)?;
        let mut here = &mut self.value;
        for step in steps {
            here = child_mut(here, &unescape(step)).ok_or_else(|| missing(path))?;
        }
        Ok((here, unescape(last)))
    }

    fn get(&self, path: &str) -> Outcome<Option<&Value>> {
        let (steps, last) = split(path)?;
        let mut here = &self.value;
        for step in steps {
            here = child(here, &unescape(step)).ok_or_else(|| missing(path))?;
        }
        match here {
            Value::Array(items) => Ok(Some(&items[index(&unescape(last), items.len().checked_sub(1))?])),
            parent => Ok(parent.get(&unescape(last))),
        }
    }

    fn take(&mut self, path: &str) -> Outcome<Value> {
        let (parent, key) = self.find(path)?;
        match parent {
            Value::Array(items) => {
                let at = index(&key, items.len().checked_sub(1))?;
                Ok(items.remove(at))
            }
            // The order is made up for by `sort_touched`.
            parent => object(parent).swap_remove(key.as_ref()).ok_or_else(|| missing(path)),
        }
    }

    /// Add `value`, whose nesting is at most `depth`.
    fn insert(&mut self, path: &str, value: Value, depth: usize) -> Outcome<()> {
        self.find(path)?;
        self.deepen(path, &value, depth)?;
        let (parent, key) = self.find(path)?;
        match parent {
            Value::Array(items) if key == "-" => items.push(value),
            Value::Array(items) => {
                let at = index(&key, Some(items.len()))?;
                items.insert(at, value);
            }
            parent => {
                object(parent).insert(key.into_owned(), value);
            }
        }
        Ok(())
    }

    fn deepen(&mut self, path: &str, value: &Value, mut depth: usize) -> Outcome<()> {
        if step_count(path) + depth > DEPTH_MAX {
            self.recount_count += 1;
            depth = depth_of(value);
            self.deepest = depth_of(&self.value);
        }
        if step_count(path) + depth > DEPTH_MAX || self.recount_count > RECOUNT_MAX {
            return Err(refused(format!("the patch nests deeper than {DEPTH_MAX}")));
        }
        self.deepest = self.deepest.max(step_count(path) + depth);
        Ok(())
    }

    /// Sort the keys of every object an operation went through, as kube-apiserver shows them in its errors.
    fn sort_touched(&mut self, operations: &[Map]) {
        let mut touched = Trie::default();
        for operation in operations {
            for pointer in ["path", "from"].iter().filter_map(|name| operation.get(*name)?.as_str()) {
                let Ok((steps, _)) = split(pointer) else { continue };
                let mut here = &mut touched;
                for step in steps.take(DEPTH_MAX) {
                    here = here.0.entry(unescape(step).into_owned()).or_default();
                }
            }
        }
        sort_keys(&mut self.value, &touched);
    }
}

/// Steps of pointers, nested.
#[derive(Default)]
struct Trie(FxHashMap<String, Trie>);

fn sort_keys(value: &mut Value, touched: &Trie) {
    for (step, below) in &touched.0 {
        if let Some(child) = child_mut(value, step) {
            sort_keys(child, below);
        }
    }
    if let Value::Object(map) = value {
        map.sort_unstable_keys();
    }
}

fn pointer<'o>(operation: &'o Map, name: &str) -> Outcome<&'o str> {
    operation
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| refused(format!("an operation is missing its {name}")))
}

/// The steps to the container, and the last step. What stands before the first slash is not looked at.
fn split(path: &str) -> Outcome<(impl Iterator<Item = &str>, &str)> {
    let (parents, last) = path.rsplit_once('/').ok_or_else(|| missing(path))?;
    Ok((parents.split('/').skip(1), last))
}

fn step_count(path: &str) -> usize {
    path.bytes().filter(|&byte| byte == b'/').count()
}

fn unescape(step: &str) -> Cow<'_, str> {
    if !step.contains('~') {
        return Cow::Borrowed(step);
    }
    let mut parts = step.split('~');
    let mut out = String::from(parts.next().unwrap_or_default());
    for part in parts {
        match part.as_bytes().first() {
            Some(b'0') => out.extend(["~", &part[1..]]),
            Some(b'1') => out.extend(["/", &part[1..]]),
            _ => out.extend(["~", part]),
        }
    }
    Cow::Owned(out)
}

fn child<'v>(container: &'v Value, step: &str) -> Option<&'v Value> {
    let child = match container {
        Value::Array(items) => items.get(index(step, items.len().checked_sub(1)).ok()?),
        other => other.get(step),
    };
    child.filter(|child| is_container(child))
}

fn child_mut<'v>(container: &'v mut Value, step: &str) -> Option<&'v mut Value> {
    let child = match container {
        Value::Array(items) => {
            let largest = items.len().checked_sub(1);
            items.get_mut(index(step, largest).ok()?)
        }
        other => other.get_mut(step),
    };
    child.filter(|child| is_container(child))
}

fn is_container(value: &Value) -> bool {
    matches!(value, Value::Array(_) | Value::Object(_))
}

/// Containers are objects where they are no arrays; the root of a stored document is an object.
fn object(parent: &mut Value) -> &mut Map {
    if !matches!(parent, Value::Object(_)) {
        *parent = Value::Object(Map::default());
    }
    parent.as_object_mut().expect("made an object one line up")
}

/// An index of an array as Go reads it; counting from the end is not allowed. `largest` None: the array is empty.
fn index(step: &str, largest: Option<usize>) -> Outcome<usize> {
    let digits = step.strip_prefix(['+', '-']).unwrap_or(step);
    let is_number = (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(refused(format!("{step} is no array index")));
    }
    let at: i64 = step.parse().expect("18 digits fit");
    match usize::try_from(at) {
        Ok(at) if largest.is_some_and(|largest| at <= largest) => Ok(at),
        _ => Err(refused(format!("array index {at} is out of range"))),
    }
}

/// How deep `value` nests: 0 for a scalar, 1 for `{}`.
pub fn depth_of(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth_of).max().unwrap_or(0),
        _ => 0,
    }
}

fn missing(path: &str) -> PatchError {
    refused(format!("the document has no path {path}"))
}

fn refused(message: impl Into<String>) -> PatchError {
    PatchError::unprocessable(message)
}
