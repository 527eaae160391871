//! Objects as JSON bytes: decode, default, patch, assemble.

pub mod json;
pub mod reader;
pub mod schema;
pub mod syntax;
pub mod table;
