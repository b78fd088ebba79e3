"""Reservations, EFA, repair, drivers, disks, metrics, shared GPUs and room for a pod."""

import json
from typing import Any

import pytest

from eks_gpu.graph.graph import Resource
from tests.graphs import (
    analysed,
    device_plugin,
    findings,
    gpu_group,
    launch_template,
    managed_group,
    overrides,
    release,
    resource,
)
from tests.karpenter_graphs import (
    ARCH,
    ON_DEMAND,
    SPOT_FIRST,
    THREE_TYPES,
    auto_mode_failure,
    auto_mode_pool,
    karpenter,
    node_class,
    node_overlay,
    node_pool,
    requirement,
    types,
)
from tests.karpenter_graphs import healthy as on_karpenter
from tests.whole_graphs import (
    addon,
    efa_group,
    efa_template,
    exporter,
    failure,
    healthy,
    holds,
    karpenter_release,
    monitoring,
    reservation,
    reserved_pool,
    reserving_class,
    security_group,
    user_data,
)

RESERVED = "reservations-are-used"


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        (
            {"node_class": node_class()},
            "it wants reserved capacity, but its node class selects no reservation: "
            "add capacityReservationSelectorTerms",
        ),
        (
            {"reserved": node_pool(name="reserved")},
            "its node class selects reservations, but no requirement allows the capacity type reserved: "
            "add reserved to karpenter.sh/capacity-type",
        ),
        (
            {"reservation": reservation(endDate="2026-11-01T00:00:00Z")},
            "reservation cr-1 ended on 2026-11-01: remove it",
        ),
    ],
)
def test_a_reservation_that_stays_unused(instead, said):
    assert failure(RESERVED, **instead) == ("reserved", said)


def test_a_reservation_that_ends_later_is_used():
    assert holds(RESERVED, reservation=reservation(endDate="2027-11-01T00:00:00Z"))


@pytest.mark.parametrize(
    ("specification", "passed"),
    [
        (None, False),
        ({"capacityReservationTarget": {"capacityReservationId": "cr-1"}}, True),
        ({"capacityReservationPreference": "open"}, True),
    ],
)
def test_a_group_that_says_it_is_reserved_targets_a_reservation(specification, passed):
    data = user_data(labels="karpenter.sh/capacity-type=reserved")
    template = efa_template(userData=data, capacityReservationSpecification=specification)
    (found,) = [
        row
        for row in analysed(*healthy(fast_template=template)).findings
        if row.id == RESERVED and row.subject == "fast"
    ]
    assert found.passed is passed
    if not passed:
        assert (found.severity, found.message) == (
            "warning",
            "its nodes are labelled reserved, but its launch template targets no reservation",
        )


def test_a_controller_that_takes_no_reservation():
    off = karpenter_release()
    off.inputs["values"]["settings"]["featureGates"]["reservedCapacity"] = False
    assert failure(RESERVED, karpenter=off) == (
        "reserved",
        "the chart turns reserved capacity off: set settings.featureGates.reservedCapacity to true",
    )


def test_types_without_efa():
    assert failure("efa-interfaces-fit-their-nodes", fast=efa_group("g6.xlarge")) == (
        "fast",
        "g6.xlarge have no EFA: name types that have it",
    )


@pytest.mark.parametrize("first", [{"interfaceType": "efa-only"}, {"interfaceType": "efa", "deviceIndex": 1}])
def test_a_first_interface_without_address(first):
    assert failure("efa-interfaces-fit-their-nodes", fast_template=efa_template({"networkCardIndex": 0, **first})) == (
        "fast",
        "its first interface has no address: make it interface or efa, with index 0",
    )


def test_nodes_that_are_far_apart():
    loose = efa_template(placement=None)
    assert failure("efa-nodes-are-close", fast_template=loose) == (
        "fast",
        "its nodes are in no placement group: add one of strategy cluster",
    )
    wide = efa_group(vpcZoneIdentifiers=["subnet-a", "subnet-b"])
    spans = "it spans us-west-2a, us-west-2b: make one group per zone"
    assert failure("efa-nodes-are-close", fast=wide) == ("fast", spans)


def test_nodes_of_karpenter_that_are_far_apart():
    interfaces = [
        {"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "interface"},
        {"networkCardIndex": 0, "deviceIndex": 1, "interfaceType": "efa-only"},
    ]
    placed = {"placementGroupSelector": {"name": "fast"}}
    zone = requirement("topology.kubernetes.io/zone", "us-west-2a")
    efa_types, close_types = types("p4d.24xlarge"), (ARCH, ON_DEMAND, types("p4d.24xlarge"), zone)

    def said(*requirements: Any, **spec: Any) -> tuple[bool | None, str]:
        named = node_class(networkInterfaces=interfaces, **spec)
        return findings("efa-nodes-are-close", *on_karpenter(gpu=[node_pool(*requirements)], node_class=named))["gpu"]

    assert said(*close_types, **placed) == (True, "one zone and one placement group")
    assert said(*close_types) == (False, "its nodes are in no placement group: add one of strategy cluster")
    spans = "it spans us-west-2a, us-west-2b: require one zone"
    assert said(ARCH, ON_DEMAND, efa_types, **placed) == (False, spans)
    without = on_karpenter(gpu=[node_pool(ARCH, ON_DEMAND, efa_types)])
    assert findings("efa-nodes-are-close", *without) == {}  # pods decide, and Karpenter makes the interfaces


ALL: dict[str, object] = {"protocol": "-1", "fromPort": 0, "toPort": 0}


@pytest.mark.parametrize(
    ("ingress", "egress", "said"),
    [
        ({"self": True}, {"self": True}, ""),
        ({"securityGroups": ["sg-own"]}, {"securityGroups": ["sg-own"]}, ""),
        ({"self": True}, {"cidrBlocks": ["0.0.0.0/0"]}, "out to itself"),
        ({"cidrBlocks": ["10.0.0.0/8"]}, {"self": True}, "in from itself"),
        ({"self": True, "protocol": "tcp"}, {}, "out to itself and in from itself"),
    ],
)
def test_efa_needs_rules_of_the_security_group_to_itself(ingress, egress, said):
    group = security_group(ingress=[ALL | ingress], egress=[ALL | egress])
    interface = {"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "efa", "securityGroups": [group.id]}
    stack = healthy(fast_template=efa_template(interface))
    found = findings("efa-passes-its-security-groups", *stack, group)
    right = (True, "EFA's traffic passes in both directions")
    assert found == {"fast": (False, f"its security group own lets not all traffic {said}") if said else right}
    assert findings("efa-passes-its-security-groups", *stack) == {}  # the group is of another stack: not judged


def test_interfaces_that_use_up_the_addresses():
    several = efa_template(
        {"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "efa"},
        {"networkCardIndex": 1, "deviceIndex": 1, "interfaceType": "efa"},
        {"networkCardIndex": 2, "deviceIndex": 1, "interfaceType": "efa-only"},
    )
    assert failure("efa-nodes-are-close", fast_template=several) == (
        "fast",
        "1 interfaces beside the first take addresses that pods need: make them efa-only",
    )


def test_repair_without_an_agent():
    assert failure("node-repair-has-its-agent", monitoring=None) == (
        "karpenter",
        "node repair is on, but nothing monitors the GPUs",
    )
    assert failure("node-repair-has-its-agent", monitoring=None, karpenter=None, gpu=repaired_group()) == (
        "gpu",
        "node repair is on, but nothing monitors the GPUs",
    )


def test_an_agent_from_its_chart_watches_too():
    assert holds("node-repair-has-its-agent", monitoring=release("eks-node-monitoring-agent"), gpu=repaired_group())


@pytest.mark.parametrize(
    "group", [{"nodeRepairConfig": {"enabled": False}}, {"nodeRepairConfig": None}, {"instanceTypes": ["m7i.large"]}]
)
def test_groups_without_repair_or_gpus_need_no_agent(group):
    said = findings("node-repair-has-its-agent", *healthy(monitoring=None, karpenter=None, gpu=repaired_group(**group)))
    assert said == {}


def repaired_group(**inputs):
    """A managed group of GPU nodes, which EKS repairs."""
    group = {
        "instanceTypes": ["g5.xlarge"],
        "amiType": "AL2023_x86_64_NVIDIA",
        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}],
        "nodeRepairConfig": {"enabled": True},
    }
    return managed_group("gpu", ("scalingConfig.desiredSize",), **(group | inputs))


UNSEEN = "its DCGM does not run on gpu: pod does not tolerate taint nvidia.com/gpu=true:NoSchedule"
REACHES = "node-monitoring-reaches-gpu-pools"


@pytest.mark.parametrize("tolerations", [(), ({"key": "nvidia.com/gpu", "operator": "Equal", "value": "yes"},)])
def test_an_agent_whose_dcgm_stays_off_the_nodes_that_eks_repairs(tolerations):
    one = {"karpenter": None, "gpu": repaired_group()}
    assert failure(REACHES, monitoring=monitoring(tolerations), **one) == ("eks-node-monitoring-agent", UNSEEN)
    assert holds(REACHES, monitoring=monitoring([{"key": "nvidia.com/gpu", "operator": "Exists"}]), **one)


def test_an_agent_as_it_comes_and_pools_that_karpenter_repairs():
    untold = addon("eks-node-monitoring-agent")
    assert failure(REACHES, monitoring=untold) == ("eks-node-monitoring-agent", UNSEEN.replace("gpu:", "reserved:"))


def test_a_chart_of_the_agent_is_judged_by_its_values():
    one = {"karpenter": None, "gpu": repaired_group()}
    deaf = release("eks-node-monitoring-agent", dcgmAgent={"tolerations": []})
    assert failure(REACHES, monitoring=deaf, **one) == ("eks-node-monitoring-agent", UNSEEN)


@pytest.mark.parametrize("group", [{"instanceTypes": ["g5g.xlarge"]}, {"instanceTypes": ["inf2.xlarge"]}])
def test_dcgm_is_for_nvidia_on_amd64(group):
    assert findings(REACHES, *healthy(monitoring=monitoring([]), karpenter=None, gpu=repaired_group(**group))) == {}


def test_where_nobody_repairs_nodes_nobody_replaces_healthy_ones():
    off = repaired_group(nodeRepairConfig={"enabled": False})
    assert findings(REACHES, *healthy(monitoring=monitoring([]), karpenter=None, gpu=off)) == {}


@pytest.mark.parametrize("text", ["[secret]", "{", "dcgmAgent: {tolerations: [{operator: Exists}]}"])
def test_what_cannot_be_read_is_not_judged_and_yaml_can(text):
    told = addon("eks-node-monitoring-agent", configurationValues=text)
    assert holds(REACHES, monitoring=told, gpu=repaired_group())


@pytest.mark.parametrize("shape", [1, {"tolerations": "Exists"}, {"tolerations": [1]}, {"tolerations": {"a": 1}}])
def test_a_configuration_that_has_not_its_shape_says_nothing(shape):
    told = addon("eks-node-monitoring-agent", configurationValues=json.dumps({"dcgmAgent": shape}))
    assert failure(REACHES, monitoring=told)[1] == UNSEEN.replace("gpu:", "reserved:")


@pytest.mark.parametrize("text", ["[1]", "1", '{"controller": 1}', '{"nodeSelector": 1}'])
def test_add_ons_that_are_told_nonsense_break_no_plan(text):
    assert findings("controllers-have-standing-nodes", *healthy(coredns=addon("coredns", configurationValues=text)))


def test_an_image_without_driver():
    plain = managed_group(
        "gpu",
        ("scalingConfig.desiredSize",),
        instanceTypes=["g5.xlarge"],
        scalingConfig={"minSize": 0, "desiredSize": 0, "maxSize": 4},
    )
    assert failure("gpu-nodes-have-a-driver", gpu=plain) == (
        "gpu",
        "neither its image nor the GPU operator has the driver",
    )
    assert holds("gpu-nodes-have-a-driver", gpu=plain, device_plugin=release("gpu-operator"))
    without = release("gpu-operator", driver={"enabled": False})
    assert not holds("gpu-nodes-have-a-driver", gpu=plain, device_plugin=without)


def test_feature_discovery_that_stays_off_gpu_nodes():
    deaf = release("gpu-operator", **{"node-feature-discovery": {"worker": {"tolerations": []}}})
    said = findings("device-plugin-reaches-gpu-pools", *healthy(device_plugin=deaf))["gpu"]
    assert said == (
        False,
        "the device plugin does not run there, so its nodes offer no GPU. release gpu-operator: its feature discovery "
        "does not run there: pod does not tolerate taint nvidia.com/gpu=true:NoSchedule",
    )


def sharing_plugin():
    sharing = "sharing: {timeSlicing: {resources: [{name: nvidia.com/gpu, replicas: 4}]}}"
    return device_plugin(config={"map": {"shared": sharing}, "default": "shared"})


def test_shared_gpus_that_karpenter_does_not_know_of():
    assert failure("shared-gpus-are-planned", device_plugin=sharing_plugin()) == (
        "reserved",
        "4 pods share a GPU there, but Karpenter plans a whole one for each",
    )


SLICES = """
sharing:
  timeSlicing:
    renameByDefault: {rename}
    resources: [{{name: nvidia.com/gpu, replicas: 4}}]
"""


def config_map(text: str, **metadata: str) -> Resource:
    given = {"metadata": {"name": "slices", **metadata}, "data": {"any": text}}
    return resource("kubernetes:core/v1:ConfigMap", "slices", given)


@pytest.mark.parametrize(
    ("chart", "values"),
    [
        ("nvidia-device-plugin", {"config": {"name": "slices"}}),
        ("gpu-operator", {"devicePlugin": {"config": {"name": "slices", "default": "any"}}}),
    ],
)
def test_a_config_map_says_that_gpus_are_shared(chart, values):
    plugin = release(chart, **values)

    def said(*objects: Resource) -> tuple[bool | None, str]:
        return findings("shared-gpus-are-planned", *on_karpenter(device_plugin=[plugin, *objects]))["gpu"]

    place = plugin.inputs.get("namespace") or "default"
    assert said() == (
        None,
        f"ConfigMap {place}/slices says whether its GPUs are shared, and nothing here makes it",
    )
    shared = (False, "4 pods share a GPU there, but Karpenter plans a whole one for each")
    assert said(config_map(SLICES.format(rename="false"), namespace=place)) == shared
    assert said(config_map("version: v1", namespace=place))[0]
    assert said(config_map(SLICES.format(rename="true"), namespace=place)) == (
        False,
        "its nodes offer nvidia.com/gpu.shared and no nvidia.com/gpu: Karpenter starts nodes for pods that ask for "
        "nvidia.com/gpu, which never run, and none for pods that ask for nvidia.com/gpu.shared: leave renameByDefault "
        "and rename out, and add a NodeOverlay with 4 nvidia.com/gpu for each GPU",
    )


def test_an_overlay_plans_shared_gpus_once_its_gate_is_on():
    def said(release: Resource | None, *types_: str) -> tuple[bool, str]:
        overlay = node_overlay("shared", *(types(name) for name in types_), capacity={"nvidia.com/gpu": "4"})
        parts = {"gpu": [node_pool(), overlay], "device_plugin": sharing_plugin(), "karpenter": release}
        return findings("shared-gpus-are-planned", *on_karpenter(**parts))["gpu"]

    on = karpenter(featureGates={"nodeOverlay": True})
    alone = "4 pods share a GPU there, but Karpenter plans a whole one for each"
    assert said(on) == (True, "a GPU counts as what pods get")
    assert said(on, "g5.xlarge") == (False, alone)
    assert said(karpenter()) == (
        False,
        f"{alone}: the gate NodeOverlay is off: set settings.featureGates.nodeOverlay of Karpenter's chart to true",
    )
    assert said(None) == (None, "its NodeOverlay counts shares if the gate is on, which nothing here says")


@pytest.mark.parametrize(("told", "passed"), [("3", True), ("4", True), ("5", False)])
def test_an_overlay_that_promises_more_shares_than_there_are(told, passed):
    overlay = node_overlay("shared", types("g6.xlarge"), capacity={"nvidia.com/gpu": told})
    parts = {"gpu": [node_pool(ARCH, ON_DEMAND, types("g6.xlarge")), overlay], "device_plugin": sharing_plugin()}
    gate = karpenter(featureGates={"nodeOverlay": True})
    said = findings("shared-gpus-are-planned", *on_karpenter(**parts, karpenter=gate))["gpu"]
    assert said[0] is passed
    if not passed:
        assert said[1] == (
            "Karpenter expects 5 nvidia.com/gpu of a g6.xlarge, which offers 4: pods wait on a full node: "
            "write 4 into the NodeOverlay's capacity"
        )


@pytest.mark.parametrize(("strategy", "replicas"), [("time-slicing", 4), ("mps", 2)])
def test_gpus_that_bottlerocket_shares_are_shared_too(strategy, replicas):
    user_data = f"""
        [settings.kubelet-device-plugins.nvidia]
        device-sharing-strategy = "{strategy}"
        [settings.kubelet-device-plugins.nvidia.{strategy}]
        replicas = {replicas}
    """
    image = [{"alias": "bottlerocket@v1.46.0"}]
    shared = node_class(amiSelectorTerms=image, userData=user_data)
    assert findings("shared-gpus-are-planned", *on_karpenter(node_class=shared))["gpu"] == (
        False,
        f"{replicas} pods share a GPU there, but Karpenter plans a whole one for each",
    )
    once = node_class(amiSelectorTerms=image, userData=user_data.replace(f"= {replicas}", "= 1"))
    assert findings("shared-gpus-are-planned", *on_karpenter(node_class=once))["gpu"][0]


def test_auto_mode_shares_no_gpus():
    labels = {"nvidia.com/gpu.present": "true", "nvidia.com/device-plugin.config": "shared"}
    assert auto_mode_failure("shared-gpus-are-planned", gpu=auto_mode_pool(labels=labels)) == (
        "gpu",
        "Auto Mode's device plugin reads no label nvidia.com/device-plugin.config, so no GPU is shared: share GPUs on "
        "nodes of your own",
    )


def test_a_metrics_exporter_that_sees_no_gpu_and_crashes_elsewhere():
    assert failure("metrics-exporter-fits-its-nodes", exporter=exporter(nodeSelector={}, tolerations=[])) == (
        "release dcgm",
        "it does not run on gpu, fast, reserved; it crash-loops on system, where there is no NVIDIA GPU: "
        "tolerate their taints; select nvidia.com/gpu.present=true",
    )


@pytest.mark.parametrize(
    ("volume", "said"),
    [
        (
            {"volumeSize": 20, "volumeType": "gp3"},
            "its disk has 20 GiB, and images with CUDA take several each",
        ),
        ({"volumeSize": 100, "volumeType": "gp2"}, "volumes of type gp2 read an image slowly: take gp3"),
    ],
)
def test_disks_that_are_too_small_or_slow(volume, said):
    mappings = [{"deviceName": "/dev/xvda", "ebs": {"encrypted": "true", **volume}}]
    template = launch_template(blockDeviceMappings=mappings, userData=user_data())
    assert failure("gpu-node-disks-hold-large-images", gpu_template=template) == ("gpu", said)


def test_the_instance_s_own_disks_hold_images():
    small = [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": "20Gi", "volumeType": "gp3", "encrypted": True}}]
    check = "gpu-node-disks-hold-large-images"
    assert holds(check, node_class=reserving_class(blockDeviceMappings=small, instanceStorePolicy="RAID0"))
    assert not holds(check, node_class=reserving_class(blockDeviceMappings=small))


def test_a_group_without_the_label_that_the_autoscaler_waits_for():
    template = launch_template(userData=user_data(labels="nvidia.com/gpu.present=true"))
    assert failure("autoscaled-gpu-nodes-have-the-accelerator-label", gpu_template=template) == (
        "gpu",
        "its nodes have no label k8s.amazonaws.com/accelerator",
    )


@pytest.mark.parametrize("stated", ["lowest-price", None])
def test_spot_by_price_alone(stated):
    group = gpu_group(mixedInstancesPolicy=overrides("g4dn.xlarge", spotAllocationStrategy=stated))
    assert failure("spot-groups-choose-by-capacity", gpu=group) == ("gpu", "its strategy is lowest-price")


def test_an_autoscaler_that_gives_nothing_back():
    check = "autoscaler-gives-nodes-back"
    (found,) = [made for made in healthy() if made.name == "cluster-autoscaler"]
    found.inputs["values"]["extraArgs"] = {"scale-down-enabled": "false"}
    assert failure(check, autoscaler=found) == (
        "cluster-autoscaler",
        "scale-down-enabled is false, so no node is ever removed",
    )


def test_two_architectures_in_one_group():
    arm = managed_group(instanceTypes=["m7g.large"])
    assert failure("one-architecture-a-group", system=arm) == (
        "system",
        "AL2023_x86_64_STANDARD is for amd64, but m7g.large is arm64",
    )
    mixed = gpu_group(mixedInstancesPolicy=overrides("g4dn.xlarge", "g5g.xlarge"))
    assert failure("one-architecture-a-group", gpu=mixed) == (
        "gpu",
        "its one image is for one architecture, but g4dn.xlarge is amd64, g5g.xlarge is arm64",
    )


def test_a_node_class_that_there_is_not():
    strange = node_pool(
        ARCH, SPOT_FIRST, THREE_TYPES, name="reserved", template={"nodeClassRef": {**NODE_CLASS, "name": "gpus"}}
    )
    assert failure("node-pools-name-a-node-class", reserved=strange) == (
        "reserved",
        "the stack has no EC2NodeClass gpus",
    )


NODE_CLASS = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"}


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        (
            ("topology.kubernetes.io/zone", "us-west-2a", "us-west-2z"),
            "spec.template.spec.requirements[2] topology.kubernetes.io/zone: us-west-2z is no zone of us-west-2: "
            "write us-west-2d",
        ),
        (
            ("karpenter.sh/capacity-type", "on_demand"),
            "spec.template.spec.requirements[2] karpenter.sh/capacity-type: on_demand is no capacity type: "
            "write on-demand",
        ),
    ],
)
def test_a_value_that_there_is_not(requirement, said):
    key, *values = requirement
    made = node_pool(ARCH, THREE_TYPES, {"key": key, "operator": "In", "values": values}, name="reserved")
    assert failure("requirements-name-what-there-is", reserved=made) == ("reserved", said)


def test_nodes_that_end_all_the_time():
    assert failure("gpu-nodes-live-long-enough", reserved=reserved_pool(template={"expireAfter": "10m"})) == (
        "reserved",
        "its nodes end after 10m",
    )


STANDARD = "amazon-eks-node-al2023-x86_64-standard-1.34-*"
NVIDIA = "amazon-eks-node-al2023-x86_64-nvidia-1.34-*"
BOTTLEROCKET = "bottlerocket-aws-k8s-1.34-x86_64-v1.46.0-1a2b3c4d"
PARAMETER = "/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64"


@pytest.mark.parametrize(
    ("terms", "passed"),
    [
        ([{"name": STANDARD, "owner": "amazon"}], False),
        ([{"name": STANDARD}], False),
        ([{"name": STANDARD, "owner": "602401143452"}, {"name": BOTTLEROCKET}], False),
        ([{"name": BOTTLEROCKET, "owner": "amazon"}], False),
        ([{"ssmParameter": f"{PARAMETER}/standard/recommended/image_id"}], False),
        ([{"ssmParameter": f"{PARAMETER}/neuron/recommended/image_id"}], False),
        ([{"name": NVIDIA, "owner": "amazon"}], True),
        ([{"name": "bottlerocket-aws-k8s-1.34-nvidia-x86_64-*", "owner": "amazon"}], True),
        ([{"ssmParameter": "/aws/service/bottlerocket/aws-k8s-1.34-nvidia/x86_64/latest/image_id"}], True),
        ([{"name": STANDARD, "owner": "self"}], None),
        ([{"name": STANDARD, "owner": "123456789012"}], None),
        ([{"name": STANDARD}, {"name": NVIDIA}], None),
        ([{"name": "amazon-eks-node-al2023-x86_64-*", "owner": "amazon"}], None),
        ([{"name": f"ours-{STANDARD}", "owner": "amazon"}], None),
        ([{"ssmParameter": "/ours/standard/image_id"}], None),
        ([{"id": "ami-1"}], None),
    ],
)
def test_images_of_eks_are_known_by_name_and_of_others_nothing_is_said(terms, passed):
    stack = on_karpenter(node_class=node_class(amiSelectorTerms=terms))
    said = findings("gpu-nodes-have-a-driver", *stack)
    assert said == {} if passed is None else said["gpu"][0] is passed


def test_the_standard_image_of_bottlerocket_drives_neuron_devices():
    neuron = node_pool(ARCH, ON_DEMAND, types("inf2.xlarge"))
    for name, passed in ((BOTTLEROCKET, True), (NVIDIA, False)):
        made = node_class(amiSelectorTerms=[{"name": name}])
        said = findings("gpu-nodes-have-a-driver", *on_karpenter(gpu=neuron, node_class=made))
        assert said["gpu"][0] is passed


@pytest.mark.parametrize(
    ("made", "passed"),
    [
        ({"deviceName": "/dev/sdf"}, False),
        ({"deviceName": "/dev/xvdb"}, False),
        ({"deviceName": "/dev/xvda"}, True),
    ],
)
def test_a_disk_beside_the_root_leaves_the_root_in_the_clear(made, passed):
    mapping = {**made, "ebs": {"volumeSize": 100, "volumeType": "gp3", "encrypted": "true"}}
    template = launch_template(blockDeviceMappings=[mapping])
    found, message = findings("node-disks-are-encrypted", *healthy(gpu_template=template))["gpu"]
    assert found is passed
    said = "its launch template names no /dev/xvda: the root disk is the image's own, which is not encrypted"
    assert passed or message == f"{said}: name the device /dev/xvda"


def test_the_root_of_an_image_that_nobody_knows_may_be_either():
    ebs = {"volumeSize": 100, "volumeType": "gp3", "encrypted": "true"}
    for device, passed in (("/dev/sda1", True), ("/dev/xvdb", True), ("/dev/nvme1n1", False)):
        template = launch_template(userData=None, blockDeviceMappings=[{"deviceName": device, "ebs": ebs}])
        said = findings("node-disks-are-encrypted", *healthy(gpu_template=template))
        assert said["gpu"][0] is passed, device


ROOM = "nodes-have-room-for-a-pod"


@pytest.mark.parametrize(("max_pods", "room"), [(1, False), (3, False), (4, True)])
def test_a_node_whose_daemon_sets_take_every_pod_never_runs_one(max_pods, room):
    (said,) = findings(ROOM, *on_karpenter(node_class=node_class(kubelet={"maxPods": max_pods}))).items()
    full = "of an empty g4dn.xlarge, DaemonSets take every pod that it takes"
    assert said == ("gpu", (True, "an empty node has room for a pod") if room else (False, full))
