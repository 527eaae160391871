"""The plugins of the default profile, one file each.

Always true: `defaults` lists them in kube-scheduler's MultiPoint order with its weights.
"""

from __future__ import annotations

from pyk8s.reference.scheduler.framework import Plugin
from pyk8s.reference.scheduler.plugins.node_affinity import NodeAffinity
from pyk8s.reference.scheduler.plugins.node_name import NodeName
from pyk8s.reference.scheduler.plugins.node_ports import NodePorts
from pyk8s.reference.scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from pyk8s.reference.scheduler.plugins.node_resources_fit import NodeResourcesFit
from pyk8s.reference.scheduler.plugins.node_unschedulable import NodeUnschedulable
from pyk8s.reference.scheduler.plugins.scheduling_gates import SchedulingGates
from pyk8s.reference.scheduler.plugins.taint_toleration import TaintToleration


def defaults() -> dict[Plugin, int]:
    """Plugins and weights; 0 where nothing is scored."""
    return {
        SchedulingGates(): 0,
        NodeUnschedulable(): 0,
        NodeName(): 0,
        TaintToleration(): 3,
        NodeAffinity(): 2,
        NodePorts(): 0,
        NodeResourcesFit(): 1,
        NodeResourcesBalancedAllocation(): 1,
    }
