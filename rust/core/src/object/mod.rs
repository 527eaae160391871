//! Objects as JSON bytes: decode, default, patch, assemble.

pub mod base64;
pub mod decode;
pub mod envelope;
mod envelope_parser;
pub mod json;
pub mod message;
pub mod protobuf;
pub mod quantity;
pub mod reader;
pub mod scan;
pub mod schema;
pub mod scheme;
pub mod syntax;
pub mod table;
pub mod time;
pub mod type_meta;
pub mod wire;
