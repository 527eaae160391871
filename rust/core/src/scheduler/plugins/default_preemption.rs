//! DefaultPreemption: a pod for which others are being evicted waits until that is done.
//!
//! Not here: the search for victims (see `preemption`), which PostFilter asks for by this plugin's name.

use crate::scheduler::framework::{Plugin, Reach, World};
use crate::scheduler::pod::PodInfo;

const MESSAGE: &str = "waiting for the preemption for this pod to be finished";

pub struct DefaultPreemption;

impl Plugin for DefaultPreemption {
    fn name(&self) -> &str {
        "DefaultPreemption"
    }

    fn pre_enqueue(&self, pod: &PodInfo, world: &World) -> Option<String> {
        world.cache.evictions.is_waiting(&pod.uid).then(|| MESSAGE.to_owned())
    }

    fn hoped_for(&self) -> u32 {
        0
    }

    fn reach(&self, _pod: &PodInfo) -> Reach<'_> {
        Reach::Nothing
    }
}
