"""eksctl's node groups, managed and self-managed. Source: eksctl 0.230, schema of eksctl.io/v1alpha5."""

import re
from fractions import Fraction
from math import floor

from eks_gpu.importers.autoscaler_tags import read_tags
from eks_gpu.importers.fields import Fields, Place
from eks_gpu.importers.findings import Findings, PoolFindings
from eks_gpu.importers.model import SELF_MANAGED, Described, Named, Pool, Stated
from eks_gpu.importers.taints import read_taints
from eks_gpu_components.catalog import (
    CNI_POLICY,
    GENERAL_CATEGORIES,
    NODE_POLICIES,
    OLD_SSM_POLICY,
    REGISTRY_READ_POLICY,
    SSM_POLICY,
    InstanceType,
    instance_types,
)

# eksctl's own: two nodes where a group says no size.
_DEFAULT_NODES = 2
_IMAGES = {"AmazonLinux2023": "al2023", "Bottlerocket": "bottlerocket"}
_SELECTOR_UNITS = {"m": 1, "g": 2**10, "t": 2**20}
"""MiB of each."""
# Words that eksctl once took for an image of Amazon Linux 2.
_OLD_AMIS = ("auto", "auto-ssm", "static")
_NODE_POLICIES = (*NODE_POLICIES, SSM_POLICY, REGISTRY_READ_POLICY, CNI_POLICY)
"""What the program gives every node, or Pod Identity in place of it."""
_OLD_POLICIES = {OLD_SSM_POLICY: SSM_POLICY}
_ADDON_POLICIES = {
    "albIngress": "load balancers",
    "awsLoadBalancerController": "load balancers",
    "autoScaler": "autoscaler",
    "ebs": "",  # the add-on that the cluster has
}


def read_group(group: Fields, backend: str, described: Described) -> None:
    """One group, as a pool."""
    told = PoolFindings()
    name = group.text("name", required=True)
    types, types_place, chosen = _types(group)
    base, percentage = _on_demand(group, backend, told)
    least, desired, most = group.whole("minSize"), group.whole("desiredCapacity"), group.whole("maxSize")
    pool = Pool(
        name=name or "group",
        backend=backend,
        place=group.place("name"),
        findings=told,
        types=types,
        types_place=types_place,
        chosen_by_requirements=chosen,
        on_demand_base=base,
        on_demand_percentage=percentage,
        zones_place=group.place("availabilityZones"),
        zones=tuple(dict.fromkeys(group.texts("availabilityZones"))),
        labels=group.strings("labels"),
        labels_place=group.place("labels"),
        taints=read_taints(group, "taints", told),
        taints_place=group.place("taints"),
        min_nodes=next((size for size in (least, desired) if size is not None), _DEFAULT_NODES),
        desired_nodes=desired,
        max_nodes=next((size for size in (most, desired, least) if size is not None), _DEFAULT_NODES) or 1,
        size_place=group.place("maxSize" if "maxSize" in group else "desiredCapacity"),
        running_place=group.place("desiredCapacity" if desired and desired >= (least or 0) else "minSize"),
        disk_gib=group.whole("volumeSize", least=1, most=65_536),
        disk_place=group.place("volumeSize"),
        speed=_speed(group),
        efa=group.place("efaEnabled") if group.flag("efaEnabled") else None,
        image=_image(group, told),
        image_place=group.place("amiFamily"),
    )
    _disk(group, told)
    _nodes(group, told)
    pool.session_manager = _iam(group.part("iam"), described, told) or bool(group.part("ssh").flag("enableSsm"))
    read_tags(group, pool, described, told)
    described.pools.append(pool)


def _types(group: Fields) -> tuple[list[Named], Place, bool]:
    """Named types with their places, the place of them all, and whether a selector found them."""
    distribution = group.part("instancesDistribution")
    for fields, key in ((distribution, "instanceTypes"), (group, "instanceTypes")):
        if names := fields.texts(key):
            group.replaced("instanceType")  # `mixed`, or the first of them
            return [Named(name, fields.place(key, i)) for i, name in enumerate(names)], fields.place(key), False
    name = group.text("instanceType")
    if name and name != "mixed":
        return [Named(name, group.place("instanceType"))], group.place("instanceType"), False
    if "instanceSelector" in group:
        place = group.place("instanceSelector")
        found = _selected(group.part("instanceSelector"))
        return [Named(row.name, place) for row in found], place, True
    # eksctl's own default.
    return [Named("m5.large", group.place("name"))], group.place("name"), True


def _selected(selector: Fields) -> list[InstanceType]:
    """What the selector finds: an exact number of vCPUs, GiB and GPUs, where it names them."""
    vcpus, gpus = selector.whole("vCPUs"), selector.whole("gpus")
    memory_mib = _memory_mib(selector.quantity("memory") or "")
    machine = selector.text("cpuArchitecture", of=("x86_64", "amd64", "arm64"))
    architecture = "arm64" if machine == "arm64" else "amd64"
    return [
        row
        for row in instance_types()
        if row.architecture == architecture
        and (gpus or (row.current and row.category in GENERAL_CATEGORIES))
        and not row.bare_metal
        and (vcpus is None or row.vcpus == vcpus)
        and (memory_mib is None or row.memory_mib == memory_mib)
        and row.gpus == (gpus or 0)
        and (row.accelerator is None) == (not gpus)
    ]


def _memory_mib(text: str) -> int | None:
    """`16`, `16 GiB`, `16gb` or `0.5T`: no quantity of Kubernetes, because every unit is binary, and GiB the default.

    Source: amazon-ec2-instance-selector, pkg/bytequantity.
    """
    found = re.fullmatch(r"([0-9]{1,9}\.?[0-9]{0,3}) ?(?:([mgt])i?b?)?", text.lower())
    return floor(Fraction(found[1]) * _SELECTOR_UNITS[found[2] or "g"]) if found else None


def _on_demand(group: Fields, backend: str, findings: Findings) -> tuple[int, int]:
    """Base and percentage of on-demand nodes, as an auto scaling group has them by itself."""
    distribution = group.part("instancesDistribution")
    if backend != SELF_MANAGED:
        return 0, 0 if group.flag("spot") else 100
    percentage = distribution.whole("onDemandPercentageAboveBaseCapacity", most=100)
    strategy = distribution.text("spotAllocationStrategy")
    pools = distribution.whole("spotInstancePools", least=1, most=20)
    if distribution.flag("capacityRebalance"):
        message = "the program's groups start no node beside one at risk: the node termination handler drains it"
        findings.lose(distribution.place("capacityRebalance"), message)
    if strategy == "lowest-price" or pools:
        place = distribution.place("spotInstancePools" if pools else "spotAllocationStrategy")
        message = "the lowest price takes the capacity that is taken back first: price-capacity-optimized is used"
        findings.tell("spot-allocation-is-current", place, message)
    return distribution.whole("onDemandBaseCapacity") or 0, 100 if percentage is None else percentage


def _image(group: Fields, findings: Findings) -> str:
    family, ami = group.text("amiFamily"), group.text("ami")
    if ami in _OLD_AMIS or family == "AmazonLinux2":
        place = group.place("amiFamily" if family else "ami")
        word = f"`ami: {ami}` once meant" if ami in _OLD_AMIS else "this is"
        message = f"{word} Amazon Linux 2 (AL2), of which EKS makes no image since Kubernetes 1.33: AL2023 is taken"
        findings.tell("node-images-are-current", place, message)
        return "al2023"
    if ami:
        findings.lose(group.place("ami"), f"the program takes EKS's own images, and not {ami}")
    if family and family not in _IMAGES:
        findings.lose(group.place("amiFamily"), f"the program has nodes of {', '.join(_IMAGES)}, not of {family}")
    return _IMAGES.get(family or "", "al2023")


def _disk(group: Fields, findings: Findings) -> None:
    kind = group.text("volumeType")
    if kind in ("gp2", "standard"):
        message = f"{kind} is slower and costs more than gp3, which is taken"
        findings.tell("disks-are-gp3", group.place("volumeType"), message)
    elif kind and kind != "gp3":
        findings.lose(group.place("volumeType"), f"every disk of the program is gp3, not {kind}")
    if group.flag("volumeEncrypted") is False:
        message = "images, caches and emptyDir volumes would lie on the disk in the clear: it is encrypted"
        findings.tell("node-disks-are-encrypted", group.place("volumeEncrypted"), message)


def _speed(group: Fields) -> dict[str, Stated]:
    """What a group says of the speed of its disk, by the field of a pool's `storage`."""
    keys = {"volumeIOPS": "iops", "volumeThroughput": "throughput_mib_s"}
    found = {key: group.whole(key) for key in keys}
    return {keys[key]: Stated(value, group.place(key)) for key, value in found.items() if value is not None}


def _nodes(group: Fields, findings: Findings) -> None:
    """What the program decides for all nodes alike."""
    if group.flag("privateNetworking") is False:
        findings.lose(group.place("privateNetworking"), "the program's nodes are in private subnets")
    if group.flag("disableIMDSv1") is False:
        message = "whoever makes a node fetch an address gets the node's role: IMDSv2 is required"
        findings.tell("nodes-require-imdsv2", group.place("disableIMDSv1"), message)
    if group.part("ssh").flag("allow"):
        findings.lose(group.place("ssh"), "nobody logs in to the program's nodes by SSH: session_manager: true does it")
    group.part("ssh").replaced("publicKeyPath", "publicKeyName", "publicKey", "sourceSecurityGroupIds")
    group.off("ebsOptimized", "enableDetailedMonitoring", "enclaveEnabled")
    group.replaced("disablePodIMDS", "propagateASGTags", "containerRuntime")
    if group.part("nodeRepairConfig").flag("enabled") is False:
        findings.lose(group.part("nodeRepairConfig").place("enabled"), "EKS repairs the nodes of the program's groups")
    for index, process in enumerate(group.texts("asgSuspendProcesses")):
        if process != "AZRebalance":
            findings.lose(group.place("asgSuspendProcesses", index), f"the program suspends AZRebalance, not {process}")


def _iam(iam: Fields, described: Described, findings: Findings) -> bool:
    """Tells what the program's nodes may not do; returns whether Systems Manager may open sessions on them."""
    names = {arn.rpartition("/")[2] for arn in iam.texts("attachPolicyARNs")}
    for index, arn in enumerate(iam.texts("attachPolicyARNs")):
        name, place = arn.rpartition("/")[2], iam.place("attachPolicyARNs", index)
        if name in _OLD_POLICIES:
            message = f"AWS has replaced {name} by {_OLD_POLICIES[name]}, which session_manager gives to nodes"
            findings.tell("node-policies-are-current", place, message)
        elif name not in _NODE_POLICIES:
            findings.lose(place, f"a pool's settings give its nodes no policy of yours, such as {name}")
    policies = iam.part("withAddonPolicies")
    for name in policies:
        if not policies.flag(name):
            continue
        if name not in _ADDON_POLICIES:
            message = f"the program gives nodes no permissions for {name}: give the pods that need them a role"
            findings.lose(policies.place(name), message)
        elif _ADDON_POLICIES[name] == "load balancers":
            described.load_balancers = True
        elif _ADDON_POLICIES[name] == "autoscaler" and described.autoscaler is None:
            described.autoscaler = {}
    return bool(names & {SSM_POLICY, *_OLD_POLICIES})
