//! Maps the core's error enums to the classes of `pyk8s.errors`, one to one.
//!
//! Invariant: every variant has one class; `tests/contract/test_errors.py` walks them all.

use pyk8s_core::store::StoreError;
use pyo3::call::PyCallArgs;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
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

/// The exception of a store's refusal.
pub fn store_error(py: Python<'_>, error: StoreError) -> PyErr {
    match error {
        StoreError::KeyExists { key } => raise(py, "KeyExists", (key,)),
        StoreError::KeyNotFound { key } => raise(py, "KeyNotFound", (key,)),
        StoreError::Conflict { key, expected, actual } => raise(py, "Conflict", (key, expected, actual)),
        StoreError::Compacted { revision, compact_revision } => {
            raise(py, "Compacted", (revision, compact_revision))
        }
        StoreError::FutureRevision { revision, current } => raise(py, "FutureRevision", (revision, current)),
        StoreError::WatchOverflow { backlog_max } => raise(py, "WatchOverflow", (backlog_max,)),
        StoreError::LeaseNotFound { lease } => raise(py, "LeaseNotFound", (lease,)),
        StoreError::Damaged { path, offset, detail } => raise(py, "StoreDamaged", (path, offset, detail)),
        StoreError::Version { path, found, supported } => raise(py, "StoreVersion", (path, found, supported)),
        StoreError::Locked { path } => raise(py, "StoreLocked", (path,)),
        StoreError::Object(error) => raise(py, "DecodeError", (error.to_string(),)),
        StoreError::Invalid(message) => PyValueError::new_err(message),
        StoreError::Io(error) => match error.raw_os_error() {
            // OSError picks its subclass by the number.
            Some(code) => {
                let text = error.to_string();
                let reason = text.rsplit_once(" (os error").map_or(text.as_str(), |(reason, _)| reason);
                PyOSError::new_err((code, reason.to_owned()))
            }
            None => PyOSError::new_err(error.to_string()),
        },
    }
}
