//! Restore: whether a strategically merged object fits its types, and the conversions Go makes on the way.
//!
//! Lives here: kube-apiserver's way from the merged map back to a struct, which is not its JSON decoder: its messages
//! differ, an integer becomes a one-character string where text belongs, and a fraction is cut off where an integer
//! belongs.
//! Not here: types with their own JSON form (quantities, times …) and unknown fields: the decoder judges them.

use super::go_text::go_kind;
use super::json::{Map, Value};
use super::structure::{Scalar, Shape, StructId, Structures, Type};

/// Makes `map` fit the struct `id`; the error is kube-apiserver's text.
pub fn restore_struct(structures: &Structures, map: &mut Map, id: StructId) -> Result<(), String> {
    let fields = &structures.get(id).fields;
    for (key, value) in map.iter_mut() {
        if let Some(field) = fields.get(key) {
            restore(structures, value, &field.kind)?;
        }
    }
    Ok(())
}

fn restore(structures: &Structures, value: &mut Value, kind: &Type) -> Result<(), String> {
    match (&kind.shape, value) {
        (_, Value::Null) => Ok(()),
        (Shape::Leaf(scalar), value) => restore_scalar(value, *scalar),
        (Shape::Struct(id), Value::Object(map)) => restore_struct(structures, map, *id),
        (Shape::Map(element), Value::Object(map)) => {
            map.values_mut().try_for_each(|value| restore(structures, value, element))
        }
        (Shape::List(list), Value::Array(items)) => {
            items.iter_mut().try_for_each(|item| restore(structures, item, &list.element))
        }
        (Shape::Struct(_), other) => Err(format!("cannot restore struct from: {}", go_kind(other))),
        (Shape::Map(_), other) => Err(format!("cannot restore map from {}", go_kind(other))),
        (Shape::List(_), other) => Err(format!("cannot restore slice from {}", go_kind(other))),
    }
}

fn restore_scalar(value: &mut Value, scalar: Scalar) -> Result<(), String> {
    let restored = match (scalar, &*value) {
        (Scalar::Other, _)
        | (Scalar::Bool, Value::Bool(_))
        | (Scalar::String, Value::String(_))
        | (Scalar::Bytes, Value::String(_) | Value::Array(_))
        | (Scalar::Float64, Value::Number(_)) => return Ok(()),
        (Scalar::Bytes, other) => return Err(format!("cannot restore slice from {}", go_kind(other))),
        (Scalar::Int32 | Scalar::Int64, Value::Number(number)) => match number.as_i64() {
            Some(_) => return Ok(()),
            None if number.as_f64().abs() < 9_223_372_036_854_775_808.0 => {
                Value::from(number.as_f64() as i64)
            }
            None => return Ok(()),
        },
        (Scalar::String, Value::Number(number)) => match number.as_i64() {
            Some(code) => Value::String(character(code).to_string()),
            None => return Err("unrecognized type: string".into()),
        },
        _ => return Err(format!("unrecognized type: {}", kind_name(scalar))),
    };
    *value = restored;
    Ok(())
}

fn character(code: i64) -> char {
    u32::try_from(code).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn kind_name(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::String => "string",
        Scalar::Bool => "bool",
        Scalar::Int32 => "int32",
        Scalar::Int64 => "int64",
        Scalar::Float64 => "float64",
        Scalar::Bytes | Scalar::Other => "interface",
    }
}
