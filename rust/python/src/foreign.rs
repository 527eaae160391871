//! Binding of foreign plugins: Python objects as `ForeignPlugin`, node tables as Python objects with buffers.
//!
//! Invariant: the GIL is taken for each call of a plugin and released after it; the engine's lock is held meanwhile, so a
//! plugin must not call the engine.
//! Not here: what the answers mean (see `pyk8s_core::scheduler`).

use pyk8s_core::scheduler::{
    Column, ForeignPlugin, ForeignPlugins, ForeignPreFilter, NodeTable, PodRow, Refusal,
};
use pyo3::exceptions::{PyBufferError, PyKeyError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyString};
use std::os::raw::{c_int, c_void};
use std::sync::Arc;

/// Some nodes as columns: `pyk8s.core.scheduler_interface.NodeTable`.
#[pyclass(frozen, name = "NodeTable", module = "pyk8s._core")]
struct PyNodeTable {
    inner: NodeTable,
}

#[pymethods]
impl PyNodeTable {
    fn __len__(&self) -> usize {
        self.inner.len()
    }

    fn column(&self, name: &str) -> PyResult<PyColumn> {
        let column = self.inner.column(name).ok_or_else(|| PyKeyError::new_err(name.to_owned()))?;
        Ok(PyColumn::new(column))
    }

    fn allocatable(&self, resource: &str) -> PyColumn {
        PyColumn::new(self.inner.allocatable(resource))
    }

    fn requested(&self, resource: &str) -> PyColumn {
        PyColumn::new(self.inner.requested(resource))
    }

    fn names(&self) -> Vec<&str> {
        self.inner.nodes().iter().map(|node| node.name.as_str()).collect()
    }

    fn label(&self, key: &str) -> Vec<Option<&str>> {
        self.inner.nodes().iter().map(|node| node.label(key)).collect()
    }

    fn object<'py>(&self, py: Python<'py>, row: usize) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.nodes()[row].json)
    }

    fn pods(&self, row: usize) -> PyResult<Vec<PodRow>> {
        let rows = self.inner.pods(row).map(<[PodRow]>::to_vec);
        rows.ok_or_else(|| {
            PyValueError::new_err("a plugin sees the nodes' pods when it says: reads_pods = True")
        })
    }
}

/// A read-only buffer of 64-bit integers.
#[pyclass(frozen, name = "Column", module = "pyk8s._core")]
struct PyColumn {
    values: Column,
    shape: [ffi::Py_ssize_t; 1],
    strides: [ffi::Py_ssize_t; 1],
}

impl PyColumn {
    fn new(values: Column) -> PyColumn {
        let shape = [values.len() as ffi::Py_ssize_t];
        PyColumn { values, shape, strides: [size_of::<i64>() as ffi::Py_ssize_t] }
    }
}

#[pymethods]
impl PyColumn {
    fn __len__(&self) -> usize {
        self.values.len()
    }

    /// Lends the numbers without copying them.
    ///
    /// # Safety
    /// `view` is what CPython passes to a `bf_getbuffer`: null, or valid to be written. Everything it is made to point
    /// to lives as long as the column, which the view owns a reference of and which is never changed.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("there is no view to fill"));
        }
        if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE {
            return Err(PyBufferError::new_err("columns are read-only"));
        }
        let column = slf.get();
        let length = column.shape[0] * column.strides[0];
        let is_asked = |flag: c_int| flags & flag == flag;
        // SAFETY: see above; the owner is handed over to the view, which gives it back in PyBuffer_Release.
        unsafe {
            (*view).buf = column.values.as_ptr() as *mut c_void;
            (*view).len = length;
            (*view).itemsize = column.strides[0];
            (*view).readonly = 1;
            (*view).ndim = 1;
            (*view).format =
                if is_asked(ffi::PyBUF_FORMAT) { c"q".as_ptr() as *mut _ } else { std::ptr::null_mut() };
            (*view).shape =
                if is_asked(ffi::PyBUF_ND) { column.shape.as_ptr() as *mut _ } else { std::ptr::null_mut() };
            (*view).strides = if is_asked(ffi::PyBUF_STRIDES) {
                column.strides.as_ptr() as *mut _
            } else {
                std::ptr::null_mut()
            };
            (*view).suboffsets = std::ptr::null_mut();
            (*view).internal = std::ptr::null_mut();
            (*view).obj = slf.into_ptr();
        }
        Ok(())
    }
}

/// A Python object that fulfils `pyk8s.core.scheduler_interface.ForeignPlugin`.
struct PythonPlugin {
    object: Py<PyAny>,
    is_vectorised: bool,
    is_extender: bool,
    reads_pods: bool,
}

/// Why a node is refused: a reason alone, or a code and a reason.
#[derive(FromPyObject)]
enum Said {
    Coded((String, String)),
    Reason(String),
}

impl PythonPlugin {
    /// Calls the object; what it raises becomes the text of the exception.
    fn with<T>(&self, work: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>) -> Result<T, String> {
        Python::attach(|py| {
            work(self.object.bind(py)).map_err(|error| {
                let text = error.value(py).str().map(|text| text.to_string());
                text.unwrap_or_else(|_| error.to_string())
            })
        })
    }
}

impl ForeignPlugin for PythonPlugin {
    fn is_vectorised(&self) -> bool {
        self.is_vectorised
    }

    fn is_extender(&self) -> bool {
        self.is_extender
    }

    fn reads_pods(&self) -> bool {
        self.reads_pods
    }

    fn pre_filter(&self, pod: &[u8]) -> Result<ForeignPreFilter, String> {
        self.with(|plugin| {
            let answer = plugin.call_method1("pre_filter", (PyBytes::new(plugin.py(), pod),))?;
            if answer.is_none() {
                Ok(ForeignPreFilter::Run)
            } else if answer.is_instance_of::<PyBool>() {
                Ok(if answer.is_truthy()? { ForeignPreFilter::Run } else { ForeignPreFilter::Skip })
            } else if let Ok(reason) = answer.cast::<PyString>() {
                Ok(ForeignPreFilter::Refuse(reason.to_string()))
            } else {
                Ok(ForeignPreFilter::Nodes(answer.extract()?))
            }
        })
    }

    fn filter(&self, pod: &[u8], nodes: NodeTable) -> Result<Vec<Option<Refusal>>, String> {
        let count = nodes.len();
        self.with(|plugin| {
            let arguments = (PyBytes::new(plugin.py(), pod), PyNodeTable { inner: nodes });
            let said: Vec<Option<Said>> = plugin.call_method1("filter", arguments)?.extract()?;
            let refusal = |said| match said {
                Said::Coded(refusal) => refusal,
                Said::Reason(reason) => (String::new(), reason),
            };
            checked(said.into_iter().map(|each| each.map(refusal)).collect(), count)
        })
    }

    fn score(&self, pod: &[u8], nodes: NodeTable) -> Result<(Vec<i64>, Vec<i64>), String> {
        let count = nodes.len();
        self.with(|plugin| {
            let arguments = (PyBytes::new(plugin.py(), pod), PyNodeTable { inner: nodes });
            let (raw, normalised): (Vec<i64>, Vec<i64>) =
                plugin.call_method1("score", arguments)?.extract()?;
            Ok((checked(raw, count)?, checked(normalised, count)?))
        })
    }

    fn reserve(&self, pod: &[u8], node_name: &str) -> Result<Option<String>, String> {
        self.with(|plugin| {
            plugin.call_method1("reserve", (PyBytes::new(plugin.py(), pod), node_name))?.extract()
        })
    }

    fn unreserve(&self, pod: &[u8]) {
        // The contract forbids it to raise, and nothing could be done about it here.
        let _ =
            self.with(|plugin| plugin.call_method1("unreserve", (PyBytes::new(plugin.py(), pod),)).map(drop));
    }
}

fn checked<T>(values: Vec<T>, count: usize) -> PyResult<Vec<T>> {
    if values.len() == count {
        return Ok(values);
    }
    Err(PyTypeError::new_err(format!("{} values were returned for {count} nodes", values.len())))
}

/// The plugins of a mapping by name.
pub fn plugins_of(mapping: Option<&Bound<'_, PyDict>>) -> PyResult<ForeignPlugins> {
    let mut plugins = ForeignPlugins::new();
    for (name, object) in mapping.into_iter().flatten() {
        let plugin = PythonPlugin {
            is_vectorised: object.getattr("is_vectorised")?.is_truthy()?,
            is_extender: object.getattr("is_extender")?.is_truthy()?,
            reads_pods: object.getattr("reads_pods")?.is_truthy()?,
            object: object.unbind(),
        };
        plugins.insert(name.extract()?, Arc::new(plugin));
    }
    Ok(plugins)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyNodeTable>()?;
    module.add_class::<PyColumn>()
}
