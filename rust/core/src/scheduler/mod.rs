//! The scheduling framework: queue, cache, cycle, plugins.
