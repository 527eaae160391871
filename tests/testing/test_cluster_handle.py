"""What a test can do with its cluster: apply, get, list, delete, wait, and hand it to other clients."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from pyk8s.api.status import StatusError
from pyk8s_server.testing.handle import ClusterHandle

from tests.testing.manifests import config_map, deployment, pod

NOBODY = {"apiVersion": "v1", "kind": "Nobody", "metadata": {"name": "n"}}


def names(found: list[dict]) -> list[str]:
    return [obj["metadata"]["name"] for obj in found]


# -- apply -----------------------------------------------------------------------------------------------------


def test_a_dict_is_created(k8s: ClusterHandle) -> None:
    [made] = k8s.apply(config_map("c", a="1"))

    assert made["metadata"]["uid"]
    assert k8s.get("configmap", "c")["data"] == {"a": "1"}


def test_a_second_apply_patches_what_it_names(k8s: ClusterHandle) -> None:
    k8s.apply(config_map("c", a="1", b="2"))

    k8s.apply(config_map("c", b="3"))

    assert k8s.get("cm", "c")["data"] == {"a": "1", "b": "3"}


def test_of_what_is_there_a_part_is_enough(k8s: ClusterHandle) -> None:
    k8s.apply(deployment("web", replicas=1))

    k8s.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 3}})

    assert k8s.get("deployment", "web")["spec"]["replicas"] == 3
    with pytest.raises(StatusError, match=r"spec\.selector: Required value"):
        k8s.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {"replicas": 3}})


def test_yaml_text_of_several_documents_is_read_as_kubernetes_reads_it(k8s: ClusterHandle) -> None:
    text = yaml.dump_all([config_map("one"), config_map("two")]) + "---\napiVersion: v1\nkind: List\nitems:\n"
    text += "- {apiVersion: v1, kind: ConfigMap, metadata: {name: three}, data: {day: 2026-01-01}}\n"

    applied = k8s.apply(text)

    assert names(applied) == ["one", "two", "three"]
    assert k8s.get("cm", "three")["data"] == {"day": "2026-01-01"}


def test_a_file_and_a_folder_are_read(k8s: ClusterHandle, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(yaml.dump(config_map("from-yaml")))
    (tmp_path / "b.json").write_text('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"from-json"}}')

    assert names(k8s.apply(tmp_path / "a.yaml")) == ["from-yaml"]
    assert names(k8s.apply(str(tmp_path))) == ["from-yaml", "from-json"]


def test_an_object_without_a_namespace_goes_where_the_call_says(k8s: ClusterHandle) -> None:
    k8s.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "away"}})
    named = config_map("named")
    named["metadata"]["namespace"] = "default"

    k8s.apply(config_map("unnamed"), namespace="away")
    k8s.apply(named, namespace="away")

    assert k8s.get("cm", "unnamed", "away")["metadata"]["namespace"] == "away"
    assert k8s.get("cm", "named")["metadata"]["namespace"] == "default"


def test_what_cannot_be_applied_says_why(k8s: ClusterHandle, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no resource for apiVersion 'v1', kind 'Nobody'"):
        k8s.apply(NOBODY)
    with pytest.raises(ValueError, match="a manifest holds objects, not list"):
        k8s.apply("- a: 1\n")
    with pytest.raises(FileNotFoundError):
        k8s.apply(tmp_path / "missing.yaml")
    with pytest.raises(StatusError) as refused:
        k8s.apply(config_map("Not-A-Name"))
    assert refused.value.code == 422


# -- list, get, delete -----------------------------------------------------------------------------------------


def test_a_selector_and_a_namespace_narrow_a_list(k8s: ClusterHandle) -> None:
    k8s.apply(config_map("red", {"colour": "red"}))
    k8s.apply(config_map("blue", {"colour": "blue"}))
    k8s.apply(config_map("elsewhere", {"colour": "red"}), namespace="kube-public")

    assert names(k8s.list("configmaps", "default", "colour=red")) == ["red"]
    assert names(k8s.list("configmaps", selector="colour in (red)")) == ["red", "elsewhere"]
    assert k8s.list("configmaps", "default", "colour=red")[0]["kind"] == "ConfigMap"


def test_a_deleted_object_is_gone(k8s: ClusterHandle) -> None:
    k8s.apply(config_map("c"))

    k8s.delete("configmap", "c")

    with pytest.raises(StatusError) as missing:
        k8s.get("configmap", "c")
    assert missing.value.code == 404
    with pytest.raises(ValueError, match="unknown kind 'nobodies'"):
        k8s.list("nobodies")


# -- wait_for --------------------------------------------------------------------------------------------------


def test_a_pod_runs_and_becomes_ready(k8s: ClusterHandle) -> None:
    k8s.apply(pod("p"))

    found = k8s.wait_for("pod", "p", "Ready")

    assert found["status"]["phase"] == "Running"
    assert found["spec"]["nodeName"] == names(k8s.list("nodes"))[0]


def test_a_false_condition_can_be_waited_for(k8s: ClusterHandle) -> None:
    k8s.apply(pod("p", nodeSelector={"no": "such-node"}))

    found = k8s.wait_for("pod", "p", "PodScheduled=False")

    assert found["status"]["conditions"][0]["reason"] == "Unschedulable"


def test_the_end_of_an_object_can_be_waited_for(k8s: ClusterHandle) -> None:
    held = config_map("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    k8s.apply(held)
    k8s.delete("cm", "held")

    with pytest.raises(TimeoutError, match=r"cm held was not deleted within 0\.1 s"):
        k8s.wait_for("cm", "held", "deleted", timeout_s=0.1)
    held["metadata"] = {"name": "held", "$deleteFromPrimitiveList/finalizers": ["example.com/hold"]}
    k8s.apply(held)

    assert k8s.wait_for("cm", "held", "deleted") == {}
    with pytest.raises(StatusError):
        k8s.get("cm", "held")


def test_a_pod_goes_after_its_grace_period(k8s: ClusterHandle) -> None:
    k8s.apply(pod("p"))
    k8s.wait_for("pod", "p", "Ready")

    k8s.delete("pod", "p", grace_period_s=1)

    k8s.wait_for("pod", "p", "deleted")
    assert k8s.list("pods") == []


def test_a_callable_may_look_at_missing_parts_and_ask_the_cluster(k8s: ClusterHandle) -> None:
    k8s.apply(deployment("web"))

    def is_complete(found: dict) -> bool:
        return found["status"]["readyReplicas"] == len(k8s.list("pods", selector="app=web")) == 2

    assert k8s.wait_for("deployment", "web", is_complete)["metadata"]["name"] == "web"


def test_an_object_that_is_not_there_yet_is_waited_for(k8s: ClusterHandle) -> None:
    later = threading.Thread(target=k8s.apply, args=(config_map("late", a="1"),))
    watched = threading.Event()

    def is_there(found: dict) -> bool:
        return found["metadata"]["name"] == "late"

    def wait() -> None:
        k8s.wait_for("cm", "late", is_there)
        watched.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    later.start()
    later.join()
    waiting.join()

    assert watched.is_set()


def test_a_wait_in_vain_tells_the_last_status(k8s: ClusterHandle) -> None:
    k8s.apply(pod("p", nodeSelector={"no": "such-node"}))
    k8s.wait_for("pod", "p", "PodScheduled=False")

    with pytest.raises(TimeoutError, match=r"^pod p was not Ready within 0\.1 s; last status: \{.*Unschedulable"):
        k8s.wait_for("pod", "p", "Ready", timeout_s=0.1)
    with pytest.raises(TimeoutError, match=r"was never there$"):
        k8s.wait_for("pod", "q", "Ready", timeout_s=0.1)
    with pytest.raises(TimeoutError, match=r"the condition raised KeyError\('absent'\)"):
        k8s.wait_for("pod", "p", lambda found: found["absent"], timeout_s=0.1)


def test_a_mistake_in_a_callable_ends_the_wait(k8s: ClusterHandle) -> None:
    k8s.apply(config_map("c"))

    with pytest.raises(ZeroDivisionError):
        k8s.wait_for("cm", "c", lambda found: 1 / 0)


# -- other clients ---------------------------------------------------------------------------------------------


def test_kubectl_uses_the_kubeconfig(k8s: ClusterHandle) -> None:
    k8s.apply(config_map("c", a="1"))
    environment = {**os.environ, "KUBECONFIG": k8s.kubeconfig}

    done = subprocess.run(
        ["kubectl", "get", "configmap", "c", "-o", "jsonpath={.data.a}"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout == "1"
    assert Path(k8s.kubeconfig).stat().st_mode & 0o077 == 0


def test_the_kubernetes_package_uses_the_kubeconfig(k8s: ClusterHandle) -> None:
    from kubernetes import client, config

    with config.new_client_from_config(k8s.kubeconfig) as api:
        core = client.CoreV1Api(api)
        core.create_namespaced_config_map("default", config_map("made-there", a="1"))
        listed = [found.metadata.name for found in core.list_namespaced_config_map("default").items]

    assert k8s.get("cm", "made-there")["data"] == {"a": "1"}
    assert "made-there" in listed


# -- several clusters ------------------------------------------------------------------------------------------


def test_two_clusters_know_nothing_of_each_other(k8s_factory: Callable[..., ClusterHandle]) -> None:
    one, two = k8s_factory(), k8s_factory()

    one.apply(config_map("c"))

    assert "c" in names(one.list("cm", "default"))
    assert "c" not in names(two.list("cm", "default"))
    assert one.kubeconfig != two.kubeconfig


def test_a_cluster_has_as_many_ready_nodes_as_asked(k8s_factory: Callable[..., ClusterHandle]) -> None:
    large, empty = k8s_factory(nodes=3), k8s_factory(nodes=0)

    assert [large.wait_for("node", name, "Ready", timeout_s=1)["kind"] for name in names(large.list("nodes"))] == [
        "Node"
    ] * 3
    assert empty.list("nodes") == []


def test_the_shared_cluster_keeps_what_a_test_leaves(k8s_session: ClusterHandle) -> None:
    k8s_session.apply(config_map("left", by="one"))

    assert k8s_session.get("cm", "left")["data"] == {"by": "one"}
