"""The in-tree plugins, one file each.

Always true: `KINDS` holds every plugin that the default profile names and that has anything to decide.
"""

from __future__ import annotations

from pyk8s.reference.scheduler.framework import Plugin
from pyk8s.reference.scheduler.plugins.default_preemption import DefaultPreemption
from pyk8s.reference.scheduler.plugins.dynamic_resources import DynamicResources
from pyk8s.reference.scheduler.plugins.gang_scheduling import GangScheduling
from pyk8s.reference.scheduler.plugins.image_locality import ImageLocality
from pyk8s.reference.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from pyk8s.reference.scheduler.plugins.node_affinity import NodeAffinity
from pyk8s.reference.scheduler.plugins.node_declared_features import NodeDeclaredFeatures
from pyk8s.reference.scheduler.plugins.node_name import NodeName
from pyk8s.reference.scheduler.plugins.node_ports import NodePorts
from pyk8s.reference.scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from pyk8s.reference.scheduler.plugins.node_resources_fit import NodeResourcesFit
from pyk8s.reference.scheduler.plugins.node_unschedulable import NodeUnschedulable
from pyk8s.reference.scheduler.plugins.node_volume_limits import NodeVolumeLimits
from pyk8s.reference.scheduler.plugins.pod_topology_spread import PodTopologySpread
from pyk8s.reference.scheduler.plugins.scheduling_gates import SchedulingGates
from pyk8s.reference.scheduler.plugins.taint_toleration import TaintToleration
from pyk8s.reference.scheduler.plugins.volume_binding import VolumeBinding
from pyk8s.reference.scheduler.plugins.volume_restrictions import VolumeRestrictions
from pyk8s.reference.scheduler.plugins.volume_zone import VolumeZone

KINDS: dict[str, type[Plugin]] = {
    kind.name: kind
    for kind in (
        SchedulingGates,
        NodeUnschedulable,
        NodeName,
        TaintToleration,
        NodeAffinity,
        NodePorts,
        NodeResourcesFit,
        PodTopologySpread,
        InterPodAffinity,
        NodeResourcesBalancedAllocation,
        DynamicResources,
        ImageLocality,
        NodeDeclaredFeatures,
        VolumeRestrictions,
        NodeVolumeLimits,
        VolumeBinding,
        VolumeZone,
        DefaultPreemption,
        GangScheduling,
    )
}
