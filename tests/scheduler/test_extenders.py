"""Extenders over HTTP: what they are sent, and what their answers, failures and bindings do."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pyk8s import core
from pyk8s.api.clock import SystemClock
from pyk8s.client.well_known import NODES, PODS
from pyk8s.scheduler import Scheduler
from pyk8s.scheduler.configuration import Compiled, ConfigurationError, compile_configuration
from pyk8s.scheduler.foreign import ForeignPlugins
from pyk8s_server.cluster.certificates import Authority

sys.path.insert(0, str(Path(__file__).parents[1] / "kubelet"))

from cluster_in_process import InProcess, condition, named, pod

Json = dict[str, Any]
HEAD = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
POINTS = {"multiPoint": {"disabled": [{"name": "DefaultPreemption"}, {"name": "DynamicResources"}]}}


class Service:
    """An extender: answers each verb by a function of what it was sent, and remembers that."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Callable[[Json], Any]] = {}
        self.asked: list[tuple[str, Json]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                verb = self.path.rpartition("/")[2]
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.asked.append((verb, body))
                answer = service.answers[verb](body) if verb in service.answers else None
                text = json.dumps(answer).encode()
                self.send_response(200 if answer is not None else 500)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/scheduler"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.close()


def compiled(service: Service, **settings: Any) -> Compiled:
    extender = {"urlPrefix": service.url, "httpTimeout": "5s", **settings}
    return compile_configuration(
        {**HEAD, "profiles": [{"plugins": POINTS}], "extenders": [extender]}, calls_extenders=True
    )


def engine_of(configuration: Compiled, *nodes: str) -> Any:
    engine = core.SchedulerEngine(config=configuration.config, plugins=ForeignPlugins(configuration).of_engine)
    for name in nodes:
        cpu = "100m" if name == "small" else "4"
        allocatable = {"cpu": cpu, "memory": "8Gi", "pods": "10", "example.com/fpga": "1"}
        engine.set_node(json.dumps({"metadata": {"name": name}, "status": {"allocatable": allocatable}}).encode())
    return engine


def asking(**resources: str) -> bytes:
    container = {"name": "c", "resources": {"requests": {"cpu": "1", **resources}}}
    metadata = {"name": "p", "namespace": "default", "uid": "u"}
    return json.dumps({"metadata": metadata, "spec": {"containers": [container]}}).encode()


def evaluated(engine: Any, incoming: bytes) -> Json:
    answer: Json = json.loads(engine.evaluate(incoming))
    return answer


def test_an_extender_filters_the_nodes_that_all_plugins_admit(service: Service) -> None:
    def keep_b(body: Json) -> Json:
        nodes = [node for node in body["nodes"]["items"] if node["metadata"]["name"] == "b"]
        return {"nodes": {"items": nodes}, "failedNodes": {"a": "a is out"}}

    service.answers["filter"] = keep_b
    engine = engine_of(compiled(service, filterVerb="filter"), "small", "a", "b")

    answer = evaluated(engine, asking())
    engine.remove_node("b")
    refused = evaluated(engine, asking())

    _, sent = service.asked[0]
    assert sent["pod"]["metadata"]["name"] == "p"
    assert [node["metadata"]["name"] for node in sent["nodes"]["items"]] == ["a", "b"]
    assert answer["chosen"] == "b"
    row = {"node": "a", "plugin": "Extender/0", "code": "Unschedulable", "reasons": ["a is out"]}
    assert row in answer["rejected"]
    assert refused["message"] == "0/2 nodes are available: 1 Insufficient cpu, 1 a is out."


def test_one_that_caches_nodes_is_sent_names_and_answers_names(service: Service) -> None:
    service.answers["filter"] = lambda body: {
        "nodenames": body["nodenames"][:1],
        "failedAndUnresolvableNodes": {"b": "b never will"},
    }
    engine = engine_of(compiled(service, filterVerb="filter", nodeCacheCapable=True), "a", "b", "c")

    answer = evaluated(engine, asking())

    assert (service.asked[0][1]["nodes"], service.asked[0][1]["nodenames"]) == (None, ["a", "b", "c"])
    assert answer["feasible"] == ["a"]
    codes = {row["node"]: (row["code"], row["reasons"]) for row in answer["rejected"]}
    assert codes == {
        "b": ("UnschedulableAndUnresolvable", ["b never will"]),
        "c": ("Unschedulable", ["node(s) were left out by an extender"]),
    }


def test_scores_of_0_to_10_are_multiplied_by_ten_and_by_the_weight(service: Service) -> None:
    service.answers["prioritize"] = lambda body: [{"host": "b", "score": 7}]
    engine = engine_of(compiled(service, prioritizeVerb="prioritize", weight=3), "a", "b")

    answer = evaluated(engine, asking())

    assert answer["raw"]["Extender/0"] == [0, 7]
    assert answer["weighted"]["Extender/0"] == [0, 210]
    assert answer["chosen"] == "b"


def test_an_extender_that_cannot_rank_ranks_all_alike(service: Service) -> None:
    engine = engine_of(compiled(service, prioritizeVerb="prioritize", weight=3), "a", "b")

    assert evaluated(engine, asking())["raw"]["Extender/0"] == [0, 0]


def test_only_pods_that_ask_for_what_it_manages_are_its_business(service: Service) -> None:
    service.answers["filter"] = lambda body: {"nodenames": []}
    settings = {"filterVerb": "filter", "prioritizeVerb": "prioritize", "weight": 1, "nodeCacheCapable": True}
    managed = [{"name": "example.com/fpga", "ignoredByScheduler": True}]
    engine = engine_of(compiled(service, **settings, managedResources=managed), "a", "b")

    others = evaluated(engine, asking())
    asked_before = list(service.asked)
    its_own = evaluated(engine, asking(**{"example.com/fpga": "2"}))

    assert (len(others["feasible"]), asked_before) == (2, [])
    assert "Extender/0" not in others["raw"]
    # Two are asked for where one is there: the extender alone looks after the resource.
    assert its_own["message"] == "0/2 nodes are available: 2 node(s) were left out by an extender."


@pytest.mark.parametrize("answer", [None, {"error": "no licence"}, ["what"], 7])
def test_one_that_fails_fails_the_attempt_unless_it_is_ignorable(service: Service, answer: Any) -> None:
    service.answers["filter"] = lambda body: answer
    strict = engine_of(compiled(service, filterVerb="filter"), "a", "b")
    lenient = engine_of(compiled(service, filterVerb="filter", ignorable=True), "a", "b")
    for engine in (strict, lenient):
        engine.set_pod(asking())

    (failed,), (passed,) = strict.schedule(0.0), lenient.schedule(0.0)

    assert (failed.outcome, passed.outcome) == ("error", "scheduled")
    assert "extender" in failed.message


def test_one_that_is_not_there_fails_the_attempt(service: Service) -> None:
    configuration = compiled(service, filterVerb="filter")
    service.close()
    engine = engine_of(configuration, "a")
    engine.set_pod(asking())

    (decision,) = engine.schedule(0.0)

    assert decision.outcome == "error"
    assert "ConnectionRefusedError" in decision.message


def test_https_trusts_the_authority_that_the_file_names_and_no_other(tmp_path: Path) -> None:
    authority = Authority(tmp_path, SystemClock().now_s())
    server = authority.server(("127.0.0.1",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate_path, server.key_path)
    ca_data = b64encode(authority.pair.certificate.encode()).decode()
    service = Service(context)
    service.answers["filter"] = lambda body: {"nodenames": body["nodenames"]}

    def outcome(**tls: Any) -> str:
        url = service.url.replace("http:", "https:")
        extender = {"urlPrefix": url, "filterVerb": "filter", "nodeCacheCapable": True, "enableHTTPS": True}
        file = {**HEAD, "extenders": [{**extender, "tlsConfig": tls}]}
        engine = engine_of(compile_configuration(file, calls_extenders=True), "a")
        engine.set_pod(asking())
        (decision,) = engine.schedule(0.0)
        return str(decision.outcome)

    try:
        outcomes = [outcome(caData=ca_data), outcome(caFile=str(authority.pair.certificate_path)), outcome()]
    finally:
        service.close()

    assert outcomes == ["scheduled", "scheduled", "error"]


def test_an_extender_without_a_usable_url_is_refused(service: Service) -> None:
    configuration = compile_configuration({**HEAD, "extenders": [{"urlPrefix": "nowhere"}]}, calls_extenders=True)

    with pytest.raises(ConfigurationError, match=r"extenders\[0\]: .*'nowhere' is no http or https URL"):
        ForeignPlugins(configuration)


@pytest.fixture
async def cluster() -> AsyncIterator[InProcess]:
    async with InProcess() as made:
        yield made


async def add_node(cluster: InProcess) -> None:
    resources = {"cpu": "4", "memory": "8Gi", "pods": "110"}
    await cluster.client.create(
        NODES, {**named("Node", "a"), "status": {"capacity": resources, "allocatable": resources}}
    )
    await cluster.client.patch(NODES, "a", {"spec": {"taints": None}}, patch_type="merge")


def start(cluster: InProcess, configuration: Compiled) -> None:
    client = cluster.client_of("kube-scheduler")
    cluster.start(Scheduler(client, clock=cluster.clock, identity=cluster.identity, configuration=configuration))


async def test_a_binding_is_left_to_the_extender_that_wants_it(cluster: InProcess, service: Service) -> None:
    await add_node(cluster)
    service.answers["bind"] = lambda body: {}
    start(cluster, compiled(service, bindVerb="bind"))
    created = await cluster.client.create(PODS, pod("p"))

    async def is_asked() -> bool:
        return bool(service.asked)

    await cluster.until(is_asked)

    verb, body = service.asked[0]
    uid = created["metadata"]["uid"]
    assert verb == "bind"
    assert body == {"podName": "p", "podNamespace": "default", "podUID": uid, "node": "a"}
    assert not (await cluster.client.get(PODS, "p", "default"))["spec"].get("nodeName")


async def test_a_binding_that_the_extender_cannot_make_is_told_and_tried_again(
    cluster: InProcess, service: Service
) -> None:
    await add_node(cluster)
    service.answers["bind"] = lambda body: {"error": "no hands free"}
    start(cluster, compiled(service, bindVerb="bind"))
    await cluster.client.create(PODS, pod("p"))

    async def refused() -> Json | None:
        found = await cluster.client.get(PODS, "p", "default")
        return found if condition(found, "PodScheduled") == "False" else None

    found = await cluster.until(refused)
    await cluster.until(_asked_twice(service))

    told = next(c for c in found["status"]["conditions"] if c["type"] == "PodScheduled")
    assert told["reason"] == "SchedulerError"
    assert told["message"].endswith("no hands free")


def _asked_twice(service: Service) -> Callable[[], Any]:
    async def holds() -> bool:
        return len(service.asked) >= 2

    return holds
