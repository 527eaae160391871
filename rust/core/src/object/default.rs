//! Versioned defaulting: runs the program that `tools/compile_defaults.py` makes of the defaulting table.
//!
//! Invariant: a default fills what is unset and changes nothing else, so running twice changes nothing more.
//! Invariant: new fields stand where Go's struct has them.
//! Not here: what admission, allocators and strategies set; rules with code of their own (see `default_rules`).

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::default_rules::Rule;
use super::json::{Map, Value};
use super::message::{Kind, Message, Messages};
use super::reader::Reader;
use super::table::Table;

/// One type's part of the program.
#[derive(Debug)]
struct Node {
    ops: Vec<Op>,
    children: Vec<(Segment, u32)>,
}

#[derive(Debug)]
struct Op {
    action: Action,
    when: Vec<Condition>,
}

#[derive(Debug)]
enum Action {
    Set { path: Path, to: Value, is_forced: bool },
    Copy { path: Path, from: Path },
    Clear(Path),
    Do { at: Path, rule: Rule },
}

type Path = Vec<Segment>;

#[derive(Debug)]
struct Segment {
    field: String,
    /// `[*]`: every element of a list, every value of a map.
    is_each: bool,
    /// `!`: create what the pointer should point to.
    is_created: bool,
}

#[derive(Debug)]
struct Condition {
    path: Path,
    test: Test,
}

#[derive(Debug)]
enum Test {
    In(Vec<Value>),
    Set,
    Unset,
    Filled,
    Empty,
}

/// The defaulting program of all kinds; nodes are compiled as they are needed.
#[derive(Debug)]
pub struct Defaults {
    nodes: Table<Node>,
    kinds: FxHashMap<String, u32>,
}

impl Defaults {
    /// Index the document at the cursor, which reads in `text`.
    pub fn index(text: &Arc<str>, reader: &mut Reader<'_>) -> Self {
        let (mut nodes, mut kinds) = (None, Value::Null);
        reader.enter();
        while let Some(key) = reader.next_key() {
            match key.as_ref() {
                "nodes" => nodes = Some(Table::index(text, reader)),
                "kinds" => kinds = Value::read(reader),
                _ => {
                    reader.skip();
                }
            }
        }
        // A scheme for patches alone comes with an empty table.
        let nodes: Table<Node> = nodes.unwrap_or_else(|| Table::index(text, &mut Reader::new("{}")));
        let names = kinds.as_object().into_iter().flatten();
        let ids = names.filter_map(|(kind, node)| Some((kind.clone(), nodes.id(node.as_str()?)?)));
        Defaults { kinds: ids.collect(), nodes }
    }

    pub fn is_empty_for(&self, kind: &str) -> bool {
        !self.kinds.contains_key(kind)
    }

    /// Fill the defaults of an object of `kind`, whose message is `message`.
    pub fn apply(&self, messages: &Messages, kind: &str, message: &Message, object: &mut Map) {
        if let Some(&id) = self.kinds.get(kind) {
            Run { defaults: self, messages }.node(self.node(id), Some(message), object);
        }
    }

    fn node(&self, id: u32) -> &Node {
        self.nodes.get_or_compile(id, |entry| self.compile(entry))
    }

    fn compile(&self, entry: &Value) -> Node {
        let ops = entry.get("ops").and_then(Value::as_array).into_iter().flatten();
        let children = entry.get("in").and_then(Value::as_object).into_iter().flatten();
        let children = children.map(|(field, node)| {
            let node = node.as_str().and_then(|name| self.nodes.id(name));
            (segment(field), node.expect("a node's children are in the table"))
        });
        Node { ops: ops.map(op).collect(), children: children.collect() }
    }
}

fn op(entry: &Value) -> Op {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let action = if let Some(rule) = text("do") {
        Action::Do { at: path(text("at").unwrap_or_default()), rule: Rule::compile(rule, entry) }
    } else if let Some(cleared) = text("clear") {
        Action::Clear(path(cleared))
    } else if let Some(from) = text("from") {
        Action::Copy { path: path(text("set").unwrap_or_default()), from: path(from) }
    } else {
        Action::Set {
            path: path(text("set").unwrap_or_default()),
            to: entry.get("to").cloned().unwrap_or(Value::Null),
            is_forced: entry.get("force").is_some(),
        }
    };
    let when = entry.get("when").and_then(Value::as_array).into_iter().flatten();
    Op { action, when: when.map(condition).collect() }
}

fn condition(entry: &Value) -> Condition {
    let parts = entry.as_array().expect("a condition is a list");
    let test = match parts[1].as_str() {
        Some("in") => Test::In(parts[2].as_array().cloned().unwrap_or_default()),
        Some("set") => Test::Set,
        Some("unset") => Test::Unset,
        Some("filled") => Test::Filled,
        _ => Test::Empty,
    };
    Condition { path: path(parts[0].as_str().unwrap_or_default()), test }
}

fn path(text: &str) -> Path {
    text.split('.').filter(|part| !part.is_empty()).map(segment).collect()
}

fn segment(text: &str) -> Segment {
    let (text, is_each) = text.strip_suffix("[*]").map_or((text, false), |text| (text, true));
    let (field, is_created) = text.strip_suffix('!').map_or((text, false), |text| (text, true));
    Segment { field: field.into(), is_each, is_created }
}

impl Condition {
    fn holds(&self, object: &Map) -> bool {
        let value = look(&self.path, object);
        match &self.test {
            Test::In(values) => value.is_some_and(|value| values.contains(value)),
            Test::Set => value.is_some(),
            Test::Unset => value.is_none(),
            Test::Filled => value.is_some_and(|value| !is_empty(value)),
            Test::Empty => value.is_none_or(is_empty),
        }
    }
}

/// The value a plain path leads to; null counts as absent.
fn look<'o>(path: &[Segment], object: &'o Map) -> Option<&'o Value> {
    let (last, parents) = path.split_last()?;
    let mut object = object;
    for segment in parents {
        object = object.get(&segment.field)?.as_object()?;
    }
    object.get(&last.field).filter(|value| **value != Value::Null)
}

/// Go's zero value of a field that is no pointer.
pub fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == 0.0,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

struct Run<'d> {
    defaults: &'d Defaults,
    messages: &'d Messages,
}

impl<'d> Run<'d> {
    fn node(&self, node: &Node, message: Option<&'d Message>, object: &mut Map) {
        for op in &node.ops {
            if op.when.iter().all(|condition| condition.holds(object)) {
                self.op(&op.action, message, object);
            }
        }
        for (segment, child) in &node.children {
            let child = self.defaults.node(*child);
            self.step(segment, message, object, &mut |message, object| self.node(child, message, object));
        }
    }

    fn op(&self, action: &Action, message: Option<&'d Message>, object: &mut Map) {
        match action {
            Action::Set { path, to, is_forced } => self.set(path, to, *is_forced, message, object),
            Action::Copy { path, from } => {
                if let Some(value) = look(from, object).filter(|value| !is_empty(value)).cloned() {
                    self.set(path, &value, false, message, object);
                }
            }
            Action::Clear(path) => {
                let (last, parents) = path.split_last().expect("a path to clear names a field");
                self.walk(parents, message, object, &mut |_, object| {
                    object.shift_remove(&last.field);
                });
            }
            Action::Do { at, rule } => {
                self.walk(at, message, object, &mut |message, object| rule.run(message, object));
            }
        }
    }

    fn set(
        &self,
        path: &[Segment],
        to: &Value,
        is_forced: bool,
        message: Option<&'d Message>,
        object: &mut Map,
    ) {
        let (last, parents) = path.split_last().expect("a path to set names a field");
        self.walk(parents, message, object, &mut |message, object| {
            let Some(message) = message else { return };
            if is_forced || is_open(message, object, &last.field) {
                message.insert(object, &last.field, to.clone());
            }
        });
    }

    /// Call `visit` with every object the path leads to.
    fn walk(
        &self,
        path: &[Segment],
        message: Option<&'d Message>,
        object: &mut Map,
        visit: &mut dyn FnMut(Option<&'d Message>, &mut Map),
    ) {
        match path.split_first() {
            None => visit(message, object),
            Some((segment, rest)) => {
                self.step(segment, message, object, &mut |message, object| {
                    self.walk(rest, message, object, visit)
                });
            }
        }
    }

    fn step(
        &self,
        segment: &Segment,
        message: Option<&'d Message>,
        object: &mut Map,
        visit: &mut dyn FnMut(Option<&'d Message>, &mut Map),
    ) {
        let Some((message, index)) = message.and_then(|m| Some((m, m.field(&segment.field)?))) else {
            return;
        };
        let field = &message.fields[index];
        let inner = match field.kind {
            Kind::Message(id) => Some(self.messages.message(id)),
            _ => None,
        };
        if segment.is_each {
            match object.get_mut(&segment.field) {
                Some(Value::Array(items)) => {
                    items.iter_mut().filter_map(Value::as_object_mut).for_each(|item| visit(inner, item));
                }
                Some(Value::Object(map)) => {
                    map.values_mut().filter_map(Value::as_object_mut).for_each(|item| visit(inner, item));
                }
                _ => {}
            }
            return;
        }
        if let (true, Some(inner)) = (segment.is_created || !field.is_pointer, inner) {
            if object.get(&segment.field).is_none_or(|value| *value == Value::Null) {
                message.insert(object, &segment.field, inner.zero());
            }
        }
        if let Some(Value::Object(map)) = object.get_mut(&segment.field) {
            visit(inner, map);
        }
    }
}

/// True when a default may fill the field: a pointer when it is nil, anything else when it is Go's zero.
fn is_open(message: &Message, object: &Map, field: &str) -> bool {
    let Some(value) = object.get(field) else {
        return true;
    };
    let is_pointer = message.field(field).is_some_and(|index| message.fields[index].is_pointer);
    if is_pointer {
        *value == Value::Null
    } else {
        is_empty(value)
    }
}
