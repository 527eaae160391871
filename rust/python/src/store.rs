//! Binding of the store room: `Store`, and what it hands out.
//!
//! Invariant: every class is frozen and shares its data with the core; nothing is copied before Python asks for it.
//! Not here: watches (see `watch`), a transaction's parts (see `txn`), any decision; arguments are converted, the core is called, answers are converted back.

use std::path::PathBuf;
use std::sync::Arc;

use pyk8s_core::object::envelope::FieldSpec;
use pyk8s_core::store::encode;
use pyk8s_core::store::read::{Page, RangeQuery};
use pyk8s_core::store::recover::{OpenOptions, WAL_BYTES_MAX};
use pyk8s_core::store::txn::Transaction as CoreTransaction;
use pyk8s_core::store::version::Version;
use pyk8s_core::store::wal::Durability;
use pyk8s_core::store::watch::WatchOptions;
use pyk8s_core::store::write::{BatchWrite, Precondition};
use pyk8s_core::store::{Store as CoreStore, StoreError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::errors::store_error;
use crate::gil::detached;
use crate::selector::Selection;
use crate::txn::{read_compare, read_operations};
use crate::watch::{Notifier, Watch};

/// One version of one key.
#[pyclass(frozen, module = "pyk8s._core")]
pub struct KeyValue {
    pub core: Arc<Version>,
}

#[pymethods]
impl KeyValue {
    #[getter]
    fn key(&self) -> &str {
        &self.core.key
    }

    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.core.value)
    }

    #[getter]
    fn create_revision(&self) -> i64 {
        self.core.create_revision
    }

    #[getter]
    fn mod_revision(&self) -> i64 {
        self.core.mod_revision
    }

    #[getter]
    fn version(&self) -> i64 {
        self.core.version
    }

    #[getter]
    fn lease(&self) -> i64 {
        self.core.lease
    }

    fn __repr__(&self) -> String {
        format!("<KeyValue {} @{}>", self.core.key, self.core.mod_revision)
    }
}

#[pyclass(frozen, get_all, module = "pyk8s._core")]
pub struct RangeResult {
    items: Py<PyList>,
    more: bool,
    count: usize,
    revision: i64,
}

#[pyclass(frozen, get_all, module = "pyk8s._core")]
pub struct EncodedList {
    body: Py<PyBytes>,
    item_count: usize,
    more: bool,
    last_key: String,
    remaining_count: usize,
    revision: i64,
}

/// Outcome of `Store.txn`.
#[pyclass(frozen, get_all, module = "pyk8s._core")]
pub struct Transaction {
    succeeded: bool,
    revision: i64,
    results: Py<PyList>,
}

// A signature shows its default only when it is a literal.
const _: () = assert!(WAL_BYTES_MAX == 67_108_864);

/// A multi-version key-value store with watches.
#[pyclass(frozen, module = "pyk8s._core")]
pub struct Store {
    pub core: Arc<CoreStore>,
}

impl Store {
    /// Runs what may wait for a disk without the GIL, and what cannot with it: letting go costs as much as a put.
    fn write<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&CoreStore) -> Result<T, StoreError> + Send,
    ) -> PyResult<T> {
        let outcome =
            if self.core.is_journalled() { detached(py, || work(&self.core)) } else { work(&self.core) };
        outcome.map_err(|error| store_error(py, error))
    }

    fn run<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&CoreStore) -> Result<T, StoreError> + Send,
    ) -> PyResult<T> {
        detached(py, || work(&self.core)).map_err(|error| store_error(py, error))
    }

    fn put_if(
        &self,
        py: Python<'_>,
        key: &str,
        value: &[u8],
        lease: i64,
        precondition: Precondition,
    ) -> PyResult<KeyValue> {
        let core = self.write(py, |store| store.put(key, value, lease, precondition))?;
        Ok(KeyValue { core })
    }
}

#[pymethods]
impl Store {
    #[new]
    #[pyo3(signature = (*, objects = false))]
    fn new(objects: bool) -> Self {
        Self { core: Arc::new(CoreStore::new(objects)) }
    }

    #[staticmethod]
    #[pyo3(signature = (path, *, objects = false, durability = "buffered", wal_bytes_max = 67_108_864))]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        objects: bool,
        durability: &str,
        wal_bytes_max: u64,
    ) -> PyResult<Self> {
        let durability = match durability {
            "none" => Durability::None,
            "buffered" => Durability::Buffered,
            "fsync" => Durability::Fsync,
            other => return Err(PyValueError::new_err(format!("unknown durability {other}"))),
        };
        let options = OpenOptions { is_object_store: objects, durability, wal_bytes_max };
        let opened = detached(py, || CoreStore::open(&path, options));
        opened.map(|core| Self { core: Arc::new(core) }).map_err(|error| store_error(py, error))
    }

    #[getter]
    fn revision(&self) -> i64 {
        self.core.revision()
    }

    #[getter]
    fn compact_revision(&self) -> i64 {
        self.core.compact_revision()
    }

    #[getter]
    fn durable_revision(&self) -> i64 {
        self.core.durable_revision()
    }

    // -- reading ---------------------------------------------------------------------------------------------

    #[pyo3(signature = (key, revision = 0))]
    fn get(&self, py: Python<'_>, key: &str, revision: i64) -> PyResult<Option<KeyValue>> {
        match self.core.get(key, revision) {
            Ok(found) => Ok(found.map(|core| KeyValue { core })),
            Err(error) => Err(store_error(py, error)),
        }
    }

    #[pyo3(signature = (prefix, *, start_after = "", limit = 0, revision = 0, selection = None))]
    fn range(
        &self,
        py: Python<'_>,
        prefix: &str,
        start_after: &str,
        limit: usize,
        revision: i64,
        selection: Option<&Bound<'_, Selection>>,
    ) -> PyResult<RangeResult> {
        let selection = selection.map(|selection| selection.get().core.clone());
        let query = RangeQuery { prefix, start_after, limit, revision, selection: selection.as_deref() };
        let (page, count) = self.run(py, |store| {
            let page = store.range(query)?;
            let count = page.count(query);
            Ok((page, count))
        })?;
        let (more, revision) = (page.more, page.revision);
        let items = PyList::new(py, page.items.into_iter().map(|core| KeyValue { core }))?;
        Ok(RangeResult { items: items.unbind(), more, count, revision })
    }

    #[pyo3(signature = (prefix, *, start_after = "", limit = 0, revision = 0, selection = None, strip_type = true))]
    #[allow(clippy::too_many_arguments)]
    fn list_encoded(
        &self,
        py: Python<'_>,
        prefix: &str,
        start_after: &str,
        limit: usize,
        revision: i64,
        selection: Option<&Bound<'_, Selection>>,
        strip_type: bool,
    ) -> PyResult<EncodedList> {
        let selection = selection.map(|selection| selection.get().core.clone());
        let query = RangeQuery { prefix, start_after, limit, revision, selection: selection.as_deref() };
        let (page, remaining_count) = self.run(py, |store| {
            let page = store.range(query)?;
            let remaining_count = page.remaining_count(query);
            Ok((page, remaining_count))
        })?;
        let body = PyBytes::new_with(py, encode::list_len(&page.items, strip_type), |out| {
            encode::write_list(&page.items, strip_type, out);
            Ok(())
        })?;
        Ok(encoded_list(&page, body, remaining_count))
    }

    fn count(&self, prefix: &str) -> usize {
        self.core.count(prefix)
    }

    // -- writing ---------------------------------------------------------------------------------------------

    #[pyo3(signature = (key, value, *, lease = 0))]
    fn put(&self, py: Python<'_>, key: &str, value: &[u8], lease: i64) -> PyResult<KeyValue> {
        self.put_if(py, key, value, lease, Precondition::None)
    }

    #[pyo3(signature = (key, value, *, lease = 0))]
    fn create(&self, py: Python<'_>, key: &str, value: &[u8], lease: i64) -> PyResult<KeyValue> {
        self.put_if(py, key, value, lease, Precondition::Absent)
    }

    fn create_many(&self, py: Python<'_>, items: Vec<(String, PyBackedBytes)>) -> PyResult<Vec<i64>> {
        let create = |(key, value): (String, PyBackedBytes)| BatchWrite {
            key,
            value: value.to_vec(),
            lease: 0,
            precondition: Precondition::Absent,
        };
        let writes: Vec<BatchWrite> = items.into_iter().map(create).collect();
        let answers =
            detached(py, || self.core.put_batch(&writes)).map_err(|error| store_error(py, error))?;
        let revision = |answer: Result<i64, StoreError>| match answer {
            Err(StoreError::KeyExists { .. }) => Ok(0),
            other => other.map_err(|error| store_error(py, error)),
        };
        answers.into_iter().map(revision).collect()
    }

    #[pyo3(signature = (key, value, *, expected, lease = 0))]
    fn update(
        &self,
        py: Python<'_>,
        key: &str,
        value: &[u8],
        expected: i64,
        lease: i64,
    ) -> PyResult<KeyValue> {
        self.put_if(py, key, value, lease, Precondition::Revision(expected))
    }

    #[pyo3(signature = (key, *, expected = 0))]
    fn delete(&self, py: Python<'_>, key: &str, expected: i64) -> PyResult<KeyValue> {
        let core = self.write(py, |store| store.delete(key, expected))?;
        Ok(KeyValue { core })
    }

    #[pyo3(signature = (compares, success, failure = None))]
    fn txn(
        &self,
        py: Python<'_>,
        compares: &Bound<'_, PyAny>,
        success: &Bound<'_, PyAny>,
        failure: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Transaction> {
        let compares = compares.try_iter()?.map(|item| read_compare(&item?)).collect::<PyResult<Vec<_>>>()?;
        let success = read_operations(success)?;
        let failure = failure.map_or_else(|| Ok(Vec::new()), read_operations)?;
        let CoreTransaction { succeeded, revision, results } =
            self.write(py, |store| store.txn(&compares, &success, &failure))?;
        let results = results.into_iter().map(|result| result.map(|core| KeyValue { core }));
        Ok(Transaction { succeeded, revision, results: PyList::new(py, results)?.unbind() })
    }

    // -- watching --------------------------------------------------------------------------------------------

    #[pyo3(signature = (prefix, *, start_revision = 0, selection = None, notifier = None, backlog_max = 10_000))]
    fn watch(
        &self,
        py: Python<'_>,
        prefix: &str,
        start_revision: i64,
        selection: Option<&Bound<'_, Selection>>,
        notifier: Option<&Bound<'_, Notifier>>,
        backlog_max: usize,
    ) -> PyResult<Watch> {
        let options = WatchOptions {
            prefix: prefix.to_owned(),
            start_revision,
            selection: selection.map(|selection| selection.get().core.clone()),
            notifier: notifier.map(|notifier| notifier.get().core.clone()),
            backlog_max,
        };
        let core = self.core.watch(options).map_err(|error| store_error(py, error))?;
        Ok(Watch { store: self.core.clone(), core })
    }

    fn notifier(&self, py: Python<'_>) -> PyResult<Notifier> {
        let core = self.core.notifier().map_err(|error| store_error(py, error))?;
        Ok(Notifier { core: Arc::new(core) })
    }

    // -- configuration of an object store --------------------------------------------------------------------

    fn set_fields(
        &self,
        py: Python<'_>,
        prefix: &str,
        fields: Vec<(String, String, String)>,
    ) -> PyResult<()> {
        let specs =
            fields.iter().map(|(label, paths, default)| FieldSpec::new(label, paths, default)).collect();
        self.run(py, |store| store.set_fields(prefix, specs))
    }

    // -- time ------------------------------------------------------------------------------------------------

    #[pyo3(signature = (now_s, *, history_s = 300.0))]
    fn advance(&self, py: Python<'_>, now_s: f64, history_s: f64) -> PyResult<usize> {
        self.run(py, |store| store.advance(now_s, history_s))
    }

    #[pyo3(signature = (ttl_s, *, now_s, lease = 0))]
    fn lease_grant(&self, py: Python<'_>, ttl_s: f64, now_s: f64, lease: i64) -> PyResult<i64> {
        self.write(py, |store| store.lease_grant(ttl_s, now_s, lease))
    }

    #[pyo3(signature = (lease, *, now_s))]
    fn lease_keepalive(&self, py: Python<'_>, lease: i64, now_s: f64) -> PyResult<f64> {
        self.write(py, |store| store.lease_keepalive(lease, now_s))
    }

    fn lease_revoke(&self, py: Python<'_>, lease: i64) -> PyResult<usize> {
        self.write(py, |store| store.lease_revoke(lease))
    }

    // -- history ---------------------------------------------------------------------------------------------

    fn compact(&self, py: Python<'_>, revision: i64) -> PyResult<()> {
        self.run(py, |store| store.compact(revision))
    }

    #[pyo3(signature = (revision = 0))]
    fn fork(&self, py: Python<'_>, revision: i64) -> PyResult<Store> {
        let core = self.run(py, |store| store.fork(revision))?;
        Ok(Store { core: Arc::new(core) })
    }

    // -- files -----------------------------------------------------------------------------------------------

    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        self.run(py, |store| store.sync())
    }

    fn snapshot_save(&self, py: Python<'_>, path: PathBuf) -> PyResult<i64> {
        self.run(py, |store| store.snapshot_save(&path))
    }

    #[staticmethod]
    fn snapshot_restore(py: Python<'_>, snapshot: PathBuf, path: PathBuf) -> PyResult<()> {
        let restored = detached(py, || CoreStore::snapshot_restore(&snapshot, &path));
        restored.map_err(|error| store_error(py, error))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.run(py, |store| store.close())
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.core.stats();
        let dict = PyDict::new(py);
        let entries = [
            ("keys", stats.keys),
            ("revisions", stats.revisions),
            ("events", stats.events),
            ("leases", stats.leases),
            ("watchers", stats.watchers),
            ("value_bytes", stats.value_bytes),
            ("wal_bytes", stats.wal_bytes),
        ];
        entries.into_iter().try_for_each(|(name, value)| dict.set_item(name, value))?;
        Ok(dict)
    }
}

fn encoded_list(page: &Page, body: Bound<'_, PyBytes>, remaining_count: usize) -> EncodedList {
    EncodedList {
        body: body.unbind(),
        item_count: page.items.len(),
        more: page.more,
        last_key: page.last_key().to_owned(),
        remaining_count,
        revision: page.revision,
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<KeyValue>()?;
    module.add_class::<RangeResult>()?;
    module.add_class::<EncodedList>()?;
    module.add_class::<Transaction>()?;
    module.add_class::<Store>()
}
