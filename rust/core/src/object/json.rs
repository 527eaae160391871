//! JSON values in memory: objects keep the order of their keys, numbers keep their text.
//!
//! Invariant: what `parse` accepts, `Value::write` gives back with the same meaning, byte for byte but for spaces and
//! escapes.
//! Invariant: no value is deeper than `DEPTH_MAX`, so walking one recursively is safe.
//! Not here: syntax and its error words (see `syntax`), types of fields (see `decode`).

use std::fmt;

use indexmap::IndexMap;

use super::reader::Reader;
use super::syntax::{check, text_of};

pub use super::syntax::DEPTH_MAX;

/// The hasher's seed is fixed, but its mixing is not for guessing: keys that all collide would have to be searched for.
pub type Map = IndexMap<String, Value, foldhash::fast::FixedState>;

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Value>),
    Object(Map),
}

/// A number as it was written; equal to another when both are the same integer or the same double.
#[derive(Clone, Debug)]
pub struct Number(Box<str>);

impl Number {
    /// `text` must be a JSON number.
    pub fn new(text: &str) -> Self {
        Number(text.into())
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    pub fn as_f64(&self) -> f64 {
        self.0.parse().expect("a JSON number is a double, if need be an infinite one")
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Number(value.to_string().into())
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (self.as_i64(), other.as_i64()) {
            (Some(a), Some(b)) => a == b,
            (None, None) => self.0 == other.0 || self.as_f64() == other.as_f64(),
            _ => self.as_f64() == other.as_f64(),
        }
    }
}

/// Read one JSON value; of a key that comes twice the later value counts, at the place of the first.
///
/// Errors are in the words of Go's scanner.
pub fn parse(body: &[u8]) -> Result<Value, String> {
    check(body)?;
    Ok(Value::read(&mut Reader::new(&text_of(body))))
}

/// As `parse`, and the paths of keys that came twice, in order of appearance: `spec.replicas`, `[0].value`.
pub fn parse_strict(body: &[u8]) -> Result<(Value, Vec<String>), String> {
    check(body)?;
    let text = text_of(body);
    let mut duplicates = Duplicates::default();
    let value = duplicates.read(&mut Reader::new(&text));
    Ok((value, duplicates.paths))
}

impl Value {
    /// Read the value at the cursor.
    pub fn read(reader: &mut Reader<'_>) -> Value {
        match reader.peek() {
            b'{' => {
                let mut map = Map::default();
                reader.enter();
                while let Some(key) = reader.next_key() {
                    map.insert(key.into_owned(), Value::read(reader));
                }
                Value::Object(map)
            }
            b'[' => {
                let mut items = Vec::new();
                reader.enter();
                while reader.next_element() {
                    items.push(Value::read(reader));
                }
                Value::Array(items)
            }
            b'"' => Value::String(reader.string().into_owned()),
            b't' | b'f' => Value::Bool(reader.boolean()),
            b'n' => {
                reader.null();
                Value::Null
            }
            _ => Value::Number(Number::new(reader.number())),
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<&Map> {
        match self {
            Value::Object(map) => Some(map),
            _ => None,
        }
    }

    pub fn as_object_mut(&mut self) -> Option<&mut Map> {
        match self {
            Value::Object(map) => Some(map),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&Vec<Value>> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Value>> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The member of an object; None for anything else.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object().and_then(|map| map.get(key))
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.as_object_mut().and_then(|map| map.get_mut(key))
    }

    /// What Go calls the type of a JSON value in its errors.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        self.write(&mut out);
        out
    }

    /// Append the compact form.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Number(number) => out.extend_from_slice(number.0.as_bytes()),
            Value::String(text) => write_string(text, out),
            Value::Array(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Value::Object(map) => {
                out.push(b'{');
                for (index, (key, value)) in map.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_string(key, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Number(number.into())
    }
}

/// Append `text` as a JSON string: quotes, backslashes and control characters escaped, everything else as it is.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[start..index]);
        start = index + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

/// Reads values while keeping the path, for the report of keys that come twice.
#[derive(Default)]
struct Duplicates {
    path: Vec<String>,
    paths: Vec<String>,
}

impl Duplicates {
    fn read(&mut self, reader: &mut Reader<'_>) -> Value {
        match reader.peek() {
            b'{' => Value::Object(self.read_object(reader)),
            b'[' => {
                let mut items = Vec::new();
                reader.enter();
                while reader.next_element() {
                    self.path.push(format!("[{}]", items.len()));
                    items.push(self.read(reader));
                    self.path.pop();
                }
                Value::Array(items)
            }
            _ => Value::read(reader),
        }
    }

    fn read_object(&mut self, reader: &mut Reader<'_>) -> Map {
        let mut map = Map::default();
        reader.enter();
        while let Some(key) = reader.next_key() {
            let step = if self.path.is_empty() { key.to_string() } else { format!(".{key}") };
            self.path.push(step);
            if map.contains_key(key.as_ref()) {
                self.paths.push(self.path.concat());
            }
            let value = self.read(reader);
            map.insert(key.into_owned(), value);
            self.path.pop();
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(text: &str) -> String {
        parse(text.as_bytes()).expect(text).to_string()
    }

    #[test]
    fn writing_gives_back_what_was_read() {
        for text in [r#"{"b":1.50,"a":[null,true,-0,1e3],"":{}}"#, r#""a\"\\\n\u0001é😀""#, "[]"] {
            assert_eq!(again(text), text);
        }
    }

    #[test]
    fn escapes_are_resolved_and_lone_surrogates_replaced() {
        assert_eq!(again(r#""\/\u00e9\ud83d\ude00\b""#), "\"/é😀\\b\"");
        assert_eq!(again(r#""\ud83d\ud83d\ude00\udc00x""#), "\"\u{fffd}😀\u{fffd}x\"");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced_one_by_one() {
        assert_eq!(parse(b"\"a\xf0\x9fb\"").unwrap(), Value::from("a\u{fffd}\u{fffd}b"));
    }

    #[test]
    fn duplicates_are_told_by_path_and_the_last_counts() {
        let (value, duplicates) = parse_strict(br#"{"a":1,"b":[{"c":1,"c":2}],"a":{"d":1,"d":2}}"#).unwrap();
        assert_eq!(value.to_string(), r#"{"a":{"d":2},"b":[{"c":2}]}"#);
        assert_eq!(duplicates, ["b[0].c", "a", "a.d"]);
    }

    #[test]
    fn numbers_are_compared_by_value() {
        assert_eq!(parse(b"[1.0,100,1e400]").unwrap(), parse(b"[1,1e2,1e400]").unwrap());
        assert_ne!(parse(b"9007199254740993").unwrap(), parse(b"9007199254740992").unwrap());
    }
}
