//! Tokens of the label selector grammar.
//!
//! Invariant: the last token of every text is `End`; an identifier is a slice of the text.
//! Not here: the grammar (see `labels`), what makes a good key or value (see `names`).

/// Kind of one token; keywords are told from identifiers by `Token::as_value` where only values may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    End,
    ClosedParenthesis,
    Comma,
    Bang,
    DoubleEquals,
    Equals,
    Greater,
    Identifier,
    In,
    Less,
    NotEquals,
    NotIn,
    OpenParenthesis,
}

impl Token {
    /// The token where keys and values stand: `in` and `notin` are names there.
    pub fn as_value(self) -> Token {
        match self {
            Token::In | Token::NotIn => Token::Identifier,
            other => other,
        }
    }
}

/// Reads tokens off a selector, one at a time.
pub struct Lexer<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Self {
        Lexer { text, position: 0 }
    }

    /// The next token and its text; `End` with "" when nothing is left.
    pub fn next(&mut self) -> (Token, &'a str) {
        while self.peek().is_some_and(is_whitespace) {
            self.position += 1;
        }
        let found = match self.peek() {
            None => return (Token::End, ""),
            Some(byte) if is_special(byte) => self.symbol(),
            Some(_) => self.word(),
        };
        // Kubernetes' lexer swallows a NUL that ends a token; one that stands alone ends the text.
        if self.text.as_bytes().get(self.position) == Some(&0) {
            self.position += 1;
        }
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied().filter(|byte| *byte != 0)
    }

    fn symbol(&mut self) -> (Token, &'a str) {
        let rest = &self.text[self.position..];
        let (token, length) = match rest.as_bytes() {
            [b'=', b'=', ..] => (Token::DoubleEquals, 2),
            [b'!', b'=', ..] => (Token::NotEquals, 2),
            [b'=', ..] => (Token::Equals, 1),
            [b'!', ..] => (Token::Bang, 1),
            [b'(', ..] => (Token::OpenParenthesis, 1),
            [b')', ..] => (Token::ClosedParenthesis, 1),
            [b',', ..] => (Token::Comma, 1),
            [b'>', ..] => (Token::Greater, 1),
            _ => (Token::Less, 1),
        };
        self.position += length;
        (token, &rest[..length])
    }

    fn word(&mut self) -> (Token, &'a str) {
        let start = self.position;
        while self.peek().is_some_and(|byte| !is_special(byte) && !is_whitespace(byte)) {
            self.position += 1;
        }
        let word = &self.text[start..self.position];
        match word {
            "in" => (Token::In, word),
            "notin" => (Token::NotIn, word),
            _ => (Token::Identifier, word),
        }
    }
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'=' | b'!' | b'(' | b')' | b',' | b'>' | b'<')
}

fn is_whitespace(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}
