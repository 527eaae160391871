//! The published schema of the built-in kinds: fields, list types, merge keys, patch strategies.
//!
//! Invariant: lookups never fail for a name that the tables mention; a reference leads to a definition or to a scalar.
//! Not here: Go's view of the types, which decoding needs (see `message`).

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxHashMap;

use super::json::Value;
use super::reader::Reader;
use super::table::Table;

/// Index of a definition in its `Schema`.
pub type DefinitionId = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListType {
    Atomic,
    Set,
    Map,
}

/// What a field holds, references resolved.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A string, number or boolean; also quantities, times and int-or-string.
    Scalar,
    /// An object with named fields; see `Schema::definition`.
    Object(DefinitionId),
    Array(Box<Field>),
    Map(Box<Field>),
    /// Anything: raw extensions, JSON schemas' values.
    Any,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub shape: Shape,
    /// `x-kubernetes-list-type`; None for lists without one, which server-side apply takes as atomic.
    pub list_type: Option<ListType>,
    pub list_keys: Vec<String>,
    /// True when `x-kubernetes-map-type: atomic` stands at the field or at what it refers to.
    pub is_atomic_map: bool,
    pub is_merge_list: bool,
    pub is_retain_keys: bool,
    /// `x-kubernetes-patch-merge-key`.
    pub merge_key: Option<String>,
    /// `default`, which list map keys need when they are absent.
    pub default: Option<Value>,
}

#[derive(Debug)]
pub struct Definition {
    pub fields: IndexMap<String, Field>,
    pub required: Vec<String>,
    pub is_atomic_map: bool,
}

#[derive(Debug)]
pub struct Schema {
    definitions: Table<Definition>,
    kinds: FxHashMap<String, DefinitionId>,
}

impl Schema {
    /// Index the document at the cursor, which reads in `text`.
    pub fn index(text: &Arc<str>, reader: &mut Reader<'_>) -> Self {
        let mut definitions = None;
        reader.enter();
        while let Some(key) = reader.next_key() {
            if key == "definitions" {
                definitions = Some(Table::index(text, reader));
            } else {
                reader.skip();
            }
        }
        let definitions = definitions.expect("the schema table has definitions");
        let kinds = kinds_of(&definitions);
        Schema { definitions, kinds }
    }

    /// The definition of a kind: "apps/v1/Deployment", "v1/Pod".
    pub fn of_kind(&self, kind: &str) -> Option<&Definition> {
        self.kinds.get(kind).map(|&id| self.definition(id))
    }

    pub fn definition(&self, id: DefinitionId) -> &Definition {
        self.definitions.get_or_compile(id, |entry| self.compile(entry))
    }

    /// The definition with this published name, "io.k8s.api.core.v1.Container".
    pub fn named(&self, name: &str) -> Option<&Definition> {
        self.definitions.id(name).map(|id| self.definition(id))
    }

    /// The fields of an object, or None for any other shape.
    pub fn fields_of(&self, shape: &Shape) -> Option<&Definition> {
        match shape {
            Shape::Object(id) => Some(self.definition(*id)),
            _ => None,
        }
    }

    fn compile(&self, entry: &Value) -> Definition {
        let properties = entry.get("p").and_then(Value::as_object);
        let fields = properties.into_iter().flatten().map(|(name, field)| (name.clone(), self.field(field)));
        Definition {
            fields: fields.collect(),
            required: texts(entry.get("req")),
            is_atomic_map: text(entry, "mt") == Some("atomic"),
        }
    }

    fn field(&self, entry: &Value) -> Field {
        let strategy = text(entry, "ps").unwrap_or_default();
        let (shape, is_atomic_target) = self.shape(entry);
        Field {
            shape,
            list_type: match text(entry, "lt") {
                Some("atomic") => Some(ListType::Atomic),
                Some("set") => Some(ListType::Set),
                Some("map") => Some(ListType::Map),
                _ => None,
            },
            list_keys: texts(entry.get("lk")),
            is_atomic_map: is_atomic_target || text(entry, "mt") == Some("atomic"),
            is_merge_list: strategy.split(',').any(|part| part == "merge"),
            is_retain_keys: strategy.split(',').any(|part| part == "retainKeys"),
            merge_key: text(entry, "pk").map(String::from),
            default: entry.get("d").cloned(),
        }
    }

    /// The shape, and whether the definition referred to is an atomic map.
    fn shape(&self, entry: &Value) -> (Shape, bool) {
        let inner =
            |key: &str| Box::new(self.field(entry.get(key).expect("arrays and maps name their elements")));
        match text(entry, "t") {
            Some("array") => (Shape::Array(inner("i")), false),
            Some("map") => (Shape::Map(inner("v")), false),
            Some("ref") => self.target(text(entry, "r").unwrap_or_default()),
            Some("any" | "object") => (Shape::Any, false),
            _ => (Shape::Scalar, false),
        }
    }

    fn target(&self, name: &str) -> (Shape, bool) {
        let Some(id) = self.definitions.id(name) else {
            return (Shape::Any, false);
        };
        let mut reader = Reader::new(self.definitions.text(id));
        let entry = Value::read(&mut reader);
        match text(&entry, "t") {
            Some("object") if entry.get("p").is_some() => {
                (Shape::Object(id), text(&entry, "mt") == Some("atomic"))
            }
            Some("object" | "any") => (Shape::Any, false),
            _ => (Shape::Scalar, false),
        }
    }
}

fn kinds_of(definitions: &Table<Definition>) -> FxHashMap<String, DefinitionId> {
    let mut kinds = FxHashMap::default();
    for id in 0..definitions.len() as u32 {
        let mut reader = Reader::new(definitions.text(id));
        reader.enter();
        while let Some(key) = reader.next_key() {
            if key != "g" {
                reader.skip();
                continue;
            }
            for gvk in Value::read(&mut reader).as_array().into_iter().flatten() {
                let parts = texts(Some(gvk));
                let named = parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>();
                kinds.insert(named.join("/"), id);
            }
        }
    }
    kinds
}

fn text<'v>(entry: &'v Value, key: &str) -> Option<&'v str> {
    entry.get(key).and_then(Value::as_str)
}

fn texts(entry: Option<&Value>) -> Vec<String> {
    let items = entry.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        let text: Arc<str> = include_str!("../../../../python/pyk8s/api/data/openapi-schema.json").into();
        Schema::index(&text, &mut Reader::new(&text))
    }

    #[test]
    fn every_definition_compiles() {
        let schema = schema();
        for id in 0..schema.definitions.len() as u32 {
            schema.definition(id);
        }
    }

    #[test]
    fn a_pods_containers_are_merged_by_name() {
        let schema = schema();
        let pod = schema.of_kind("v1/Pod").unwrap();
        let spec = schema.fields_of(&pod.fields["spec"].shape).unwrap();
        let containers = &spec.fields["containers"];

        assert_eq!(containers.merge_key.as_deref(), Some("name"));
        assert!(containers.is_merge_list && !containers.is_retain_keys);
        assert_eq!(
            (containers.list_type, &containers.list_keys[..]),
            (Some(ListType::Map), &["name".into()][..])
        );
        assert!(spec.fields["nodeSelector"].is_atomic_map);
        let volumes = &spec.fields["volumes"];
        assert!(volumes.is_merge_list && volumes.is_retain_keys);
    }

    #[test]
    fn references_are_resolved() {
        let schema = schema();
        let deployment = schema.of_kind("apps/v1/Deployment").unwrap();
        let spec = schema.fields_of(&deployment.fields["spec"].shape).unwrap();

        assert!(spec.fields["selector"].is_atomic_map);
        assert!(matches!(spec.fields["template"].shape, Shape::Object(_)));
        assert_eq!(schema.of_kind("v1/Nothing").map(|_| ()), None);
    }
}
