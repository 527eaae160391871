//! Binding of the scheduler room: `SchedulerEngine` and its `Decision`.
//!
//! Invariant: one lock around the engine, taken with the GIL released; no Python object is touched under it.

use pyk8s_core::scheduler::{Decision, SchedulerEngine, SchedulerError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::sync::{Mutex, MutexGuard};

use crate::errors::raise;
use crate::foreign::plugins_of;

#[pyclass(frozen, name = "Decision", module = "pyk8s._core")]
pub struct PyDecision {
    pub inner: Decision,
}

#[pymethods]
impl PyDecision {
    #[getter]
    fn uid(&self) -> &str {
        &self.inner.pod.uid
    }

    #[getter]
    fn namespace(&self) -> &str {
        &self.inner.pod.namespace
    }

    #[getter]
    fn name(&self) -> &str {
        &self.inner.pod.name
    }

    #[getter]
    fn outcome(&self) -> &'static str {
        self.inner.outcome.name()
    }

    #[getter]
    fn node_name(&self) -> &str {
        &self.inner.node_name
    }

    #[getter]
    fn message(&self) -> &str {
        &self.inner.message
    }

    #[getter]
    fn plugins(&self) -> Vec<String> {
        self.inner.plugins.clone()
    }

    #[getter]
    fn attempts(&self) -> u32 {
        self.inner.attempts
    }

    #[getter]
    fn binding<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.binding())
    }

    #[getter]
    fn writes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.writes)
    }

    #[getter]
    fn nominated_node_name(&self) -> &str {
        &self.inner.nominated_node_name
    }

    #[getter]
    fn victims(&self) -> Vec<(String, String, String)> {
        self.inner.victims.clone()
    }

    #[getter]
    fn cleared(&self) -> Vec<(String, String, String)> {
        self.inner.cleared.clone()
    }
}

#[pyclass(frozen, name = "SchedulerEngine", module = "pyk8s._core")]
pub struct PySchedulerEngine {
    inner: Mutex<SchedulerEngine>,
}

impl PySchedulerEngine {
    /// The engine, for as long as the guard is held. Not with the GIL.
    pub fn lock(&self) -> MutexGuard<'_, SchedulerEngine> {
        self.inner.lock().expect("the engine never panics half-way through a change")
    }

    /// Runs `work` on the engine without the GIL.
    fn with<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut SchedulerEngine) -> T + Send) -> T {
        py.detach(|| work(&mut self.lock()))
    }
}

fn raised(py: Python<'_>, error: SchedulerError) -> PyErr {
    match error {
        SchedulerError::Decode(text) => raise(py, "DecodeError", (text,)),
    }
}

#[pymethods]
impl PySchedulerEngine {
    #[new]
    #[pyo3(signature = (*, config = &[][..], seed = 0, is_indexed = true, plugins = None))]
    fn new(
        py: Python<'_>,
        config: &[u8],
        seed: u64,
        is_indexed: bool,
        plugins: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PySchedulerEngine> {
        let foreign = plugins_of(plugins)?;
        let engine = SchedulerEngine::with_plugins(config, seed, is_indexed, &foreign);
        let engine = engine.map_err(|e| raised(py, e))?;
        Ok(PySchedulerEngine { inner: Mutex::new(engine) })
    }

    fn set_node(&self, py: Python<'_>, node: &[u8]) -> PyResult<()> {
        self.with(py, |engine| engine.set_node(node)).map_err(|e| raised(py, e))
    }

    fn remove_node(&self, py: Python<'_>, name: &str) {
        self.with(py, |engine| engine.remove_node(name));
    }

    fn set_pod(&self, py: Python<'_>, pod: &[u8]) -> PyResult<()> {
        self.with(py, |engine| engine.set_pod(pod)).map_err(|e| raised(py, e))
    }

    fn remove_pod(&self, py: Python<'_>, uid: &str) {
        self.with(py, |engine| engine.remove_pod(uid));
    }

    fn set_object(&self, py: Python<'_>, kind: &str, obj: &[u8]) -> PyResult<()> {
        self.with(py, |engine| engine.set_object(kind, obj)).map_err(|e| raised(py, e))
    }

    fn remove_object(&self, py: Python<'_>, kind: &str, key: &str) {
        self.with(py, |engine| engine.remove_object(kind, key));
    }

    fn schedule_one(&self, py: Python<'_>, now_s: f64) -> Option<PyDecision> {
        self.with(py, |engine| engine.schedule_one(now_s)).map(|inner| PyDecision { inner })
    }

    #[pyo3(signature = (now_s, max_count = 100))]
    fn schedule(&self, py: Python<'_>, now_s: f64, max_count: usize) -> Vec<PyDecision> {
        let decisions = self.with(py, |engine| engine.schedule(now_s, max_count));
        decisions.into_iter().map(|inner| PyDecision { inner }).collect()
    }

    fn forget(&self, py: Python<'_>, uid: &str) -> bool {
        self.with(py, |engine| engine.forget(uid))
    }

    fn advance(&self, py: Python<'_>, now_s: f64) {
        self.with(py, |engine| engine.advance(now_s));
    }

    fn next_deadline_s(&self, py: Python<'_>) -> Option<f64> {
        self.with(py, |engine| engine.next_deadline_s())
    }

    fn evaluate<'py>(&self, py: Python<'py>, pod: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let answer = self.with(py, |engine| engine.evaluate(pod)).map_err(|e| raised(py, e))?;
        Ok(PyBytes::new(py, &answer))
    }

    fn evaluate_group<'py>(&self, py: Python<'py>, pods: Vec<Vec<u8>>) -> PyResult<Bound<'py, PyBytes>> {
        let pods: Vec<&[u8]> = pods.iter().map(Vec::as_slice).collect();
        let answer = self.with(py, |engine| engine.evaluate_group(&pods)).map_err(|e| raised(py, e))?;
        Ok(PyBytes::new(py, &answer))
    }

    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (queue, node_count, bound_count, assumed_count) = self.with(py, |engine| {
            (engine.counts(), engine.node_count(), engine.bound_count(), engine.assumed_count())
        });
        let counts = PyDict::new(py);
        for (name, count) in [
            ("active", queue.active),
            ("backoff", queue.backoff),
            ("unschedulable", queue.unschedulable),
            ("gated", queue.gated),
            ("nodes", node_count),
            ("bound", bound_count),
            ("assumed", assumed_count),
        ] {
            counts.set_item(name, count)?;
        }
        Ok(counts)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyDecision>()?;
    module.add_class::<PySchedulerEngine>()
}
