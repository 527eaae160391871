//! ImageLocality: prefers nodes that have the pod's images, the more so the larger and the more widespread they are.
//!
//! Source: kubernetes.io, "Scheduling Policies"; the figures are kube-scheduler's.

use crate::scheduler::framework::{CycleState, Plugin, Reach, World, NODE_SCORE_MAX};
use crate::scheduler::images::ImageState;
use crate::scheduler::node::NodeInfo;
use crate::scheduler::pod::PodInfo;

const MIB: i64 = 1024 * 1024;
/// Images smaller than this in sum are worth nothing.
const LEAST_BYTES: i64 = 23 * MIB;
const MOST_BYTES_PER_CONTAINER: i64 = 1000 * MIB;

pub struct ImageLocality;

/// An image's size, scaled down by how few nodes have it: else all pods of an image would share a node.
fn worth(image: &ImageState, node_count: usize) -> i64 {
    (image.size_bytes as f64 * (image.node_count as f64 / node_count as f64)) as i64
}

impl Plugin for ImageLocality {
    fn name(&self) -> &str {
        "ImageLocality"
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, _state: Option<&dyn CycleState>, world: &World) -> i64 {
        if node.images.is_empty() {
            return 0;
        }
        let images = &pod.shape.images;
        let containers = i64::try_from(images.container_count).expect("a pod's text is far shorter");
        let most = MOST_BYTES_PER_CONTAINER.saturating_mul(containers);
        if most <= LEAST_BYTES {
            return 0;
        }
        let all_count = world.cache.node_count();
        let found = images.names.iter().filter_map(|name| node.image(*name));
        let sum = found.fold(0_i64, |sum, image| sum.saturating_add(worth(image, all_count)));
        NODE_SCORE_MAX * (sum.clamp(LEAST_BYTES, most) - LEAST_BYTES) / (most - LEAST_BYTES)
    }

    /// The number of all nodes counts too; when it changes, `Cache::look` says that every node with images did.
    fn reach(&self, pod: &PodInfo) -> Reach<'_> {
        if pod.shape.images.names.is_empty() {
            Reach::Nothing
        } else {
            Reach::Node
        }
    }
}
