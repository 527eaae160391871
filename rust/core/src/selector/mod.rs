//! Label and field selectors: parse, match, tell their terms to an index.
//!
//! Invariant: what is refused is refused in Kubernetes' words.
//! Not here: the index itself (see `store`), which fields a kind has (the API server's registry).

pub mod fields;
pub mod label_selector;
pub mod labels;
mod lexer;
pub mod names;
pub mod requirement;
pub mod selection;

pub use fields::FieldTerm;
pub use requirement::{Operator, Requirement};
pub use selection::{Selection, SelectorError};
