//! Tree: an ordered map whose clone costs nothing and shares every node until one side writes.
//!
//! Invariant: keys rise from left to right; `bounds[i]` is above every key of `children[i]` and not above any key of
//! `children[i + 1]`; a child's `count` is the number of keys below it.
//! Invariant: a node that another tree shares is copied before it is changed.
//! Not here: what is stored (see `key_index`, `select_index`, `lease`).

use std::cmp::Ordering;
use std::sync::Arc;

use super::node_keys::{NodeKeys, TreeKey};

/// Entries of a node. A copy after a fork moves two times as many words; lookups need log2 of it compares a level.
const NODE_MAX: usize = 64;
/// A node this small joins a neighbour when both fit into one.
const NODE_SMALL: usize = NODE_MAX / 4;

pub struct Tree<K, V> {
    root: Arc<Node<K, V>>,
    len: usize,
}

#[derive(Clone)]
enum Node<K, V> {
    Leaf { keys: NodeKeys<K>, values: Vec<V> },
    Inner { bounds: NodeKeys<K>, children: Vec<Child<K, V>> },
}

struct Child<K, V> {
    node: Arc<Node<K, V>>,
    count: usize,
}

impl<K, V> Clone for Child<K, V> {
    fn clone(&self) -> Self {
        Self { node: self.node.clone(), count: self.count }
    }
}

impl<K, V> Clone for Tree<K, V> {
    fn clone(&self) -> Self {
        Self { root: self.root.clone(), len: self.len }
    }
}

impl<K: TreeKey, V> Default for Tree<K, V> {
    fn default() -> Self {
        Self { root: Arc::new(Node::Leaf { keys: NodeKeys::new(Vec::new()), values: Vec::new() }), len: 0 }
    }
}

impl<K: TreeKey, V: Clone> Tree<K, V> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value whose key `order` calls equal; `order` tells how a stored key stands to the one looked for, whose
    /// bytes are `bytes`.
    pub fn get_by(&self, bytes: &[u8], order: impl Fn(&K) -> Ordering) -> Option<&V> {
        let mut node = &*self.root;
        loop {
            match node {
                Node::Leaf { keys, values } => return keys.find(bytes, &order).ok().map(|at| &values[at]),
                Node::Inner { bounds, children } => node = &children[child_at(bounds, bytes, &order)].node,
            }
        }
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.get_by(key.bytes(), |stored| stored.cmp(key))
    }

    /// The value to be changed in place; copies the shared nodes on the way.
    pub fn get_mut_by(&mut self, bytes: &[u8], order: impl Fn(&K) -> Ordering) -> Option<&mut V> {
        let mut node = Arc::make_mut(&mut self.root);
        loop {
            match node {
                Node::Leaf { keys, values } => {
                    return keys.find(bytes, &order).ok().map(|at| &mut values[at]);
                }
                Node::Inner { bounds, children } => {
                    let at = child_at(bounds, bytes, &order);
                    node = Arc::make_mut(&mut children[at].node);
                }
            }
        }
    }

    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.get_mut_by(key.bytes(), |stored| stored.cmp(key))
    }

    /// Puts the value under the key; returns the one it replaced.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let (replaced, split) = Arc::make_mut(&mut self.root).insert(key, value);
        if let Some((bound, right)) = split {
            let left = std::mem::take(self).root;
            let children = vec![Child::of(left), Child::of(right)];
            self.root = Arc::new(Node::Inner { bounds: NodeKeys::new(vec![bound]), children });
            self.len = self.root.count();
        } else if replaced.is_none() {
            self.len += 1;
        }
        replaced
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let removed = Arc::make_mut(&mut self.root).remove(key)?;
        self.len -= 1;
        while let Node::Inner { children, .. } = &*self.root {
            match children.len() {
                0 => self.root = Self::default().root,
                1 => self.root = children[0].node.clone(),
                _ => break,
            }
        }
        Some(removed)
    }

    /// Number of keys that `order` calls less. Cost: O(log n).
    pub fn rank_by(&self, order: impl Fn(&K) -> Ordering) -> usize {
        let (mut node, mut rank) = (&*self.root, 0);
        loop {
            match node {
                Node::Leaf { keys, .. } => {
                    return rank + keys.as_slice().partition_point(|stored| order(stored) == Ordering::Less);
                }
                Node::Inner { bounds, children } => {
                    let at = bounds.as_slice().partition_point(|bound| order(bound) == Ordering::Less);
                    rank += children[..at].iter().map(|child| child.count).sum::<usize>();
                    node = &children[at].node;
                }
            }
        }
    }

    /// Entries in order, from the first key that `order` does not call less.
    pub fn iter_from(&self, order: impl Fn(&K) -> Ordering) -> Iter<'_, K, V> {
        let (mut path, mut node) = (Vec::with_capacity(4), &*self.root);
        loop {
            match node {
                Node::Leaf { keys, values } => {
                    let at = keys.as_slice().partition_point(|stored| order(stored) == Ordering::Less);
                    return Iter { path, keys: &keys.as_slice()[at..], values: &values[at..] };
                }
                Node::Inner { bounds, children } => {
                    let at = bounds.as_slice().partition_point(|bound| order(bound) == Ordering::Less);
                    path.push(&children[at + 1..]);
                    node = &children[at].node;
                }
            }
        }
    }

    pub fn iter(&self) -> Iter<'_, K, V> {
        self.iter_from(|_| Ordering::Greater)
    }
}

impl<K: TreeKey, V: Clone> FromIterator<(K, V)> for Tree<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut tree = Self::default();
        for (key, value) in entries {
            tree.insert(key, value);
        }
        tree
    }
}

/// Entries in rising order of their keys.
pub struct Iter<'a, K, V> {
    path: Vec<&'a [Child<K, V>]>,
    keys: &'a [K],
    values: &'a [V],
}

impl<'a, K: TreeKey, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        while self.keys.is_empty() {
            let siblings = self.path.last_mut()?;
            let Some((first, rest)) = siblings.split_first() else {
                self.path.pop();
                continue;
            };
            *siblings = rest;
            match &*first.node {
                Node::Leaf { keys, values } => (self.keys, self.values) = (keys.as_slice(), values),
                Node::Inner { children, .. } => self.path.push(children),
            }
        }
        let ((key, keys), (value, values)) = (self.keys.split_first()?, self.values.split_first()?);
        (self.keys, self.values) = (keys, values);
        Some((key, value))
    }
}

/// Which child may hold the key: the one after the last bound that is not above it.
fn child_at<K: TreeKey>(bounds: &NodeKeys<K>, bytes: &[u8], order: &impl Fn(&K) -> Ordering) -> usize {
    match bounds.find(bytes, order) {
        Ok(at) => at + 1,
        Err(at) => at,
    }
}

impl<K: TreeKey, V: Clone> Child<K, V> {
    fn of(node: Arc<Node<K, V>>) -> Self {
        Self { count: node.count(), node }
    }
}

type Split<K, V> = Option<(K, Arc<Node<K, V>>)>;

impl<K: TreeKey, V: Clone> Node<K, V> {
    fn count(&self) -> usize {
        match self {
            Node::Leaf { keys, .. } => keys.len(),
            Node::Inner { children, .. } => children.iter().map(|child| child.count).sum(),
        }
    }

    /// Entries of a leaf, children of an inner node.
    fn width(&self) -> usize {
        match self {
            Node::Leaf { keys, .. } => keys.len(),
            Node::Inner { children, .. } => children.len(),
        }
    }

    fn insert(&mut self, key: K, value: V) -> (Option<V>, Split<K, V>) {
        match self {
            Node::Leaf { keys, values } => match keys.find(key.bytes(), &|stored: &K| stored.cmp(&key)) {
                Ok(at) => (Some(std::mem::replace(&mut values[at], value)), None),
                Err(at) => {
                    keys.insert(at, key);
                    values.insert(at, value);
                    (None, split_leaf(keys, values, at))
                }
            },
            Node::Inner { bounds, children } => {
                let at = child_at(bounds, key.bytes(), &|stored: &K| stored.cmp(&key));
                let (replaced, split) = Arc::make_mut(&mut children[at].node).insert(key, value);
                if let Some((bound, right)) = split {
                    children[at] = Child::of(children[at].node.clone());
                    bounds.insert(at, bound);
                    children.insert(at + 1, Child::of(right));
                    return (replaced, split_inner(bounds, children, at + 1));
                }
                children[at].count += usize::from(replaced.is_none());
                (replaced, None)
            }
        }
    }

    fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Node::Leaf { keys, values } => {
                let at = keys.find(key.bytes(), &|stored: &K| stored.cmp(key)).ok()?;
                keys.remove(at);
                Some(values.remove(at))
            }
            Node::Inner { bounds, children } => {
                let at = child_at(bounds, key.bytes(), &|stored: &K| stored.cmp(key));
                let removed = Arc::make_mut(&mut children[at].node).remove(key)?;
                children[at].count -= 1;
                if children[at].count == 0 {
                    children.remove(at);
                    if bounds.len() > 0 {
                        bounds.remove(at.saturating_sub(1));
                    }
                } else if children[at].node.width() < NODE_SMALL && children.len() > 1 {
                    join_neighbours(bounds, children, at.min(children.len() - 2));
                }
                Some(removed)
            }
        }
    }
}

/// Halves a leaf that is too wide. A key appended at the end goes alone: rising keys leave full leaves behind.
fn split_leaf<K: TreeKey, V: Clone>(keys: &mut NodeKeys<K>, values: &mut Vec<V>, at: usize) -> Split<K, V> {
    if keys.len() <= NODE_MAX {
        return None;
    }
    let middle = if at + 1 == keys.len() { at } else { keys.len() / 2 };
    let right = Node::Leaf { keys: keys.split_off(middle), values: values.split_off(middle) };
    let Node::Leaf { keys, .. } = &right else { unreachable!("built as a leaf in the line above") };
    Some((keys.as_slice()[0].clone(), Arc::new(right)))
}

fn split_inner<K: TreeKey, V: Clone>(
    bounds: &mut NodeKeys<K>,
    children: &mut Vec<Child<K, V>>,
    at: usize,
) -> Split<K, V> {
    if children.len() <= NODE_MAX {
        return None;
    }
    let middle = if at + 1 == children.len() { at } else { children.len() / 2 };
    let right = Node::Inner { children: children.split_off(middle), bounds: bounds.split_off(middle) };
    let bound = bounds.pop().expect("a node too wide has a bound left of its middle");
    Some((bound, Arc::new(right)))
}

/// Joins the children `at` and `at + 1` when they fit into one node.
fn join_neighbours<K: TreeKey, V: Clone>(
    bounds: &mut NodeKeys<K>,
    children: &mut Vec<Child<K, V>>,
    at: usize,
) {
    if children[at].node.width() + children[at + 1].node.width() > NODE_MAX {
        return;
    }
    let right = children.remove(at + 1);
    let bound = bounds.remove(at);
    let left = &mut children[at];
    left.count += right.count;
    match (Arc::make_mut(&mut left.node), Arc::unwrap_or_clone(right.node)) {
        (Node::Leaf { keys, values }, Node::Leaf { keys: more_keys, values: more_values }) => {
            keys.extend(more_keys.into_vec());
            values.extend(more_values);
        }
        (
            Node::Inner { bounds: low, children: nodes },
            Node::Inner { bounds: high, children: more_nodes },
        ) => {
            low.extend(std::iter::once(bound).chain(high.into_vec()));
            nodes.extend(more_nodes);
        }
        _ => unreachable!("all leaves of a tree are at the same depth"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    impl TreeKey for u32 {}

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn behaves_as_a_btree_map(steps in prop::collection::vec((0u32..600, any::<bool>()), 1..1500)) {
            let (mut tree, mut model) = (Tree::default(), BTreeMap::new());
            let mut forks = Vec::new();
            for (step, (key, is_removed)) in steps.into_iter().enumerate() {
                if is_removed {
                    prop_assert_eq!(tree.remove(&key), model.remove(&key));
                } else {
                    prop_assert_eq!(tree.insert(key, step), model.insert(key, step));
                }
                if step % 200 == 0 {
                    forks.push((tree.clone(), model.clone()));
                }
                prop_assert_eq!(tree.rank_by(|k| k.cmp(&key)), model.range(..key).count());
            }
            forks.push((tree, model));
            for (tree, model) in forks {
                prop_assert_eq!(tree.len(), model.len());
                prop_assert!(tree.iter().eq(model.iter()));
                prop_assert!(tree.iter_from(|k| k.cmp(&300)).eq(model.range(300..)));
                prop_assert!(model.iter().all(|(key, value)| tree.get(key) == Some(value)));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn texts_that_share_their_beginnings_are_told_apart(
            steps in prop::collection::vec(("(/pods/|/pods/default/|/n)?[ab\0é]{0,12}", any::<bool>()), 1..800),
        ) {
            let (mut tree, mut model) = (Tree::default(), BTreeMap::new());
            for (step, (key, is_removed)) in steps.into_iter().enumerate() {
                let key: Arc<str> = key.into();
                if is_removed {
                    prop_assert_eq!(tree.remove(&key), model.remove(&key));
                } else {
                    prop_assert_eq!(tree.insert(key.clone(), step), model.insert(key.clone(), step));
                }
                prop_assert_eq!(tree.get(&key), model.get(&key));
            }
            prop_assert!(tree.iter().eq(model.iter()));
            prop_assert!(model.iter().all(|(key, value)| tree.get(key) == Some(value)));
        }
    }

    #[test]
    fn rising_keys_and_their_removal_keep_every_key() {
        let mut tree: Tree<u32, ()> = (0..100_000).map(|key| (key, ())).collect();

        for key in (0..100_000).filter(|key| key % 100 != 0) {
            assert!(tree.remove(&key).is_some());
        }

        assert_eq!(tree.len(), 1000);
        assert!(tree.iter().map(|(key, ())| *key).eq((0..100_000).step_by(100)));
    }
}
