"""Pod addresses of one node, out of its CIDR.

Always true: an address is held by at most one pod; a freed one is taken again only after all others had their turn, so
that what still knows an old pod does not reach a new one.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

# The network's own address, and the bridge's.
RESERVED_COUNT = 2


class AddressPool:
    def __init__(self, cidr: str) -> None:
        """Raises ValueError for what is no CIDR."""
        self._network: IPv4Network | IPv6Network = ip_network(cidr)
        self._used: set[str] = set()
        self._next = RESERVED_COUNT
        # The last one is the broadcast address.
        self._end = max(self._network.num_addresses - 1, RESERVED_COUNT)

    def take(self) -> str | None:
        """A free address, None when all are held."""
        for _ in range(self._end - RESERVED_COUNT):
            address = str(self._network[self._next])
            self._next += 1
            if self._next >= self._end:
                self._next = RESERVED_COUNT
            if address not in self._used:
                self._used.add(address)
                return address
        return None

    def reserve(self, address: str) -> None:
        """Hold an address that a pod has from before."""
        self._used.add(address)

    def free(self, address: str) -> None:
        self._used.discard(address)
