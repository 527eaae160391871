"""The registry: strategies of all kinds, their validation, and allocators beside the objects.

Always true: what other rooms need is named here; the tables drive every kind, modules exist for what no table says.
Not here: storage, endpoints, admission.
"""

from __future__ import annotations

from pyk8s_server.apiserver.registry.kinds import lifecycle_for, strategy_for
from pyk8s_server.apiserver.registry.round_trip import round_trip

__all__ = ["lifecycle_for", "round_trip", "strategy_for"]
