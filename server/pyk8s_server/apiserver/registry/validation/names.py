"""The name rule of each kind, by the words of the table `names`.

Always true: every resource has a rule; one that the table does not single out is a DNS subdomain.
"""

from __future__ import annotations

from pyk8s.api.resources import Resource

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.formats import Format, Messages


def ip_address_name(value: str) -> Messages:
    errors = formats.ip_address(value)
    if not errors and (canonical := formats.canonical_ip(value)) != value:
        return (f'must be in canonical form ("{canonical}")',)
    return errors


RULES: dict[str, Format] = {
    "namespaces": formats.dns_label,
    "services": formats.dns_label,
    "ipaddresses.networking.k8s.io": ip_address_name,
    "apiservices.apiregistration.k8s.io": formats.path_segment,
    "roles.rbac.authorization.k8s.io": formats.path_segment,
    "rolebindings.rbac.authorization.k8s.io": formats.path_segment,
    "clusterroles.rbac.authorization.k8s.io": formats.path_segment,
    "clusterrolebindings.rbac.authorization.k8s.io": formats.path_segment,
}


def name_format(resource: Resource) -> Format:
    """The format of names of this resource."""
    return RULES.get(resource.qualified, formats.dns_subdomain)
