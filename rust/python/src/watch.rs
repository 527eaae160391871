//! Binding of the store's watches: `Watch`, its `Event`s, and the `Notifier`.
//!
//! Invariant: a watch that Python lets go of is closed.
//! Not here: making them (see `store`).

use std::sync::Arc;

use pyk8s_core::store::encode;
use pyk8s_core::store::notifier::Notifier as CoreNotifier;
use pyk8s_core::store::version::Event as CoreEvent;
use pyk8s_core::store::watch::{Budget, Watcher};
use pyk8s_core::store::Store as CoreStore;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::errors::store_error;
use crate::gil::detached;
use crate::store::KeyValue;

/// One change as one watcher sees it.
#[pyclass(frozen, module = "pyk8s._core")]
pub struct Event {
    core: CoreEvent,
}

#[pymethods]
impl Event {
    #[getter]
    fn r#type(&self) -> &'static str {
        self.core.kind.name()
    }

    #[getter]
    fn kv(&self) -> KeyValue {
        KeyValue { core: self.core.version().clone() }
    }

    #[getter]
    fn prev_value<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.core.change.previous.as_ref().map(|previous| PyBytes::new(py, &previous.value))
    }

    #[getter]
    fn revision(&self) -> i64 {
        self.core.revision()
    }

    fn __repr__(&self) -> String {
        format!("<Event {} {} @{}>", self.r#type(), self.core.change.key(), self.core.revision())
    }
}

/// One watcher; closed when it is dropped.
#[pyclass(frozen, module = "pyk8s._core")]
pub struct Watch {
    pub store: Arc<CoreStore>,
    pub core: Arc<Watcher>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.store.close_watch(&self.core);
    }
}

#[pymethods]
impl Watch {
    #[getter]
    fn id(&self) -> u64 {
        self.core.id
    }

    #[getter]
    fn progress_revision(&self) -> i64 {
        self.store.progress_revision(&self.core)
    }

    #[pyo3(signature = (max_count = 1000))]
    fn poll<'py>(&self, py: Python<'py>, max_count: usize) -> PyResult<Bound<'py, PyList>> {
        let events = self.take(py, Budget::Count(max_count))?;
        PyList::new(py, events.into_iter().map(|core| Event { core }))
    }

    #[pyo3(signature = (max_bytes = 1_048_576))]
    fn poll_encoded<'py>(&self, py: Python<'py>, max_bytes: usize) -> PyResult<Bound<'py, PyBytes>> {
        let events = self.take(py, Budget::Bytes(max_bytes))?;
        PyBytes::new_with(py, encode::lines_len(&events), |out| {
            encode::write_lines(&events, out);
            Ok(())
        })
    }

    fn close(&self) {
        self.store.close_watch(&self.core);
    }
}

impl Watch {
    fn take(&self, py: Python<'_>, mut budget: Budget) -> PyResult<Vec<CoreEvent>> {
        // Only reading the log takes long; the queue is there at once.
        let queued = self.core.poll_queued(&mut budget).map_err(|error| store_error(py, error))?;
        match queued {
            Some(events) => Ok(events),
            None => {
                let polled = detached(py, || self.store.poll(&self.core, budget));
                polled.map_err(|error| store_error(py, error))
            }
        }
    }
}

/// Tells one event loop which of its watches became readable.
#[pyclass(frozen, module = "pyk8s._core")]
pub struct Notifier {
    pub core: Arc<CoreNotifier>,
}

#[pymethods]
impl Notifier {
    fn fileno(&self) -> PyResult<i32> {
        self.core.descriptor().ok_or_else(|| PyValueError::new_err("notifier is closed"))
    }

    fn ready(&self) -> Vec<u64> {
        self.core.ready()
    }

    fn close(&self) {
        self.core.close();
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Event>()?;
    module.add_class::<Watch>()?;
    module.add_class::<Notifier>()
}
