//! The object form of a label selector: metav1.LabelSelector with `matchLabels` and `matchExpressions`.
//!
//! Invariant: an absent selector (null) selects nothing, an empty one everything.
//! Not here: the API server's validation of selectors inside objects, whose messages carry paths.

use serde_json::{Map, Value};

use super::requirement::{quoted, Operator, Requirement};

/// Read the JSON of a LabelSelector; `None` is the selector that selects nothing.
pub fn parse(json: &[u8]) -> Result<Option<Vec<Requirement>>, String> {
    let value: Value =
        serde_json::from_slice(json).map_err(|_| "label selector: not valid JSON".to_owned())?;
    let selector = match &value {
        Value::Null => return Ok(None),
        Value::Object(fields) => fields,
        other => return Err(wrong_type(other, "type v1.LabelSelector")),
    };
    let mut requirements = match_labels(selector)?;
    requirements.extend(match_expressions(selector)?);
    requirements.sort_by(|a, b| a.key().cmp(b.key()));
    Ok(Some(requirements))
}

fn match_labels(selector: &Map<String, Value>) -> Result<Vec<Requirement>, String> {
    let field = "Go struct field LabelSelector.matchLabels of type";
    let labels = match selector.get("matchLabels") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(labels)) => labels,
        Some(other) => return Err(wrong_type(other, &format!("{field} map[string]string"))),
    };
    // Go walks a map in any order; by key, the first error is always the same one.
    let mut keys: Vec<&String> = labels.keys().collect();
    keys.sort();
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let value = text(&labels[key], &format!("{field} string"))?;
        found.push(Requirement::new(key, Operator::Equals, &[value])?);
    }
    Ok(found)
}

fn match_expressions(selector: &Map<String, Value>) -> Result<Vec<Requirement>, String> {
    let field = "Go struct field LabelSelector.matchExpressions of type";
    let expressions = match selector.get("matchExpressions") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(expressions)) => expressions,
        Some(other) => return Err(wrong_type(other, &format!("{field} []v1.LabelSelectorRequirement"))),
    };
    expressions.iter().map(expression).collect()
}

fn expression(value: &Value) -> Result<Requirement, String> {
    let field = "Go struct field LabelSelectorRequirement.matchExpressions";
    let empty = Map::new();
    let parts = match value {
        Value::Null => &empty,
        Value::Object(parts) => parts,
        other => {
            return Err(wrong_type(
                other,
                "Go struct field LabelSelector.matchExpressions of type v1.LabelSelectorRequirement",
            ))
        }
    };
    let null = Value::Null;
    let key = text(parts.get("key").unwrap_or(&null), &format!("{field}.key of type string"))?;
    let operator = text(
        parts.get("operator").unwrap_or(&null),
        &format!("{field}.operator of type v1.LabelSelectorOperator"),
    )?;
    let mut values = Vec::new();
    match parts.get("values") {
        None | Some(Value::Null) => {}
        Some(Value::Array(items)) => {
            for item in items {
                values.push(text(item, &format!("{field}.values of type string"))?);
            }
        }
        Some(other) => return Err(wrong_type(other, &format!("{field}.values of type []string"))),
    }
    let operator = match operator {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => return Err(format!("{} is not a valid label selector operator", quoted(other))),
    };
    Requirement::new(key, operator, &values)
}

/// The text of a JSON string; null is "", as Go's decoder leaves it.
fn text<'a>(value: &'a Value, into: &str) -> Result<&'a str, String> {
    match value {
        Value::Null => Ok(""),
        Value::String(text) => Ok(text),
        other => Err(wrong_type(other, into)),
    }
}

fn wrong_type(value: &Value, into: &str) -> String {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("json: cannot unmarshal {kind} into {into}")
}
