//! Label and field selectors: parse, match, index.
