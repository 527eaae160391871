//! JSON syntax, checked in one pass without recursion: right, or refused in the words of Go's scanner.
//!
//! Invariant: text that passes `check` can be read by `Reader` without a further syntax error.
//! Invariant: no input nests deeper than `DEPTH_MAX`, so whoever recurses over checked text has a bounded stack.
//! Not here: types, duplicate keys (both need to know the kind), UTF-8 (see `text_of`).

use std::borrow::Cow;

/// Deepest nesting accepted. Go allows 10,000; no built-in kind comes near a hundred, and this much can be
/// handled recursively on any thread's stack and by every JSON library a client may use.
pub const DEPTH_MAX: usize = 200;

const UNEXPECTED_END: &str = "unexpected end of JSON input";

#[derive(Clone, Copy, PartialEq)]
enum Expect {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Separator,
}

/// Refuse text that is not exactly one JSON value; the message is the one Go gives.
pub fn check(text: &[u8]) -> Result<(), String> {
    check_within(text, DEPTH_MAX)
}

/// As `check`, for a value that will stand inside others: at most `depth_max` deep, and that at most `DEPTH_MAX`.
pub fn check_within(text: &[u8], depth_max: usize) -> Result<(), String> {
    debug_assert!(depth_max <= DEPTH_MAX, "the brackets have no room beyond DEPTH_MAX");
    let mut open = [0u8; DEPTH_MAX];
    let mut depth = 0;
    let mut expect = Expect::Value;
    let mut at = 0;
    loop {
        at = skip_space(text, at);
        let Some(&byte) = text.get(at) else {
            return if expect == Expect::Separator && depth == 0 {
                Ok(())
            } else {
                Err(UNEXPECTED_END.into())
            };
        };
        match expect {
            Expect::ValueOrEnd if byte == b']' => {
                depth -= 1;
                expect = Expect::Separator;
                at += 1;
            }
            Expect::KeyOrEnd if byte == b'}' => {
                depth -= 1;
                expect = Expect::Separator;
                at += 1;
            }
            Expect::Value | Expect::ValueOrEnd => match byte {
                b'{' | b'[' => {
                    if depth >= depth_max {
                        return Err(invalid(byte, "exceeded max depth"));
                    }
                    open[depth] = byte;
                    depth += 1;
                    expect = if byte == b'{' { Expect::KeyOrEnd } else { Expect::ValueOrEnd };
                    at += 1;
                }
                _ => {
                    at = scalar(text, at, byte)?;
                    expect = Expect::Separator;
                }
            },
            Expect::Key | Expect::KeyOrEnd => {
                at = key(text, at, byte)?;
                expect = Expect::Value;
            }
            Expect::Separator => {
                expect = separator(byte, open[..depth].last().copied(), &mut depth)?;
                at += 1;
            }
        }
    }
}

fn separator(byte: u8, open: Option<u8>, depth: &mut usize) -> Result<Expect, String> {
    match (open, byte) {
        (Some(b'{'), b',') => Ok(Expect::Key),
        (Some(b'['), b',') => Ok(Expect::Value),
        (Some(b'{'), b'}') | (Some(b'['), b']') => {
            *depth -= 1;
            Ok(Expect::Separator)
        }
        (Some(b'{'), _) => Err(invalid(byte, "after object key:value pair")),
        (Some(_), _) => Err(invalid(byte, "after array element")),
        (None, _) => Err(invalid(byte, "after top-level value")),
    }
}

fn key(text: &[u8], at: usize, byte: u8) -> Result<usize, String> {
    if byte != b'"' {
        return Err(invalid(byte, "looking for beginning of object key string"));
    }
    let at = skip_space(text, string(text, at + 1)?);
    match text.get(at) {
        Some(b':') => Ok(at + 1),
        Some(&other) => Err(invalid(other, "after object key")),
        None => Err(UNEXPECTED_END.into()),
    }
}

fn scalar(text: &[u8], at: usize, byte: u8) -> Result<usize, String> {
    match byte {
        b'"' => string(text, at + 1),
        b'-' | b'0'..=b'9' => number(text, at),
        b't' => literal(text, at, "true"),
        b'f' => literal(text, at, "false"),
        b'n' => literal(text, at, "null"),
        _ => Err(invalid(byte, "looking for beginning of value")),
    }
}

/// The byte at `at`; at the end a space, which is what Go's scanner feeds itself there.
fn byte_or_space(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(b' ')
}

fn literal(text: &[u8], at: usize, word: &str) -> Result<usize, String> {
    for (offset, wanted) in word.bytes().enumerate() {
        let byte = byte_or_space(text, at + offset);
        if byte != wanted {
            return Err(invalid(byte, &format!("in literal {word} (expecting '{}')", wanted as char)));
        }
    }
    Ok(at + word.len())
}

fn number(text: &[u8], mut at: usize) -> Result<usize, String> {
    if text[at] == b'-' {
        at += 1;
    }
    at = match byte_or_space(text, at) {
        b'0' => at + 1,
        b'1'..=b'9' => skip_digits(text, at),
        byte => return Err(invalid(byte, "in numeric literal")),
    };
    if text.get(at) == Some(&b'.') {
        at = digits(text, at + 1, "after decimal point in numeric literal")?;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(text.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = digits(text, at, "in exponent of numeric literal")?;
    }
    Ok(at)
}

fn digits(text: &[u8], at: usize, context: &str) -> Result<usize, String> {
    match byte_or_space(text, at) {
        b'0'..=b'9' => Ok(skip_digits(text, at)),
        byte => Err(invalid(byte, context)),
    }
}

fn skip_digits(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// From behind the opening quote to behind the closing one.
fn string(text: &[u8], mut at: usize) -> Result<usize, String> {
    loop {
        while text.get(at).is_some_and(|&byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
            at += 1;
        }
        match text.get(at) {
            None => return Err(UNEXPECTED_END.into()),
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at = escape(text, at + 1)?,
            Some(&byte) => return Err(invalid(byte, "in string literal")),
        }
    }
}

fn escape(text: &[u8], at: usize) -> Result<usize, String> {
    match byte_or_space(text, at) {
        b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => Ok(at + 1),
        b'u' => {
            let wrong =
                (at + 1..at + 5).map(|i| byte_or_space(text, i)).find(|byte| !byte.is_ascii_hexdigit());
            match wrong {
                None => Ok(at + 5),
                Some(byte) => Err(invalid(byte, "in \\u hexadecimal character escape")),
            }
        }
        byte => Err(invalid(byte, "in string escape code")),
    }
}

pub fn skip_space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\n' | b'\t' | b'\r')) {
        at += 1;
    }
    at
}

fn invalid(byte: u8, context: &str) -> String {
    format!("invalid character {} {context}", quoted(byte))
}

/// One byte, taken as a Latin-1 character, as Go's scanner quotes it.
fn quoted(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".into(),
        b'\\' => r"'\\'".into(),
        0x07 => r"'\a'".into(),
        0x08 => r"'\b'".into(),
        0x0c => r"'\f'".into(),
        b'\n' => r"'\n'".into(),
        b'\r' => r"'\r'".into(),
        b'\t' => r"'\t'".into(),
        0x0b => r"'\v'".into(),
        0x00..=0x1f | 0x7f => format!("'\\x{byte:02x}'"),
        0x80..=0xa0 | 0xad => format!("'\\u{byte:04x}'"),
        _ => format!("'{}'", byte as char),
    }
}

/// The text of checked bytes. A byte that is not UTF-8 becomes one U+FFFD, as in Go: it can only stand in a string.
pub fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        check(text.as_bytes()).expect_err(text)
    }

    #[test]
    fn good_text_passes() {
        for text in ["0", " -1.5e+3 ", "\"\\u00e9\\n\"", "[]", "{\"a\":[{},null,true,false]}", "\"\u{7f}é\""]
        {
            assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
        }
    }

    #[test]
    fn bad_text_is_refused_in_the_words_of_go() {
        let cases = [
            ("", "unexpected end of JSON input"),
            ("{\"a\"", "unexpected end of JSON input"),
            ("{} x", "invalid character 'x' after top-level value"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\":1 2}", "invalid character '2' after object key:value pair"),
            ("[1 2]", "invalid character '2' after array element"),
            ("01", "invalid character '1' after top-level value"),
            ("-", "invalid character ' ' in numeric literal"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("1ex", "invalid character 'x' in exponent of numeric literal"),
            ("nul", "invalid character ' ' in literal null (expecting 'l')"),
            ("\"\n\"", "invalid character '\\n' in string literal"),
            ("\"\\x\"", "invalid character 'x' in string escape code"),
            ("\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape"),
            ("é", "invalid character 'Ã' looking for beginning of value"),
            ("'", "invalid character '\\'' looking for beginning of value"),
        ];
        for (text, expected) in cases {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        assert_eq!(check("[".repeat(DEPTH_MAX).as_bytes()), Err(UNEXPECTED_END.into()));
        assert_eq!(words(&"[".repeat(DEPTH_MAX + 1)), "invalid character '[' exceeded max depth");
    }
}
