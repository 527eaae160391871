"""Allocators beside the objects: cluster IPs and node ports of services.

Always true: nothing is handed out twice while its holder lives, also under concurrent writes.
Not here: rules of services (see `validation.services`).
"""
