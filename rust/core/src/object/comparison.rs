//! Comparison: which fields a change adds, removes and modifies, by the rules of each list and map.
//!
//! Lives here: walking two objects of one kind side by side into three field sets.
//! Invariant: atomic lists and maps count as one field; list elements are matched by key or value, not by place;
//! fields are seen as Go's structs show them, so a field left out and a field with its zero value are the same.
//! Not here: what the sets mean for managers (see `managed_fields`).

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::field_set::{Element, Entry, FieldSet};
use super::json::{Map, Value};
use super::structure::{List, Shape, Struct, StructId, Structures, Type};

/// A list element that cannot be told from others: null, or a list or map where a value is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct NotComparable;

#[derive(Debug, Default)]
pub struct Comparison<'a> {
    pub added: FieldSet<'a>,
    pub removed: FieldSet<'a>,
    pub modified: FieldSet<'a>,
}

impl<'a> Comparison<'a> {
    pub fn without(self, ignored: &FieldSet<'_>) -> Self {
        Comparison {
            added: self.added.recursive_difference(ignored),
            removed: self.removed.recursive_difference(ignored),
            modified: self.modified.recursive_difference(ignored),
        }
    }
}

/// What leads from `old` to `new`, both of the kind with structure `id`.
pub fn compare<'a>(
    structures: &'a Structures,
    id: StructId,
    old: &'a Map,
    new: &'a Map,
) -> Result<Comparison<'a>, NotComparable> {
    let mut below = Below::default();
    Walker { structures }.walk_struct(&mut below, structures.get(id), Some(old), Some(new))?;
    Ok(below.finish())
}

/// What was found below one node, in order of discovery.
#[derive(Default)]
struct Below<'a> {
    added: Vec<Entry<'a>>,
    removed: Vec<Entry<'a>>,
    modified: Vec<Entry<'a>>,
}

impl<'a> Below<'a> {
    fn finish(self) -> Comparison<'a> {
        Comparison {
            added: FieldSet::from_entries(self.added),
            removed: FieldSet::from_entries(self.removed),
            modified: FieldSet::from_entries(self.modified),
        }
    }

    fn push(&mut self, element: Element<'a>, here: Here, below: Below<'a>) {
        let found = below.finish();
        push_one(&mut self.removed, &element, here == Here::Removed, found.removed);
        push_one(&mut self.modified, &element, here == Here::Modified, found.modified);
        if here == Here::Added || !found.added.is_empty() {
            self.added.push(Entry { element, is_member: here == Here::Added, children: found.added });
        }
    }
}

fn push_one<'a>(
    entries: &mut Vec<Entry<'a>>,
    element: &Element<'a>,
    is_member: bool,
    children: FieldSet<'a>,
) {
    if is_member || !children.is_empty() {
        entries.push(Entry { element: element.clone(), is_member, children });
    }
}

/// What happened to a node itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Here {
    Kept,
    Added,
    Removed,
    Modified,
}

type Side<'a> = Option<&'a Value>;

struct Walker<'a> {
    structures: &'a Structures,
}

impl<'a> Walker<'a> {
    fn visit(
        &self,
        found: &mut Below<'a>,
        element: Element<'a>,
        kind: &'a Type,
        (old, new): (Side<'a>, Side<'a>),
    ) -> Result<(), NotComparable> {
        let mut below = Below::default();
        let is_leaf = kind.is_atomic || self.is_leaf(kind, old, new);
        let here = match (old, new) {
            (None, _) => Here::Added,
            (_, None) => Here::Removed,
            (Some(old), Some(new)) if is_leaf && !self.is_same(kind, old, new) => Here::Modified,
            _ => Here::Kept,
        };
        if !is_leaf {
            match &kind.shape {
                Shape::List(list) => self.walk_list(&mut below, list, items(old), items(new))?,
                Shape::Map(element) => self.walk_map(&mut below, element, members(old), members(new))?,
                Shape::Struct(id) => {
                    self.walk_struct(&mut below, self.structures.get(*id), members(old), members(new))?
                }
                Shape::Leaf(_) => {}
            }
        }
        if here != Here::Kept || !below.is_empty() {
            found.push(element, here, below);
        }
        Ok(())
    }

    /// Scalars, and containers that are empty on both sides: so that empty and absent stay apart.
    fn is_leaf(&self, kind: &Type, old: Side<'_>, new: Side<'_>) -> bool {
        let (has_old, has_new) = match &kind.shape {
            Shape::Leaf(_) => return true,
            Shape::List(_) => (has_items(old), has_items(new)),
            Shape::Map(_) => (has_members(old), has_members(new)),
            Shape::Struct(id) => {
                let shape = self.structures.get(*id);
                (has_fields(shape, old), has_fields(shape, new))
            }
        };
        // A side that is something else altogether makes the whole a leaf.
        match (has_old, has_new) {
            (Some(has_old), Some(has_new)) => !has_old && !has_new,
            _ => true,
        }
    }

    fn walk_struct(
        &self,
        found: &mut Below<'a>,
        shape: &'a Struct,
        old: Option<&'a Map>,
        new: Option<&'a Map>,
    ) -> Result<(), NotComparable> {
        for (name, value) in new.into_iter().flatten() {
            self.visit_field(
                found,
                shape,
                (name, old.and_then(|map| map.get(name)), Some(value)),
                (old, new),
            )?;
        }
        for (name, value) in old.into_iter().flatten() {
            if new.is_none_or(|map| !map.contains_key(name)) {
                self.visit_field(found, shape, (name, Some(value), None), (old, new))?;
            }
        }
        // Both sides show the zero value of a field that neither sets: only a missing side makes a difference.
        if old.is_some() && new.is_some() {
            return Ok(());
        }
        for &at in &shape.shown {
            let (name, _) = shape.fields.get_index(at).expect("shown holds indexes of fields");
            let is_set = |map: Option<&Map>| map.is_some_and(|map| map.contains_key(name));
            if !is_set(old) && !is_set(new) {
                self.visit_field(found, shape, (name, None, None), (old, new))?;
            }
        }
        Ok(())
    }

    fn visit_field(
        &self,
        found: &mut Below<'a>,
        shape: &'a Struct,
        (name, before, after): (&'a str, Side<'a>, Side<'a>),
        (old, new): (Option<&'a Map>, Option<&'a Map>),
    ) -> Result<(), NotComparable> {
        let element = Element::Field(Cow::Borrowed(name));
        let Some(field) = shape.fields.get(name) else {
            return self.visit(found, element, &UNKNOWN, (before, after));
        };
        let before = old.and_then(|_| field.see(before));
        let after = new.and_then(|_| field.see(after));
        if before.is_none() && after.is_none() {
            return Ok(());
        }
        self.visit(found, element, &field.kind, (before, after))
    }

    fn walk_map(
        &self,
        found: &mut Below<'a>,
        element: &'a Type,
        old: Option<&'a Map>,
        new: Option<&'a Map>,
    ) -> Result<(), NotComparable> {
        for (name, value) in new.into_iter().flatten() {
            let before = old.and_then(|map| map.get(name));
            self.visit(found, Element::Field(Cow::Borrowed(name)), element, (before, Some(value)))?;
        }
        for (name, value) in old.into_iter().flatten() {
            if new.is_none_or(|map| !map.contains_key(name)) {
                self.visit(found, Element::Field(Cow::Borrowed(name)), element, (Some(value), None))?;
            }
        }
        Ok(())
    }

    fn walk_list(
        &self,
        found: &mut Below<'a>,
        list: &'a List,
        old: &'a [Value],
        new: &'a [Value],
    ) -> Result<(), NotComparable> {
        let kind = &list.element;
        for (element, (old, new)) in self.by_element(list, old, new)? {
            match (&old[..], &new[..]) {
                ([], [_]) | ([_], [] | [_]) => {
                    self.visit(found, element, kind, (old.first().copied(), new.first().copied()))?;
                }
                ([_, _, ..], [_, _, ..]) => {
                    let is_same = old.len() == new.len()
                        && old.iter().zip(&new).all(|(old, new)| self.is_same(kind, old, new));
                    if !is_same {
                        found.push(element, Here::Modified, Below::default());
                    }
                }
                ([_, _, ..], rest) => {
                    let mut one = Below::default();
                    if let [first] = rest {
                        self.visit(&mut one, element.clone(), kind, (None, Some(first)))?;
                    }
                    found.removed.push(Entry { element, is_member: true, children: FieldSet::default() });
                    found.added.append(&mut one.added);
                }
                (rest, _) => {
                    let mut one = Below::default();
                    if let [first] = rest {
                        self.visit(&mut one, element.clone(), kind, (Some(first), None))?;
                    }
                    found.added.push(Entry { element, is_member: true, children: FieldSet::default() });
                    found.removed.append(&mut one.removed);
                }
            }
        }
        Ok(())
    }

    /// Path element and the items that have it; more than one where a client sent duplicates.
    fn by_element(
        &self,
        list: &'a List,
        old: &'a [Value],
        new: &'a [Value],
    ) -> Result<Vec<(Element<'a>, Sides<'a>)>, NotComparable> {
        let mut groups: Vec<(Element<'a>, Sides<'a>)> = Vec::with_capacity(old.len().max(new.len()));
        let mut places: FxHashMap<Vec<u8>, usize> = FxHashMap::default();
        let is_single = old.len() + new.len() == 1;
        for (item, is_old) in old.iter().map(|item| (item, true)).chain(new.iter().map(|item| (item, false)))
        {
            let element = self.element_of(list, item)?;
            let place = if is_single {
                groups.len()
            } else {
                *places.entry(identity(&element)).or_insert(groups.len())
            };
            if place == groups.len() {
                groups.push((element, Sides::default()));
            }
            let sides = &mut groups[place].1;
            if is_old { &mut sides.0 } else { &mut sides.1 }.push(item);
        }
        Ok(groups)
    }

    /// The path element of one list item. Keys that are not set take their default, or stay out.
    fn element_of(&self, list: &'a List, item: &'a Value) -> Result<Element<'a>, NotComparable> {
        let Some(keys) = &list.keys else {
            return match item {
                Value::Null | Value::Array(_) | Value::Object(_) => Err(NotComparable),
                value => Ok(Element::Value(Cow::Borrowed(value))),
            };
        };
        let Value::Object(map) = item else { return Err(NotComparable) };
        let fields = match &list.element.shape {
            Shape::Struct(id) => Some(&self.structures.get(*id).fields),
            _ => None,
        };
        let mut key = Vec::with_capacity(keys.len());
        for name in keys {
            let given = map.get(name);
            let value = match fields.and_then(|fields| fields.get(name)) {
                Some(field) => field.see(given).or(field.default.as_ref()),
                None => given,
            };
            if let Some(value) = value {
                key.push((Cow::Borrowed(name.as_str()), Cow::Borrowed(value)));
            }
        }
        Ok(Element::key(key))
    }

    /// Equality as Go's structs show it.
    fn is_same(&self, kind: &Type, old: &Value, new: &Value) -> bool {
        match (&kind.shape, old, new) {
            (Shape::Struct(id), Value::Object(old), Value::Object(new)) => {
                self.is_same_struct(self.structures.get(*id), old, new)
            }
            (Shape::List(list), Value::Array(old), Value::Array(new)) => {
                old.len() == new.len()
                    && old.iter().zip(new).all(|(old, new)| self.is_same(&list.element, old, new))
            }
            (Shape::Map(element), Value::Object(old), Value::Object(new)) => {
                let is_same = |(name, old)| new.get(name).is_some_and(|new| self.is_same(element, old, new));
                old.len() == new.len() && old.iter().all(is_same)
            }
            _ => old == new,
        }
    }

    fn is_same_struct(&self, shape: &Struct, old: &Map, new: &Map) -> bool {
        let only_new = new.keys().filter(|name| !old.contains_key(*name));
        old.keys().chain(only_new).all(|name| {
            let (before, after) = (old.get(name), new.get(name));
            let Some(field) = shape.fields.get(name) else {
                return before == after;
            };
            match (field.see(before), field.see(after)) {
                (Some(before), Some(after)) => self.is_same(&field.kind, before, after),
                (before, after) => before.is_none() && after.is_none(),
            }
        })
    }
}

/// Items of the old and of the new list that share a path element.
type Sides<'a> = (Few<'a>, Few<'a>);
type Few<'a> = Vec<&'a Value>;

impl Below<'_> {
    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.modified.is_empty()
    }
}

/// The type of a field the schema does not know.
static UNKNOWN: Type = Type { shape: Shape::Leaf(super::structure::Scalar::Other), is_atomic: true };

fn items(side: Side<'_>) -> &[Value] {
    side.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The members of a side; null has none, as a side that is not there.
fn members(side: Side<'_>) -> Option<&Map> {
    side.and_then(Value::as_object)
}

fn has_items(side: Side<'_>) -> Option<bool> {
    match side {
        None | Some(Value::Null) => Some(false),
        Some(Value::Array(items)) => Some(!items.is_empty()),
        Some(_) => None,
    }
}

fn has_members(side: Side<'_>) -> Option<bool> {
    match side {
        None | Some(Value::Null) => Some(false),
        Some(Value::Object(map)) => Some(!map.is_empty()),
        Some(_) => None,
    }
}

fn has_fields(shape: &Struct, side: Side<'_>) -> Option<bool> {
    match side {
        None | Some(Value::Null) => Some(false),
        Some(Value::Object(map)) => {
            let shows = |(name, value): (&String, &Value)| {
                shape.fields.get(name).is_none_or(|field| field.see(Some(value)).is_some())
            };
            Some(!shape.shown.is_empty() || map.iter().any(shows))
        }
        Some(_) => None,
    }
}

fn identity(element: &Element<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    element.write(&mut out);
    out
}
