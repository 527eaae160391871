//! Reads a transaction's compares and operations from Python's tuples.
//!
//! Invariant: what is refused here is refused by the reference in the same words.
//! Not here: what they mean (see `pyk8s_core::store::txn`).

use pyk8s_core::store::txn::{Comparator, Compare, Operand, Operation, Target};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

pub fn read_compare(item: &Bound<'_, PyAny>) -> PyResult<Compare> {
    let (key, target, operator, operand): (String, String, String, Bound<'_, PyAny>) = item.extract()?;
    let target = match target.as_str() {
        "mod" => Target::Mod,
        "create" => Target::Create,
        "version" => Target::Version,
        "value" => Target::Value,
        other => return Err(PyValueError::new_err(format!("unknown compare target {other}"))),
    };
    let comparator = match operator.as_str() {
        "=" => Comparator::Equal,
        "!=" => Comparator::NotEqual,
        "<" => Comparator::Less,
        ">" => Comparator::Greater,
        other => return Err(PyValueError::new_err(format!("unknown compare operator {other}"))),
    };
    let operand = match operand.cast::<PyBytes>() {
        Ok(bytes) => Operand::Bytes(bytes.as_bytes().to_vec()),
        Err(_) => Operand::Number(operand.extract()?),
    };
    Ok(Compare { key, target, comparator, operand })
}

pub fn read_operations(operations: &Bound<'_, PyAny>) -> PyResult<Vec<Operation>> {
    operations.try_iter()?.map(|item| read_operation(item?.cast::<PyTuple>()?)).collect()
}

fn read_operation(item: &Bound<'_, PyTuple>) -> PyResult<Operation> {
    let (verb, key): (String, String) = (item.get_item(0)?.extract()?, item.get_item(1)?.extract()?);
    match (verb.as_str(), item.len()) {
        ("put", 4) => {
            let value = item.get_item(2)?;
            let value = value.cast::<PyBytes>()?.as_bytes().to_vec();
            Ok(Operation::Put { key, value, lease: item.get_item(3)?.extract()? })
        }
        ("delete", 2) => Ok(Operation::Delete { key }),
        ("get", 2) => Ok(Operation::Get { key }),
        ("put" | "delete" | "get", length) => {
            Err(PyTypeError::new_err(format!("operation {verb} does not have {length} parts")))
        }
        _ => Err(PyValueError::new_err(format!("unknown operation {verb}"))),
    }
}
