//! Binding of the scheduler attached to a store: `AttachedScheduler`, and what its `Step`s came to.
//!
//! Invariant: the attachment's lock is taken before the engine's, both with the GIL released.

use std::sync::Mutex;

use pyk8s_core::scheduler::attached::{AttachError, AttachedScheduler, Step};
use pyk8s_core::scheduler::SchedulerEngine;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::collections::BTreeMap;

use crate::errors::store_error;
use crate::scheduler::{PyDecision, PySchedulerEngine};
use crate::store::Store;
use crate::watch::Notifier;

#[pyclass(frozen, name = "Step", module = "pyk8s._core")]
struct PyStep {
    inner: Step,
}

#[pymethods]
impl PyStep {
    #[getter]
    fn attempt_count(&self) -> usize {
        self.inner.attempt_count
    }

    #[getter]
    fn bound_count(&self) -> usize {
        self.inner.bound_count
    }

    #[getter]
    fn decisions(&self) -> Vec<PyDecision> {
        self.inner.decisions.iter().cloned().map(|inner| PyDecision { inner }).collect()
    }

    #[getter]
    fn failures(&self) -> Vec<(PyDecision, String)> {
        let failures = self.inner.failures.iter().cloned();
        failures.map(|(inner, why)| (PyDecision { inner }, why)).collect()
    }
}

#[pyclass(frozen, name = "AttachedScheduler", module = "pyk8s._core")]
struct PyAttachedScheduler {
    /// None once closed.
    inner: Mutex<Option<AttachedScheduler>>,
    engine: Py<PySchedulerEngine>,
}

fn raised(py: Python<'_>, error: AttachError) -> PyErr {
    match error {
        AttachError::Store(error) => store_error(py, error),
        AttachError::NoPrefix(_) => PyValueError::new_err(error.to_string()),
    }
}

impl PyAttachedScheduler {
    /// Runs `work` on the attachment and its engine without the GIL.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut AttachedScheduler, &mut SchedulerEngine) -> T + Send,
    ) -> PyResult<T> {
        let engine = self.engine.get();
        let done = py.detach(|| {
            let mut attached =
                self.inner.lock().expect("an attachment never panics half-way through a change");
            let attached = attached.as_mut()?;
            Some(work(attached, &mut engine.lock()))
        });
        done.ok_or_else(|| PyValueError::new_err("the scheduler is no longer attached"))
    }
}

#[pymethods]
impl PyAttachedScheduler {
    #[new]
    #[pyo3(signature = (engine, store, *, prefixes, event_template = &[][..], seed = 0, notifier = None))]
    fn new(
        py: Python<'_>,
        engine: Py<PySchedulerEngine>,
        store: PyRef<'_, Store>,
        prefixes: BTreeMap<String, String>,
        event_template: &[u8],
        seed: u64,
        notifier: Option<PyRef<'_, Notifier>>,
    ) -> PyResult<PyAttachedScheduler> {
        let prefixes: Vec<(String, String)> = prefixes.into_iter().collect();
        let (store, notifier) = (store.core.clone(), notifier.map(|n| n.core.clone()));
        let attached = py.detach(|| AttachedScheduler::new(store, &prefixes, event_template, seed, notifier));
        let inner = Mutex::new(Some(attached.map_err(|e| raised(py, e))?));
        Ok(PyAttachedScheduler { inner, engine })
    }

    #[pyo3(signature = (now_s, max_count = 100_000))]
    fn take_in(&self, py: Python<'_>, now_s: f64, max_count: usize) -> PyResult<usize> {
        self.with(py, |attached, engine| attached.take_in(engine, now_s, max_count))?
            .map_err(|e| raised(py, e))
    }

    #[pyo3(signature = (now_s, max_count = 1000))]
    fn step(&self, py: Python<'_>, now_s: f64, max_count: usize) -> PyResult<PyStep> {
        let step = self.with(py, |attached, engine| attached.step(engine, now_s, max_count))?;
        Ok(PyStep { inner: step.map_err(|e| raised(py, e))? })
    }

    fn settle(&self, py: Python<'_>, now_s: f64) -> PyResult<PyStep> {
        Ok(PyStep { inner: self.with(py, |attached, engine| attached.settle(engine, now_s))? })
    }

    fn bind(&self, py: Python<'_>, decision: PyRef<'_, PyDecision>, now_s: f64) -> PyResult<String> {
        let decision = decision.inner.clone();
        let outcome = self.with(py, |attached, engine| attached.bind(engine, decision, now_s))?;
        Ok(outcome.err().unwrap_or_default())
    }

    fn close(&self, py: Python<'_>) {
        let engine = self.engine.get();
        py.detach(|| {
            let mut attached =
                self.inner.lock().expect("an attachment never panics half-way through a change");
            if let Some(mut attached) = attached.take() {
                attached.close(&mut engine.lock());
            }
        });
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyStep>()?;
    module.add_class::<PyAttachedScheduler>()
}
