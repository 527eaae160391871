//! The engine of pyk8s: everything that needs speed and no Python.
//!
//! Invariant: nothing here reads a clock, a random generator or an environment variable;
//! time, randomness and uids are arguments.
//! Not here: any knowledge of Python (see `rust/python`) or of HTTP (see `server/`).

pub mod object;
pub mod scheduler;
pub mod selector;
pub mod store;
