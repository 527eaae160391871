//! What device selectors may call: operators, functions and methods of the Common Expression Language and Kubernetes'.
//!
//! Invariant: values of different kinds are never equal and never ordered; numbers are of one kind.
//! Not here: expressions (see `cel`).
//! Source: kubernetes.io, "Common Expression Language in Kubernetes"; quantity and semver libraries as documented there.

use super::cel_syntax::{problem, CelError};
use super::semantic_version::SemanticVersion;
use crate::object::quantity::Quantity;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

pub const NO_OVERLOAD: &str = "no such overload";

/// A map with texts as keys.
#[derive(Debug, Default)]
pub struct Map {
    pub entries: BTreeMap<String, Value>,
    /// A map of maps in which one that is not there is empty, as selectors expect of a device's domains.
    pub is_of_domains: bool,
}

#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    List(Arc<Vec<Value>>),
    Map(Arc<Map>),
    Quantity(Arc<Quantity>),
    Version(Arc<SemanticVersion>),
}

impl Value {
    pub fn text(text: &str) -> Value {
        Value::Text(Arc::from(text))
    }

    pub fn map(entries: BTreeMap<String, Value>) -> Value {
        Value::Map(Arc::new(Map { entries, is_of_domains: false }))
    }
}

pub fn at(target: &Value, key: &Value) -> Result<Value, CelError> {
    match (target, key) {
        (Value::Map(map), Value::Text(key)) => match map.entries.get(&**key) {
            Some(value) => Ok(value.clone()),
            None if map.is_of_domains => Ok(Value::map(BTreeMap::new())),
            None => problem(format!("no such key: {key}")),
        },
        (Value::List(items), Value::Int(index)) => {
            let item = usize::try_from(*index).ok().and_then(|index| items.get(index));
            item.cloned().ok_or_else(|| CelError(format!("index out of bounds: {index}")))
        }
        _ => problem(NO_OVERLOAD),
    }
}

pub fn negated(operator: &str, value: &Value) -> Result<Value, CelError> {
    match (operator, value) {
        ("!", Value::Bool(value)) => Ok(Value::Bool(!value)),
        ("-", Value::Float(number)) => Ok(Value::Float(-number)),
        ("-", Value::Int(number)) => bounded(number.checked_neg()),
        _ => problem(NO_OVERLOAD),
    }
}

fn bounded(number: Option<i64>) -> Result<Value, CelError> {
    number.map(Value::Int).ok_or_else(|| CelError("integer overflow".into()))
}

/// Values of different kinds are never equal.
pub fn equals(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| equals(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            let (a, b) = (&a.entries, &b.entries);
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|v| equals(value, v)))
        }
        (Value::Quantity(a), Value::Quantity(b)) => a == b,
        (Value::Version(a), Value::Version(b)) => a == b,
        _ => ordering(left, right) == Some(Some(Ordering::Equal)),
    }
}

/// None: these are not ordered; inner None: one is not a number.
fn ordering(left: &Value, right: &Value) -> Option<Option<Ordering>> {
    Some(match (left, right) {
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Float(b)) => exactly(*a, *b),
        (Value::Float(a), Value::Int(b)) => exactly(*b, *a).map(Ordering::reverse),
        _ => return None,
    })
}

/// An integer against a float, without rounding either.
fn exactly(integer: i64, float: f64) -> Option<Ordering> {
    const BEYOND: f64 = 9.3e18;
    if float.is_nan() {
        return None;
    }
    if float.abs() >= BEYOND {
        return Some(if float > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    let whole = float.trunc();
    let order = i128::from(integer).cmp(&(whole as i128));
    Some(order.then(0.0_f64.partial_cmp(&(float - whole)).expect("neither is NaN")))
}

pub fn combined(operator: &str, left: &Value, right: &Value) -> Result<Value, CelError> {
    match operator {
        "==" => Ok(Value::Bool(equals(left, right))),
        "!=" => Ok(Value::Bool(!equals(left, right))),
        "in" => match right {
            Value::List(items) => Ok(Value::Bool(items.iter().any(|item| equals(left, item)))),
            Value::Map(map) => {
                Ok(Value::Bool(matches!(left, Value::Text(key) if map.entries.contains_key(&**key))))
            }
            _ => problem(NO_OVERLOAD),
        },
        "<" | "<=" | ">" | ">=" => {
            let Some(order) = ordering(left, right) else { return problem(NO_OVERLOAD) };
            Ok(Value::Bool(order.is_some_and(|order| match operator {
                "<" => order.is_lt(),
                "<=" => order.is_le(),
                ">" => order.is_gt(),
                _ => order.is_ge(),
            })))
        }
        _ => computed(operator, left, right),
    }
}

fn computed(operator: &str, left: &Value, right: &Value) -> Result<Value, CelError> {
    match (left, right) {
        (Value::Text(a), Value::Text(b)) if operator == "+" => Ok(Value::text(&format!("{a}{b}"))),
        (Value::List(a), Value::List(b)) if operator == "+" => {
            Ok(Value::List(Arc::new(a.iter().chain(b.iter()).cloned().collect())))
        }
        (Value::Float(a), Value::Float(b)) => Ok(Value::Float(match operator {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            "/" => a / b,
            _ => return problem(NO_OVERLOAD),
        })),
        (Value::Int(a), Value::Int(b)) => match operator {
            "+" => bounded(a.checked_add(*b)),
            "-" => bounded(a.checked_sub(*b)),
            "*" => bounded(a.checked_mul(*b)),
            "/" if *b == 0 => problem("division by zero"),
            "/" => bounded(a.checked_div(*b)),
            _ if *b == 0 => problem("modulus by zero"),
            _ => Ok(Value::Int(a.wrapping_rem(*b))),
        },
        _ => problem(NO_OVERLOAD),
    }
}

pub fn function(name: &str, arguments: &[Value]) -> Result<Value, CelError> {
    match (name, arguments) {
        ("quantity", [Value::Text(text)]) => quantity(text),
        ("isQuantity", [Value::Text(text)]) => Ok(Value::Bool(quantity(text).is_ok())),
        ("semver", [Value::Text(text)]) => semver(text),
        ("isSemver", [Value::Text(text)]) => Ok(Value::Bool(semver(text).is_ok())),
        ("size", [Value::Text(_) | Value::List(_) | Value::Map(_)]) => Ok(Value::Int(size(&arguments[0]))),
        ("string", [Value::Bool(value)]) => Ok(Value::text(&value.to_string())),
        ("string", [Value::Int(number)]) => Ok(Value::text(&number.to_string())),
        ("string", [Value::Text(_)]) | ("int", [Value::Int(_)]) | ("double", [Value::Float(_)]) => {
            Ok(arguments[0].clone())
        }
        ("double", [Value::Int(number)]) => Ok(Value::Float(*number as f64)),
        ("quantity" | "isQuantity" | "semver" | "isSemver" | "size" | "string" | "int" | "double", _) => {
            problem(NO_OVERLOAD)
        }
        _ => problem(format!("unsupported function '{name}'")),
    }
}

fn quantity(text: &str) -> Result<Value, CelError> {
    let parsed = Quantity::parse(text).map_err(|_| CelError(format!("'{text}' is not a quantity")))?;
    Ok(Value::Quantity(Arc::new(parsed)))
}

fn semver(text: &str) -> Result<Value, CelError> {
    let parsed = SemanticVersion::parse(text);
    let version = parsed.ok_or_else(|| CelError(format!("'{text}' is not a semantic version")))?;
    Ok(Value::Version(Arc::new(version)))
}

fn size(value: &Value) -> i64 {
    let count = match value {
        Value::Text(text) => text.chars().count(),
        Value::List(items) => items.len(),
        Value::Map(map) => map.entries.len(),
        _ => unreachable!("callers ask for the size of what has one"),
    };
    i64::try_from(count).expect("what fits in memory can be counted")
}

pub fn method(name: &str, target: &Value, arguments: &[Value]) -> Result<Value, CelError> {
    let order = match (target, arguments) {
        (Value::Quantity(a), [Value::Quantity(b)]) => Some(a.cmp(b)),
        (Value::Version(a), [Value::Version(b)]) => Some(a.cmp(b)),
        _ => None,
    };
    match (target, name, arguments) {
        (_, "compareTo", _) if order.is_some() => Ok(Value::Int(order.map_or(0, |order| order as i64))),
        (_, "isGreaterThan", _) if order.is_some() => Ok(Value::Bool(order == Some(Ordering::Greater))),
        (_, "isLessThan", _) if order.is_some() => Ok(Value::Bool(order == Some(Ordering::Less))),
        (Value::Version(version), "major", []) => Ok(Value::Int(version.major)),
        (Value::Version(version), "minor", []) => Ok(Value::Int(version.minor)),
        (Value::Version(version), "patch", []) => Ok(Value::Int(version.patch)),
        (Value::Text(_) | Value::List(_) | Value::Map(_), "size", []) => Ok(Value::Int(size(target))),
        (Value::Text(text), "startsWith", [Value::Text(part)]) => Ok(Value::Bool(text.starts_with(&**part))),
        (Value::Text(text), "endsWith", [Value::Text(part)]) => Ok(Value::Bool(text.ends_with(&**part))),
        (Value::Text(text), "contains", [Value::Text(part)]) => Ok(Value::Bool(text.contains(&**part))),
        (Value::Text(text), "lowerAscii", []) => Ok(Value::text(&text.to_ascii_lowercase())),
        (Value::Text(text), "upperAscii", []) => Ok(Value::text(&text.to_ascii_uppercase())),
        (
            _,
            "compareTo" | "isGreaterThan" | "isLessThan" | "major" | "minor" | "patch" | "size"
            | "startsWith" | "endsWith" | "contains" | "lowerAscii" | "upperAscii",
            _,
        ) => problem(NO_OVERLOAD),
        _ => problem(format!("unsupported function '{name}'")),
    }
}
