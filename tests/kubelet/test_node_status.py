"""What a simulated node says of itself."""

from __future__ import annotations

import pytest
from pyk8s.kubelet import node_status
from pyk8s.kubelet.container import canonical_image, image_id
from pyk8s.kubelet.node_status import Shape


def test_zones_are_given_out_in_turn() -> None:
    shape = Shape(zones=("a", "b"))

    made = [node_status.manifest(index, shape, uid="u", now_s=0.0) for index in (1, 2, 3)]

    assert [m["metadata"]["labels"]["topology.kubernetes.io/zone"] for m in made] == ["a", "b", "a"]
    assert [m["metadata"]["name"] for m in made] == ["node-1", "node-2", "node-3"]


def test_a_transition_time_stays_while_the_status_stays() -> None:
    first = node_status.conditions([], is_ready=False, now_s=0.0)
    second = node_status.conditions(first, is_ready=True, now_s=60.0)

    by_type = {c["type"]: c for c in second}
    assert by_type["Ready"]["lastTransitionTime"] == "1970-01-01T00:01:00Z"
    assert by_type["DiskPressure"]["lastTransitionTime"] == "1970-01-01T00:00:00Z"
    assert by_type["DiskPressure"]["lastHeartbeatTime"] == "1970-01-01T00:01:00Z"


def test_addresses_are_distinct_beyond_one_network() -> None:
    addresses = {node_status.address_of(index) for index in range(1, 70_000)}

    assert len(addresses) == 69_999


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("bitnami/redis:7", "docker.io/bitnami/redis:7"),
        ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
    ],
)
def test_images_are_named_as_a_runtime_names_them(image: str, name: str) -> None:
    assert canonical_image(image) == name
    assert image_id(image).startswith(name.rsplit(":", 1)[0] + "@sha256:")
