//! Container images: which a node has, which a pod runs, and how many nodes have each.
//!
//! Invariant: a name is counted for exactly the nodes that report it; the size of a name is what the first of them said.
//! Not here: what that is worth (see `plugins::image_locality`).

use super::interner::{Interner, Symbol};
use super::manifest;
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// The name with its tag: without one, after the last slash, it means `latest`.
fn normalized(name: &str) -> Cow<'_, str> {
    match (name.rfind(':'), name.rfind('/')) {
        (Some(colon), slash) if slash.is_none_or(|slash| colon > slash) => Cow::Borrowed(name),
        _ => Cow::Owned(format!("{name}:latest")),
    }
}

/// Sizes in bytes of a node's images, sorted by name. The last mention of a name counts.
pub fn node_images(status: &manifest::NodeStatus, symbols: &mut Interner) -> Vec<(Symbol, i64)> {
    let mut images: Vec<(Symbol, i64)> = Vec::new();
    for image in status.images.iter().flatten() {
        for name in image.names.iter().flatten() {
            let (name, size_bytes) = (symbols.intern(name), image.size_bytes.unwrap_or(0));
            match images.binary_search_by_key(&name, |known| known.0) {
                Ok(at) => images[at].1 = size_bytes,
                Err(at) => images.insert(at, (name, size_bytes)),
            }
        }
    }
    images
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodImages {
    /// One for each init container, container and image volume, with its tag.
    pub names: Vec<Symbol>,
    /// Containers, init containers included.
    pub container_count: usize,
}

impl PodImages {
    pub fn parse(spec: &manifest::PodSpec, symbols: &mut Interner) -> PodImages {
        let containers = spec.init_containers.iter().flatten().chain(spec.containers.iter().flatten());
        let mounted = spec.volumes.iter().flatten().filter_map(|v| v.image.as_ref());
        let texts = containers.clone().map(|c| &c.image).chain(mounted.map(|i| &i.reference));
        let names = texts.flatten().filter(|name| !name.is_empty());
        PodImages {
            names: names.map(|name| symbols.intern(&normalized(name))).collect(),
            container_count: containers.count(),
        }
    }
}

/// What is known of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageState {
    pub size_bytes: i64,
    pub node_count: usize,
}

/// How many nodes have each image.
#[derive(Debug, Default)]
pub struct ImageCounts {
    states: FxHashMap<Symbol, ImageState>,
}

impl ImageCounts {
    /// What is known now of a node's images, sorted by name.
    pub fn spread(&self, images: &[(Symbol, i64)]) -> Vec<(Symbol, ImageState)> {
        images.iter().filter_map(|(name, _)| Some((*name, *self.states.get(name)?))).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// A node has come to have these images.
    pub fn add(&mut self, images: &[(Symbol, i64)]) {
        for (name, size_bytes) in images {
            let new = ImageState { size_bytes: *size_bytes, node_count: 0 };
            self.states.entry(*name).or_insert(new).node_count += 1;
        }
    }

    /// A node that was added with these images has them no more.
    pub fn remove(&mut self, images: &[(Symbol, i64)]) {
        for (name, _) in images {
            let state = self.states.get_mut(name).expect("what was added is counted");
            state.node_count -= 1;
            if state.node_count == 0 {
                self.states.remove(name);
            }
        }
    }
}
