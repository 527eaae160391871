//! Binding of the selector room: `Selection`.

use std::collections::HashMap;
use std::sync::Arc;

use pyk8s_core::selector::{Selection as CoreSelection, SelectorError};
use pyo3::prelude::*;
use pyo3::types::PyMapping;

use crate::errors::raise;

/// A label selector and a field selector, both parsed.
#[pyclass(frozen, module = "pyk8s._core", name = "Selection")]
pub struct Selection {
    /// What other rooms of the binding hand to the core.
    pub core: Arc<CoreSelection>,
}

fn built(py: Python<'_>, parsed: Result<CoreSelection, SelectorError>) -> PyResult<Selection> {
    parsed
        .map(|core| Selection { core: Arc::new(core) })
        .map_err(|error| raise(py, "SelectorError", (error.0,)))
}

fn text_map(mapping: &Bound<'_, PyMapping>) -> PyResult<HashMap<String, String>> {
    mapping.items()?.iter().map(|item| item.extract()).collect()
}

#[pymethods]
impl Selection {
    #[new]
    #[pyo3(signature = (labels = "", fields = ""))]
    fn new(py: Python<'_>, labels: &str, fields: &str) -> PyResult<Self> {
        built(py, CoreSelection::parse(labels, fields))
    }

    #[staticmethod]
    fn from_label_selector(py: Python<'_>, selector: &[u8]) -> PyResult<Self> {
        built(py, CoreSelection::from_label_selector(selector))
    }

    fn matches(&self, labels: &Bound<'_, PyMapping>, fields: &Bound<'_, PyMapping>) -> PyResult<bool> {
        let (labels, fields) = (text_map(labels)?, text_map(fields)?);
        Ok(self.core.matches(
            |key| labels.get(key).map(String::as_str),
            |name| fields.get(name).map_or("", String::as_str),
        ))
    }

    #[getter]
    fn is_everything(&self) -> bool {
        self.core.is_everything()
    }

    #[getter]
    fn is_nothing(&self) -> bool {
        self.core.is_nothing()
    }

    #[getter]
    fn field_requirements(&self) -> Vec<(&str, &'static str, &str)> {
        let operator = |is_equal| if is_equal { "=" } else { "!=" };
        self.core
            .field_terms()
            .iter()
            .map(|term| (&*term.field, operator(term.is_equal), &*term.value))
            .collect()
    }

    #[getter]
    fn label_requirements(&self) -> Vec<(&str, &'static str, Vec<&str>)> {
        let told = self.core.label_requirements().iter();
        told.map(|r| (r.key(), r.operator().name(), r.values().iter().map(|value| &**value).collect()))
            .collect()
    }

    fn __str__(&self) -> String {
        self.core.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Selection {:?}>", self.core.to_string())
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Selection>()
}
