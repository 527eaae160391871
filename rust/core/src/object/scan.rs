//! A cursor over JSON bytes that checks what it passes and builds nothing.
//!
//! Invariant: text that was passed is JSON by RFC 8259, nested at most `DEPTH_MAX` deep.
//! Invariant: the bytes are UTF-8 (checked once, in `Cursor::new`).
//! Not here: what any member means (see `envelope`).

use std::borrow::Cow;

/// Levels of nesting, as everywhere a body is read.
pub use super::syntax::DEPTH_MAX;

/// The bytes are not JSON (or nest too deeply); `offset` is where that shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson {
    pub offset: usize,
}

type Result<T> = std::result::Result<T, NotJson>;

/// A place in the bytes; a clone reads on from there on its own.
#[derive(Clone)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    /// One bit a level: whether an object is open there.
    kinds: [u64; DEPTH_MAX.div_ceil(64)],
    key_at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        match std::str::from_utf8(bytes) {
            Ok(_) => Ok(Cursor { bytes, at: 0, depth: 0, kinds: [0; DEPTH_MAX.div_ceil(64)], key_at: 0 }),
            Err(error) => Err(NotJson { offset: error.valid_up_to() }),
        }
    }

    /// Offset of the next byte that is not white space.
    #[inline]
    pub fn offset(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// Offset right after what was read last.
    #[inline]
    pub fn end(&self) -> usize {
        self.at
    }

    /// Offset of the key whose value is read now.
    #[inline]
    pub fn key_offset(&self) -> usize {
        self.key_at
    }

    /// The next byte that is not white space; `None` at the end.
    #[inline(always)]
    pub fn peek(&mut self) -> Option<u8> {
        match self.bytes.get(self.at) {
            Some(byte) if *byte > b' ' => Some(*byte),
            Some(_) => self.peek_behind_space(),
            None => None,
        }
    }

    #[inline(never)]
    fn peek_behind_space(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Nothing but white space may follow.
    pub fn finish(&mut self) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.fail(),
        }
    }

    /// Walk an object: `each` gets every key and must read the value behind it.
    #[inline]
    pub fn members<E: From<NotJson>>(
        &mut self,
        mut each: impl FnMut(&mut Self, &Cow<'a, str>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        self.open(b'{')?;
        if self.peek() == Some(b'}') {
            self.close();
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Ok(self.fail()?);
            }
            let key_at = self.at;
            let key = self.string()?;
            self.expect(b':')?;
            self.key_at = key_at;
            each(self, &key)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.close();
                    return Ok(());
                }
                _ => return Ok(self.fail()?),
            }
        }
    }

    /// Walk an array: `each` must read one element per call.
    #[inline]
    pub fn elements<E: From<NotJson>>(
        &mut self,
        mut each: impl FnMut(&mut Self) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        self.open(b'[')?;
        if self.peek() == Some(b']') {
            self.close();
            return Ok(());
        }
        loop {
            each(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.close();
                    return Ok(());
                }
                _ => return Ok(self.fail()?),
            }
        }
    }

    /// Pass one value of any kind.
    pub fn skip(&mut self) -> Result<()> {
        let floor = self.depth;
        loop {
            // A value begins here.
            match self.peek() {
                Some(b'"') => drop(self.raw_string()?),
                Some(b'{') => {
                    self.open(b'{')?;
                    if self.peek() != Some(b'}') {
                        self.skip_key()?;
                        continue;
                    }
                    self.close();
                }
                Some(b'[') => {
                    self.open(b'[')?;
                    if self.peek() != Some(b']') {
                        continue;
                    }
                    self.close();
                }
                _ => drop(self.scalar()?),
            }
            // It has ended here, and with it perhaps those around it.
            while self.depth > floor {
                let is_in_object = self.is_in_object();
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if is_in_object {
                            self.skip_key()?;
                        }
                        break;
                    }
                    Some(b'}') if is_in_object => self.close(),
                    Some(b']') if !is_in_object => self.close(),
                    _ => return self.fail(),
                }
            }
            if self.depth == floor {
                return Ok(());
            }
        }
    }

    #[inline]
    fn skip_key(&mut self) -> Result<()> {
        self.raw_string()?;
        self.expect(b':')
    }

    /// Pass a value that is known to be JSON when it stands here byte by byte; false when something else does.
    #[inline]
    pub fn pass(&mut self, known: &[u8]) -> bool {
        let is_here = self.offset() < self.bytes.len() && self.bytes[self.at..].starts_with(known);
        if is_here {
            self.at += known.len();
        }
        is_here
    }

    /// What has not been read yet, from the next byte that is not white space on.
    #[inline]
    pub fn rest(&mut self) -> &'a [u8] {
        &self.bytes[self.offset()..]
    }

    /// Pass so many bytes, which the caller knows to be one value.
    #[inline]
    pub fn advance(&mut self, length: usize) {
        self.at += length;
    }

    /// The bytes from an offset up to what was read last.
    #[inline]
    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.at]
    }

    /// Pass a number, true, false or null; its text.
    #[inline]
    pub fn scalar(&mut self) -> Result<&'a str> {
        let start = self.offset();
        match self.bytes.get(start) {
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.fail(),
        }?;
        Ok(self.text(start, self.at))
    }

    /// A string, its escapes resolved; borrowed when it has none. A lone surrogate is refused.
    #[inline]
    pub fn string(&mut self) -> Result<Cow<'a, str>> {
        let start = self.offset();
        let is_escaped = self.raw_string()?;
        if !is_escaped {
            return Ok(Cow::Borrowed(self.text(start + 1, self.at - 1)));
        }
        match serde_json::from_slice::<String>(&self.bytes[start..self.at]) {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(_) => Err(NotJson { offset: start }),
        }
    }

    /// Pass a string; whether it holds escapes.
    #[inline]
    fn raw_string(&mut self) -> Result<bool> {
        self.expect(b'"')?;
        let mut is_escaped = false;
        loop {
            self.at += plain_length(&self.bytes[self.at..]);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(is_escaped);
                }
                Some(b'\\') => {
                    is_escaped = true;
                    self.escape()?;
                }
                _ => return self.fail(),
            }
        }
    }

    fn escape(&mut self) -> Result<()> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let unit = self.hex_unit(self.at + 2)?;
                self.at += 6;
                match unit {
                    0xD800..=0xDBFF => {
                        let is_pair = self.bytes[self.at..].starts_with(b"\\u")
                            && matches!(self.hex_unit(self.at + 2), Ok(0xDC00..=0xDFFF));
                        if !is_pair {
                            return self.fail();
                        }
                        self.at += 6;
                    }
                    0xDC00..=0xDFFF => return self.fail(),
                    _ => {}
                }
            }
            _ => return self.fail(),
        }
        Ok(())
    }

    fn hex_unit(&self, at: usize) -> Result<u32> {
        let digits = self.bytes.get(at..at + 4).ok_or(NotJson { offset: at })?;
        digits.iter().try_fold(0, |unit, digit| {
            (*digit as char).to_digit(16).map(|value| unit * 16 + value).ok_or(NotJson { offset: at })
        })
    }

    #[inline]
    fn literal(&mut self, word: &[u8]) -> Result<()> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        self.fail()
    }

    fn number(&mut self) -> Result<()> {
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            return self.fail();
        }
        Ok(())
    }

    #[inline]
    fn open(&mut self, bracket: u8) -> Result<()> {
        self.expect(bracket)?;
        if self.depth == DEPTH_MAX {
            return self.fail();
        }
        let bit = 1 << (self.depth % 64);
        match bracket {
            b'{' => self.kinds[self.depth / 64] |= bit,
            _ => self.kinds[self.depth / 64] &= !bit,
        }
        self.depth += 1;
        Ok(())
    }

    #[inline]
    fn is_in_object(&self) -> bool {
        let level = self.depth - 1;
        self.kinds[level / 64] >> (level % 64) & 1 == 1
    }

    #[inline]
    fn close(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.peek() != Some(byte) {
            return self.fail();
        }
        self.at += 1;
        Ok(())
    }

    #[cold]
    fn fail<T>(&self) -> Result<T> {
        Err(NotJson { offset: self.at })
    }

    #[inline]
    fn text(&self, start: usize, end: usize) -> &'a str {
        // SAFETY: `new` checked that the bytes are UTF-8, and both ends stand beside an ASCII byte of the syntax.
        unsafe { std::str::from_utf8_unchecked(&self.bytes[start..end]) }
    }
}

/// How many bytes from the start may stand in a string as they are: up to a quote, a backslash or a control byte.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let mut at = 0;
    // Eight bytes at a time: in each mask the lowest set bit is exact, those above it may be false.
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("the slice has eight bytes"));
        let quote = word ^ (ONES * b'"' as u64);
        let slash = word ^ (ONES * b'\\' as u64);
        let found = (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let found = found & HIGHS;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\') {
        at += 1;
    }
    at
}
