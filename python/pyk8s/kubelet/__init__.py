"""Nodes as the API sees them: leases, node status, and pods that come up, run, end and go.

Always true: everything here is a client of the API; the runtime behind it is simulated.
Not here: real containers, the data plane of Services.
"""

from pyk8s.kubelet.simulated_nodes import SimulatedNodes

__all__ = ["SimulatedNodes"]
