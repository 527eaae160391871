//! Binding of the patches: untyped ones as functions, typed ones as what `Scheme`'s methods call.

use pyk8s_core::object::managed_fields::{self, Update};
use pyk8s_core::object::patch_error::PatchError;
use pyk8s_core::object::structure::Structures;
use pyk8s_core::object::{json_patch, merge_patch, strategic};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::raise;

type Answer<'py> = PyResult<Bound<'py, PyBytes>>;

/// RFC 6902; see `pyk8s.core.interfaces.Patches`.
#[pyfunction(name = "json_patch")]
fn apply_json_patch<'py>(py: Python<'py>, original: &[u8], patch: &[u8]) -> Answer<'py> {
    answer(py, json_patch::json_patch(original, patch))
}

/// RFC 7386; see `pyk8s.core.interfaces.Patches`.
#[pyfunction(name = "merge_patch")]
fn apply_merge_patch<'py>(py: Python<'py>, original: &[u8], patch: &[u8]) -> Answer<'py> {
    answer(py, merge_patch::merge_patch(original, patch))
}

/// `Scheme.strategic_merge_patch`.
pub fn strategic_merge_patch<'py>(
    py: Python<'py>,
    structures: &Structures,
    kind: &str,
    original: &[u8],
    patch: &[u8],
) -> Answer<'py> {
    answer(py, strategic::strategic_merge_patch(structures, kind, original, patch))
}

/// `Scheme.update_managed_fields`.
pub fn update_managed_fields<'py>(
    py: Python<'py>,
    structures: &Structures,
    kind: &str,
    (old, new): (&[u8], &[u8]),
    update: &Update<'_>,
) -> Answer<'py> {
    match managed_fields::update_managed_fields(structures, kind, old, new, update) {
        Ok(object) => Ok(PyBytes::new(py, &object)),
        Err(message) => Err(raise(py, "DecodeError", (message,))),
    }
}

fn answer(py: Python<'_>, outcome: Result<Vec<u8>, PatchError>) -> Answer<'_> {
    match outcome {
        Ok(object) => Ok(PyBytes::new(py, &object)),
        Err(error) => Err(raise(py, "PatchError", (error.reason.name(), error.message, error.value))),
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(apply_json_patch, module)?)?;
    module.add_function(wrap_pyfunction!(apply_merge_patch, module)?)
}
