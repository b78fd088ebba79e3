"""Node pools: ceilings, consolidation, architecture, Spot, packing, and who owns the GPU stack."""

import pytest

from tests.graphs import (
    GPU_TOLERATION,
    cluster,
    device_plugin,
    findings,
    gpu_work,
    kubernetes,
    managed_group,
    pod,
    release,
)
from tests.karpenter_graphs import (
    ARCH,
    ON_DEMAND,
    SPOT_FIRST,
    THREE_TYPES,
    auto_mode_pool,
    failure,
    healthy,
    healthy_auto_mode,
    node_class,
    node_pool,
    requirement,
    service,
    subnet,
    types,
)

FAMILY, CATEGORY = "karpenter.k8s.aws/instance-family", "karpenter.k8s.aws/instance-category"

# --- ceilings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("gpu", "nvidia.com/gpu"),
        ("nvidia.com/gpus", "nvidia.com/gpu"),
        ("memmory", "memory"),
        ("neuron", "aws.amazon.com/neuron"),
    ],
)
def test_a_limit_on_a_resource_that_no_node_has(name, nearest):
    made = node_pool(limits={"nvidia.com/gpu": "4", name: "100"})
    assert failure("limits-name-the-real-resource", gpu=made) == (
        "gpu",
        f"its limit {name} stops nothing, for no node has such a resource: write {nearest}",
    )


def test_gpus_without_a_limit_of_their_own():
    assert failure("limits-name-the-real-resource", gpu=node_pool(limits={"cpu": "100"})) == (
        "gpu",
        "no limit counts nvidia.com/gpu, so GPUs are bought up to the others: add one",
    )


def test_a_static_pool_needs_no_limit_on_gpus():
    made = node_pool(ARCH, ON_DEMAND, THREE_TYPES, replicas=0, limits={"nodes": "2"})
    assert findings("limits-name-the-real-resource", *healthy(gpu=made))["gpu"][0]


@pytest.mark.parametrize("limits", [None, {"gpu": "10"}])
def test_a_node_pool_without_a_ceiling(limits):
    assert failure("gpu-pools-are-capped", gpu=node_pool(limits=limits)) == (
        "gpu",
        "nothing limits the GPUs it may start",
    )


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (
            {"nvidia.com/gpu": "8", "cpu": "64"},
            "its limit cpu 64000m ends at 4 nvidia.com/gpu on g5.12xlarge, of 8: set it to 96000m or leave it out",
        ),
        (
            {"nvidia.com/gpu": "8", "memory": "100Gi"},
            "its limit memory 102400Mi ends at 0 nvidia.com/gpu on g5.12xlarge, of 8: set it to 363724Mi or leave it "
            "out",
        ),
        (
            {"nvidia.com/gpu": "8", "nodes": "3"},
            "its limit nodes 3 ends at 3 nvidia.com/gpu on g5.xlarge, of 8: set it to 8 or leave it out",
        ),
    ],
)
def test_a_limit_that_ends_before_the_gpus_do(limits, message):
    made = node_pool(ARCH, ON_DEMAND, types("g5.xlarge", "g5.12xlarge"), limits=limits)
    assert failure("gpu-limit-not-blocked-by-cpu-or-memory", gpu=made) == ("gpu", message)


def test_limits_that_leave_all_gpus_room():
    limits = {"nvidia.com/gpu": "8", "cpu": "96", "memory": "384Gi"}
    made = node_pool(ARCH, ON_DEMAND, types("g5.xlarge", "g5.12xlarge"), limits=limits)
    assert findings("gpu-limit-not-blocked-by-cpu-or-memory", *healthy(gpu=made))["gpu"] == (
        True,
        "8 nvidia.com/gpu fit its other limits",
    )


# --- nodes that go ---------------------------------------------------------------------------------------------------

EMPTY = {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "30s"}


@pytest.mark.parametrize(
    ("disruption", "message"),
    [
        (
            {"consolidateAfter": "30s"},
            "WhenEmptyOrUnderutilized evicts running GPU pods to save on their node: set WhenEmpty",
        ),
        (None, "WhenEmptyOrUnderutilized evicts running GPU pods to save on their node: set WhenEmpty"),
        (
            EMPTY | {"consolidateAfter": "Never"},
            "consolidateAfter is Never, so an empty node stays for good: set a duration",
        ),
        (
            EMPTY | {"budgets": [{"nodes": "50%"}, {"nodes": "0", "reasons": ["Empty"]}]},
            "a budget of 0 keeps empty nodes at all times: give it a schedule, or other reasons",
        ),
    ],
)
def test_gpu_nodes_that_go_too_early_or_never(disruption, message):
    made = node_pool(disruption=disruption)
    assert failure("gpu-pools-consolidate-when-empty", gpu=made) == ("gpu", message)


@pytest.mark.parametrize(
    "budgets",
    [
        [],
        [{"nodes": "10%"}],
        [{"nodes": "0", "reasons": ["Drifted", "Underutilized"]}],
        [{"nodes": "0", "schedule": "0 9 * * 1-5", "duration": "8h"}],
    ],
)
def test_budgets_that_let_an_empty_node_go(budgets):
    made = node_pool(disruption=EMPTY | {"budgets": budgets})
    assert findings("gpu-pools-consolidate-when-empty", *healthy(gpu=made))["gpu"] == (
        True,
        "an empty node goes after 30s",
    )


def test_cpu_pools_may_consolidate_as_they_like():
    made = node_pool(
        ARCH, requirement(CATEGORY, "m"), name="cpu", disruption={"consolidateAfter": "1m"}, template={"taints": []}
    )
    assert findings("gpu-pools-consolidate-when-empty", *healthy(gpu=made)) == {}


# --- types -----------------------------------------------------------------------------------------------------------


def test_a_pool_that_may_bring_the_other_architecture():
    made = node_pool(SPOT_FIRST, requirement(FAMILY, "g5", "g5g"))
    assert failure("architecture-is-required", gpu=made) == (
        "gpu",
        "it may bring g5g.xlarge, which is arm64: require kubernetes.io/arch In [amd64], or both on purpose",
    )


@pytest.mark.parametrize(
    "requirements",
    [
        (SPOT_FIRST, THREE_TYPES),  # named types are all amd64
        (ARCH, SPOT_FIRST, requirement(FAMILY, "g5", "g5g")),
        (requirement("kubernetes.io/arch", "amd64", "arm64"), requirement(FAMILY, "g5", "g5g")),
    ],
)
def test_an_architecture_that_is_settled(requirements):
    assert findings("architecture-is-required", *healthy(gpu=node_pool(*requirements)))["gpu"][0]


def test_requirements_that_no_type_meets():
    made = node_pool(ARCH, SPOT_FIRST, requirement(FAMILY, "g5"), requirement("karpenter.k8s.aws/instance-cpu", "5"))
    assert failure("instance-types-offered-in-zones", gpu=made) == (
        "gpu",
        "no instance type of us-west-2a, us-west-2b meets all of its requirements, so no node ever comes",
    )


def test_a_misspelt_type():
    made = node_pool(ARCH, SPOT_FIRST, types("g5.xlarge", "g6.xlrge"))
    assert failure("instance-types-offered-in-zones", gpu=made) == (
        "gpu",
        "instance type g6.xlrge is not in the catalog; nearest: g6.xlarge",
    )


def test_a_requirement_that_the_catalog_cannot_judge():
    bandwidth = requirement("karpenter.k8s.aws/instance-network-bandwidth", "10000", operator="Gt")
    made = node_pool(ARCH, SPOT_FIRST, THREE_TYPES, bandwidth)
    assert failure("node-pool-requirements-are-known", gpu=made) == (
        "gpu",
        "the catalog does not know karpenter.k8s.aws/instance-network-bandwidth, so the plan counts types that "
        "these may exclude",
    )


# --- price -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requirements", "instead", "message"),
    [
        (
            (ARCH, SPOT_FIRST, types("g5.xlarge", "g6.xlarge")),
            {},
            "it has 2 instance types to choose from: name 3 or more",
        ),
        (
            (ARCH, SPOT_FIRST, THREE_TYPES),
            {"subnets": [subnet("a")]},
            "it is in us-west-2a alone: select subnets of 2 zones or more",
        ),
        (
            (ARCH, requirement("karpenter.sh/capacity-type", "spot"), THREE_TYPES),
            {},
            "nothing takes over when Spot runs out: allow on-demand too, which comes second",
        ),
    ],
)
def test_spot_that_runs_out(requirements, instead, message):
    if "subnets" in instead:
        instead = {**instead, "system": []}
    assert failure("spot-is-diverse-with-a-fallback", gpu=node_pool(*requirements), **instead) == ("gpu", message)


def test_another_pool_may_be_the_fallback():
    spot = node_pool(ARCH, requirement("karpenter.sh/capacity-type", "spot"), THREE_TYPES, weight=10)
    fallback = node_pool(ARCH, ON_DEMAND, THREE_TYPES, name="fallback")
    assert findings("spot-is-diverse-with-a-fallback", *healthy(gpu=[spot, fallback])) == {
        "gpu": (True, "3 types in 2 zones, with a fallback")
    }
    guarded = node_pool(
        ARCH,
        ON_DEMAND,
        THREE_TYPES,
        name="fallback",
        template={"taints": [{"key": "team", "value": "ml", "effect": "NoSchedule"}]},
    )
    assert not findings("spot-is-diverse-with-a-fallback", *healthy(gpu=[spot, guarded]))["gpu"][0]


def test_a_family_whose_large_types_cost_more_for_a_gpu():
    made = node_pool(ARCH, SPOT_FIRST, requirement(FAMILY, "g4dn"))
    assert failure("packing-cannot-cost-more", gpu=made) == (
        "gpu",
        "pods of 1 GPU may be packed on a g4dn.12xlarge, at 3.91 USD an hour 86% more than 4 g4dn.xlarge",
    )


def test_larger_types_that_cost_no_more_for_a_gpu():
    made = node_pool(ARCH, SPOT_FIRST, types("p5.4xlarge", "p5.48xlarge"))
    assert findings("packing-cannot-cost-more", *healthy(gpu=made)) == {
        "gpu": (True, "no larger type costs more for a GPU than the smallest")
    }


# --- the GPU stack ---------------------------------------------------------------------------------------------------

OPERATOR = {"driver": {"enabled": False}, "toolkit": {"enabled": False}}


def test_a_device_plugin_beside_auto_modes():
    stack = healthy_auto_mode()
    assert findings("one-owner-of-the-gpu-stack", *stack, device_plugin())["gpu"] == (
        False,
        "EKS Auto Mode and release nvidia-device-plugin each bring a device plugin, which fight over its GPUs: keep "
        "the chart off: require eks.amazonaws.com/compute-type NotIn [auto]",
    )


def test_a_device_plugin_that_keeps_off_auto_mode():
    off = {"matchExpressions": [{"key": "eks.amazonaws.com/compute-type", "operator": "NotIn", "values": ["auto"]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [off]}}}
    stack = healthy_auto_mode()
    assert findings("one-owner-of-the-gpu-stack", *stack, device_plugin(affinity=affinity))["gpu"] == (
        True,
        "the device plugin is EKS Auto Mode's",
    )


def test_an_operator_beside_the_device_plugin():
    both = [device_plugin(), release("gpu-operator", **OPERATOR)]
    assert failure("one-owner-of-the-gpu-stack", device_plugin=both) == (
        "gpu",
        "release nvidia-device-plugin and release gpu-operator each bring a device plugin, which fight over its GPUs: "
        "remove one of them",
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {},
            "release gpu-operator installs driver and toolkit beside those of the node image: set driver.enabled and "
            "toolkit.enabled to false",
        ),
        (
            {"driver": {"enabled": False}},
            "release gpu-operator installs toolkit beside those of the node image: set toolkit.enabled to false",
        ),
    ],
)
def test_an_operator_that_installs_a_second_driver(values, message):
    operator = release("gpu-operator", **values)
    assert failure("one-owner-of-the-gpu-stack", device_plugin=operator) == ("gpu", message)


@pytest.mark.parametrize(
    ("ami_type", "passes"), [("AL2023_x86_64_NVIDIA", False), ("AL2023_x86_64_STANDARD", True), ("CUSTOM", True)]
)
def test_an_operator_on_a_managed_group_goes_by_the_image(ami_type, passes):
    group = managed_group("gpu", instanceTypes=["g5.xlarge"], amiType=ami_type, launchTemplate=None)
    said = findings("one-owner-of-the-gpu-stack", cluster(), group, release("gpu-operator"))
    assert said["gpu"][0] is passes


def test_an_operator_on_nodes_of_another_image_brings_the_driver():
    own = node_class(amiSelectorTerms=[{"id": "ami-ubuntu"}])
    stack = healthy(device_plugin=release("gpu-operator"), node_class=own)
    assert findings("one-owner-of-the-gpu-stack", *stack)["gpu"] == (
        True,
        "the device plugin is release gpu-operator's",
    )


def test_a_node_may_refuse_the_operators_plugin():
    bottlerocket = node_class(amiSelectorTerms=[{"alias": "bottlerocket@v1.50.0"}])
    operator = release("gpu-operator", **OPERATOR)
    subject, message = failure("one-owner-of-the-gpu-stack", node_class=bottlerocket, device_plugin=operator)
    assert (subject, message.partition(" each")[0]) == ("gpu", "the node image and release gpu-operator")
    refusing = node_pool(labels={"nvidia.com/gpu.deploy.device-plugin": "false"})
    stack = healthy(gpu=refusing, node_class=bottlerocket, device_plugin=operator)
    assert findings("one-owner-of-the-gpu-stack", *stack)["gpu"][0]


def test_a_node_pool_that_the_device_plugin_does_not_reach():
    made = node_pool(template={"taints": [{"key": "team", "value": "ml", "effect": "NoSchedule"}]})
    assert failure("device-plugin-reaches-gpu-pools", gpu=made) == (
        "gpu",
        "the device plugin does not run there, so its nodes offer no GPU. release nvidia-device-plugin: pod does not "
        "tolerate taint team=ml:NoSchedule",
    )


def test_the_plugin_reaches_a_node_by_the_label_that_its_kubelet_adds():
    assert findings("device-plugin-reaches-gpu-pools", *healthy(gpu=node_pool(labels={})))["gpu"][0]


# --- what the older checks say of node pools -------------------------------------------------------------------------


def test_a_node_pool_without_taint():
    assert failure("gpu-nodes-are-tainted", gpu=node_pool(template={"taints": []})) == (
        "gpu",
        "nodes have no taint, so any pod may land there and keep a GPU node running: "
        "add nvidia.com/gpu=true:NoSchedule",
    )


def test_a_static_gpu_pool_runs_without_work():
    made = node_pool(ARCH, ON_DEMAND, THREE_TYPES, replicas=2, limits={"nodes": "2"})
    assert failure("gpu-pools-start-at-zero", gpu=made) == (
        "gpu",
        "2 GPU nodes run while nothing asks for them (minimum 2, desired 2): set both to 0",
    )


@pytest.mark.parametrize(
    ("check", "spec", "message"),
    [
        (
            "nodes-require-imdsv2",
            {"metadataOptions": {"httpTokens": "optional"}},
            "its EC2NodeClass leaves IMDSv1 open: set metadataOptions.httpTokens: required",
        ),
        (
            "node-disks-are-encrypted",
            {"blockDeviceMappings": [{"ebs": {"volumeSize": "100Gi"}}]},
            "its disk of 100 GiB is not encrypted: set encrypted: true in the EC2NodeClass",
        ),
    ],
)
def test_nodes_that_start_unsafely(check, spec, message):
    assert failure(check, node_class=node_class(**spec)) == ("gpu", message)


def test_checks_of_the_autoscaler_leave_node_pools_alone():
    for check in (
        "groups-are-discovered-by-this-cluster",
        "desired-size-belongs-to-the-autoscaler",
        "one-gpu-count-a-group",
        "one-zone-a-gpu-group",
        "autoscaler-plans-with-the-smallest-type",
        "scale-from-zero-labels-match-node",
    ):
        assert "gpu" not in findings(check, *healthy())


# --- services --------------------------------------------------------------------------------------------------------

PREFIX = "service.beta.kubernetes.io/aws-load-balancer-"
OPEN = (
    "its load balancer takes connections from the whole internet: set spec.loadBalancerSourceRanges, or make it "
    "internal"
)
PUBLIC = {f"{PREFIX}scheme": "internet-facing"}


@pytest.mark.parametrize(
    "made",
    [
        service(annotations=PUBLIC),
        service(annotations=PUBLIC, loadBalancerSourceRanges=["10.0.0.0/8", "0.0.0.0/0"]),
        service(annotations={**PUBLIC, f"{PREFIX}source-ranges": "::/0"}),
        service(loadBalancerClass=None),  # Kubernetes' own code makes a public one
    ],
)
def test_a_service_that_is_open_to_the_world(made):
    assert failure("services-are-private-or-restricted", service=made) == ("Service default/web", OPEN)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (service(), "reachable from the VPC alone"),
        (service(annotations=PUBLIC, loadBalancerSourceRanges=["203.0.113.7/32"]), "open to 203.0.113.7/32"),
        (
            service(annotations={**PUBLIC, f"{PREFIX}source-ranges": "203.0.113.7/32, 203.0.113.8/32"}),
            "open to 203.0.113.7/32, 203.0.113.8/32",
        ),
        (service(loadBalancerClass=None, annotations={f"{PREFIX}internal": "true"}), "reachable from the VPC alone"),
        (service(loadBalancerClass=None, annotations={f"{PREFIX}type": "external"}), "reachable from the VPC alone"),
    ],
)
def test_a_service_that_is_not(made, message):
    assert findings("services-are-private-or-restricted", *healthy(service=made)) == {
        "Service default/web": (True, message)
    }


def test_who_takes_a_service_without_class_decides():
    plain = service(loadBalancerClass=None)
    check = "services-are-private-or-restricted"
    assert findings(check, *healthy(service=[plain, release("aws-load-balancer-controller")]))["Service default/web"][0]
    off = release("aws-load-balancer-controller", enableServiceMutatorWebhook=False)
    assert not findings(check, *healthy(service=[plain, off]))["Service default/web"][0]
    assert findings(check, *healthy_auto_mode(), plain)["Service default/web"][0]


def test_a_service_inside_the_cluster_is_none_of_it():
    assert findings("services-are-private-or-restricted", *healthy(service=service(type="ClusterIP"))) == {}


def test_an_ingress_that_is_open_to_the_world():
    scheme = {"alb.ingress.kubernetes.io/scheme": "internet-facing"}
    made = kubernetes("Ingress", "web", {}, group="networking.k8s.io/v1", annotations=scheme)
    assert failure("services-are-private-or-restricted", service=made) == (
        "Ingress default/web",
        "its load balancer takes connections from the whole internet: set annotation "
        "alb.ingress.kubernetes.io/inbound-cidrs, or make it internal",
    )
    ranges = scheme | {"alb.ingress.kubernetes.io/inbound-cidrs": "203.0.113.7/32"}
    made = kubernetes("Ingress", "web", {}, group="networking.k8s.io/v1", annotations=ranges)
    assert findings("services-are-private-or-restricted", *healthy(service=made))["Ingress default/web"][0]


# --- workloads on node pools -----------------------------------------------------------------------------------------


def test_a_workload_that_no_node_pool_takes():
    work = gpu_work(nodeSelector={"karpenter.k8s.aws/instance-gpu-name": "h100"})
    subject, message = failure("workloads-are-admitted", train=work)
    assert subject == "Deployment default/train"
    assert message.endswith(
        "gpu: none of its 3 instance types suits: pod selects karpenter.k8s.aws/instance-gpu-name=h100, nodes have "
        "karpenter.k8s.aws/instance-gpu-name=t4"
    )


def test_cpu_work_that_tolerates_the_taint_of_a_node_pool():
    made = kubernetes("Deployment", "web", {"template": {"spec": pod({"cpu": "1"}, tolerations=[GPU_TOLERATION])}})
    assert failure("cpu-work-stays-off-gpu-nodes", web=made)[1].startswith("it asks for no GPU but may run on gpu")


def test_auto_mode_needs_no_controller_and_no_queue():
    assert findings("interruption-path-is-complete", *healthy_auto_mode(gpu=auto_mode_pool(ARCH, SPOT_FIRST))) == {}
