//! Maps the core's error enums to the classes of `pyk8s.errors`, one to one.
//!
//! Invariant: every variant has one class; `tests/contract/test_errors.py` walks them all.

use pyo3::call::PyCallArgs;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// Builds the exception `pyk8s.errors.<class>(*args)`.
pub fn raise<'py, A: PyCallArgs<'py>>(py: Python<'py>, class: &str, args: A) -> PyErr {
    let built =
        py.import("pyk8s.errors").and_then(|module| module.getattr(class)).and_then(|kind| kind.call1(args));
    match built {
        Ok(value) => PyErr::from_value(value),
        Err(trouble) => PyRuntimeError::new_err(format!("pyk8s.errors.{class}: {trouble}")),
    }
}
