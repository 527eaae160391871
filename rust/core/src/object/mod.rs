//! Objects as JSON bytes: decode, default, patch, assemble.
