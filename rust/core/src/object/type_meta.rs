//! Which kind a JSON body is: its apiVersion and kind, completed from what the endpoint expects.
//!
//! Invariant: errors are kube-apiserver's, down to the part of the body they quote.
//! Not here: reading the fields (see `decode`).

use super::json::Value;
use super::reader::Reader;
use super::scheme::DecodeError;

/// How much of a body an error quotes.
const SUMMARY_BYTES: usize = 30;

const SNIFFED_TYPE: &str =
    r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gvk {
    pub group: String,
    pub version: String,
    pub kind: String,
}

impl Gvk {
    /// "apps/v1/Deployment" or "v1/Pod".
    pub fn of_name(name: &str) -> Gvk {
        let (api_version, kind) = name.rsplit_once('/').unwrap_or(("", name));
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Gvk { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// From apiVersion and kind; the error is Go's.
    pub fn parse(api_version: &str, kind: &str) -> Result<Gvk, String> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        if version.contains('/') {
            return Err(format!("unexpected GroupVersion string: {api_version}"));
        }
        Ok(Gvk { group: group.into(), version: version.into(), kind: kind.into() })
    }

    pub fn name(&self) -> String {
        format!("{}/{}", self.api_version(), self.kind)
    }

    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            return self.version.clone();
        }
        format!("{}/{}", self.group, self.version)
    }

    /// Take what the body leaves open from the kind that is expected.
    pub fn complete(mut self, expected: &Gvk) -> Gvk {
        if self.kind.is_empty() {
            self.kind = expected.kind.clone();
        }
        if self.version.is_empty() && self.group.is_empty() {
            self.group = expected.group.clone();
        }
        if self.version.is_empty() && self.group == expected.group {
            self.version = expected.version.clone();
        }
        self
    }
}

/// Find the kind of checked text. `body` is quoted in errors.
pub fn sniff(text: &str, body: &[u8], expected: &Gvk) -> Result<Gvk, DecodeError> {
    let found = type_meta(text).map_err(|cause| {
        unrecognized(&format!("couldn't get version/kind; json parse error: {cause}"), body, expected)
    })?;
    let gvk = Gvk::parse(&found.0, &found.1).map_err(|cause| unrecognized(&cause, body, expected))?;
    Ok(gvk.complete(expected))
}

/// A body whose kind cannot even be told.
pub fn unrecognized(cause: &str, body: &[u8], expected: &Gvk) -> DecodeError {
    let message = format!(
        "the object provided is unrecognized (must be of type {}): {cause} ({})",
        expected.kind,
        summary(body)
    );
    DecodeError { message, cause: cause.into() }
}

/// A body of a known kind that cannot be read as such.
pub fn unhandled(cause: &str, actual: &Gvk, expected: &Gvk) -> DecodeError {
    let message = format!(
        "{} in version \"{}\" cannot be handled as a {}: {cause}",
        actual.kind, actual.version, expected.kind
    );
    DecodeError { message, cause: cause.into() }
}

/// apiVersion and kind at the top of the text, "" where absent. Here, and only here, Go ignores the case of keys.
fn type_meta(text: &str) -> Result<(String, String), String> {
    let mut reader = Reader::new(text);
    if reader.peek() != b'{' {
        let value = Value::read(&mut reader);
        return match value {
            Value::Null => Ok(Default::default()),
            other => Err(format!(
                "json: cannot unmarshal {} into Go value of type {SNIFFED_TYPE}",
                other.type_name()
            )),
        };
    }
    let (mut api_version, mut kind) = (String::new(), String::new());
    let mut wrong_type = None;
    reader.enter();
    while let Some(key) = reader.next_key() {
        let (name, slot) = if key.eq_ignore_ascii_case("apiVersion") {
            ("apiVersion", &mut api_version)
        } else if key.eq_ignore_ascii_case("kind") {
            ("kind", &mut kind)
        } else {
            reader.skip();
            continue;
        };
        match Value::read(&mut reader) {
            Value::String(text) => *slot = text,
            Value::Null => {}
            other => {
                let found = other.type_name();
                wrong_type.get_or_insert(format!(
                    "json: cannot unmarshal {found} into Go struct field .{name} of type string"
                ));
            }
        }
    }
    match wrong_type {
        Some(error) => Err(error),
        None => Ok((api_version, kind)),
    }
}

/// The beginning of a body: as text when it looks like an object, in hexadecimal otherwise.
fn summary(body: &[u8]) -> String {
    let start = &body[..body.len().min(SUMMARY_BYTES)];
    let text = match body.first() {
        None => return "<empty>".into(),
        Some(b'{') => String::from_utf8_lossy(start).into_owned(),
        Some(_) => start.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    if body.len() > SUMMARY_BYTES {
        text + " ..."
    } else {
        text
    }
}
