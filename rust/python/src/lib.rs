//! The extension module `pyk8s._core`: registers what the rooms export, and nothing else.
//!
//! Invariant: one `register` line per room; each room's file converts, calls the core, converts back.

mod attached;
mod errors;
mod foreign;
mod gil;
mod object;
mod patches;
mod scheduler;
mod selector;
mod store;
mod txn;
mod watch;

use pyo3::prelude::*;

/// What one thread allocates another often frees: the store's versions outlive who wrote them. With the C library's
/// allocator that takes a fifth of the time of creating, deciding and binding a pod.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The Rust engine behind `pyk8s.core`.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    store::register(module)?;
    watch::register(module)?;
    selector::register(module)?;
    object::register(module)?;
    patches::register(module)?;
    foreign::register(module)?;
    scheduler::register(module)?;
    attached::register(module)?;
    Ok(())
}
