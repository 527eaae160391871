//! The Common Expression Language, as far as device selectors use it: text to expression tree.
//!
//! Invariant: a tree is no deeper than `DEPTH_MAX` allows; every problem is a `CelError` that names the spot by its text.
//! Not here: what an expression is worth (see `cel`).
//! Source: the language definition at github.com/google/cel-spec, section "Syntax". Left out: bytes, unsigned numbers,
//! message construction, raw and triple-quoted strings.

/// Characters of an expression.
const LENGTH_MAX: usize = 10 * 1024;
/// Of parentheses, operators and accesses within each other.
const DEPTH_MAX: usize = 32;
/// Digits of an integer, leading zeros included.
const DIGITS_MAX: usize = 40;

/// Binary operators, the loosest first.
const LEVELS: [&[&str]; 5] =
    [&["||"], &["&&"], &["<", "<=", ">=", ">", "==", "!=", "in"], &["+", "-"], &["*", "/", "%"]];
const LONG_MARKS: [&str; 6] = ["&&", "||", "==", "!=", "<=", ">="];
const MARKS: &str = "-+*/%<>!?:.,()[]{}";

/// What is wrong with an expression, or went wrong while it was evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CelError(pub String);

pub fn problem<T>(text: impl Into<String>) -> Result<T, CelError> {
    Err(CelError(text.into()))
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Name(String),
    Select(Box<Expression>, String),
    Index(Box<Expression>, Box<Expression>),
    /// Function, target of a method, arguments.
    Call(String, Option<Box<Expression>>, Vec<Expression>),
    Unary(&'static str, Box<Expression>),
    Binary(&'static str, Box<Expression>, Box<Expression>),
    Conditional(Box<[Expression; 3]>),
    Listing(Vec<Expression>),
    Mapping(Vec<(Expression, Expression)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Name,
    Int,
    Float,
    Text,
    Mark,
    End,
}

#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
}

/// Reads an expression.
pub fn parse(text: &str) -> Result<Expression, CelError> {
    if text.chars().count() > LENGTH_MAX {
        return problem(format!("an expression may have {LENGTH_MAX} characters"));
    }
    let mut parser = Parser { tokens: tokens(text)?, position: 0, depth: 0 };
    let expression = parser.expression()?;
    parser.expect("end")?;
    Ok(expression)
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, CelError> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        if matches!(first, ' ' | '\t' | '\r' | '\n') {
            rest = &rest[1..];
            continue;
        }
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |at| &rest[at..]);
            continue;
        }
        let Some((kind, length)) = token(rest, first) else { return unexpected(&first.to_string()) };
        found.push(Token { kind, text: &rest[..length] });
        rest = &rest[length..];
    }
    found.push(Token { kind: Kind::End, text: "end" });
    Ok(found)
}

/// The kind and length of the token at the start.
fn token(rest: &str, first: char) -> Option<(Kind, usize)> {
    if first.is_ascii_digit() {
        return Some(number(rest.as_bytes()));
    }
    if first == '_' || first.is_ascii_alphabetic() {
        let is_part = |b: &u8| *b == b'_' || b.is_ascii_alphanumeric();
        return Some((Kind::Name, rest.bytes().take_while(|b| is_part(b)).count()));
    }
    if first == '"' || first == '\'' {
        return quoted(rest, first).map(|length| (Kind::Text, length));
    }
    let long = LONG_MARKS.iter().any(|mark| rest.starts_with(mark));
    (long || MARKS.contains(first)).then_some((Kind::Mark, if long { 2 } else { 1 }))
}

fn digit_count(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_digit()).count()
}

fn number(bytes: &[u8]) -> (Kind, usize) {
    if bytes.starts_with(b"0x") {
        let digits = bytes[2..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        return (Kind::Int, if digits > 0 { 2 + digits } else { 1 });
    }
    let whole = digit_count(bytes);
    let fraction = if bytes.get(whole) == Some(&b'.') { digit_count(&bytes[whole + 1..]) } else { 0 };
    let end = if fraction > 0 { whole + 1 + fraction } else { whole };
    let exponent = exponent(&bytes[end..]);
    if fraction > 0 || exponent > 0 {
        (Kind::Float, end + exponent)
    } else {
        (Kind::Int, whole)
    }
}

/// The length of an exponent; 0 when there is none.
fn exponent(bytes: &[u8]) -> usize {
    if !matches!(bytes.first(), Some(b'e' | b'E')) {
        return 0;
    }
    let sign = usize::from(matches!(bytes.get(1), Some(b'+' | b'-')));
    match digit_count(&bytes[1 + sign..]) {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

/// The length of a quoted text, with its quotes.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '\n' => return None,
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    position: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn expression(&mut self) -> Result<Expression, CelError> {
        self.deepen()?;
        let mut condition = self.binary(0)?;
        if self.takes("?") {
            let then = self.binary(0)?;
            self.expect(":")?;
            condition = Expression::Conditional(Box::new([condition, then, self.expression()?]));
        }
        self.depth -= 1;
        Ok(condition)
    }

    fn binary(&mut self, level: usize) -> Result<Expression, CelError> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        let mut count = 0;
        while let Some(operator) = self.operator(operators) {
            count += 1;
            self.deepen()?;
            self.position += 1;
            left = Expression::Binary(operator, Box::new(left), Box::new(self.binary(level + 1)?));
        }
        self.depth -= count;
        Ok(left)
    }

    fn operator(&self, operators: &[&'static str]) -> Option<&'static str> {
        let token = self.peek();
        let is_one = matches!(token.kind, Kind::Mark | Kind::Name);
        operators.iter().copied().find(|operator| is_one && *operator == token.text)
    }

    fn unary(&mut self) -> Result<Expression, CelError> {
        let mut operators = Vec::new();
        while let Some(operator) = self.operator(&["!", "-"]) {
            operators.push(operator);
            self.deepen()?;
            self.position += 1;
        }
        let mut operand = self.member()?;
        self.depth -= operators.len();
        for operator in operators.into_iter().rev() {
            operand = Expression::Unary(operator, Box::new(operand));
        }
        Ok(operand)
    }

    fn member(&mut self) -> Result<Expression, CelError> {
        let mut target = self.primary()?;
        let before = self.depth;
        while self.peek().kind == Kind::Mark && matches!(self.peek().text, "." | "[") {
            self.deepen()?;
            if self.takes("[") {
                target = Expression::Index(Box::new(target), Box::new(self.expression()?));
                self.expect("]")?;
                continue;
            }
            self.expect(".")?;
            let name = self.name()?;
            target = if self.takes("(") {
                Expression::Call(name, Some(Box::new(target)), self.arguments(")")?)
            } else {
                Expression::Select(Box::new(target), name)
            };
        }
        self.depth = before;
        Ok(target)
    }

    fn primary(&mut self) -> Result<Expression, CelError> {
        let token = self.peek();
        self.position += 1;
        Ok(match (token.kind, token.text) {
            (Kind::Int, text) => Expression::Int(integer(text)?),
            (Kind::Float, text) => Expression::Float(text.parse().expect("such digits are a number")),
            (Kind::Text, text) => Expression::Text(unescaped(&text[1..text.len() - 1])?),
            (Kind::Name, "true") => Expression::Bool(true),
            (Kind::Name, "false") => Expression::Bool(false),
            (Kind::Name, "null") => Expression::Null,
            (Kind::Name, text) if text != "in" => {
                if self.takes("(") {
                    Expression::Call(text.to_owned(), None, self.arguments(")")?)
                } else {
                    Expression::Name(text.to_owned())
                }
            }
            (Kind::Mark, "(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                inner
            }
            (Kind::Mark, "[") => Expression::Listing(self.arguments("]")?),
            (Kind::Mark, "{") => self.mapping()?,
            _ => return unexpected(token.text),
        })
    }

    fn mapping(&mut self) -> Result<Expression, CelError> {
        let mut entries = Vec::new();
        while !self.takes("}") {
            if !entries.is_empty() {
                self.expect(",")?;
            }
            let key = self.expression()?;
            self.expect(":")?;
            entries.push((key, self.expression()?));
        }
        Ok(Expression::Mapping(entries))
    }

    fn arguments(&mut self, closing: &str) -> Result<Vec<Expression>, CelError> {
        let mut found = Vec::new();
        while !self.takes(closing) {
            if !found.is_empty() {
                self.expect(",")?;
            }
            found.push(self.expression()?);
        }
        Ok(found)
    }

    fn deepen(&mut self) -> Result<(), CelError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return problem("expression is nested too deeply");
        }
        Ok(())
    }

    fn name(&mut self) -> Result<String, CelError> {
        let token = self.peek();
        if token.kind != Kind::Name {
            return unexpected(token.text);
        }
        self.position += 1;
        Ok(token.text.to_owned())
    }

    fn peek(&self) -> Token<'a> {
        self.tokens[self.position]
    }

    fn takes(&mut self, mark: &str) -> bool {
        let token = self.peek();
        let is_there = token.kind == Kind::Mark && token.text == mark;
        self.position += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, text: &str) -> Result<(), CelError> {
        let token = self.peek();
        if token.text != text || !matches!(token.kind, Kind::Mark | Kind::End) {
            return unexpected(token.text);
        }
        self.position += usize::from(token.kind == Kind::Mark);
        Ok(())
    }
}

fn unexpected<T>(text: &str) -> Result<T, CelError> {
    problem(format!("syntax error: unexpected '{text}'"))
}

fn integer(text: &str) -> Result<i64, CelError> {
    let parsed = match text.strip_prefix("0x") {
        _ if text.len() > DIGITS_MAX => None,
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    parsed.ok_or_else(|| CelError("integer overflow".into()))
}

fn unescaped(text: &str) -> Result<String, CelError> {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        made.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let code = rest.chars().next().expect("a text does not end with a lone backslash");
        if let Some(digits) =
            rest.get(1..5).filter(|d| code == 'u' && d.bytes().all(|b| b.is_ascii_hexdigit()))
        {
            let number = u32::from_str_radix(digits, 16).expect("four hexadecimal digits are a number");
            match char::from_u32(number) {
                Some(character) => made.push(character),
                None => return problem(format!("unsupported escape '\\u{digits}'")),
            }
            rest = &rest[5..];
            continue;
        }
        made.push(match code {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            '\\' | '"' | '\'' | '`' | '?' => code,
            _ => return problem(format!("unsupported escape '\\{code}'")),
        });
        rest = &rest[code.len_utf8()..];
    }
    made.push_str(rest);
    Ok(made)
}
