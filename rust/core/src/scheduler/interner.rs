//! Interner: label keys, values, taints and resource names as small numbers, compared in one instruction.
//!
//! Invariant: equal texts have equal symbols for the life of the engine; symbol 0 is the empty text.
//! Not here: eviction. The table grows with the distinct texts of nodes and of pods' constraints, which is what
//! a cluster's labels are; pod names and uids are never put in.

use rustc_hash::FxHashMap;
use std::sync::Arc;

pub type Symbol = u32;

/// The symbol of "".
pub const EMPTY: Symbol = 0;

#[derive(Debug)]
pub struct Interner {
    symbols: FxHashMap<Arc<str>, Symbol>,
    texts: Vec<Arc<str>>,
}

impl Default for Interner {
    fn default() -> Self {
        let mut interner = Interner { symbols: FxHashMap::default(), texts: Vec::new() };
        interner.intern("");
        interner
    }
}

impl Interner {
    pub fn intern(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.symbols.get(text) {
            return *symbol;
        }
        let shared: Arc<str> = Arc::from(text);
        let symbol =
            Symbol::try_from(self.texts.len()).expect("fewer than 2^32 distinct texts fit in memory");
        self.texts.push(shared.clone());
        self.symbols.insert(shared, symbol);
        symbol
    }

    /// The symbol of a text that is known already.
    pub fn find(&self, text: &str) -> Option<Symbol> {
        self.symbols.get(text).copied()
    }

    pub fn shared(&self, symbol: Symbol) -> Arc<str> {
        self.texts[symbol as usize].clone()
    }

    pub fn text(&self, symbol: Symbol) -> &str {
        &self.texts[symbol as usize]
    }
}
