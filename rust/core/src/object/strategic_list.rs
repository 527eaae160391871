//! Lists of strategic merge patches: merging by key or value, `$setElementOrder`, and the order of the result.
//!
//! Invariant: elements are found by hash, never by scanning, so hostile lists cost O(n log n).
//! Not here: objects and the other directives (see `strategic`).

use rustc_hash::{FxHashMap, FxHashSet};

use super::go_text::{go_list_text, go_text, go_type};
use super::json::{Map, Value};
use super::patch_error::PatchError;
use super::strategic::{merge_object, named, unknown_directive, Known, Outcome, ELEMENT_ORDER, PATCH};
use super::structure::{Shape, Structures, Type};

type Items = Vec<Value>;

/// Go's equality of interfaces: type and value, as text.
type Identity = String;

pub fn merge_lists(
    structures: &Structures,
    original: Items,
    patch: Items,
    known: &Known<'_>,
    is_deletion: bool,
) -> Outcome<Items> {
    if !known.merges() {
        return Ok(patch);
    }
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    let is_of_objects = element_type(&[&original, &patch])? == Some("map[string]interface {}");
    if !is_of_objects && is_deletion {
        let unwanted: FxHashSet<_> = patch.iter().map(identity).collect();
        return Ok(original.into_iter().filter(|item| !unwanted.contains(&identity(item))).collect());
    }
    let merge_key = known.merge_key();
    let live_order;
    let patch_order;
    let merged = if is_of_objects {
        if merge_key.is_empty() {
            return Err(failed("cannot merge lists without merge key for type struct"));
        }
        let (original, patch) = apply_element_directives(original, patch, merge_key)?;
        live_order = places_of(&original, merge_key)?;
        patch_order = places_of(&patch, merge_key)?;
        merge_elements(structures, original, patch, merge_key, known)?
    } else {
        live_order = places_of(&original, merge_key)?;
        patch_order = places_of(&patch, merge_key)?;
        deduplicated(original, patch)
    };
    interleaved(merged, &patch_order, &live_order, merge_key)
}

/// The original without deleted elements, and the patch without directives.
fn apply_element_directives(original: Items, patch: Items, merge_key: &str) -> Outcome<(Items, Items)> {
    let mut plain = Items::new();
    let mut deleted = FxHashSet::default();
    let mut is_replaced = false;
    for item in patch {
        let Some(directive) = item.get(PATCH) else {
            plain.push(item);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                deleted.insert(merge_value(&item, merge_key)?);
            }
            Some("replace") => is_replaced = true,
            Some("merge") => return Err(failed("merging lists cannot yet be specified in the patch")),
            _ => return Err(unknown_directive(&item)),
        }
    }
    if is_replaced {
        return Ok((plain, Items::new()));
    }
    let is_kept = |item: &Value| item.get(merge_key).is_none_or(|value| !deleted.contains(&identity(value)));
    Ok((original.into_iter().filter(is_kept).collect(), plain))
}

fn merge_elements(
    structures: &Structures,
    mut merged: Items,
    patch: Items,
    merge_key: &str,
    known: &Known<'_>,
) -> Outcome<Items> {
    let element = match &known.kind().shape {
        Shape::List(list) => Some(&list.element),
        _ => None,
    };
    let mut places = FxHashMap::default();
    for (place, item) in merged.iter().enumerate() {
        if let Some(value) = item.get(merge_key) {
            places.entry(identity(value)).or_insert(place);
        }
    }
    for item in patch {
        let value = merge_value(&item, merge_key)?;
        let Some(&place) = places.get(&value) else {
            places.insert(value, merged.len());
            merged.push(item);
            continue;
        };
        if let (Value::Object(before), Value::Object(item)) =
            (std::mem::replace(&mut merged[place], Value::Null), item)
        {
            merged[place] = Value::Object(merge_object(structures, before, item, element)?);
        }
    }
    Ok(merged)
}

/// Merge every list that has a `$setElementOrder`, and take both out of the patch.
pub fn merge_ordered_lists(
    structures: &Structures,
    original: &mut Map,
    patch: &mut Map,
    structure: Option<&Type>,
) -> Outcome<()> {
    let keys: Vec<String> = patch.keys().filter(|key| key.starts_with(ELEMENT_ORDER)).cloned().collect();
    for key in keys {
        let order = list(patch.shift_remove(&key).unwrap_or(Value::Null))?;
        let name = named(&key, ELEMENT_ORDER, "setElementOrder list")?;
        merge_ordered_list(structures, original, patch, structure, (name, order))?;
    }
    Ok(())
}

fn merge_ordered_list(
    structures: &Structures,
    original: &mut Map,
    patch: &mut Map,
    structure: Option<&Type>,
    (name, order): (&str, Items),
) -> Outcome<()> {
    for value in [original.get(name), patch.get(name)].into_iter().flatten() {
        if !matches!(value, Value::Array(_)) {
            return Err(mistyped("[]interface {}", value));
        }
    }
    let known = Known::of(structures, structure, name)?;
    let merge_key = known.merge_key();
    let wanted = patch.get(name).and_then(Value::as_array).map(Vec::as_slice);
    check_order(wanted.unwrap_or_default(), &order, merge_key)?;
    let live = original.get(name).and_then(Value::as_array).map(Vec::as_slice);
    if live.is_none() && wanted.is_none() {
        return Ok(());
    }
    let lists = [live.unwrap_or_default(), wanted.unwrap_or_default()];
    let has_content = element_type(&lists)?.is_some();
    let live_order = places_of(lists[0], merge_key)?;
    let merged = match (original.get(name).cloned(), patch.shift_remove(name)) {
        (Some(live), Some(wanted)) => merge_lists(structures, list(live)?, list(wanted)?, &known, false)?,
        (Some(only), None) | (None, Some(only)) => list(only)?,
        (None, None) => Items::new(),
    };
    if !has_content {
        return Err(failed("no elements in any of the given slices"));
    }
    let ordered = interleaved(merged, &places_of(&order, merge_key)?, &live_order, merge_key)?;
    original.insert(name.to_owned(), Value::Array(ordered));
    Ok(())
}

/// The patch's elements (but for directives) must come in the order's order.
fn check_order(patch: &[Value], order: &[Value], merge_key: &str) -> Outcome<()> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let mut rest = order.iter();
    for item in patch {
        if !merge_key.is_empty() {
            match item {
                Value::Object(map) if map.contains_key(PATCH) => continue,
                Value::Object(_) => {}
                other => return Err(mistyped("map[string]interface {}", other)),
            }
        }
        let value = place_value(item, merge_key)?;
        let mut is_found = false;
        for candidate in rest.by_ref() {
            if place_value(candidate, merge_key)? == value {
                is_found = true;
                break;
            }
        }
        if !is_found {
            let (patch, order) = (go_list_text(patch), go_list_text(order));
            let message =
                format!("The order in patch list:\n{patch}\n doesn't match {ELEMENT_ORDER} list:\n{order}\n");
            return Err(failed(message));
        }
    }
    Ok(())
}

type Places = FxHashMap<Identity, usize>;

/// Where each element of `items` stands first.
fn places_of(items: &[Value], merge_key: &str) -> Outcome<Places> {
    let mut places = Places::default();
    for (place, item) in items.iter().enumerate() {
        places.entry(place_value(item, merge_key)?).or_insert(place);
    }
    Ok(places)
}

/// The elements of `merged`: those of the patch in its order, the others in the live order; one of the others stands
/// before one of the patch where it did so before.
fn interleaved(merged: Items, patch_order: &Places, live_order: &Places, merge_key: &str) -> Outcome<Items> {
    let mut right = Vec::new();
    let mut left = Vec::new();
    for item in merged {
        let value = place_value(&item, merge_key)?;
        let live = live_order.get(&value).copied();
        match patch_order.get(&value) {
            Some(&place) => right.push((place, live, item)),
            None => left.push((live, item)),
        }
    }
    right.sort_by_key(|(place, ..)| *place);
    left.sort_by_key(|(live, _)| *live);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let mut left = left.into_iter().peekable();
    for (_, place, item) in right {
        while let Some((_, item)) = left.next_if(|(live, _)| live.is_some() && *live < place) {
            merged.push(item);
        }
        merged.push(item);
    }
    merged.extend(left.map(|(_, item)| item));
    Ok(merged)
}

fn merge_value(item: &Value, merge_key: &str) -> Outcome<Identity> {
    item.get(merge_key).map(identity).ok_or_else(|| {
        failed(format!("map: {} does not contain declared merge key: {merge_key}", go_text(item)))
    })
}

/// What tells an element of a list from the others.
fn place_value(item: &Value, merge_key: &str) -> Outcome<Identity> {
    match item {
        _ if merge_key.is_empty() => Ok(identity(item)),
        Value::Object(_) => merge_value(item, merge_key),
        other => Err(mistyped("map[string]interface {}", other)),
    }
}

fn identity(value: &Value) -> Identity {
    match value {
        Value::String(text) => format!("s{text}"),
        other => format!("{} {}", go_type(other), go_text(other)),
    }
}

fn deduplicated(original: Items, patch: Items) -> Items {
    let mut seen = FxHashSet::default();
    original.into_iter().chain(patch).filter(|item| seen.insert(identity(item))).collect()
}

/// Go's type of all elements, None when there are none. Mixed lists and lists of lists are refused.
fn element_type(lists: &[&[Value]]) -> Outcome<Option<&'static str>> {
    let mut found = None;
    let mut is_mixed = false;
    for item in lists.iter().copied().flatten() {
        let name = go_type(item);
        if name == "[]interface {}" {
            return Err(PatchError::unprocessable("lists of lists are not supported"));
        }
        is_mixed |= found.is_some_and(|other| other != name);
        found = Some(name);
    }
    if is_mixed {
        let texts: Vec<_> = lists.iter().map(|items| go_list_text(items)).collect();
        return Err(failed(format!("list element types are not identical: {}", texts.join(" "))));
    }
    Ok(found)
}

fn list(value: Value) -> Outcome<Items> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(mistyped("[]interface {}", &other)),
    }
}

fn mistyped(expected: &str, actual: &Value) -> PatchError {
    failed(format!("expected a {expected}, but received a {}", go_type(actual)))
}

fn failed(message: impl Into<String>) -> PatchError {
    PatchError::internal(message)
}
