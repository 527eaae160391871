//! The Common Expression Language, as far as device selectors use it: what an expression is worth.
//!
//! Invariant: the same expression and variables give the same value; integers stay within 64 bits; `&&` and `||` do not
//! care in which order their sides are: a side that decides hides an error of the other.
//! Not here: syntax (see `cel_syntax`), operators and functions (see `cel_library`), variables (see `devices`).

use super::cel_library::{at, combined, function, method, negated, Value, NO_OVERLOAD};
use super::cel_syntax::{problem, CelError, Expression};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Calls and operators that one evaluation may take.
const STEPS_MAX: usize = 10_000;

const MACROS: [&str; 5] = ["all", "exists", "exists_one", "map", "filter"];

/// The value of an expression that must be a bool, with one variable.
pub fn matches(expression: &Expression, name: &str, variable: &Value) -> Result<bool, CelError> {
    let scope = vec![(name.to_owned(), variable.clone())];
    match (Evaluation { steps: 0, scope }).value(expression)? {
        Value::Bool(answer) => Ok(answer),
        _ => problem("expression does not give a bool"),
    }
}

struct Evaluation {
    steps: usize,
    /// Variables; the last of a name counts.
    scope: Vec<(String, Value)>,
}

impl Evaluation {
    fn value(&mut self, expression: &Expression) -> Result<Value, CelError> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return problem("expression takes too many steps");
        }
        match expression {
            Expression::Null => Ok(Value::Null),
            Expression::Bool(value) => Ok(Value::Bool(*value)),
            Expression::Int(number) => Ok(Value::Int(*number)),
            Expression::Float(number) => Ok(Value::Float(*number)),
            Expression::Text(text) => Ok(Value::text(text)),
            Expression::Name(name) => {
                let known = self.scope.iter().rev().find(|(known, _)| known == name);
                known
                    .map(|(_, v)| v.clone())
                    .ok_or_else(|| CelError(format!("undeclared reference to '{name}'")))
            }
            Expression::Select(target, field) => at(&self.value(target)?, &Value::text(field)),
            Expression::Index(target, key) => {
                let target = self.value(target)?;
                at(&target, &self.value(key)?)
            }
            Expression::Unary(operator, operand) => negated(operator, &self.value(operand)?),
            Expression::Binary(operator @ ("&&" | "||"), left, right) => {
                let deciding = *operator == "||";
                let first = self.bool(left);
                if first == Ok(deciding) {
                    return Ok(Value::Bool(deciding));
                }
                let second = self.bool(right);
                decided([first, second].into_iter(), deciding)
            }
            Expression::Binary(operator, left, right) => {
                let left = self.value(left)?;
                combined(operator, &left, &self.value(right)?)
            }
            Expression::Conditional(parts) => {
                let [condition, then, otherwise] = &**parts;
                let branch = if self.bool(condition)? { then } else { otherwise };
                self.value(branch)
            }
            Expression::Listing(items) => Ok(Value::List(Arc::new(self.values(items)?))),
            Expression::Mapping(entries) => self.mapping(entries),
            Expression::Call(name, target, arguments) => self.call(name, target.as_deref(), arguments),
        }
    }

    fn values(&mut self, expressions: &[Expression]) -> Result<Vec<Value>, CelError> {
        expressions.iter().map(|each| self.value(each)).collect()
    }

    fn bool(&mut self, expression: &Expression) -> Result<bool, CelError> {
        match self.value(expression)? {
            Value::Bool(answer) => Ok(answer),
            _ => problem(NO_OVERLOAD),
        }
    }

    fn mapping(&mut self, entries: &[(Expression, Expression)]) -> Result<Value, CelError> {
        let mut pairs = Vec::new();
        for (key, value) in entries {
            pairs.push((self.value(key)?, self.value(value)?));
        }
        let mut map = BTreeMap::new();
        for (key, value) in pairs {
            let Value::Text(key) = key else { return problem("unsupported key type") };
            map.insert(key.to_string(), value);
        }
        Ok(Value::map(map))
    }

    fn call(
        &mut self,
        name: &str,
        target: Option<&Expression>,
        arguments: &[Expression],
    ) -> Result<Value, CelError> {
        match (target, arguments) {
            (None, _) if name == "has" => self.has(arguments),
            (None, _) => function(name, &self.values(arguments)?),
            (Some(Expression::Name(cel)), _) if cel == "cel" && name == "bind" => self.bind(arguments),
            (Some(target), [Expression::Name(variable), body]) if MACROS.contains(&name) => {
                self.each(name, target, variable, body)
            }
            (Some(target), _) => {
                let target = self.value(target)?;
                method(name, &target, &self.values(arguments)?)
            }
        }
    }

    fn has(&mut self, arguments: &[Expression]) -> Result<Value, CelError> {
        let [Expression::Select(target, field)] = arguments else {
            return problem("invalid argument to has()");
        };
        match self.value(target)? {
            Value::Map(map) => Ok(Value::Bool(map.entries.contains_key(field))),
            _ => problem(NO_OVERLOAD),
        }
    }

    fn bind(&mut self, arguments: &[Expression]) -> Result<Value, CelError> {
        let [Expression::Name(name), value, body] = arguments else {
            return problem("invalid arguments to cel.bind()");
        };
        let value = self.value(value)?;
        self.with(name, value, |this| this.value(body))
    }

    /// Something done with one more variable.
    fn with<T>(&mut self, name: &str, value: Value, what: impl FnOnce(&mut Self) -> T) -> T {
        self.scope.push((name.to_owned(), value));
        let answer = what(self);
        self.scope.pop();
        answer
    }

    fn each(
        &mut self,
        macro_name: &str,
        target: &Expression,
        variable: &str,
        body: &Expression,
    ) -> Result<Value, CelError> {
        let items: Vec<Value> = match self.value(target)? {
            Value::List(items) => items.to_vec(),
            Value::Map(map) => map.entries.keys().map(|key| Value::text(key)).collect(),
            _ => return problem(NO_OVERLOAD),
        };
        if macro_name == "map" {
            let made: Result<Vec<Value>, CelError> =
                items.into_iter().map(|item| self.with(variable, item, |this| this.value(body))).collect();
            return Ok(Value::List(Arc::new(made?)));
        }
        let deciding = macro_name == "exists";
        let mut answers = Vec::new();
        for item in &items {
            let answer = self.with(variable, item.clone(), |this| this.bool(body));
            match macro_name {
                "all" | "exists" if answer == Ok(deciding) => return Ok(Value::Bool(deciding)),
                "filter" | "exists_one" => answers.push(Ok(answer?)),
                _ => answers.push(answer),
            }
        }
        match macro_name {
            "filter" => {
                let kept = items.into_iter().zip(answers).filter(|(_, answer)| *answer == Ok(true));
                Ok(Value::List(Arc::new(kept.map(|(item, _)| item).collect())))
            }
            "exists_one" => Ok(Value::Bool(answers.iter().filter(|a| **a == Ok(true)).count() == 1)),
            _ => decided(answers.into_iter(), deciding),
        }
    }
}

/// `deciding` when one answer is that; an error counts only when none decides.
fn decided(answers: impl Iterator<Item = Result<bool, CelError>>, deciding: bool) -> Result<Value, CelError> {
    let mut problem = None;
    for answer in answers {
        match answer {
            Ok(answer) if answer == deciding => return Ok(Value::Bool(deciding)),
            Ok(_) => {}
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    problem.map_or(Ok(Value::Bool(!deciding)), Err)
}
