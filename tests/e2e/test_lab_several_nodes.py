"""A model over two nodes for real: its groups of pods come from no node and go, by the controllers themselves."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from eks_gpu.lab import control_plane
from eks_gpu.lab.apply import lab_stack
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.state import Lab
from eks_gpu.lab.toolchain import is_built
from tests.waiting import until

pytestmark = [
    pytest.mark.xdist_group("several nodes"),
    pytest.mark.minutes(3),
    pytest.mark.skipif(not is_built("lws"), reason="lws is not built: `make replays` builds it"),
]
PROJECT = Path(__file__).parent / "several_nodes"
SET = "/apis/leaderworkerset.x-k8s.io/v1/namespaces/models/leaderworkersets/llm"
PODS = "/api/v1/namespaces/models/pods"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/models/endpointslices?labelSelector=kubernetes.io/service-name=llm"
NODES = "/api/v1/nodes?labelSelector=nvidia.com/gpu.present=true"
ZONE, LWS = "topology.kubernetes.io/zone", "leaderworkerset.sigs.k8s.io"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("several-nodes") / "state"))
        try:
            yield control_plane.up()
        finally:
            control_plane.down()


def is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)


def groups(api: ClusterApi, number: int) -> dict[str, list[dict[str, Any]]]:
    """Pods by group, the leader first, once so many groups are there and all of their pods are ready; else nothing."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for pod in api.list(PODS):
        if is_ready(pod) and "deletionTimestamp" not in pod["metadata"]:
            found[pod["metadata"]["labels"][f"{LWS}/group-index"]].append(pod)
    whole = len(found) == number and all(len(pods) == 2 for pods in found.values())
    by_index = {key: sorted(pods, key=lambda pod: pod["metadata"]["name"]) for key, pods in found.items()}
    return by_index if whole else {}


def scale(api: ClusterApi, replicas: int) -> None:
    """As KEDA does it."""
    api.patch(f"{SET}/scale", {"spec": {"replicas": replicas}})


def test_groups_come_from_no_node_each_in_one_zone_and_go(lab):
    api, stack = ClusterApi(lab), lab_stack(lab, PROJECT, "dev")
    stack.up()
    ((leader, worker),) = (until(lambda: groups(api, 1), pause_s=0.5)).values()
    assert [pod["metadata"]["name"] for pod in (leader, worker)] == ["llm-0", "llm-0-1"]
    nodes = {node["metadata"]["name"]: node for node in api.list(NODES)}
    on = [nodes[pod["spec"]["nodeName"]] for pod in (leader, worker)]
    assert len({node["metadata"]["name"] for node in on}) == 2
    assert len({node["metadata"]["labels"][ZONE] for node in on}) == 1

    # What the controller tells each: the Service of its group, which is not the server's own.
    for pod, index in ((leader, "0"), (worker, "1")):
        env = {each["name"]: each.get("value") for each in pod["spec"]["containers"][0]["env"]}
        assert env["LWS_LEADER_ADDRESS"] == "llm-0.llm-0.models"
        assert (env["LWS_GROUP_SIZE"], env["LWS_WORKER_INDEX"]) == ("2", index)
    ready = until(lambda: [each for found in api.list(SLICES) for each in found.get("endpoints") or ()], pause_s=0.5)
    assert [each["targetRef"]["name"] for each in ready] == ["llm-0"]

    # A pod that goes takes its group with it.
    before = {pod["metadata"]["uid"] for pod in (leader, worker)}
    api.delete(f"{PODS}/llm-0-1")
    until(lambda: not {pod["metadata"]["uid"] for pod in api.list(PODS)} & before, pause_s=0.5)

    scale(api, 2)
    for pods in until(lambda: groups(api, 2), pause_s=0.5).values():
        zones = {node["metadata"]["name"]: node["metadata"]["labels"][ZONE] for node in api.list(NODES)}
        assert len({pod["spec"]["nodeName"] for pod in pods}) == 2
        assert len({zones[pod["spec"]["nodeName"]] for pod in pods}) == 1

    stack.up()  # does not set the number back
    assert api.get(SET)["spec"]["replicas"] == 2
    scale(api, 0)
    until(lambda: not api.list(PODS), pause_s=0.5)
    until(lambda: not api.list(NODES), pause_s=0.5)
    assert stack.destroy().left == ()
