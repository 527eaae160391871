//! The text form of a label selector: `a=1,b!=2,c in (x,y),d notin (z),e,!f,g>1,h<9`.
//!
//! Invariant: requirements come out sorted by key; what is refused is refused in Kubernetes' words.
//! Not here: the tokens (see `lexer`), single requirements (see `requirement`).

use super::lexer::{Lexer, Token};
use super::names::key_problem;
use super::requirement::{quoted, Operator, Requirement};

const BINARY_OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

/// Parse a selector's text; "" has no requirements.
pub fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    let mut requirements = Parser::new(text).requirements()?;
    requirements.sort_by(|a, b| a.key().cmp(b.key()));
    Ok(requirements)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    next: (Token, &'a str),
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        let mut lexer = Lexer::new(text);
        let next = lexer.next();
        Parser { lexer, next }
    }

    fn lookahead(&self) -> Token {
        self.next.0.as_value()
    }

    fn consume_any(&mut self) -> (Token, &'a str) {
        std::mem::replace(&mut self.next, self.lexer.next())
    }

    fn consume(&mut self) -> (Token, &'a str) {
        let (token, text) = self.consume_any();
        (token.as_value(), text)
    }

    fn requirements(&mut self) -> Result<Vec<Requirement>, String> {
        let mut found = Vec::new();
        loop {
            match self.lookahead() {
                Token::Identifier | Token::Bang => {}
                Token::End => return Ok(found),
                _ => {
                    return Err(format!(
                        "found '{}', expected: !, identifier, or 'end of string'",
                        self.next.1
                    ))
                }
            }
            found.push(self.requirement().map_err(|why| format!("unable to parse requirement: {why}"))?);
            match self.consume() {
                (Token::End, _) => return Ok(found),
                (Token::Comma, _) => {}
                (_, text) => return Err(format!("found '{text}', expected: ',' or 'end of string'")),
            }
            if !matches!(self.lookahead(), Token::Identifier | Token::Bang) {
                return Err(format!("found '{}', expected: identifier after ','", self.next.1));
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let (mut token, mut key) = self.consume();
        let is_negated = token == Token::Bang;
        if is_negated {
            (token, key) = self.consume();
        }
        if token != Token::Identifier {
            return Err(format!("found '{key}', expected: identifier"));
        }
        if let Some(problem) = key_problem(key) {
            // Kubernetes gives this error no path; Go prints the missing one as <nil>.
            return Err(format!("<nil>: Invalid value: {}: {problem}", quoted(key)));
        }
        if is_negated {
            return Requirement::new(key, Operator::DoesNotExist, &[]);
        }
        if matches!(self.lookahead(), Token::End | Token::Comma) {
            return Requirement::new(key, Operator::Exists, &[]);
        }
        let operator = self.operator()?;
        let values = match operator {
            Operator::In | Operator::NotIn => self.values()?,
            _ => vec![self.exact_value()?],
        };
        Requirement::new(key, operator, &values)
    }

    fn operator(&mut self) -> Result<Operator, String> {
        match self.consume_any() {
            (Token::In, _) => Ok(Operator::In),
            (Token::NotIn, _) => Ok(Operator::NotIn),
            (Token::Equals, _) => Ok(Operator::Equals),
            (Token::DoubleEquals, _) => Ok(Operator::DoubleEquals),
            (Token::NotEquals, _) => Ok(Operator::NotEquals),
            (Token::Greater, _) => Ok(Operator::GreaterThan),
            (Token::Less, _) => Ok(Operator::LessThan),
            (_, text) => Err(format!("found '{text}', expected: {BINARY_OPERATORS}")),
        }
    }

    /// `(x,y)`: the values, sorted, each once. An empty place between commas is the empty value.
    fn values(&mut self) -> Result<Vec<&'a str>, String> {
        let (token, text) = self.consume();
        if token != Token::OpenParenthesis {
            return Err(format!("found '{text}' expected: '('"));
        }
        let mut values = match self.lookahead() {
            Token::Identifier | Token::Comma => self.identifiers()?,
            Token::ClosedParenthesis => Vec::new(),
            _ => return Err(format!("found '{}', expected: ',', ')' or identifier", self.next.1)),
        };
        let (token, _) = self.consume();
        debug_assert!(token == Token::ClosedParenthesis, "a list of values ends before its parenthesis");
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    fn identifiers(&mut self) -> Result<Vec<&'a str>, String> {
        let mut values = Vec::new();
        loop {
            match self.consume() {
                (Token::Identifier, text) => {
                    values.push(text);
                    match self.lookahead() {
                        Token::Comma => {}
                        Token::ClosedParenthesis => return Ok(values),
                        _ => return Err(format!("found '{}', expected: ',' or ')'", self.next.1)),
                    }
                }
                (Token::Comma, _) => {
                    if values.is_empty() {
                        values.push("");
                    }
                    if self.lookahead() == Token::ClosedParenthesis {
                        values.push("");
                        return Ok(values);
                    }
                    if self.lookahead() == Token::Comma {
                        self.consume();
                        values.push("");
                    }
                }
                (_, text) => return Err(format!("found '{text}', expected: ',', or identifier")),
            }
        }
    }

    fn exact_value(&mut self) -> Result<&'a str, String> {
        if matches!(self.lookahead(), Token::End | Token::Comma) {
            return Ok("");
        }
        match self.consume() {
            (Token::Identifier, text) => Ok(text),
            (_, text) => Err(format!("found '{text}', expected: identifier")),
        }
    }
}
