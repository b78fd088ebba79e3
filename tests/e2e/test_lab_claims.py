"""What the planner makes of a claim of devices, held against the real scheduler, which evaluates CEL itself."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from eks_gpu.cost.devices import unclaimable
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.dra_driver import CLASSES, device_class, reconcile
from eks_gpu.lab.state import Lab
from eks_gpu.pods.claims import claims
from eks_gpu.pods.pod import Pod
from eks_gpu_components.catalog import instance_type
from tests.e2e.own_lab import own_lab
from tests.graphs import analysed, cluster
from tests.karpenter_graphs import ARCH, ON_DEMAND, karpenter, node_class, node_pool, requirement
from tests.waiting import until

pytestmark = [pytest.mark.xdist_group("lab_claims"), pytest.mark.minutes(0.7)]
TYPES = ("g4dn.xlarge", "g5.12xlarge", "g6.xlarge", "g6.12xlarge", "g6e.xlarge")
REFUSALS = ("cannot allocate all claims", "runtime error")
"""What the scheduler says of a claim that a node does not satisfy, and of a condition on what no device has."""
SHARES = 100
"""So many that no claim stands in another's way."""
VALUES = {
    "kubeletPlugin": {"affinity": {"nodeAffinity": {}}},
    "featureGates": {"ConsumableShares": True},
    "consumableShares": str(SHARES),
}
_GPU = "device.attributes['gpu.nvidia.com']"
_MEMORY = "device.capacity['gpu.nvidia.com'].memory"
CONDITIONS = (
    f"{_MEMORY}.compareTo(quantity('22Gi')) >= 0",
    f"{_MEMORY}.isGreaterThan(quantity('23030Mi')) && {_MEMORY}.isLessThan(quantity('40Gi'))",
    f"{_GPU}.productName == 'NVIDIA L4'",
    f"{_GPU}.productName in ['NVIDIA L4', 'NVIDIA L40S']",
    f"{_GPU}.productName.lowerAscii().matches('^nvidia a10.*$')",
    f"{_GPU}.architecture.startsWith('Ada') || {_GPU}.architecture == 'Turing'",
    f"{_GPU}.cudaComputeCapability.isGreaterThan(semver('8.6.0'))",
    f"{_GPU}.cudaComputeCapability.compareTo(semver('8.6.0')) == 0",
    "device.driver == 'gpu.nvidia.com' && device.attributes['resource.kubernetes.io'].pcieRoot == 'pci0000:00'",
    f"has({_GPU}.nothing) || {_MEMORY}.isGreaterThan(quantity('40G'))",
    f"!has({_GPU}.nothing) && !('x' in device.attributes['other.example.com'])",
    f"{_GPU}.nothing == 'x'",
    f"{_GPU}.nothing == 'x' || {_GPU}.type == 'gpu'",
    f"cel.bind(gpu, {_GPU}, gpu.type == 'gpu' && gpu.productName.split(' ')[1] in ['L4', 'A10G'])",
    f"{_GPU}.?nothing.orValue('none') == 'none' && {_GPU}.?type.hasValue()",
    f"{_GPU}[?'nothing'].orValue({_GPU}.architecture) == 'Turing' || {_GPU}.?nothing.value() == 'x'",
    f"{_MEMORY}.asInteger() >= 23 * 1000 * 1000 * 1000 + 1",
    f"['L40S', 'T4'].exists(model, {_GPU}.productName.endsWith(model) || {_GPU}.nothing == model)",
    f"{_GPU}.cudaComputeCapability.major() * 10 + {_GPU}.cudaComputeCapability.minor() > 86.5",
    f"{_GPU}.cudaComputeCapability == '8.9.0' || {_GPU}.productName.replace('NVIDIA ', '').size() == 3",
    f"{_GPU}.productName == 4 ? true : {_GPU}.exists_one(name, name.startsWith('cuda'))",
)
CLAIMS: Mapping[str, Any] = {
    **{f"condition-{number}": {"selectors": [each]} for number, each in enumerate(CONDITIONS)},
    "both": {"selectors": [CONDITIONS[0], CONDITIONS[2]]},
    "two": {"count": 2},
    "five": {"count": 5},
    "near": {"count": 2, "near": True},
}


def spec(selectors: Any = (), count: int = 1, near: bool = False) -> dict[str, Any]:
    conditions = [{"cel": {"expression": each}} for each in selectors]
    exactly = {"deviceClassName": "gpu.nvidia.com", "count": count, "selectors": conditions}
    constraints = [{"matchAttribute": "resource.kubernetes.io/pcieRoot"}] if near else []
    return {"spec": {"devices": {"requests": [{"name": "gpu", "exactly": exactly}], "constraints": constraints}}}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterApi]:
    with own_lab(tmp_path_factory.mktemp("lab")) as made:
        yield with_nodes(made)


def with_nodes(lab: Lab) -> ClusterApi:
    """A node of each type, whose GPUs are published."""
    api = ClusterApi(lab)
    api.create(CLASSES, device_class("gpu.nvidia.com", "gpu"))
    for name in TYPES:
        labels = {"node.kubernetes.io/instance-type": name, "kubernetes.io/hostname": name}
        metadata = {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}}
        has = {"cpu": "32", "memory": "100Gi", "pods": "110"}
        status = {"allocatable": has, "capacity": has}
        api.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": status})
    published: set[str] = set()
    until(lambda: published.update(reconcile(api, VALUES)) or published == {*TYPES}, pause_s=0.5)
    return api


def pod_of(claim: str, node: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{claim}.{node}", "namespace": "default"},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": claim}],
            "containers": [{"name": "main", "image": "work", "resources": {"claims": [{"name": "gpu"}]}}],
        },
    }


def planned() -> dict[str, bool]:
    """Name of a pod -> whether the planner says that the node has what it claims."""
    class_ = node_class()
    class_.inputs["metadata"]["annotations"] = {"karpenter.k8s.aws/nvidia-consumable-capacity": str(SHARES)}
    pool = node_pool(ARCH, ON_DEMAND, requirement("node.kubernetes.io/instance-type", *TYPES))
    (found,) = analysed(cluster(version="1.36"), class_, pool, karpenter(enableDRA=True)).pools
    return {
        f"{claim}.{node}": not unclaimable(_claiming(pod_of(claim, node)), found, instance_type(node))
        for claim in CLAIMS
        for node in TYPES
    }


def _claiming(pod: Mapping[str, Any]) -> Pod:
    def find(kind: str, _: str, name: str) -> Mapping[str, Any] | None:
        return {"spec": spec(**CLAIMS[name])} if kind == "ResourceClaimTemplate" else None

    return Pod().with_claims(claims(pod["spec"], "default", find))


def test_the_planner_and_the_scheduler_agree_on_which_type_has_what_is_claimed(api):
    for name, wanted in CLAIMS.items():
        template = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate", "metadata": {"name": name}}
        api.create(
            "/apis/resource.k8s.io/v1/namespaces/default/resourceclaimtemplates", template | {"spec": spec(**wanted)}
        )
        for node in TYPES:
            api.create("/api/v1/namespaces/default/pods", pod_of(name, node))

    def all_decided() -> dict[str, bool] | None:
        found = {}
        for pod in api.list("/api/v1/namespaces/default/pods"):
            scheduled = [each for each in pod["status"].get("conditions", ()) if each["type"] == "PodScheduled"]
            waits = [each for each in scheduled if any(words in each.get("message", "") for words in REFUSALS)]
            if pod["spec"].get("nodeName") or waits:
                found[pod["metadata"]["name"]] = bool(pod["spec"].get("nodeName"))
        return found if len(found) == len(CLAIMS) * len(TYPES) else None

    expected = planned()
    assert {*expected.values()} == {True, False}
    assert until(all_decided, pause_s=0.5) == expected
