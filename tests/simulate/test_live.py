"""A live cluster is read whole, page by page, and nothing is written."""

from __future__ import annotations

from pyk8s.api.http import Request, Response
from pyk8s.client.interfaces import Transport
from pyk8s.client.rest import RestClient
from pyk8s.client.well_known import NODES, PODS
from pyk8s.simulate.drain import Drain
from pyk8s.simulate.live import PAGE, read_cluster
from pyk8s.simulate.question import question_plan
from pyk8s.simulate.result import Contender

from tests.kubelet.cluster_in_process import InProcess
from tests.simulate.test_capacity import node
from tests.simulate.test_drain import pod

POD_COUNT = PAGE + 20


class Recording:
    """A transport that remembers what was asked."""

    def __init__(self, inner: Transport) -> None:
        self.requests: list[Request] = []
        self._inner = inner

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        return await self._inner.send(request)

    async def close(self) -> None:
        await self._inner.close()


async def test_a_live_cluster_is_read_in_pages_and_nothing_is_written() -> None:
    async with InProcess() as cluster:
        for name in ("n1", "n2"):
            made = node(name)
            made["status"]["allocatable"]["pods"] = "2000"
            await cluster.client.create(NODES, made)
            # A node is born with the taint not-ready, which its controller would take away.
            await cluster.client.patch(NODES, name, {"spec": {"taints": None}})
        for number in range(POD_COUNT):
            made = pod(f"p{number}", "n1", cpu="1m")
            made["metadata"].pop("uid")
            made["spec"]["containers"][0]["image"] = "web"
            await cluster.client.create(PODS, made, "default")
        transport = Recording(cluster.client._transport)

        manifests = await read_cluster(RestClient(transport))

    assert {request.method for request in transport.requests} == {"GET"}
    pages = [request for request in transport.requests if request.path == "/api/v1/pods"]
    assert len(pages) == 2 and all(("limit", str(PAGE)) in request.query for request in pages)
    assert len(manifests.nodes) == 2 and len(manifests.pods) == POD_COUNT
    answer = Drain(question_plan(manifests, []), Contender("spread")).answer(["n1"], "cluster")
    assert answer["outcomes"]["moves"] == POD_COUNT
