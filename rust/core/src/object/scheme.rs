//! The scheme: everything that depends on the built-in kinds, over one set of tables.
//!
//! Invariant: a `Scheme` never changes once built; whatever it compiles on first use does not depend on the order of use.
//! Not here: the rules themselves (see `decode`, `protobuf`, `default`, and the patches).

use std::sync::Arc;

use super::decode::decode;
use super::default::Defaults;
use super::json::{parse, Map, Value};
use super::message::{Message, Messages};
use super::protobuf::{self, Envelope};
use super::reader::Reader;
use super::structure::Structures;
use super::syntax::{check, text_of};
use super::type_meta::{sniff, unhandled, unrecognized, Gvk};

/// A body that cannot be read. `message` is all kube-apiserver says, `cause` the part that names the trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    pub message: String,
    pub cause: String,
}

impl DecodeError {
    pub fn new(message: impl Into<String>) -> Self {
        let message = message.into();
        DecodeError { cause: message.clone(), message }
    }
}

/// An object as compact JSON, and what strict decoding would refuse in it.
#[derive(Debug)]
pub struct DecodedBody {
    pub value: Vec<u8>,
    pub problems: Vec<String>,
}

#[derive(Debug)]
pub struct Scheme {
    pub messages: Messages,
    pub structures: Structures,
    pub defaults: Defaults,
}

impl Scheme {
    /// Index the tables, `{"schema": …, "protobuf": …, "defaults": …}`; nothing is compiled yet.
    pub fn new(tables: &[u8]) -> Result<Self, DecodeError> {
        check(tables).map_err(|cause| DecodeError::new(format!("tables: {cause}")))?;
        let text: Arc<str> = text_of(tables).into();
        let mut reader = Reader::new(&text);
        let (mut messages, mut defaults) = (None, None);
        reader.enter();
        while let Some(key) = reader.next_key() {
            match key.as_ref() {
                "protobuf" => messages = Some(Messages::index(&text, &mut reader)),
                "defaults" => defaults = Some(Defaults::index(&text, &mut reader)),
                _ => {
                    reader.skip();
                }
            }
        }
        let missing = || DecodeError::new("tables: schema, protobuf and defaults must be there");
        Ok(Scheme {
            messages: messages.ok_or_else(missing)?,
            structures: Structures::index(&text).ok_or_else(missing)?,
            defaults: defaults.ok_or_else(missing)?,
        })
    }

    /// Read a body as `kind`, "apps/v1/Deployment".
    pub fn decode_json(&self, kind: &str, body: &[u8]) -> Result<DecodedBody, DecodeError> {
        let (value, problems) = self.decode_json_value(kind, body)?;
        Ok(DecodedBody { value: value.to_bytes(), problems })
    }

    /// As `decode_json`, before it is written out.
    pub fn decode_json_value(&self, kind: &str, body: &[u8]) -> Result<(Value, Vec<String>), DecodeError> {
        let expected = Gvk::of_name(kind);
        let message = self.message(kind)?;
        check(body).map_err(|cause| {
            unrecognized(&format!("couldn't get version/kind; json parse error: {cause}"), body, &expected)
        })?;
        let text = text_of(body);
        let actual = sniff(&text, body, &expected)?;
        self.check_kind(&actual, &expected)?;
        let mut reader = Reader::new(&text);
        let decoded = if reader.peek() == b'{' {
            decode(&self.messages, message, &mut reader)
                .map_err(|cause| unhandled(&cause, &actual, &expected))?
        } else {
            decode(&self.messages, message, &mut Reader::new("{}")).map_err(DecodeError::new)?
        };
        Ok((with_type(decoded.fields, &expected), decoded.problems))
    }

    /// Read an enveloped protobuf body; returns its kind and the object.
    ///
    /// `kind` is the one expected, "" when any will do.
    pub fn decode_protobuf(&self, body: &[u8], kind: &str) -> Result<(String, Vec<u8>), DecodeError> {
        let expected = Gvk::of_name(kind);
        let refuse = |cause: String| {
            if kind.is_empty() {
                DecodeError::new(cause)
            } else {
                unrecognized(&cause, body, &expected)
            }
        };
        let envelope = Envelope::read(body).map_err(refuse)?;
        let found = Gvk::parse(&envelope.api_version, &envelope.kind).map_err(refuse)?;
        let actual = found.complete(&expected);
        if actual.kind.is_empty() {
            return Err(refuse("Object 'Kind' is missing".into()));
        }
        let expected = if kind.is_empty() { &actual } else { &expected };
        self.check_kind(&actual, expected)?;
        let message = self
            .messages
            .of_kind(&actual.name())
            .ok_or_else(|| unhandled(&not_registered(&actual), &actual, expected))?;
        let fields = protobuf::decode(&self.messages, message, envelope.raw)
            .map_err(|cause| unhandled(&cause, &actual, expected))?;
        Ok((expected.name(), with_type(fields, expected).to_bytes()))
    }

    /// Versioned defaulting of an object as `decode_json` gives it.
    pub fn default(&self, kind: &str, value: &[u8]) -> Result<Vec<u8>, DecodeError> {
        if self.defaults.is_empty_for(kind) {
            return Ok(value.to_vec());
        }
        let mut value = parse(value).map_err(DecodeError::new)?;
        self.default_value(kind, &mut value)?;
        Ok(value.to_bytes())
    }

    /// As `default`, in place.
    pub fn default_value(&self, kind: &str, value: &mut Value) -> Result<(), DecodeError> {
        let message = self.message(kind)?;
        if let Some(object) = value.as_object_mut() {
            self.defaults.apply(&self.messages, kind, message, object);
        }
        Ok(())
    }

    pub(super) fn message(&self, kind: &str) -> Result<&Message, DecodeError> {
        self.messages.of_kind(kind).ok_or_else(|| DecodeError::new(format!("no kind \"{kind}\" is known")))
    }

    fn check_kind(&self, actual: &Gvk, expected: &Gvk) -> Result<(), DecodeError> {
        if actual == expected {
            return Ok(());
        }
        if actual.version.is_empty() {
            return Err(unhandled("Object 'apiVersion' is missing", actual, expected));
        }
        if self.messages.of_kind(&actual.name()).is_none() {
            return Err(unhandled(&not_registered(actual), actual, expected));
        }
        if actual.kind != expected.kind {
            let source = format!("{}.{}", actual.version, actual.kind);
            let target = format!("{}.{}", internal_package(expected), expected.kind);
            return Err(unhandled(
                &format!("converting ({source}) to ({target}): unknown conversion"),
                actual,
                expected,
            ));
        }
        if self.messages.is_meta_kind(&actual.kind) {
            return Ok(());
        }
        Err(DecodeError::new(format!(
            "the API version in the data ({}) does not match the expected API version ({})",
            actual.api_version(),
            expected.api_version()
        )))
    }
}

fn not_registered(gvk: &Gvk) -> String {
    let (kind, version) = (&gvk.kind, gvk.api_version());
    format!("no kind \"{kind}\" is registered for version \"{version}\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"")
}

/// The Go package of a kind's unversioned type.
fn internal_package(gvk: &Gvk) -> &str {
    match gvk.group.split('.').next() {
        None | Some("") => "core",
        Some(first) => first,
    }
}

/// The object's kind and apiVersion in front, whatever the body said.
pub(super) fn with_type(fields: Map, gvk: &Gvk) -> Value {
    let mut object = Map::with_capacity_and_hasher(fields.len() + 2, Default::default());
    object.insert("kind".into(), gvk.kind.as_str().into());
    object.insert("apiVersion".into(), gvk.api_version().into());
    object.extend(fields.into_iter().filter(|(key, _)| key != "kind" && key != "apiVersion"));
    Value::Object(object)
}
