//! Keys of one tree node, with eight bytes of each beside them, so that a search touches one or two keys only.
//!
//! Invariant: keys rise; all begin with the same `shared_len` bytes; `hints[i]` is what follows them in `keys[i]`,
//! eight bytes, the first the most significant, zeros behind a shorter key. So hints never fall.
//! Not here: the tree (see `tree`).

use std::cmp::Ordering;
use std::sync::Arc;

/// A key that sorts by its bytes first; without bytes it sorts as it likes.
pub trait TreeKey: Ord + Clone {
    fn bytes(&self) -> &[u8] {
        &[]
    }
}

impl TreeKey for Arc<str> {
    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl TreeKey for i64 {}

#[derive(Clone)]
pub struct NodeKeys<K> {
    keys: Vec<K>,
    hints: Vec<u64>,
    shared_len: usize,
}

impl<K: TreeKey> NodeKeys<K> {
    pub fn new(keys: Vec<K>) -> Self {
        let mut made = Self { keys, hints: Vec::new(), shared_len: 0 };
        made.learn();
        made
    }

    pub fn as_slice(&self) -> &[K] {
        &self.keys
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Where the key is, or would be. `bytes` are those of the key looked for, `order` compares with all of it.
    pub fn find(&self, bytes: &[u8], order: &impl Fn(&K) -> Ordering) -> Result<usize, usize> {
        let Some(first) = self.keys.first() else { return Err(0) };
        let shared = &first.bytes()[..self.shared_len];
        if !bytes.starts_with(shared) {
            return self.keys.binary_search_by(order);
        }
        let hint = hint_of(bytes, self.shared_len);
        let start = self.hints.partition_point(|other| *other < hint);
        let alike = self.hints[start..].partition_point(|other| *other == hint);
        match self.keys[start..start + alike].binary_search_by(order) {
            Ok(at) => Ok(start + at),
            Err(at) => Err(start + at),
        }
    }

    pub fn insert(&mut self, at: usize, key: K) {
        let is_alike = self.keys.first().is_some_and(|first| {
            let shared = &first.bytes()[..self.shared_len];
            key.bytes().starts_with(shared)
        });
        if is_alike {
            self.hints.insert(at, hint_of(key.bytes(), self.shared_len));
            self.keys.insert(at, key);
        } else {
            self.keys.insert(at, key);
            self.learn();
        }
    }

    pub fn remove(&mut self, at: usize) -> K {
        self.hints.remove(at);
        self.keys.remove(at)
    }

    pub fn pop(&mut self) -> Option<K> {
        self.hints.pop();
        self.keys.pop()
    }

    pub fn split_off(&mut self, at: usize) -> Self {
        let right = Self::new(self.keys.split_off(at));
        self.learn();
        right
    }

    pub fn extend(&mut self, keys: impl IntoIterator<Item = K>) {
        self.keys.extend(keys);
        self.learn();
    }

    pub fn into_vec(self) -> Vec<K> {
        self.keys
    }

    /// Finds out anew what the keys share: as they rise, what the first and the last do.
    fn learn(&mut self) {
        self.shared_len = match (self.keys.first(), self.keys.last()) {
            (Some(first), Some(last)) => {
                let pairs = first.bytes().iter().zip(last.bytes());
                pairs.take_while(|(a, b)| a == b).count()
            }
            _ => 0,
        };
        self.hints.clear();
        self.hints.extend(self.keys.iter().map(|key| hint_of(key.bytes(), self.shared_len)));
    }
}

/// The eight bytes behind the shared ones.
fn hint_of(bytes: &[u8], shared_len: usize) -> u64 {
    let rest = &bytes[shared_len..];
    if let Some(eight) = rest.first_chunk::<8>() {
        return u64::from_be_bytes(*eight);
    }
    let mut padded = [0; 8];
    padded[..rest.len()].copy_from_slice(rest);
    u64::from_be_bytes(padded)
}
