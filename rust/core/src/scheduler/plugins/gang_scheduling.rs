//! GangScheduling: a pod of a group waits until the group is there, and as many of its pods as must start together.
//!
//! Not here: placing them together (see `engine`), which a profile with this plugin at Permit asks for.

use crate::scheduler::event::{kinds, ClusterEvent};
use crate::scheduler::framework::{Plugin, Reach, World};
use crate::scheduler::groups::{key_of, needed_count, KIND};
use crate::scheduler::objects;
use crate::scheduler::pod::PodInfo;

pub const NAME: &str = "GangScheduling";

pub struct GangScheduling;

impl Plugin for GangScheduling {
    fn name(&self) -> &str {
        NAME
    }

    fn pre_enqueue(&self, pod: &PodInfo, world: &World) -> Option<String> {
        if pod.group.is_empty() {
            return None;
        }
        let key = key_of(pod);
        let Some(needed) = needed_count(world.objects, &key) else {
            return Some(format!("waiting for pod group \"{}\" to be created", pod.group));
        };
        (world.cache.groups.count(&key) < needed)
            .then(|| "waiting for minCount pods from a gang to appear in the scheduling queue".to_owned())
    }

    fn hoped_for(&self) -> u32 {
        kinds::OBJECT_CHANGED
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _world: &World) -> bool {
        let ClusterEvent::ObjectChanged { kind: KIND, new: Some(group), .. } = event else { return false };
        objects::key_of(group) == key_of(pod)
    }

    fn reach(&self, _pod: &PodInfo) -> Reach<'_> {
        Reach::Nothing
    }
}
