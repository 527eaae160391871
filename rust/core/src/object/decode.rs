//! JSON bodies read as a Go struct: types checked, unknown and duplicate fields told, zero values dropped or kept as
//! Go's encoder would, everything in struct order.
//!
//! Invariant: the value that comes out is what Go would marshal of the struct it decoded.
//! Invariant: the first wrong type is told after the whole body was read; a wrong quantity or time ends reading at once.
//! Not here: which kind a body is (see `type_meta`), defaults (see `default`).
//! Differs from Go: of a struct that comes twice the later one counts whole; Go merges the two.

use std::borrow::Cow;

use super::base64;
use super::json::{Map, Value};
use super::message::{double, Field, Kind, Message, MessageId, Messages, Shape};
use super::quantity;
use super::reader::Reader;
use super::time::{Precision, Time};

/// Go's strict decoder stops counting here.
const PROBLEMS_MAX: usize = 100;

/// What a body holds once it is read as its kind.
#[derive(Debug, PartialEq)]
pub struct Decoded {
    pub fields: Map,
    /// `unknown field "spec.foo"`, `duplicate field "spec.bar"`, in order of appearance.
    pub problems: Vec<String>,
}

/// Read the object at the cursor as `message`. The error is Go's.
pub fn decode(messages: &Messages, message: &Message, reader: &mut Reader<'_>) -> Result<Decoded, String> {
    let mut decoder =
        Decoder { messages, steps: Vec::new(), problems: Vec::new(), wrong_type: None, is_quiet: false };
    let fields = decoder.message(message, reader)?;
    match decoder.wrong_type {
        Some(error) => Err(error),
        None => Ok(Decoded { fields, problems: decoder.problems }),
    }
}

enum Step<'d> {
    Field { name: &'d str, of: &'d str },
    Key(String),
    Index(usize),
}

struct Decoder<'d> {
    messages: &'d Messages,
    steps: Vec<Step<'d>>,
    problems: Vec<String>,
    wrong_type: Option<String>,
    /// Set below types that read themselves: Go's strictness does not reach into them.
    is_quiet: bool,
}

/// None is Go's zero value: an unset pointer, an empty string, a nil list.
type Read = Result<Option<Value>, String>;

impl<'d> Decoder<'d> {
    fn message(&mut self, message: &'d Message, reader: &mut Reader<'_>) -> Result<Map, String> {
        let mut read: Vec<(usize, Option<Value>)> = Vec::with_capacity(8);
        reader.enter();
        while let Some(key) = reader.next_key() {
            let Some(index) = message.field(&key) else {
                self.report("unknown", &key);
                reader.skip();
                continue;
            };
            let field = &message.fields[index];
            let seen = read.iter().position(|(other, _)| *other == index);
            if seen.is_some() {
                self.report("duplicate", &key);
            }
            self.steps.push(Step::Field { name: &field.name, of: &message.name });
            let value = self.field(field, reader)?;
            self.steps.pop();
            match seen {
                // Go leaves a scalar as it was when null comes after a value.
                Some(at) if value.is_some() || field.is_pointer || field.shape != Shape::One => {
                    read[at].1 = value
                }
                Some(_) => {}
                None => read.push((index, value)),
            }
        }
        Ok(message.assemble(read))
    }

    fn field(&mut self, field: &Field, reader: &mut Reader<'_>) -> Read {
        if reader.peek() == b'n' {
            reader.null();
            return Ok(self.null(field));
        }
        match field.shape {
            Shape::List => self.list(field, reader),
            Shape::Map => self.map(field, reader),
            Shape::One => {
                let value = self.single(field.kind, field, reader)?;
                Ok(if field.is_pointer { value.or_else(|| self.messages.zero(field.kind)) } else { value })
            }
        }
    }

    /// null sets pointers, lists and maps to nil; of the types that read themselves an int-or-string takes it as 0.
    fn null(&self, field: &Field) -> Option<Value> {
        let is_nilable = field.is_pointer || field.shape != Shape::One;
        if is_nilable {
            None
        } else {
            self.messages.zero(field.kind).filter(|_| is_struct(field.kind))
        }
    }

    fn list(&mut self, field: &Field, reader: &mut Reader<'_>) -> Read {
        if reader.peek() != b'[' {
            self.mismatch(reader, field);
            return Ok(None);
        }
        let mut items = Vec::new();
        reader.enter();
        while reader.next_element() {
            self.steps.push(Step::Index(items.len()));
            let item = self.element(field, reader)?;
            items.push(item);
            self.steps.pop();
        }
        Ok(if items.is_empty() { None } else { Some(Value::Array(items)) })
    }

    fn map(&mut self, field: &Field, reader: &mut Reader<'_>) -> Read {
        if reader.peek() != b'{' {
            self.mismatch(reader, field);
            return Ok(None);
        }
        let mut map = Map::default();
        reader.enter();
        while let Some(key) = reader.next_key() {
            if map.contains_key(key.as_ref()) {
                self.report("duplicate", &key);
            }
            let is_deep = matches!(field.kind, Kind::Message(_));
            if is_deep {
                self.steps.push(Step::Key(key.to_string()));
            }
            let value = self.element(field, reader)?;
            if is_deep {
                self.steps.pop();
            }
            map.insert(key.into_owned(), value);
        }
        map.sort_unstable_keys();
        Ok(if map.is_empty() { None } else { Some(Value::Object(map)) })
    }

    /// An element of a list or map is always there: zero where nothing was read.
    fn element(&mut self, field: &Field, reader: &mut Reader<'_>) -> Result<Value, String> {
        let value = if reader.peek() == b'n' {
            reader.null();
            None
        } else {
            self.single(field.kind, field, reader)?
        };
        let zero =
            || if field.kind == Kind::Bytes { Some("".into()) } else { self.messages.zero(field.kind) };
        Ok(value.or_else(zero).unwrap_or(Value::Null))
    }

    fn single(&mut self, kind: Kind, field: &Field, reader: &mut Reader<'_>) -> Read {
        let first = reader.peek();
        match kind {
            Kind::String if first == b'"' => {
                Ok(Some(reader.string()).filter(|text| !text.is_empty()).map(owned))
            }
            Kind::Bool if matches!(first, b't' | b'f') => {
                Ok(Some(reader.boolean()).filter(|&flag| flag).map(Value::Bool))
            }
            Kind::Int32 | Kind::Int64 | Kind::Double if is_number(first) => Ok(self.number(kind, reader)),
            Kind::Bytes if first == b'"' => Ok(self.bytes(reader)),
            Kind::Message(id) if first == b'{' => {
                Ok(Some(Value::Object(self.message(self.messages.message(id), reader)?)))
            }
            Kind::Quantity => quantity_of(reader).map(Some),
            Kind::Time => self.time(Precision::Seconds, reader),
            Kind::MicroTime => self.time(Precision::Micros, reader),
            Kind::IntOrString => self.int_or_string(reader).map(Some),
            Kind::Raw => Ok(Some(Value::read(reader))),
            Kind::FieldsV1 => Ok(Some(Value::read(reader))),
            Kind::Strings if first == b'[' => self.strings(reader).map(Some),
            Kind::SchemaOrArray(id) => self.schema_or_array(id, reader),
            Kind::SchemaOrBool(id) => self.schema_or_bool(id, reader),
            Kind::SchemaOrStrings(id) => self.schema_or_strings(id, reader),
            _ => {
                let shape = if field.shape == Shape::One { field.shape } else { Shape::One };
                let found = found(reader);
                self.save(&found, &self.messages.go_type(kind, shape));
                Ok(None)
            }
        }
    }

    fn number(&mut self, kind: Kind, reader: &mut Reader<'_>) -> Option<Value> {
        let text = reader.number();
        let value = match kind {
            Kind::Int32 => {
                text.parse::<i32>().ok().map(|number| (number == 0, Value::from(i64::from(number))))
            }
            Kind::Int64 => text.parse::<i64>().ok().map(|number| (number == 0, Value::from(number))),
            _ => text
                .parse::<f64>()
                .ok()
                .filter(|n| n.is_finite())
                .map(|number| (number == 0.0, double(number))),
        };
        match value {
            Some((is_zero, value)) => Some(value).filter(|_| !is_zero),
            None => {
                self.save(&format!("number {text}"), &self.messages.go_type(kind, Shape::One));
                None
            }
        }
    }

    fn bytes(&mut self, reader: &mut Reader<'_>) -> Option<Value> {
        match base64::decode(reader.string().as_bytes()) {
            Ok(bytes) if bytes.is_empty() => None,
            Ok(bytes) => Some(base64::encode(&bytes).into()),
            Err(offset) => {
                self.wrong_type.get_or_insert_with(|| format!("illegal base64 data at input byte {offset}"));
                None
            }
        }
    }

    fn time(&mut self, precision: Precision, reader: &mut Reader<'_>) -> Read {
        if reader.peek() != b'"' {
            let found = found(reader);
            return Err(self.unmarshal_error(&found, "string"));
        }
        Ok(Time::parse(&reader.string(), precision)?.to_text(precision).map(Value::from))
    }

    fn int_or_string(&mut self, reader: &mut Reader<'_>) -> Result<Value, String> {
        let first = reader.peek();
        if first == b'"' {
            return Ok(owned(reader.string()));
        }
        if !is_number(first) {
            let found = found(reader);
            return Err(self.unmarshal_error(&found, "int32"));
        }
        let text = reader.number();
        let number =
            text.parse::<i32>().map_err(|_| self.unmarshal_error(&format!("number {text}"), "int32"))?;
        Ok(i64::from(number).into())
    }

    fn strings(&mut self, reader: &mut Reader<'_>) -> Result<Value, String> {
        let mut items = Vec::new();
        reader.enter();
        while reader.next_element() {
            match reader.peek() {
                b'"' => items.push(owned(reader.string())),
                b'n' => {
                    reader.null();
                    items.push("".into());
                }
                _ => {
                    let found = found(reader);
                    self.save(&found, "string");
                    items.push("".into());
                }
            }
        }
        Ok(Value::Array(items))
    }

    /// A type that reads itself: nothing below it is reported.
    fn quietly<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        let was_quiet = std::mem::replace(&mut self.is_quiet, true);
        let value = read(self);
        self.is_quiet = was_quiet;
        value
    }

    fn schema(&mut self, id: MessageId, reader: &mut Reader<'_>) -> Result<Value, String> {
        let message = self.messages.message(id);
        self.quietly(|decoder| decoder.message(message, reader)).map(Value::Object)
    }

    fn schema_or_array(&mut self, id: MessageId, reader: &mut Reader<'_>) -> Read {
        match reader.peek() {
            b'{' => self.schema(id, reader).map(Some),
            b'[' => {
                let mut items = Vec::new();
                reader.enter();
                while reader.next_element() {
                    if reader.peek() == b'{' {
                        items.push(self.schema(id, reader)?);
                    } else {
                        let found = found(reader);
                        self.save(&found, "v1.JSONSchemaProps");
                    }
                }
                Ok(if items.is_empty() { Some(Value::Null) } else { Some(Value::Array(items)) })
            }
            _ => {
                reader.skip();
                Ok(Some(Value::Null))
            }
        }
    }

    fn schema_or_bool(&mut self, id: MessageId, reader: &mut Reader<'_>) -> Read {
        match reader.peek() {
            b'{' => self.schema(id, reader).map(Some),
            b't' | b'f' => Ok(Some(Value::Bool(reader.boolean()))),
            _ => Err("boolean or JSON schema expected".into()),
        }
    }

    fn schema_or_strings(&mut self, id: MessageId, reader: &mut Reader<'_>) -> Read {
        match reader.peek() {
            b'{' => self.schema(id, reader).map(Some),
            b'[' => self.strings(reader).map(Some),
            _ => {
                reader.skip();
                Ok(Some(Value::Null))
            }
        }
    }

    fn mismatch(&mut self, reader: &mut Reader<'_>, field: &Field) {
        let found = found(reader);
        self.save(&found, &self.messages.go_type(field.kind, field.shape));
    }

    fn save(&mut self, found: &str, expected: &str) {
        if self.wrong_type.is_none() {
            self.wrong_type = Some(self.unmarshal_error(found, expected));
        }
    }

    /// Go's UnmarshalTypeError: the innermost struct, and the field's path from the top without list indices.
    fn unmarshal_error(&self, found: &str, expected: &str) -> String {
        let fields = self.steps.iter().filter_map(|step| match step {
            Step::Field { name, of } => Some((*name, *of)),
            _ => None,
        });
        let (names, structs): (Vec<_>, Vec<_>) = fields.unzip();
        match structs.last() {
            Some(of) => {
                format!(
                    "json: cannot unmarshal {found} into Go struct field {of}.{} of type {expected}",
                    names.join(".")
                )
            }
            None => format!("json: cannot unmarshal {found} into Go value of type {expected}"),
        }
    }

    fn report(&mut self, problem: &str, key: &str) {
        if self.is_quiet || self.problems.len() >= PROBLEMS_MAX {
            return;
        }
        let mut path = String::new();
        for step in &self.steps {
            match step {
                Step::Index(index) => path.push_str(&format!("[{index}]")),
                Step::Field { name, .. } => push_key(&mut path, name),
                Step::Key(key) => push_key(&mut path, key),
            }
        }
        push_key(&mut path, key);
        let text = format!("{problem} field \"{path}\"");
        if !self.problems.contains(&text) {
            self.problems.push(text);
        }
    }
}

fn push_key(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

/// Types that Go represents by a struct: never empty to `omitempty`.
fn is_struct(kind: Kind) -> bool {
    matches!(kind, Kind::Quantity | Kind::IntOrString | Kind::Message(_))
}

fn is_number(first: u8) -> bool {
    first == b'-' || first.is_ascii_digit()
}

fn owned(text: Cow<'_, str>) -> Value {
    Value::String(text.into_owned())
}

/// Skip a value of the wrong type; returns what Go calls it.
fn found(reader: &mut Reader<'_>) -> String {
    let name = match reader.peek() {
        b'{' => "object",
        b'[' => "array",
        b'"' => "string",
        b't' | b'f' => "bool",
        b'n' => "null",
        _ => "number",
    };
    reader.skip();
    name.into()
}

/// A number is read by its text; what is neither number nor string is no quantity.
fn quantity_of(reader: &mut Reader<'_>) -> Result<Value, String> {
    let canonical = match reader.peek() {
        b'"' => quantity::canonical(reader.string().trim()),
        _ => quantity::canonical(reader.skip()),
    };
    Ok(canonical?.into())
}
