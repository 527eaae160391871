//! Objects as JSON bytes: decode, default, patch, assemble.

pub mod envelope;
mod envelope_parser;
pub mod json;
pub mod reader;
pub mod scan;
pub mod schema;
pub mod syntax;
pub mod table;
