//! Entries of a fact table, found by name and compiled on first use.
//!
//! Invariant: building a table reads the text once and compiles nothing; an entry is compiled at most once.
//! Not here: what an entry means (see `structure` and `message`).

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;

use super::json::Value;
use super::reader::Reader;

/// Named entries of one JSON object, each compiled into a `T` when it is first asked for.
#[derive(Debug)]
pub struct Table<T> {
    text: Arc<str>,
    names: Vec<String>,
    spans: Vec<Range<usize>>,
    compiled: Vec<OnceLock<T>>,
    ids: FxHashMap<String, u32>,
}

impl<T> Table<T> {
    /// Index the members of the object at the cursor, which reads in `text`.
    pub fn index(text: &Arc<str>, reader: &mut Reader<'_>) -> Self {
        let mut table = Table {
            text: text.clone(),
            names: Vec::new(),
            spans: Vec::new(),
            compiled: Vec::new(),
            ids: FxHashMap::default(),
        };
        reader.enter();
        while let Some(name) = reader.next_key() {
            let entry = reader.skip();
            let start = entry.as_ptr() as usize - text.as_ptr() as usize;
            table.ids.insert(name.to_string(), table.spans.len() as u32);
            table.names.push(name.into_owned());
            table.spans.push(start..start + entry.len());
            table.compiled.push(OnceLock::new());
        }
        table
    }

    pub fn id(&self, name: &str) -> Option<u32> {
        self.ids.get(name).copied()
    }

    pub fn name(&self, id: u32) -> &str {
        &self.names[id as usize]
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The entry's text as it stands in the table.
    pub fn text(&self, id: u32) -> &str {
        &self.text[self.spans[id as usize].clone()]
    }

    /// The entry, compiled by `compile` if this is the first time.
    pub fn get_or_compile(&self, id: u32, compile: impl FnOnce(&Value) -> T) -> &T {
        self.compiled[id as usize].get_or_init(|| compile(&Value::read(&mut Reader::new(self.text(id)))))
    }
}
