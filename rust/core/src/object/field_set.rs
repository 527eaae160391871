//! Field sets: which fields of an object somebody owns, and their JSON form FieldsV1.
//!
//! Lives here: path elements (`f:name`, `k:{"key":"value"}`, `v:value`, `i:index`), the set as a tree, its algebra.
//! Invariant: entries are sorted by element, each once; an entry is a member, has children, or both.
//! Not here: who owns a set and since when (see `managed_fields`), finding sets by comparing (see `comparison`).

use std::borrow::Cow;
use std::cmp::Ordering;

use super::json::{parse, write_string, Value};

/// Deeper FieldsV1 documents are refused; the parser's limit is below it.
const DEPTH_MAX: usize = 500;

/// One step of a path.
#[derive(Clone, Debug)]
pub enum Element<'a> {
    Field(Cow<'a, str>),
    /// An element of a list with keys, by name.
    Key(Vec<(Cow<'a, str>, Cow<'a, Value>)>),
    /// An element of a set.
    Value(Cow<'a, Value>),
    Index(i64),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'a> {
    pub element: Element<'a>,
    pub is_member: bool,
    pub children: FieldSet<'a>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldSet<'a> {
    entries: Vec<Entry<'a>>,
}

impl<'a> FieldSet<'a> {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn entries(&self) -> &[Entry<'a>] {
        &self.entries
    }

    /// Entries in any order, each element once.
    pub fn from_entries(mut entries: Vec<Entry<'a>>) -> Self {
        entries.sort_unstable_by(|a, b| a.element.order(&b.element));
        FieldSet { entries }
    }

    /// Own the field at `path` (not what is above or below it).
    pub fn insert(&mut self, path: &[&'a str]) {
        let Some((first, rest)) = path.split_first() else { return };
        let element = Element::Field(Cow::Borrowed(first));
        let at = match self.entries.binary_search_by(|entry| entry.element.order(&element)) {
            Ok(at) => at,
            Err(at) => {
                self.entries.insert(at, Entry { element, is_member: false, children: FieldSet::default() });
                at
            }
        };
        self.entries[at].is_member |= rest.is_empty();
        self.entries[at].children.insert(rest);
    }

    pub fn union(self, other: FieldSet<'a>) -> FieldSet<'a> {
        if self.is_empty() {
            return other;
        }
        let mut entries = Vec::with_capacity(self.entries.len().max(other.entries.len()));
        let mut right = other.entries.into_iter().peekable();
        for mut entry in self.entries {
            while let Some(first) = right.next_if(|other| other.element.order(&entry.element).is_lt()) {
                entries.push(first);
            }
            if let Some(same) = right.next_if(|other| other.element.order(&entry.element).is_eq()) {
                entry.is_member |= same.is_member;
                entry.children = entry.children.union(same.children);
            }
            entries.push(entry);
        }
        entries.extend(right);
        FieldSet { entries }
    }

    pub fn intersection(&self, other: &FieldSet<'a>) -> FieldSet<'a> {
        let both = self.entries.iter().filter_map(|entry| {
            let same = other.find(&entry.element)?;
            Some(Entry {
                element: entry.element.clone(),
                is_member: entry.is_member && same.is_member,
                children: entry.children.intersection(&same.children),
            })
        });
        FieldSet { entries: both.filter(Entry::holds).collect() }
    }

    /// The paths of this set that are not in `other`; owning a parent there removes nothing below it.
    pub fn difference(self, other: &FieldSet<'_>) -> FieldSet<'a> {
        self.minus(other, false)
    }

    /// As `difference`, but a path in `other` takes everything below it along.
    pub fn recursive_difference(self, other: &FieldSet<'_>) -> FieldSet<'a> {
        self.minus(other, true)
    }

    fn minus(self, other: &FieldSet<'_>, is_recursive: bool) -> FieldSet<'a> {
        if other.is_empty() || self.is_empty() {
            return self;
        }
        let left = self.entries.into_iter().filter_map(|mut entry| {
            if let Some(same) = other.find(&entry.element) {
                entry.is_member &= !same.is_member;
                entry.children = if is_recursive && same.is_member {
                    FieldSet::default()
                } else {
                    entry.children.minus(&same.children, is_recursive)
                };
            }
            entry.holds().then_some(entry)
        });
        FieldSet { entries: left.collect() }
    }

    /// The members that have nothing owned below them.
    pub fn leaves(&self) -> FieldSet<'a> {
        let leaves = self.entries.iter().map(|entry| Entry {
            element: entry.element.clone(),
            is_member: entry.is_member && entry.children.is_empty(),
            children: entry.children.leaves(),
        });
        FieldSet { entries: leaves.collect() }
    }

    fn find(&self, element: &Element<'_>) -> Option<&Entry<'a>> {
        let at = self.entries.binary_search_by(|entry| entry.element.order(element)).ok()?;
        Some(&self.entries[at])
    }

    /// Append FieldsV1, in the order kube-apiserver writes it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        self.write_entries(out);
        out.push(b'}');
    }

    fn write_entries(&self, out: &mut Vec<u8>) {
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            entry.element.write(out);
            out.extend_from_slice(b":{");
            if entry.is_member && !entry.children.is_empty() {
                out.extend_from_slice(b"\".\":{},");
            }
            entry.children.write_entries(out);
            out.push(b'}');
        }
    }

    /// Read FieldsV1. Elements of an unknown kind are dropped; None when the document is no FieldsV1.
    pub fn from_fields(fields: &'a Value) -> Option<FieldSet<'a>> {
        read(fields, 0).map(|(set, _)| set)
    }
}

impl Entry<'_> {
    fn holds(&self) -> bool {
        self.is_member || !self.children.is_empty()
    }
}

/// The set, and whether the element it stands below is itself a member.
fn read(fields: &Value, depth: usize) -> Option<(FieldSet<'_>, bool)> {
    let map = fields.as_object().filter(|_| depth <= DEPTH_MAX)?;
    let mut entries: Vec<Entry<'_>> = Vec::with_capacity(map.len());
    let mut is_member = false;
    for (key, value) in map {
        if key == "." {
            is_member = true;
            continue;
        }
        let Some(element) = Element::read(key)? else { continue };
        let (children, is_member) = read(value, depth + 1)?;
        entries.push(Entry { element, is_member, children });
    }
    if !entries.is_sorted_by(|a, b| a.element.order(&b.element).is_lt()) {
        entries = united(entries);
    }
    let is_member = is_member || entries.is_empty();
    Some((FieldSet { entries }, is_member))
}

/// Sorted, with equal elements (written differently) made one.
fn united(mut entries: Vec<Entry<'_>>) -> Vec<Entry<'_>> {
    entries.sort_by(|a, b| a.element.order(&b.element));
    let mut united: Vec<Entry<'_>> = Vec::with_capacity(entries.len());
    for entry in entries {
        match united.last_mut() {
            Some(last) if last.element.order(&entry.element).is_eq() => {
                last.is_member |= entry.is_member;
                last.children = std::mem::take(&mut last.children).union(entry.children);
            }
            _ => united.push(entry),
        }
    }
    united
}

impl<'a> Element<'a> {
    /// None for a bad element, Some(None) for one of an unknown kind.
    fn read(text: &'a str) -> Option<Option<Element<'a>>> {
        if text.as_bytes().get(1) != Some(&b':') {
            return None;
        }
        let rest = &text[2..];
        match text.as_bytes()[0] {
            b'f' => Some(Some(Element::Field(Cow::Borrowed(rest)))),
            b'k' => match parse(rest.as_bytes()).ok()? {
                Value::Object(map) => Some(Some(Element::key(
                    map.into_iter().map(|(name, value)| (Cow::Owned(name), Cow::Owned(value))).collect(),
                ))),
                _ => None,
            },
            b'v' => Some(Some(Element::Value(Cow::Owned(parse(rest.as_bytes()).ok()?)))),
            b'i' => Some(Some(Element::Index(rest.parse().ok()?))),
            _ => Some(None),
        }
    }

    pub fn key(mut fields: Vec<(Cow<'a, str>, Cow<'a, Value>)>) -> Self {
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        Element::Key(fields)
    }

    /// Append the element as FieldsV1 names it, quoted.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Element::Field(name) => {
                let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
                if name.bytes().all(is_plain) {
                    out.extend_from_slice(b"\"f:");
                    out.extend_from_slice(name.as_bytes());
                    out.push(b'"');
                } else {
                    write_string(&format!("f:{name}"), out);
                }
            }
            Element::Index(index) => out.extend_from_slice(format!("\"i:{index}\"").as_bytes()),
            Element::Value(value) => {
                let mut text = String::from("v:");
                text.push_str(&value.to_string());
                write_string(&text, out);
            }
            Element::Key(fields) => {
                let mut text = b"k:{".to_vec();
                for (index, (name, value)) in fields.iter().enumerate() {
                    if index > 0 {
                        text.push(b',');
                    }
                    write_string(name, &mut text);
                    text.push(b':');
                    value.write(&mut text);
                }
                text.push(b'}');
                write_string(&String::from_utf8_lossy(&text), out);
            }
        }
    }

    /// Fields, then keys, then values, then indexes; each by its value.
    pub fn order(&self, other: &Element<'_>) -> Ordering {
        match (self, other) {
            (Element::Field(a), Element::Field(b)) => a.cmp(b),
            (Element::Key(a), Element::Key(b)) => compare_keys(a, b),
            (Element::Value(a), Element::Value(b)) => compare_values(a, b),
            (Element::Index(a), Element::Index(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Element::Field(_) => 0,
            Element::Key(_) => 1,
            Element::Value(_) => 2,
            Element::Index(_) => 3,
        }
    }
}

impl PartialEq for Element<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.order(other).is_eq()
    }
}

type KeyField<'a> = (Cow<'a, str>, Cow<'a, Value>);

fn compare_keys(a: &[KeyField<'_>], b: &[KeyField<'_>]) -> Ordering {
    for ((name, value), (other_name, other_value)) in a.iter().zip(b) {
        let order = name.cmp(other_name).then_with(|| compare_values(value, other_value));
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// Numbers before strings before booleans before lists before maps before null.
fn compare_values(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => match (x.as_i64(), y.as_i64()) {
            (Some(x), Some(y)) => x.cmp(&y),
            _ => x.as_f64().total_cmp(&y.as_f64()),
        },
        (Value::String(x), Value::String(y)) => x.cmp(y),
        (Value::Bool(x), Value::Bool(y)) => x.cmp(y),
        (Value::Array(x), Value::Array(y)) => {
            let unequal = x.iter().zip(y).map(|(x, y)| compare_values(x, y)).find(|order| order.is_ne());
            unequal.unwrap_or_else(|| x.len().cmp(&y.len()))
        }
        (Value::Object(x), Value::Object(y)) => {
            let (mut x, mut y): (Vec<_>, Vec<_>) = (x.iter().collect(), y.iter().collect());
            x.sort_by_key(|member| member.0);
            y.sort_by_key(|member| member.0);
            let order = |(x, y): (&(&String, &Value), &(&String, &Value))| {
                x.0.cmp(y.0).then_with(|| compare_values(x.1, y.1))
            };
            let unequal = x.iter().zip(&y).map(order).find(|order| order.is_ne());
            unequal.unwrap_or_else(|| x.len().cmp(&y.len()))
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    }
}
