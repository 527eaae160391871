//! One condition on one label: key, operator, values.
//!
//! Invariant: the key and every value are valid labels; values are sorted and none is doubled;
//! `In` and `NotIn` have at least one, the operators of presence none, all others exactly one.
//! Not here: the text form's grammar (see `labels`).

use std::fmt;

use super::names::{key_problem, value_problem};

/// How a label is compared; spelled as Kubernetes spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    In,
    NotIn,
    Equals,
    DoubleEquals,
    NotEquals,
    Exists,
    DoesNotExist,
    GreaterThan,
    LessThan,
}

impl Operator {
    /// The name in `Selection.label_requirements`; `==` is told as `=`.
    pub fn name(self) -> &'static str {
        match self {
            Operator::In => "in",
            Operator::NotIn => "notin",
            Operator::Equals | Operator::DoubleEquals => "=",
            Operator::NotEquals => "!=",
            Operator::Exists => "exists",
            Operator::DoesNotExist => "!",
            Operator::GreaterThan => "gt",
            Operator::LessThan => "lt",
        }
    }
}

/// A checked condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Requirement {
    key: Box<str>,
    operator: Operator,
    values: Box<[Box<str>]>,
    bound: i64,
}

impl Requirement {
    /// Check and build. The error is Kubernetes' text, with every broken rule of it.
    pub fn new(key: &str, operator: Operator, values: &[&str]) -> Result<Requirement, String> {
        let mut problems = Vec::new();
        if let Some(problem) = key_problem(key) {
            problems.push(format!("key: Invalid value: {}: {problem}", quoted(key)));
        }
        problems.extend(count_problem(operator, values));
        let is_ordered = matches!(operator, Operator::GreaterThan | Operator::LessThan);
        for (index, value) in values.iter().enumerate().filter(|_| is_ordered) {
            if integer(value).is_none() {
                problems.push(format!(
                    "values[{index}]: Invalid value: {}: for 'Gt', 'Lt' operators, the value must be an integer",
                    quoted(value)
                ));
            }
        }
        for (index, value) in values.iter().enumerate() {
            if let Some(problem) = value_problem(value) {
                problems.push(format!("values[{index}][{key}]: Invalid value: {}: {problem}", quoted(value)));
            }
        }
        if !problems.is_empty() {
            return Err(aggregate(problems));
        }
        let bound = if is_ordered { values.first().and_then(|value| integer(value)).unwrap_or(0) } else { 0 };
        let mut sorted: Vec<Box<str>> = values.iter().map(|value| Box::from(*value)).collect();
        sorted.sort();
        sorted.dedup();
        Ok(Requirement { key: key.into(), operator, values: sorted.into(), bound })
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    pub fn operator(&self) -> Operator {
        self.operator
    }

    pub fn values(&self) -> &[Box<str>] {
        &self.values
    }

    /// Whether a label of this value, or its absence, fulfils the condition. Allocates nothing.
    pub fn holds(&self, label: Option<&str>) -> bool {
        let is_listed = |value: &str| self.values.iter().any(|wanted| **wanted == *value);
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => label.is_some_and(is_listed),
            Operator::NotIn | Operator::NotEquals => !label.is_some_and(is_listed),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::GreaterThan => label.and_then(integer).is_some_and(|number| number > self.bound),
            Operator::LessThan => label.and_then(integer).is_some_and(|number| number < self.bound),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let values = self.values.join(",");
        match self.operator {
            Operator::In => write!(out, "{key} in ({values})"),
            Operator::NotIn => write!(out, "{key} notin ({values})"),
            Operator::Equals => write!(out, "{key}={values}"),
            Operator::DoubleEquals => write!(out, "{key}=={values}"),
            Operator::NotEquals => write!(out, "{key}!={values}"),
            Operator::Exists => write!(out, "{key}"),
            Operator::DoesNotExist => write!(out, "!{key}"),
            Operator::GreaterThan => write!(out, "{key}>{values}"),
            Operator::LessThan => write!(out, "{key}<{values}"),
        }
    }
}

fn count_problem(operator: Operator, values: &[&str]) -> Option<String> {
    let detail = match operator {
        Operator::In | Operator::NotIn if values.is_empty() => {
            "for 'in', 'notin' operators, values set can't be empty"
        }
        Operator::Equals | Operator::DoubleEquals | Operator::NotEquals if values.len() != 1 => {
            "exact-match compatibility requires one single value"
        }
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
            "values set must be empty for exists and does not exist"
        }
        Operator::GreaterThan | Operator::LessThan if values.len() != 1 => {
            "for 'Gt', 'Lt' operators, exactly one value is required"
        }
        _ => return None,
    };
    let shown: Vec<String> = values.iter().map(|value| quoted(value)).collect();
    Some(format!("values: Invalid value: [{}]: {detail}", shown.join(",")))
}

/// A signed decimal number of 64 bits, as Go's ParseInt reads it.
fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// Several errors as Kubernetes joins them: one alone stays bare, equal ones are told once.
fn aggregate(problems: Vec<String>) -> String {
    let mut seen: Vec<String> = Vec::with_capacity(problems.len());
    for problem in problems {
        if !seen.contains(&problem) {
            seen.push(problem);
        }
    }
    match seen.as_slice() {
        [only] => only.clone(),
        all => format!("[{}]", all.join(", ")),
    }
}

/// Text in double quotes, with Go's escapes for what cannot be shown.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            '\x00'..='\x1f' | '\x7f' => out.push_str(&format!("\\x{:02x}", letter as u32)),
            '\u{80}'..='\u{a0}' | '\u{ad}' => out.push_str(&format!("\\u{:04x}", letter as u32)),
            _ => out.push(letter),
        }
    }
    out.push('"');
    out
}
