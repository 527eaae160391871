//! Binding of the object room.

use pyk8s_core::object::managed_fields::Update;
use pyk8s_core::object::scheme::{DecodeError, DecodedBody, Scheme};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::raise;
use crate::patches;

/// Everything that depends on the built-in types; see `pyk8s.core.interfaces.Scheme`.
#[pyclass(name = "Scheme", module = "pyk8s._core", frozen)]
pub struct PyScheme(pub Scheme);

/// A body read as its kind; see `pyk8s.core.interfaces.Decoded`.
#[pyclass(name = "Decoded", module = "pyk8s._core", frozen)]
pub struct PyDecoded(DecodedBody);

#[pymethods]
impl PyDecoded {
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.value)
    }

    #[getter]
    fn problems(&self) -> Vec<String> {
        self.0.problems.clone()
    }
}

#[pymethods]
impl PyScheme {
    #[new]
    fn new(py: Python<'_>, tables: &[u8]) -> PyResult<Self> {
        Scheme::new(tables).map(PyScheme).map_err(|error| decode_error(py, error))
    }

    fn decode_json(&self, py: Python<'_>, kind: &str, body: &[u8]) -> PyResult<PyDecoded> {
        self.0.decode_json(kind, body).map(PyDecoded).map_err(|error| decode_error(py, error))
    }

    #[pyo3(signature = (body, kind = ""))]
    fn decode_protobuf<'py>(
        &self,
        py: Python<'py>,
        body: &[u8],
        kind: &str,
    ) -> PyResult<(String, Bound<'py, PyBytes>)> {
        let (kind, value) = self.0.decode_protobuf(body, kind).map_err(|error| decode_error(py, error))?;
        Ok((kind, PyBytes::new(py, &value)))
    }

    fn strategic_merge_patch<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        original: &[u8],
        patch: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        patches::strategic_merge_patch(py, &self.0.structures, kind, original, patch)
    }

    #[expect(clippy::too_many_arguments, reason = "the contract's keyword arguments")]
    #[pyo3(signature = (kind, old, new, *, manager, time, subresource = "", reset_fields = Vec::new()))]
    fn update_managed_fields<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        old: &[u8],
        new: &[u8],
        manager: &str,
        time: &str,
        subresource: &str,
        reset_fields: Vec<String>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let update = Update { manager, time, subresource, reset_fields: &reset_fields };
        patches::update_managed_fields(py, &self.0.structures, kind, (old, new), &update)
    }

    #[pyo3(name = "default")]
    fn default_<'py>(&self, py: Python<'py>, kind: &str, value: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let value = self.0.default(kind, value).map_err(|error| decode_error(py, error))?;
        Ok(PyBytes::new(py, &value))
    }
}

fn decode_error(py: Python<'_>, error: DecodeError) -> PyErr {
    raise(py, "DecodeError", (error.message, error.cause))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyScheme>()?;
    module.add_class::<PyDecoded>()
}
