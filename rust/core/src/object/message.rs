//! Go's view of the built-in types: fields in struct order, pointers, omitempty; and their protobuf numbers.
//!
//! Invariant: fields of embedded structs stand where Go's JSON has them, so one list serves JSON and protobuf.
//! Not here: list types and merge keys (see `structure`).

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::json::{Map, Number, Value};
use super::reader::Reader;
use super::table::Table;

/// Index of a message in its `Messages`.
pub type MessageId = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    String,
    Bool,
    Int32,
    Int64,
    Double,
    Bytes,
    Message(MessageId),
    Quantity,
    Time,
    MicroTime,
    IntOrString,
    /// Any JSON value in place: runtime.RawExtension and apiextensions' JSON.
    Raw,
    FieldsV1,
    /// A message with one repeated string, which JSON has as a list.
    Strings,
    SchemaOrArray(MessageId),
    SchemaOrBool(MessageId),
    SchemaOrStrings(MessageId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    One,
    List,
    Map,
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub kind: Kind,
    pub shape: Shape,
    pub is_pointer: bool,
    pub is_omitted_empty: bool,
    pub is_omitted_zero: bool,
}

/// Where a protobuf field number leads.
#[derive(Clone, Copy, Debug)]
pub enum Wire {
    Field(usize),
    /// An embedded struct: its fields start at this index.
    Embedded {
        message: MessageId,
        offset: usize,
    },
}

#[derive(Debug)]
pub struct Message {
    /// The Go type's name without its package: "PodSpec".
    pub name: String,
    /// With its package, as Go's errors print it: "v1.PodSpec".
    pub go_name: String,
    pub fields: Vec<Field>,
    pub has_type_meta: bool,
    index: FxHashMap<String, usize>,
    wire: FxHashMap<u32, Wire>,
    /// Fields that are written even when unset, with what is written.
    pub kept: Vec<(usize, Value)>,
}

impl Message {
    pub fn field(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    pub fn wire(&self, number: u32) -> Option<Wire> {
        self.wire.get(&number).copied()
    }

    /// What Go marshals when nothing is set.
    pub fn zero(&self) -> Value {
        Value::Object(
            self.kept
                .iter()
                .map(|(index, value)| (self.fields[*index].name.clone(), value.clone()))
                .collect(),
        )
    }

    /// Set a field of an object, in its place among the others.
    pub fn insert(&self, object: &mut Map, name: &str, value: Value) {
        if let Some(slot) = object.get_mut(name) {
            *slot = value;
            return;
        }
        // The object's fields are in struct order, so the place is found by halving.
        let index = self.field(name);
        let (mut position, mut end) = (0, object.len());
        while position < end {
            let middle = (position + end) / 2;
            let (other, _) = object.get_index(middle).expect("the middle is inside");
            if self.field(other) > index {
                end = middle;
            } else {
                position = middle + 1;
            }
        }
        object.shift_insert(position, name.into(), value);
    }

    /// The JSON object of the fields that were read; a value of None is Go's zero.
    pub fn assemble(&self, mut read: Vec<(usize, Option<Value>)>) -> Map {
        read.sort_unstable_by_key(|(index, _)| *index);
        let mut map = Map::with_capacity_and_hasher(read.len() + self.kept.len(), Default::default());
        let mut kept = self.kept.iter().peekable();
        for (index, value) in read {
            while let Some((before, default)) = kept.next_if(|(before, _)| *before < index) {
                map.insert(self.fields[*before].name.clone(), default.clone());
            }
            let default = kept.next_if(|(same, _)| *same == index).map(|(_, default)| default);
            if let Some(value) = value.or_else(|| default.cloned()) {
                map.insert(self.fields[index].name.clone(), value);
            }
        }
        map.extend(kept.map(|(index, default)| (self.fields[*index].name.clone(), default.clone())));
        map
    }
}

/// The messages of the protobuf table, compiled as they are needed.
#[derive(Debug)]
pub struct Messages {
    messages: Table<Message>,
    kinds: FxHashMap<String, String>,
    meta_kinds: FxHashMap<String, String>,
}

impl Messages {
    /// Index the document at the cursor, which reads in `text`.
    pub fn index(text: &Arc<str>, reader: &mut Reader<'_>) -> Self {
        let (mut messages, mut kinds, mut meta_kinds) = (None, None, None);
        reader.enter();
        while let Some(key) = reader.next_key() {
            match key.as_ref() {
                "messages" => messages = Some(Table::index(text, reader)),
                "kinds" => kinds = Some(names(reader)),
                "metaKinds" => meta_kinds = Some(names(reader)),
                _ => {
                    reader.skip();
                }
            }
        }
        let present = "the protobuf table has messages, kinds and metaKinds";
        Messages {
            messages: messages.expect(present),
            kinds: kinds.expect(present),
            meta_kinds: meta_kinds.expect(present),
        }
    }

    /// The message of a kind, "apps/v1/Deployment"; options kinds are known in every group.
    pub fn of_kind(&self, kind: &str) -> Option<&Message> {
        let last = kind.rsplit('/').next().unwrap_or_default();
        let name = self.kinds.get(kind).or_else(|| self.meta_kinds.get(last))?;
        self.messages.id(name).map(|id| self.message(id))
    }

    /// True for the kinds that every group version knows: DeleteOptions and the like.
    pub fn is_meta_kind(&self, kind: &str) -> bool {
        self.meta_kinds.contains_key(kind)
    }

    pub fn message(&self, id: MessageId) -> &Message {
        self.messages.get_or_compile(id, |entry| Compiler { messages: self, id }.message(entry))
    }

    pub fn named(&self, name: &str) -> Option<&Message> {
        self.messages.id(name).map(|id| self.message(id))
    }

    pub fn len(&self) -> usize {
        self.messages.len()
    }

    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// What a single value of this kind is in JSON when nothing was read; None where Go has a nil.
    pub fn zero(&self, kind: Kind) -> Option<Value> {
        match kind {
            Kind::String => Some("".into()),
            Kind::Bool => Some(Value::Bool(false)),
            Kind::Int32 | Kind::Int64 | Kind::Double | Kind::IntOrString => Some(0.into()),
            Kind::Quantity => Some("0".into()),
            Kind::Message(id) => Some(self.message(id).zero()),
            Kind::SchemaOrBool(_) => Some(Value::Bool(false)),
            _ => None,
        }
    }

    /// As Go's errors name the type of a field.
    pub fn go_type(&self, kind: Kind, shape: Shape) -> String {
        let single = match kind {
            Kind::Bool => "bool",
            Kind::Int32 | Kind::IntOrString => "int32",
            Kind::Int64 => "int64",
            Kind::Double => "float64",
            Kind::Bytes => "[]uint8",
            Kind::Message(id) => &self.message(id).go_name,
            Kind::Quantity => "resource.Quantity",
            Kind::Time => "v1.Time",
            Kind::MicroTime => "v1.MicroTime",
            Kind::Strings => "[]string",
            Kind::Raw => "runtime.RawExtension",
            _ => "string",
        };
        match shape {
            Shape::One => single.into(),
            Shape::List => format!("[]{single}"),
            Shape::Map if kind == Kind::Quantity => "v1.ResourceList".into(),
            Shape::Map => format!("map[string]{single}"),
        }
    }

    fn kind_of(&self, name: &str) -> Kind {
        let id = || self.messages.id(name).expect("a field's message is in the table");
        match name {
            "string" => Kind::String,
            "bool" => Kind::Bool,
            "int32" => Kind::Int32,
            "int64" => Kind::Int64,
            "double" => Kind::Double,
            "bytes" => Kind::Bytes,
            _ => match name.rsplit('.').next().unwrap_or_default() {
                "Quantity" | "QuantityValue" => Kind::Quantity,
                "Time" => Kind::Time,
                "MicroTime" => Kind::MicroTime,
                "IntOrString" => Kind::IntOrString,
                "RawExtension" | "JSON" => Kind::Raw,
                "FieldsV1" => Kind::FieldsV1,
                "Verbs" | "ExtraValue" => Kind::Strings,
                "JSONSchemaPropsOrArray" => Kind::SchemaOrArray(self.schema_of(name)),
                "JSONSchemaPropsOrBool" => Kind::SchemaOrBool(self.schema_of(name)),
                "JSONSchemaPropsOrStringArray" => Kind::SchemaOrStrings(self.schema_of(name)),
                _ => Kind::Message(id()),
            },
        }
    }

    /// The JSONSchemaProps beside one of its three union types.
    fn schema_of(&self, name: &str) -> MessageId {
        let package = name.rsplit_once('.').map_or("", |(package, _)| package);
        self.messages.id(&format!("{package}.JSONSchemaProps")).expect("the union's schema is in the table")
    }
}

struct Compiler<'m> {
    messages: &'m Messages,
    id: MessageId,
}

impl Compiler<'_> {
    fn message(&self, entry: &Value) -> Message {
        let full = self.messages.messages.name(self.id);
        let mut parts = full.rsplit('.');
        let name = parts.next().unwrap_or_default();
        let package = parts.next().unwrap_or_default();
        let mut message = Message {
            name: name.into(),
            go_name: format!("{package}.{name}"),
            fields: Vec::new(),
            has_type_meta: entry.get("tm").is_some(),
            index: FxHashMap::default(),
            wire: FxHashMap::default(),
            kept: Vec::new(),
        };
        if message.has_type_meta {
            message.fields.extend(["kind", "apiVersion"].map(type_meta));
        }
        for field in entry.get("f").and_then(Value::as_array).into_iter().flatten() {
            self.add(&mut message, field);
        }
        message.index =
            message.fields.iter().enumerate().map(|(index, field)| (field.name.clone(), index)).collect();
        message.kept = self.kept(&message.fields);
        message
    }

    fn add(&self, message: &mut Message, entry: &Value) {
        let number = entry.get("n").and_then(Value::as_i64).unwrap_or_default() as u32;
        let offset = message.fields.len();
        let is_set = |key: &str| entry.get(key).and_then(Value::as_i64) == Some(1);
        let map = entry.get("map").and_then(Value::as_array);
        let name = map
            .map_or_else(|| entry.get("t"), |pair| pair.get(1))
            .and_then(Value::as_str)
            .unwrap_or_default();
        let kind = self.messages.kind_of(name);
        if let (true, Kind::Message(embedded)) = (is_set("inl"), kind) {
            message.fields.extend(self.messages.message(embedded).fields.iter().cloned());
            message.wire.insert(number, Wire::Embedded { message: embedded, offset });
            return;
        }
        let Some(json_name) = entry.get("j").and_then(Value::as_str) else {
            return;
        };
        let shape = match (map.is_some(), is_set("rep")) {
            (true, _) => Shape::Map,
            (_, true) => Shape::List,
            _ => Shape::One,
        };
        message.wire.insert(number, Wire::Field(offset));
        message.fields.push(Field {
            name: json_name.into(),
            kind,
            shape,
            is_pointer: is_set("ptr"),
            is_omitted_empty: is_set("oe"),
            is_omitted_zero: is_set("oz"),
        });
    }

    fn kept(&self, fields: &[Field]) -> Vec<(usize, Value)> {
        let kept = fields.iter().enumerate().map(|(index, field)| (index, self.kept_value(field)));
        kept.filter_map(|(index, value)| Some((index, value?))).collect()
    }

    /// What is written for an unset field, None when nothing is. `omitempty` never leaves out a struct.
    fn kept_value(&self, field: &Field) -> Option<Value> {
        let is_struct = !matches!(
            field.kind,
            Kind::String
                | Kind::Bool
                | Kind::Int32
                | Kind::Int64
                | Kind::Double
                | Kind::Bytes
                | Kind::Strings
        );
        let is_nilable = field.is_pointer || field.shape != Shape::One;
        if field.is_omitted_zero || field.is_omitted_empty && (is_nilable || !is_struct) {
            return None;
        }
        if is_nilable {
            return Some(Value::Null);
        }
        Some(self.messages.zero(field.kind).unwrap_or(Value::Null))
    }
}

fn type_meta(name: &str) -> Field {
    Field {
        name: name.into(),
        kind: Kind::String,
        shape: Shape::One,
        is_pointer: false,
        is_omitted_empty: true,
        is_omitted_zero: false,
    }
}

fn names(reader: &mut Reader<'_>) -> FxHashMap<String, String> {
    let mut names = FxHashMap::default();
    reader.enter();
    while let Some(key) = reader.next_key() {
        // The table says "core" where API versions say nothing.
        names.insert(key.trim_start_matches("core/").into(), reader.string().into_owned());
    }
    names
}

/// A double as Go's encoder writes it: shortest digits, an exponent below 1e-6 and from 1e21 on.
pub fn double(value: f64) -> Value {
    let magnitude = value.abs();
    let text = if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').expect("it was written with an exponent");
        let exponent: i32 = exponent.parse().expect("an exponent is a number");
        // Go pads a positive exponent to two digits and leaves a negative one as short as it is.
        if exponent < 0 {
            format!("{mantissa}e-{}", -exponent)
        } else {
            format!("{mantissa}e+{exponent:02}")
        }
    } else {
        format!("{value}")
    };
    Value::Number(Number::new(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages() -> Messages {
        let text: Arc<str> = include_str!("../../../../python/pyk8s/api/data/protobuf-fields.json").into();
        Messages::index(&text, &mut Reader::new(&text))
    }

    #[test]
    fn every_message_compiles() {
        let messages = messages();
        for id in 0..messages.len() as u32 {
            messages.message(id);
        }
    }

    #[test]
    fn embedded_fields_stand_in_their_place() {
        let messages = messages();
        let volume = messages.named("k8s.io.api.core.v1.Volume").unwrap();

        assert_eq!(volume.field("name"), Some(0));
        assert!(volume.field("emptyDir").is_some_and(|index| index > 0));
        assert!(matches!(volume.wire(2), Some(Wire::Embedded { offset: 1, .. })));
    }

    #[test]
    fn unset_structs_are_written_and_unset_scalars_are_not() {
        let messages = messages();
        assert_eq!(
            messages.of_kind("v1/Pod").unwrap().zero().to_string(),
            r#"{"metadata":{},"spec":{"containers":null},"status":{}}"#
        );
        assert_eq!(messages.of_kind("policy/v1/DeleteOptions").unwrap().zero().to_string(), "{}");
    }

    #[test]
    fn doubles_are_written_as_go_does() {
        let texts = [1.0, 0.5, 1e20, 1e21, 1.5e-7, -1e300].map(|value| double(value).to_string());
        assert_eq!(texts, ["1", "0.5", "100000000000000000000", "1e+21", "1.5e-7", "-1e+300"]);
    }
}
