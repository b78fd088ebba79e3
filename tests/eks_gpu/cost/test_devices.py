"""Claims of devices (DRA) against the nodes of a pool: conditions in CEL, counts, shares, and what starts no node."""

from typing import Any

import pytest

from eks_gpu.cost.admission import Verdict
from eks_gpu.graph.graph import Resource
from eks_gpu.plan.analysis import Analysis
from tests.device_claims import driver
from tests.graphs import GPU_TOLERATION, analysed, cluster, gpu_group, kubernetes, launch_template, release
from tests.karpenter_graphs import ARCH, ON_DEMAND, karpenter, node_class, node_pool, requirement

L4, L40S = "g6.xlarge", "g6e.xlarge"
MEMORY = "device.capacity['gpu.nvidia.com'].memory.compareTo(quantity('{}')) >= 0"
SHARES = "karpenter.k8s.aws/nvidia-consumable-capacity"


def template(*requests: Any, name: str = "gpu", constraints: Any = ()) -> Resource:
    spec = {"spec": {"devices": {"requests": list(requests), "constraints": list(constraints)}}}
    return kubernetes("ResourceClaimTemplate", name, spec, group="resource.k8s.io/v1")


def request(*selectors: str, name: str = "gpu", count: Any = 1, **more: Any) -> Any:
    conditions = [{"cel": {"expression": each}} for each in selectors]
    exactly = {"deviceClassName": "gpu.nvidia.com", "count": count, "selectors": conditions, **more}
    return {"name": name, "exactly": exactly}


def pods(replicas: int = 1, **spec: Any) -> Resource:
    claims = [{"name": "gpu", "resourceClaimTemplateName": "gpu"}]
    pod = {
        "containers": [{"name": "main", "image": "example/app:1", "resources": {"requests": {"cpu": "100m"}}}],
        "resourceClaims": claims,
        "tolerations": [GPU_TOLERATION],
        **spec,
    }
    made = {"replicas": replicas, "selector": {}, "template": {"metadata": {"labels": {"app": "a"}}, "spec": pod}}
    return kubernetes("Deployment", "claiming", made)


def stack(
    *objects: Resource, types: tuple[str, ...] = (L4, L40S), shares: str = "", replicas: int = 1, dra: bool = True
) -> Analysis:
    of_nodes = node_class()
    if shares:
        of_nodes.inputs["metadata"]["annotations"] = {SHARES: shares}
    pool = node_pool(ARCH, ON_DEMAND, requirement("node.kubernetes.io/instance-type", *types))
    controller = karpenter(enableDRA=dra)
    return analysed(cluster(version="1.36"), of_nodes, pool, controller, *objects, pods(replicas))


def reason(*objects: Resource, **given: Any) -> str:
    return verdict(stack(*objects, **given)).reason


def verdict(found: Analysis) -> Verdict:
    ((only,),) = found.verdicts.values()
    return only


def nodes(*objects: Resource, **given: Any) -> list[tuple[str, float]]:
    """Names and numbers of what pods need in the steady state."""
    found = stack(*objects, **given).cost.steady.items
    return [(item.name, item.quantity) for item in found if item.name.startswith("pool gpu: g")]


def test_a_claim_brings_the_cheapest_type_that_has_the_device():
    assert nodes(template(request())) == [("pool gpu: g6.xlarge, on demand", 1)]
    assert nodes(template(request(MEMORY.format("40Gi")))) == [("pool gpu: g6e.xlarge, on demand", 1)]
    product = "device.attributes['gpu.nvidia.com'].productName == 'NVIDIA L40S'"
    assert nodes(template(request(product))) == [("pool gpu: g6e.xlarge, on demand", 1)]


def test_each_pod_takes_its_device():
    assert nodes(template(request()), replicas=3) == [("pool gpu: g6.xlarge, on demand", 3)]
    assert nodes(template(request(count=2)), types=("g6.12xlarge",), replicas=2) == [
        ("pool gpu: g6.12xlarge, on demand", 1)
    ]


def test_pods_that_share_a_gpu_share_a_node():
    assert nodes(template(request()), types=(L4,), shares="4", replicas=6) == [("pool gpu: g6.xlarge, on demand", 2)]
    two = request(capacity={"requests": {"shares": "2"}})
    assert nodes(template(two), types=(L4,), shares="4", replicas=6) == [("pool gpu: g6.xlarge, on demand", 3)]


@pytest.mark.parametrize(
    ("asked", "types", "said"),
    [
        (
            request(MEMORY.format("100Gi")),
            (L4,),
            "claim gpu: the NVIDIA L4 of g6.xlarge with 23034Mi does not meet " + MEMORY.format("100Gi"),
        ),
        (request(count=2), (L4,), "claim gpu: it needs 2 GPUs, g6.xlarge has 1"),
        (
            request(capacity={"requests": {"shares": "2"}}),
            (L4,),
            "claim gpu: a GPU of g6.xlarge has no 2 shares",
        ),
        (request(), ("m5.large",), "m5.large has no device of gpu.nvidia.com"),
        (
            request("device.attributes['gpu.nvidia.com'].driverVersion.isGreaterThan(semver('580.0.0'))"),
            (L4,),
            "claim gpu: the NVIDIA L4 of g6.xlarge with 23034Mi does not meet "
            "device.attributes['gpu.nvidia.com'].driverVersion.isGreaterThan(semver('580.0.0'))",
        ),
    ],
)
def test_a_claim_that_no_new_node_satisfies_says_why(asked, types, said):
    assert reason(template(asked), types=types) == said


def test_devices_on_one_pcie_root():
    near = [{"matchAttribute": "resource.kubernetes.io/pcieRoot"}]
    two = request(count=2)
    assert reason(template(two, constraints=near), types=("g6.12xlarge",)) == (
        "claim gpu: 2 GPUs on one PCIe root, g6.12xlarge has 1 on each"
    )
    assert reason(template(two, constraints=near), types=("g5.12xlarge",)) == ""
    assert reason(template(two), types=("g6.12xlarge",)) == ""


def test_one_of_several_kinds_is_enough():
    first = {
        "name": "large",
        "deviceClassName": "gpu.nvidia.com",
        "selectors": [{"cel": {"expression": MEMORY.format("40Gi")}}],
    }
    either = {"name": "gpu", "firstAvailable": [first, {"name": "any", "deviceClassName": "gpu.nvidia.com"}]}
    assert nodes(template(either)) == [("pool gpu: g6.xlarge, on demand", 1)]


def test_the_class_of_a_pool_narrows_what_is_claimed():
    selector = {"cel": {"expression": "device.attributes['gpu.nvidia.com'].productName in ['NVIDIA L40S']"}}
    made = kubernetes("DeviceClass", "large", {"selectors": [selector]}, group="resource.k8s.io/v1")
    asked = request(deviceClassName="large")
    assert nodes(template(asked), made) == [("pool gpu: g6e.xlarge, on demand", 1)]
    assert nodes(template(asked)) == [("pool gpu: g6.xlarge, on demand", 1)]  # nobody knows the class


def test_devices_of_other_drivers_are_not_judged():
    of_network = {"selectors": [{"cel": {"expression": "device.driver == 'dra.net'"}}]}
    made = kubernetes("DeviceClass", "efa", of_network, group="resource.k8s.io/v1")
    efa = request(name="efa", deviceClassName="efa", count=4)
    assert reason(template(efa), made) == ""
    assert nodes(template(request(MEMORY.format("40Gi")), efa), made) == [("pool gpu: g6e.xlarge, on demand", 1)]


@pytest.mark.parametrize(
    "broken",
    [
        {"devices": None},
        {"devices": {"requests": "all"}},
        {"devices": {"requests": ["x", {"name": "a", "exactly": "x"}, {"exactly": {"deviceClassName": 3}}]}},
        {"devices": {"requests": [request(count="many", selectors=["x", {"cel": 1}], capacity=[])]}},
        {"devices": {"requests": [request()], "constraints": [1, {"matchAttribute": 2, "requests": "x"}]}},
    ],
)
def test_a_claim_of_another_shape_stops_nothing(broken):
    assert reason(kubernetes("ResourceClaimTemplate", "gpu", {"spec": broken}, group="resource.k8s.io/v1")) == ""


@pytest.mark.parametrize("unread", ["type.reverse() == 'upg'", "type.matches('(')", "type == timestamp('x')"])
def test_a_condition_that_nobody_reads_rejects_nothing(unread):
    assert reason(template(request(f"device.attributes['gpu.nvidia.com'].{unread}"))) == ""


def test_a_condition_may_name_what_it_reads_and_what_is_taken_in_its_place():
    of_model = "cel.bind(gpu, device.attributes['gpu.nvidia.com'], gpu.productName.split(' ')[1] == 'L40S')"
    assert nodes(template(request(of_model))) == [("pool gpu: g6e.xlarge, on demand", 1)]
    otherwise = "device.attributes['gpu.nvidia.com'].?nothing.orValue('none') == 'none'"
    assert nodes(template(request(otherwise))) == [("pool gpu: g6.xlarge, on demand", 1)]


def test_karpenter_without_its_switches_starts_no_node_and_says_which():
    off = "Karpenter starts no node for a claim: settings.awsFeatureGates.draNVIDIAGPU is off"
    assert reason(template(request()), dra=False) == off


def test_an_empty_group_starts_no_node_for_a_claim():
    found = analysed(cluster(version="1.36"), launch_template(), gpu_group(), template(request()), pods())
    assert verdict(found).reason == (
        "the cluster autoscaler knows no device of an empty group, so no claim starts its first node"
    )
    kept = gpu_group(minSize=1, desiredCapacity=1)
    found = analysed(cluster(version="1.36"), launch_template(), kept, template(request()), pods())
    assert verdict(found).admits, verdict(found).reason


def test_a_pod_that_counts_gpus_does_not_run_where_they_are_claimed():
    labels = {"nvidia.com/gpu.present": "true", "nvidia.com/dra-kubelet-plugin": "true"}
    pool = node_pool(ARCH, ON_DEMAND, requirement("node.kubernetes.io/instance-type", L4), labels=labels)
    container = {"name": "main", "image": "example/app:1", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    counting = pods(resourceClaims=[], containers=[container])
    found = analysed(cluster(version="1.36"), node_class(), pool, karpenter(enableDRA=True), counting)
    assert verdict(found).reason == (
        "pod needs 1 of nvidia.com/gpu, and its nodes have the DRA driver in place of the device plugin"
    )


def test_a_claim_that_pods_share_is_not_counted_for_each():
    shared = kubernetes("ResourceClaim", "one", {"devices": {"requests": [request()]}}, group="resource.k8s.io/v1")
    claims = [{"name": "gpu", "resourceClaimName": "one"}]
    of_nodes, pool = node_class(), node_pool(ARCH, ON_DEMAND, requirement("node.kubernetes.io/instance-type", L4))
    both = analysed(
        cluster(version="1.36"), of_nodes, pool, karpenter(enableDRA=True), shared, pods(2, resourceClaims=claims)
    )
    (workload,) = both.workloads
    assert workload.requests == {"cpu": 100}
    assert [item.quantity for item in both.cost.steady.items if "g6.xlarge" in item.name] == [1]


def test_the_plan_counts_devices_among_the_requests():
    found = stack(template(request()))
    (workload,) = found.workloads
    assert workload.as_json([])["requests"] == {"cpu": "100m", "gpu.nvidia.com/devices": 1}


# What the checks say


def said(check: str, *objects: Resource, **given: Any) -> dict[str, tuple[Any, str]]:
    return {
        found.subject: (found.passed, found.message) for found in stack(*objects, **given).findings if found.id == check
    }


DRIVER = "dra-driver-reaches-claimed-pools"


def test_a_missing_driver_is_told():
    missing = "a node comes for the claim of a pod, is never initialized, and stays: no DRA driver runs there"
    assert said(DRIVER, template(request())) == {"gpu": (False, missing)}
    assert said(DRIVER, template(request()), driver()) == {
        "gpu": (True, "release dra-driver-nvidia-gpu runs on every node")
    }
    elsewhere = driver(kubeletPlugin={"nodeSelector": {"role": "other"}})
    assert said(DRIVER, template(request()), elsewhere) == {"gpu": (False, missing)}
    without = driver(resources={"gpus": {"enabled": False}})
    assert said(DRIVER, template(request()), without) == {"gpu": (False, missing)}
    assert said(DRIVER, template(request()), dra=False) == {}


def test_the_driver_stands_in_for_the_device_plugin():
    reaches = "device-plugin-reaches-gpu-pools"
    assert said(reaches, driver())["gpu"] == (
        True,
        "release dra-driver-nvidia-gpu makes devices of its GPUs, which pods claim",
    )
    assert said(reaches)["gpu"][0] is False


def test_plugin_and_driver_on_one_node_are_told():
    found = said("one-owner-of-the-gpu-stack", driver(), release("nvidia-device-plugin"))["gpu"]
    assert found == (
        False,
        "release nvidia-device-plugin and release dra-driver-nvidia-gpu each give its GPUs away: by number, and by "
        "claim",
    )
    assert said("one-owner-of-the-gpu-stack", driver())["gpu"][0] is True


AGREE = "shared-gpus-agree-with-the-driver"


def test_karpenter_and_the_driver_share_alike():
    shared = {"featureGates": {"ConsumableShares": True}, "consumableShares": "4"}
    assert said(AGREE, driver(**shared), shares="4") == {"EC2NodeClass gpu": (True, "both say 4")}
    assert said(AGREE, driver(), shares="4") == {
        "EC2NodeClass gpu": (False, "its annotation says 4, and the driver disabled")
    }
    assert said(AGREE, driver(**{**shared, "featureGates": {}}), shares="4")["EC2NodeClass gpu"][0] is False
    assert said(AGREE, driver(**shared)) == {}


HAVE = "device-claims-have-standing-nodes"


def test_a_claim_that_no_type_satisfies_is_told():
    found = said(HAVE, template(request(MEMORY.format("100Gi"))), types=(L4,))
    assert found == {
        "Deployment default/claiming": (
            False,
            "no node has the devices that its pods claim: gpu: claim gpu: the NVIDIA L4 of g6.xlarge with 23034Mi does "
            f"not meet {MEMORY.format('100Gi')}",
        )
    }
    assert said(HAVE, template(request())) == {"Deployment default/claiming": (True, "gpu has nodes with the device")}


def test_kubernetes_before_claims_is_told():
    pool = node_pool(ARCH, ON_DEMAND, requirement("node.kubernetes.io/instance-type", L4))
    objects = [cluster(version="1.33"), node_class(), pool, karpenter(enableDRA=True), template(request()), pods()]
    (found,) = [each for each in analysed(*objects).findings if each.id == HAVE]
    assert found.message == "its pods claim devices, and Kubernetes 1.33 serves no claims: they need 1.34 or later"
