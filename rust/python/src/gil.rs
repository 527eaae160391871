//! Letting go of the GIL around what can wait or run long.
//!
//! Invariant: no lock of the core is held when the GIL is taken again.

use pyo3::prelude::*;

/// Runs `work` without the GIL; other Python threads go on meanwhile.
pub fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    py.detach(work)
}
