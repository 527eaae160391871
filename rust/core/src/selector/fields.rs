//! The text form of a field selector: `metadata.name=a,status.phase!=Running`, with `\,` `\=` `\\` in values.
//!
//! Invariant: terms come out sorted by their text, which is the order in which Kubernetes looks at them.
//! Not here: which fields a kind has (the API server's registry knows).

/// One condition on one field. An object without the field has it as "".
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldTerm {
    pub field: Box<str>,
    pub is_equal: bool,
    pub value: Box<str>,
}

impl FieldTerm {
    pub fn holds(&self, value: &str) -> bool {
        (*self.value == *value) == self.is_equal
    }
}

/// Parse a selector's text; empty terms are left out.
pub fn parse(text: &str) -> Result<Vec<FieldTerm>, String> {
    let mut parts = split_terms(text);
    parts.sort_unstable();
    parts.into_iter().filter(|part| !part.is_empty()).map(|part| term(text, part)).collect()
}

fn term(text: &str, part: &str) -> Result<FieldTerm, String> {
    let (field, is_equal, value) =
        split_term(part).ok_or_else(|| format!("invalid selector: '{text}'; can't understand '{part}'"))?;
    Ok(FieldTerm { field: field.into(), is_equal, value: unescape(value)?.into() })
}

fn split_terms(text: &str) -> Vec<&str> {
    let (mut terms, mut start, mut is_escaped) = (Vec::new(), 0, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b',' => {
                terms.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

fn split_term(part: &str) -> Option<(&str, bool, &str)> {
    let bytes = part.as_bytes();
    // A lone `!` is part of the field's name: only `!=` is an operator.
    let at = (0..bytes.len()).find(|i| bytes[*i] == b'=' || bytes[*i..].starts_with(b"!="))?;
    let (field, rest) = part.split_at(at);
    if let Some(value) = rest.strip_prefix("!=") {
        return Some((field, false, value));
    }
    let value = rest.strip_prefix("==").or_else(|| rest.strip_prefix('='))?;
    Some((field, true, value))
}

fn unescape(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => out.push(escaped),
                Some(other) => {
                    return Err(format!("invalid field selector: invalid escape sequence: \\{other}"))
                }
                None => return Err("invalid field selector: invalid escape sequence: \\".to_owned()),
            },
            // Go prints the rune as its number.
            ',' | '=' => {
                return Err(format!(
                    "invalid field selector: unescaped character in value: {}",
                    letter as u32
                ))
            }
            _ => out.push(letter),
        }
    }
    Ok(out)
}
