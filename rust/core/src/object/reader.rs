//! A cursor over checked JSON text: reads keys, strings and numbers, skips what nobody wants.
//!
//! Invariant: the text passed `syntax::check`, so the cursor indexes without looking; every method starts at the
//! beginning of a value and leaves the cursor behind it.
//! Not here: values in memory (see `json`), types (see `decode`).

use std::borrow::Cow;

use super::syntax::skip_space;

#[derive(Clone)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// `text` must have passed `syntax::check`.
    pub fn new(text: &'a str) -> Self {
        Reader { text, at: 0 }
    }

    /// First byte of the value at the cursor: it tells the value's type.
    #[inline]
    pub fn peek(&mut self) -> u8 {
        self.at = skip_space(self.text.as_bytes(), self.at);
        self.text.as_bytes()[self.at]
    }

    /// Step over `{` or `[`.
    #[inline]
    pub fn enter(&mut self) {
        self.peek();
        self.at += 1;
    }

    /// The next key of the entered object; None steps behind its `}`.
    pub fn next_key(&mut self) -> Option<Cow<'a, str>> {
        if self.is_finished(b'}') {
            return None;
        }
        let key = self.string();
        self.peek();
        self.at += 1;
        Some(key)
    }

    /// True while the entered array has a further element; false steps behind its `]`.
    pub fn next_element(&mut self) -> bool {
        !self.is_finished(b']')
    }

    fn is_finished(&mut self, end: u8) -> bool {
        let byte = self.peek();
        if byte == b',' {
            self.at += 1;
            self.peek();
            return false;
        }
        if byte == end {
            self.at += 1;
        }
        byte == end
    }

    /// The string at the cursor, unescaped.
    pub fn string(&mut self) -> Cow<'a, str> {
        self.peek();
        let start = self.at + 1;
        let end =
            start + memchr::memchr2(b'"', b'\\', &self.text.as_bytes()[start..]).expect("text was checked");
        if self.text.as_bytes()[end] == b'"' {
            self.at = end + 1;
            return Cow::Borrowed(&self.text[start..end]);
        }
        self.at = end;
        Cow::Owned(self.unescape(start))
    }

    /// Read on from the first backslash; `start` is behind the opening quote.
    fn unescape(&mut self, start: usize) -> String {
        let bytes = self.text.as_bytes();
        let mut out = String::from(&self.text[start..self.at]);
        loop {
            match bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    return out;
                }
                b'\\' => {
                    let character = self.escaped();
                    out.push(character);
                }
                _ => {
                    let length = memchr::memchr2(b'"', b'\\', &bytes[self.at..]).expect("text was checked");
                    out.push_str(&self.text[self.at..self.at + length]);
                    self.at += length;
                }
            }
        }
    }

    fn escaped(&mut self) -> char {
        let code = self.text.as_bytes()[self.at + 1];
        self.at += 2;
        match code {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4();
                self.surrogates(first)
            }
            other => other as char,
        }
    }

    /// A pair of surrogates is one character; a lone one is U+FFFD, as in Go.
    fn surrogates(&mut self, first: u32) -> char {
        if let Some(character) = char::from_u32(first) {
            return character;
        }
        let bytes = self.text.as_bytes();
        if first < 0xdc00 && bytes[self.at] == b'\\' && bytes[self.at + 1] == b'u' {
            let here = self.at;
            self.at += 2;
            let second = self.hex4();
            if (0xdc00..0xe000).contains(&second) {
                let combined = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(combined).expect("a pair of surrogates is a character");
            }
            self.at = here;
        }
        char::REPLACEMENT_CHARACTER
    }

    fn hex4(&mut self) -> u32 {
        let digits = &self.text[self.at..self.at + 4];
        self.at += 4;
        u32::from_str_radix(digits, 16).expect("text was checked")
    }

    /// The number at the cursor, as written.
    pub fn number(&mut self) -> &'a str {
        self.peek();
        let start = self.at;
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    /// true or false at the cursor.
    pub fn boolean(&mut self) -> bool {
        let is_true = self.peek() == b't';
        self.at += if is_true { 4 } else { 5 };
        is_true
    }

    /// null at the cursor.
    pub fn null(&mut self) {
        self.peek();
        self.at += 4;
    }

    /// Step over the value at the cursor, whatever it is; returns its text.
    pub fn skip(&mut self) -> &'a str {
        self.peek();
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut depth = 0usize;
        loop {
            match bytes[self.at] {
                b'"' => self.skip_string(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b':' | b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                _ => self.skip_bare(),
            }
            if depth == 0 {
                return &self.text[start..self.at];
            }
        }
    }

    fn skip_string(&mut self) {
        let bytes = self.text.as_bytes();
        self.at += 1;
        loop {
            self.at += memchr::memchr2(b'"', b'\\', &bytes[self.at..]).expect("text was checked");
            if bytes[self.at] == b'"' {
                self.at += 1;
                return;
            }
            self.at += 2;
        }
    }

    /// A number or a literal: up to what cannot belong to one.
    fn skip_bare(&mut self) {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b'0'..=b'9' | b'a'..=b'z' | b'E' | b'-' | b'+' | b'.')) {
            self.at += 1;
        }
    }
}
