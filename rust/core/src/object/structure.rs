//! Structure: the shape of a kind as merging and field ownership see it.
//!
//! Lives here: structs, maps, lists and leaves with their list types, merge keys and patch strategies, and what a Go
//! struct shows of a field that is not set (that decides which parents a create owns).
//! Invariant: a definition is compiled once, when it is first asked for.
//! Not here: types of scalars, enums, unknown fields, quantities (see `message`).

use std::sync::Arc;

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::json::{Map, Value};
use super::reader::Reader;
use super::table::Table;

/// Index of a struct in its `Structures`.
pub type StructId = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    String,
    Bool,
    Int32,
    Int64,
    Float64,
    Bytes,
    /// A type with its own JSON form (Quantity, Time …), or anything at all.
    Other,
}

#[derive(Debug)]
pub enum Shape {
    Leaf(Scalar),
    Struct(StructId),
    Map(Box<Type>),
    List(Box<List>),
}

#[derive(Debug)]
pub struct Type {
    pub shape: Shape,
    /// Owned as a whole: never looked into.
    pub is_atomic: bool,
}

#[derive(Debug)]
pub struct List {
    pub element: Type,
    /// None for a set: its elements are their own keys.
    pub keys: Option<Vec<String>>,
}

#[derive(Debug)]
pub struct Field {
    pub kind: Type,
    pub default: Option<Value>,
    /// What the field shows when it is not set.
    pub zero: Option<Value>,
    /// A plain (non-pointer) omitempty field: its zero value counts as not set.
    pub hides_zero: bool,
    pub merges: bool,
    pub replaces: bool,
    pub merge_key: String,
}

impl Field {
    /// `value` as Go's struct would show it.
    #[inline]
    pub fn see<'v>(&'v self, value: Option<&'v Value>) -> Option<&'v Value> {
        match value {
            None | Some(Value::Null) => self.zero.as_ref(),
            Some(value) if self.hides_zero && is_zero(value) => None,
            Some(value) => Some(value),
        }
    }
}

#[derive(Debug)]
pub struct Struct {
    /// The definition's last word.
    pub name: String,
    pub fields: indexmap::IndexMap<String, Field, FxBuildHasher>,
    /// Fields that show something when they are not set.
    pub shown: Vec<usize>,
}

/// All kinds of the tables.
#[derive(Debug)]
pub struct Structures {
    definitions: Table<Struct>,
    messages: Table<()>,
    kinds: FxHashMap<String, StructId>,
}

/// How Go declares a field: what it shows unset, and whether it hides its zero value.
type Presence = (Option<Value>, bool);

impl Structures {
    /// Index the tables `{"schema": …, "protobuf": …}`; what else is there is skipped.
    pub fn index(text: &Arc<str>) -> Option<Self> {
        let definitions = table_at(text, ["schema", "definitions"])?;
        let messages = table_at(text, ["protobuf", "messages"])?;
        let kinds = kinds_of(&definitions);
        Some(Structures { definitions, messages, kinds })
    }

    /// The structure of "group/version/Kind", None when there is no such kind.
    pub fn of_kind(&self, kind: &str) -> Option<StructId> {
        self.kinds.get(kind).copied()
    }

    pub fn get(&self, id: StructId) -> &Struct {
        self.definitions.get_or_compile(id, |entry| self.compile(id, entry))
    }

    fn compile(&self, id: StructId, entry: &Value) -> Struct {
        let full_name = self.definitions.name(id);
        let presences = self.presences(&message_name(full_name));
        let properties = entry.get("p").and_then(Value::as_object).into_iter().flatten();
        let fields: indexmap::IndexMap<_, _, FxBuildHasher> = properties
            .map(|(name, spec)| (name.clone(), self.field(spec, presences.get(name.as_str()))))
            .collect();
        let shown = fields.values().enumerate().filter(|(_, field)| field.zero.is_some()).map(|(at, _)| at);
        let shown = shown.collect();
        let name = full_name.rsplit('.').next().unwrap_or_default().to_owned();
        Struct { name, fields, shown }
    }

    fn field(&self, spec: &Value, presence: Option<&Presence>) -> Field {
        let mut kind = self.kind(spec);
        kind.is_atomic |= text(spec, "mt") == Some("atomic");
        let strategies = text(spec, "ps").unwrap_or_default();
        let (zero, hides_zero) = presence.cloned().unwrap_or_default();
        Field {
            kind,
            default: spec.get("d").cloned(),
            zero,
            hides_zero,
            merges: strategies.split(',').any(|strategy| strategy == "merge"),
            replaces: strategies == "replace",
            merge_key: text(spec, "pk").unwrap_or_default().to_owned(),
        }
    }

    fn kind(&self, spec: &Value) -> Type {
        let leaf = |scalar| Type { shape: Shape::Leaf(scalar), is_atomic: scalar == Scalar::Other };
        match text(spec, "t") {
            Some("ref") => self.target(text(spec, "r").unwrap_or_default()),
            Some("map") => {
                let element = self.kind(spec.get("v").unwrap_or(&Value::Null));
                Type { shape: Shape::Map(Box::new(element)), is_atomic: text(spec, "mt") == Some("atomic") }
            }
            Some("array") => self.list(spec),
            Some("integer") if text(spec, "f") == Some("int32") => leaf(Scalar::Int32),
            Some("integer") => leaf(Scalar::Int64),
            Some("number") => leaf(Scalar::Float64),
            Some("boolean") => leaf(Scalar::Bool),
            Some("string") if text(spec, "f") == Some("byte") => leaf(Scalar::Bytes),
            Some("string") => leaf(Scalar::String),
            _ => leaf(Scalar::Other),
        }
    }

    fn list(&self, spec: &Value) -> Type {
        let element = self.kind(spec.get("i").unwrap_or(&Value::Null));
        let merges = text(spec, "ps").is_some_and(|list| list.split(',').any(|strategy| strategy == "merge"));
        // A list that merges by patch strategy and names no list type is owned the same way.
        let (is_atomic, keys) = match (text(spec, "lt"), text(spec, "pk")) {
            (Some("map"), _) => (false, Some(texts(spec.get("lk")))),
            (Some("set"), _) => (false, None),
            (None, Some(key)) if merges => (false, Some(vec![key.to_owned()])),
            (None, None) if merges => (false, None),
            _ => (true, None),
        };
        Type { shape: Shape::List(Box::new(List { element, keys })), is_atomic }
    }

    fn target(&self, name: &str) -> Type {
        let other = Type { shape: Shape::Leaf(Scalar::Other), is_atomic: true };
        let Some(id) = self.definitions.id(name) else {
            return other;
        };
        let entry = Value::read(&mut Reader::new(self.definitions.text(id)));
        match text(&entry, "t") {
            Some("object") if entry.get("p").is_some() => {
                Type { shape: Shape::Struct(id), is_atomic: text(&entry, "mt") == Some("atomic") }
            }
            _ => other,
        }
    }

    fn presences(&self, message: &str) -> FxHashMap<String, Presence> {
        let mut found = FxHashMap::default();
        self.collect_presences(message, &mut found);
        found
    }

    fn collect_presences(&self, message: &str, found: &mut FxHashMap<String, Presence>) {
        let Some(id) = self.messages.id(message) else { return };
        let entry = Value::read(&mut Reader::new(self.messages.text(id)));
        for field in entry.get("f").and_then(Value::as_array).into_iter().flatten() {
            match text(field, "j") {
                Some(name) if field.get("inl").is_none() => {
                    found.insert(name.to_owned(), self.presence(field));
                }
                _ => self.collect_presences(text(field, "t").unwrap_or_default(), found),
            }
        }
    }

    fn presence(&self, field: &Value) -> Presence {
        let is_omitted = field.get("oe").is_some();
        if field.get("ptr").is_some() {
            return (if is_omitted { None } else { Some(Value::Null) }, false);
        }
        let (zero, is_struct) = self.zero(field);
        let is_hidden = is_omitted && !is_struct;
        (if is_hidden || field.get("oz").is_some() { None } else { Some(zero) }, is_hidden)
    }

    /// The zero value, and whether it is a struct: omitempty does not hide a struct.
    fn zero(&self, field: &Value) -> (Value, bool) {
        if field.get("rep").is_some() || field.get("map").is_some() {
            return (Value::Null, false);
        }
        let kind = text(field, "t").unwrap_or_default();
        if self.messages.id(kind).is_none() {
            return match kind {
                "string" => (Value::from(""), false),
                "bool" => (Value::Bool(false), false),
                "bytes" => (Value::Null, false),
                _ => (Value::from(0), false),
            };
        }
        let zero = match kind.rsplit('.').next().unwrap_or_default() {
            "Time" | "MicroTime" | "RawExtension" | "FieldsV1" | "JSON" => Value::Null,
            "Quantity" => Value::from("0"),
            "IntOrString" => Value::from(0),
            "Duration" => Value::from("0s"),
            _ => Value::Object(Map::default()),
        };
        (zero, true)
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == 0.0,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// io.k8s.api.core.v1.Pod → k8s.io.api.core.v1.Pod, as the protobuf table names it.
fn message_name(definition: &str) -> String {
    let mut parts = definition.splitn(3, '.');
    let mut next = || parts.next().unwrap_or_default();
    let (first, second, rest) = (next(), next(), next());
    format!("{second}.{first}.{rest}").replace('-', "_")
}

/// The table that stands at `path` in the object `text`.
fn table_at<T>(text: &Arc<str>, path: [&str; 2]) -> Option<Table<T>> {
    let mut reader = Reader::new(text);
    for step in path {
        reader.enter();
        loop {
            if reader.next_key()? == step {
                break;
            }
            reader.skip();
        }
    }
    Some(Table::index(text, &mut reader))
}

fn kinds_of(definitions: &Table<Struct>) -> FxHashMap<String, StructId> {
    let mut kinds = FxHashMap::default();
    for id in 0..definitions.len() as u32 {
        let mut reader = Reader::new(definitions.text(id));
        reader.enter();
        while let Some(key) = reader.next_key() {
            if key != "g" {
                reader.skip();
                continue;
            }
            for group in Value::read(&mut reader).as_array().into_iter().flatten() {
                let parts = texts(Some(group)).into_iter().filter(|part| !part.is_empty());
                kinds.insert(parts.collect::<Vec<_>>().join("/"), id);
            }
        }
    }
    kinds
}

fn text<'v>(entry: &'v Value, key: &str) -> Option<&'v str> {
    entry.get(key).and_then(Value::as_str)
}

fn texts(entry: Option<&Value>) -> Vec<String> {
    let items = entry.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(String::from).collect()
}
