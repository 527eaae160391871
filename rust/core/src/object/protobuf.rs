//! Protobuf bodies read into the same JSON that a JSON body of the same object would give.
//!
//! Invariant: fields that come several times are merged as protobuf says: messages as if their bytes were one, lists
//! appended, the last scalar counts.
//! Invariant: nesting is bounded by `DEPTH_MAX`, memory by a small multiple of the body.
//! Not here: the wire format itself (see `wire`).

use std::borrow::Cow;

use super::base64;
use super::json::{Map, Value, DEPTH_MAX};
use super::message::{double, Field, Kind, Message, MessageId, Messages, Shape, Wire};
use super::quantity;
use super::reader::Reader;
use super::syntax::{check_within, text_of};
use super::time::{Precision, Time};
use super::wire::{packed, Fields, Payload};

pub const MAGIC: &[u8] = b"k8s\0";

const TOO_DEEP: &str = "exceeded max depth";

/// runtime.Unknown: what stands between the magic and the object.
#[derive(Debug, Default)]
pub struct Envelope<'a> {
    pub api_version: String,
    pub kind: String,
    pub raw: &'a [u8],
}

impl<'a> Envelope<'a> {
    pub fn read(body: &'a [u8]) -> Result<Self, String> {
        if body.is_empty() {
            return Err("empty data".into());
        }
        let Some(data) = body.strip_prefix(MAGIC) else {
            let prefix = MAGIC.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
            return Err(format!(
                "provided data does not appear to be a protobuf message, expected prefix [{prefix}]"
            ));
        };
        if data.is_empty() {
            return Err("empty body".into());
        }
        let mut envelope = Envelope::default();
        let mut fields = Fields::new(data, "Unknown");
        while let Some((number, payload)) = fields.next_field()? {
            match number {
                1 => envelope.type_meta(payload.bytes("TypeMeta")?)?,
                2 => envelope.raw = payload.bytes("Raw")?,
                _ => {}
            }
        }
        Ok(envelope)
    }

    fn type_meta(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut fields = Fields::new(bytes, "TypeMeta");
        while let Some((number, payload)) = fields.next_field()? {
            match number {
                1 => self.api_version = text_of(payload.bytes("APIVersion")?).into_owned(),
                2 => self.kind = text_of(payload.bytes("Kind")?).into_owned(),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Read the bytes of an object. The error is that of Kubernetes' generated decoders.
pub fn decode(messages: &Messages, message: &Message, bytes: &[u8]) -> Result<Map, String> {
    Decoder { messages }.message(message, bytes, 1)
}

struct Decoder<'d> {
    messages: &'d Messages,
}

/// What was read of one field so far.
enum Slot<'a> {
    Value(Option<Value>),
    List(Vec<Value>),
    Map(Map),
    /// A message's bytes: decoded once all of its occurrences are there.
    Bytes(Cow<'a, [u8]>),
}

impl<'d> Decoder<'d> {
    fn message(&self, message: &Message, bytes: &[u8], depth: usize) -> Result<Map, String> {
        if depth > DEPTH_MAX {
            return Err(TOO_DEEP.into());
        }
        let mut slots: Vec<(usize, Slot<'_>)> = Vec::new();
        self.collect(message, bytes, 0, &mut slots, message, depth)?;
        let mut read = Vec::with_capacity(slots.len());
        for (index, slot) in slots {
            let value = self.finish(&message.fields[index], slot, depth)?;
            read.push((index, value));
        }
        Ok(message.assemble(read))
    }

    /// Sort the bytes of `part`, whose fields start at `offset` among those of `whole`, into slots.
    fn collect<'a>(
        &self,
        part: &Message,
        bytes: &'a [u8],
        offset: usize,
        slots: &mut Vec<(usize, Slot<'a>)>,
        whole: &Message,
        depth: usize,
    ) -> Result<(), String> {
        let mut fields = Fields::new(bytes, "object");
        while let Some((number, payload)) = fields.next_field()? {
            match part.wire(number) {
                None => {}
                Some(Wire::Embedded { message, offset: inner }) => {
                    let embedded = self.messages.message(message);
                    self.collect(
                        embedded,
                        payload.bytes(&embedded.name)?,
                        offset + inner,
                        slots,
                        whole,
                        depth,
                    )?;
                }
                Some(Wire::Field(index)) => {
                    self.store(&whole.fields[offset + index], offset + index, payload, slots, depth)?;
                }
            }
        }
        Ok(())
    }

    fn store<'a>(
        &self,
        field: &Field,
        index: usize,
        payload: Payload<'a>,
        slots: &mut Vec<(usize, Slot<'a>)>,
        depth: usize,
    ) -> Result<(), String> {
        let at = slots.iter().position(|(other, _)| *other == index);
        let slot = match at {
            Some(at) => &mut slots[at].1,
            None => {
                slots.push((index, empty_slot(field)));
                &mut slots.last_mut().expect("it was just pushed").1
            }
        };
        match slot {
            Slot::List(items) => self.append(field, payload, items, depth + 1)?,
            Slot::Map(map) => {
                let (key, value) = self.entry(field, payload.bytes(&field.name)?, depth + 1)?;
                map.insert(key, value);
            }
            Slot::Bytes(bytes) if bytes.is_empty() => *bytes = Cow::Borrowed(payload.bytes(&field.name)?),
            Slot::Bytes(bytes) => bytes.to_mut().extend_from_slice(payload.bytes(&field.name)?),
            Slot::Value(value) => *value = Some(self.scalar(field, payload)?),
        }
        Ok(())
    }

    fn finish(&self, field: &Field, slot: Slot<'_>, depth: usize) -> Result<Option<Value>, String> {
        Ok(match slot {
            Slot::List(items) => Some(items).filter(|items| !items.is_empty()).map(Value::Array),
            Slot::Map(mut map) => {
                map.sort_unstable_keys();
                Some(Value::Object(map))
            }
            Slot::Bytes(bytes) => self.special(field.kind, &bytes, depth + 1)?,
            Slot::Value(value) if field.is_pointer => value,
            Slot::Value(value) => value.filter(|value| !is_zero(value)),
        })
    }

    /// One more element; numbers and booleans may come packed.
    fn append(
        &self,
        field: &Field,
        payload: Payload<'_>,
        items: &mut Vec<Value>,
        depth: usize,
    ) -> Result<(), String> {
        match (field.kind, payload) {
            (Kind::Bool | Kind::Int32 | Kind::Int64, Payload::Bytes(bytes)) => {
                for value in packed(bytes)? {
                    items.push(self.scalar(field, Payload::Varint(value))?);
                }
            }
            _ => items.push(self.element(field, payload, depth)?),
        }
        Ok(())
    }

    /// An element of a list or map is always there.
    fn element(&self, field: &Field, payload: Payload<'_>, depth: usize) -> Result<Value, String> {
        if is_scalar(field.kind) {
            return self.scalar(field, payload);
        }
        let value = self.special(field.kind, payload.bytes(&field.name)?, depth + 1)?;
        Ok(value.unwrap_or(Value::Null))
    }

    fn entry(&self, field: &Field, bytes: &[u8], depth: usize) -> Result<(String, Value), String> {
        let mut key = String::new();
        let mut value = None;
        let mut fields = Fields::new(bytes, &field.name);
        while let Some((number, payload)) = fields.next_field()? {
            match number {
                1 => key = text_of(payload.bytes(&field.name)?).into_owned(),
                2 => value = Some(self.element(field, payload, depth)?),
                _ => {}
            }
        }
        let zero =
            || if field.kind == Kind::Bytes { Some("".into()) } else { self.messages.zero(field.kind) };
        Ok((key, value.or_else(zero).unwrap_or(Value::Null)))
    }

    fn scalar(&self, field: &Field, payload: Payload<'_>) -> Result<Value, String> {
        let name = &field.name;
        Ok(match field.kind {
            Kind::Bool => Value::Bool(payload.varint(name)? != 0),
            Kind::Int32 => i64::from(payload.varint(name)? as i32).into(),
            Kind::Int64 => (payload.varint(name)? as i64).into(),
            Kind::Double => finite(payload.double(name)?)?,
            Kind::Bytes => base64::encode(payload.bytes(name)?).into(),
            _ => text_of(payload.bytes(name)?).into_owned().into(),
        })
    }

    /// A message, or a type with a JSON form of its own.
    fn special(&self, kind: Kind, bytes: &[u8], depth: usize) -> Result<Option<Value>, String> {
        match kind {
            Kind::Message(id) => self.object(id, bytes, depth).map(Some),
            Kind::Quantity => {
                let text = string(bytes, 1)?;
                let canonical = if text.is_empty() { Ok("0".into()) } else { quantity::canonical(&text) };
                Ok(Some(canonical?.into()))
            }
            Kind::Time => time(bytes, Precision::Seconds),
            Kind::MicroTime => time(bytes, Precision::Micros),
            Kind::IntOrString => int_or_string(bytes).map(Some),
            Kind::Raw | Kind::FieldsV1 => self.raw(bytes, depth).map(Some),
            Kind::Strings => {
                let items = strings(bytes, 1)?;
                Ok(Some(Value::Array(items)))
            }
            Kind::SchemaOrArray(id) | Kind::SchemaOrBool(id) | Kind::SchemaOrStrings(id) => {
                self.schema_union(kind, id, bytes, depth).map(Some)
            }
            _ => unreachable!("scalars have no special form"),
        }
    }

    fn object(&self, id: MessageId, bytes: &[u8], depth: usize) -> Result<Value, String> {
        self.message(self.messages.message(id), bytes, depth).map(Value::Object)
    }

    /// JSON in field 1, or for an embedded object an envelope of its own.
    fn raw(&self, bytes: &[u8], depth: usize) -> Result<Value, String> {
        let raw = last_bytes(bytes, 1)?;
        if raw.is_empty() {
            return Ok(Value::Null);
        }
        if raw.starts_with(MAGIC) {
            return self.enveloped(raw, depth);
        }
        check_within(raw, DEPTH_MAX.saturating_sub(depth))?;
        Ok(Value::read(&mut Reader::new(&text_of(raw))))
    }

    fn enveloped(&self, body: &[u8], depth: usize) -> Result<Value, String> {
        let envelope = Envelope::read(body)?;
        let name = format!("{}/{}", envelope.api_version, envelope.kind);
        let message =
            self.messages.of_kind(&name).ok_or_else(|| format!("no kind \"{name}\" is registered"))?;
        let mut object = Map::default();
        object.insert("kind".into(), envelope.kind.into());
        object.insert("apiVersion".into(), envelope.api_version.into());
        object.extend(self.message(message, envelope.raw, depth)?);
        Ok(Value::Object(object))
    }

    fn schema_union(&self, kind: Kind, id: MessageId, bytes: &[u8], depth: usize) -> Result<Value, String> {
        let mut schema: Option<Vec<u8>> = None;
        let (mut items, mut is_allowed) = (Vec::new(), false);
        let schema_number = if matches!(kind, Kind::SchemaOrBool(_)) { 2 } else { 1 };
        let mut fields = Fields::new(bytes, "JSONSchemaProps");
        while let Some((number, payload)) = fields.next_field()? {
            match (number, kind) {
                (1, Kind::SchemaOrBool(_)) => is_allowed = payload.varint("Allows")? != 0,
                (2, Kind::SchemaOrArray(_)) => {
                    items.push(self.object(id, payload.bytes("JSONSchemas")?, depth + 1)?)
                }
                (2, Kind::SchemaOrStrings(_)) => {
                    items.push(text_of(payload.bytes("Property")?).into_owned().into())
                }
                _ if number == schema_number => {
                    schema.get_or_insert_default().extend_from_slice(payload.bytes("Schema")?);
                }
                _ => {}
            }
        }
        match (schema, kind) {
            _ if !items.is_empty() => Ok(Value::Array(items)),
            (Some(schema), _) => self.object(id, &schema, depth),
            (None, Kind::SchemaOrBool(_)) => Ok(Value::Bool(is_allowed)),
            (None, _) => Ok(Value::Null),
        }
    }
}

fn empty_slot(field: &Field) -> Slot<'static> {
    match field.shape {
        Shape::List => Slot::List(Vec::new()),
        Shape::Map => Slot::Map(Map::default()),
        Shape::One if is_scalar(field.kind) => Slot::Value(None),
        Shape::One => Slot::Bytes(Cow::Borrowed(&[])),
    }
}

fn is_scalar(kind: Kind) -> bool {
    matches!(kind, Kind::String | Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Double | Kind::Bytes)
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == 0.0,
        _ => false,
    }
}

fn finite(value: f64) -> Result<Value, String> {
    if value.is_finite() {
        return Ok(double(value));
    }
    Err("json: unsupported value".into())
}

/// The last occurrence of a bytes field.
fn last_bytes(bytes: &[u8], wanted: u32) -> Result<&[u8], String> {
    let mut last: &[u8] = &[];
    let mut fields = Fields::new(bytes, "object");
    while let Some((number, payload)) = fields.next_field()? {
        if number == wanted {
            last = payload.bytes("Raw")?;
        }
    }
    Ok(last)
}

fn string(bytes: &[u8], number: u32) -> Result<String, String> {
    Ok(text_of(last_bytes(bytes, number)?).into_owned())
}

fn strings(bytes: &[u8], wanted: u32) -> Result<Vec<Value>, String> {
    let mut items = Vec::new();
    let mut fields = Fields::new(bytes, "object");
    while let Some((number, payload)) = fields.next_field()? {
        if number == wanted {
            items.push(text_of(payload.bytes("Items")?).into_owned().into());
        }
    }
    Ok(items)
}

fn time(bytes: &[u8], precision: Precision) -> Result<Option<Value>, String> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (mut seconds, mut nanos) = (0i64, 0i32);
    let mut fields = Fields::new(bytes, "Timestamp");
    while let Some((number, payload)) = fields.next_field()? {
        match number {
            1 => seconds = payload.varint("Seconds")? as i64,
            2 => nanos = payload.varint("Nanos")? as i32,
            _ => {}
        }
    }
    let time = Time::of(seconds, if precision == Precision::Micros { nanos } else { 0 });
    let time = time.ok_or("Time.MarshalJSON: year outside of range [0,9999]")?;
    Ok(time.to_text(precision).map(Value::from))
}

fn int_or_string(bytes: &[u8]) -> Result<Value, String> {
    let (mut kind, mut number, mut text) = (0i64, 0i32, String::new());
    let mut fields = Fields::new(bytes, "IntOrString");
    while let Some((field, payload)) = fields.next_field()? {
        match field {
            1 => kind = payload.varint("Type")? as i64,
            2 => number = payload.varint("IntVal")? as i32,
            3 => text = text_of(payload.bytes("StrVal")?).into_owned(),
            _ => {}
        }
    }
    match kind {
        0 => Ok(i64::from(number).into()),
        1 => Ok(text.into()),
        _ => Err("impossible IntOrString.Type".into()),
    }
}
