"""Quantities: the engine's readable twin of them is the one that the rest of pyk8s uses, too.

Not here: anything of its own; see `pyk8s.api.quantity`.
"""

from pyk8s.api.quantity import Quantity, QuantityError, canonical

__all__ = ["Quantity", "QuantityError", "canonical"]
