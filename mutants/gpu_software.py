"""The device plugin, the GPU operator, the metrics exporter, and EKS add-ons."""

from dataclasses import replace

from eks_gpu.graph.graph import Resource
from eks_gpu.pools.pool import AUTO_MODE
from eks_gpu.pools.software import software
from eks_gpu_components.catalog import (
    DCGM_EXPORTER_CHART,
    DEVICE_PLUGIN_CHART,
    DRA_DRIVER_CHART,
    GPU_OPERATOR_CHART,
    GPU_PRESENT_LABEL,
    Chart,
)

from .edits import EACH, JSON, Edit, Given, With, Without, gone, only, swapped, to, with_key
from .places import NODE_GROUP, RELEASE, Where, chart, of_gpus
from .programs import Program

ADDON = ["aws:eks/addon:Addon"]
_RELEASES, _VALUES = [RELEASE], ("values",)
_PLUGIN, _OPERATOR = chart("nvidia-device-plugin"), chart("gpu-operator")
_DRA_DRIVER = chart("dra-driver-nvidia-gpu")
CLAIM_TEMPLATE = "kubernetes:resource.k8s.io/v1:ResourceClaimTemplate"
_REQUESTS = ("spec", "spec", "devices", "requests")
_TERMS = ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")


def _release(chart: Chart) -> Resource:
    """A release that no program has, with the chart's own values."""
    name = f"second-{chart.name}"
    inputs = {"chart": chart.name, "name": name, "namespace": "kube-system", "version": chart.version}
    return Resource(f"urn:pulumi:mutant::mutants::{RELEASE}::{name}", RELEASE, name, inputs=inputs)


def _fitting_exporter() -> Resource:
    """A DCGM exporter that runs on GPU nodes alone, whatever their taints."""
    made = _release(DCGM_EXPORTER_CHART)
    values = {
        "nodeSelector": {GPU_PRESENT_LABEL: "true"},
        "tolerations": [{"operator": "Exists"}],
        "serviceMonitor": {"enabled": False},
    }
    return replace(made, inputs={**made.inputs, "values": values})


def _monitor() -> Resource:
    """A ServiceMonitor, in a program in which nothing brings its kind."""
    api_version, kind = "monitoring.coreos.com/v1", "ServiceMonitor"
    inputs = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "gpus", "namespace": "kube-system"}}
    type_ = f"kubernetes:{api_version}:{kind}"
    return Resource(f"urn:pulumi:mutant::mutants::{type_}::gpus", type_, "gpus", inputs=inputs)


def _addon(*names: str) -> Where:
    return lambda resource, program: resource.inputs.get("addonName") in names


def _agent(resource: Resource, program: Program) -> bool:
    return resource.inputs.get("addonName") == "eks-node-monitoring-agent"


def _agent_of_eks(resource: Resource, program: Program) -> bool:
    """The agent, where EKS repairs nodes with GPUs by what it says."""
    repaired = [group for group in program.graph.of(NODE_GROUP) if group.inputs.get("nodeRepairConfig")]
    return _agent(resource, program) and any(of_gpus(group, program) for group in repaired)


_OTHER = [{"key": "CriticalAddonsOnly", "operator": "Exists"}]
_DCGM_TOLERATIONS = ("configurationValues", JSON, "dcgmAgent", "tolerations")
_KARPENTER_REPAIRS = Edit(
    "Karpenter repairs nodes",
    "none while the agent watches them",
    _RELEASES,
    (*_VALUES, "settings", "featureGates", "nodeRepair"),
    to(True),
    chart("karpenter"),
)

OPERATORS = (
    # The device plugin.
    Without("no device plugin", "nodes offer no GPU", _RELEASES, _PLUGIN),
    Edit(
        "the device plugin tolerates nothing",
        "nodes offer no GPU",
        _RELEASES,
        (*_VALUES, "tolerations"),
        to([{"key": "other", "operator": "Exists"}]),
        _PLUGIN,
    ),
    Edit(
        "the device plugin tolerates another value",
        "nodes offer no GPU",
        _RELEASES,
        (*_VALUES, "tolerations"),
        to([{"key": "nvidia.com/gpu", "operator": "Equal", "value": "", "effect": "NoSchedule"}]),
        _PLUGIN,
    ),
    Edit(
        "the device plugin runs everywhere",
        "it crash-loops on CPU nodes",
        _RELEASES,
        (*_VALUES, "affinity"),
        to({}),
        _PLUGIN,
    ),
    Edit(
        "the device plugin wants another label",
        "nodes offer no GPU",
        _RELEASES,
        (*_VALUES, *_TERMS, EACH, "matchExpressions", 0, "values"),
        to(["yes"]),
        _PLUGIN,
    ),
    With(
        "a device plugin beside another",
        "two plugins fight over one GPU",
        _release(DEVICE_PLUGIN_CHART),
        lambda program: any(pool.accelerator == "nvidia" for pool in program.pools.values()),
    ),
    With(
        "a DRA driver beside the device plugin",
        "one GPU is given to two pods",
        _release(DRA_DRIVER_CHART),
        lambda program: (
            any(pool.accelerator == "nvidia" for pool in program.pools.values())
            and not any(program.releases(DRA_DRIVER_CHART.short_name))
        ),
    ),
    # Claims of devices.
    Without("no DRA driver", "a node comes, and its GPUs are nobody's", _RELEASES, _DRA_DRIVER),
    Edit(
        "the DRA driver tolerates nothing",
        "a node comes, and its GPUs are nobody's",
        _RELEASES,
        (*_VALUES, "kubeletPlugin", "tolerations"),
        to([{"key": "other", "operator": "Exists"}]),
        _DRA_DRIVER,
    ),
    Edit(
        "the DRA driver has no GPUs",
        "a node comes, and its GPUs are nobody's",
        _RELEASES,
        (*_VALUES, "resources"),
        with_key(gpus={"enabled": False}),
        _DRA_DRIVER,
    ),
    Edit(
        "the DRA driver shares otherwise than Karpenter plans",
        "pods wait on a node that is full",
        _RELEASES,
        (*_VALUES, "consumableShares"),
        to("2"),
        _DRA_DRIVER,
    ),
    Edit(
        "Karpenter does not know the devices of a node",
        "no claim brings one",
        _RELEASES,
        (*_VALUES, "settings", "awsFeatureGates", "draNVIDIAGPU"),
        to(False),
        chart("karpenter"),
    ),
    Edit(
        "a claim of more memory than a GPU has",
        "no node has the device",
        [CLAIM_TEMPLATE],
        (*_REQUESTS, EACH, "exactly", "selectors", EACH, "cel", "expression"),
        swapped("20Gi", "200Gi"),
    ),
    Edit(
        "a claim of more GPUs than a node has",
        "no node has the devices",
        [CLAIM_TEMPLATE],
        (*_REQUESTS, EACH, "exactly", "count"),
        to(16),
    ),
    With(
        "a metrics exporter with the chart's own values",
        "it crash-loops on CPU nodes, and sees no GPU",
        _release(DCGM_EXPORTER_CHART),
        lambda program: any(
            pool.accelerator == "nvidia" and pool.backend != AUTO_MODE for pool in program.pools.values()
        ),
    ),
    With(
        "a monitor without the operator of its kind",
        "the update stops at it",
        _monitor(),
        lambda program: any(pool.accelerator == "nvidia" for pool in program.pools.values()),
    ),
    # The GPU operator.
    With(
        "a metrics exporter beside the operator's",
        "two compete for the counters of each GPU",
        _fitting_exporter(),
        lambda program: any(release.chart == GPU_OPERATOR_CHART.name for release in software(program.graph)),
    ),
    Without("no GPU operator", "nodes offer no GPU", _RELEASES, _OPERATOR),
    Edit(
        "the operator brings no device plugin",
        "nodes offer no GPU",
        _RELEASES,
        _VALUES,
        with_key(devicePlugin={"enabled": False}),
        _OPERATOR,
    ),
    Edit(
        "the operator tolerates nothing",
        "nodes offer no GPU",
        _RELEASES,
        (*_VALUES, "daemonsets", "tolerations"),
        to([]),
        _OPERATOR,
    ),
    Edit(
        "feature discovery tolerates nothing",
        "the operator takes GPU nodes for nodes without",
        _RELEASES,
        (*_VALUES, "node-feature-discovery", "worker", "tolerations"),
        to([]),
        _OPERATOR,
    ),
    Edit("a second driver", "nodes break", _RELEASES, (*_VALUES, "driver", "enabled"), only(False, True), _OPERATOR),
    Edit("a second toolkit", "nodes break", _RELEASES, (*_VALUES, "toolkit", "enabled"), only(False, True), _OPERATOR),
    Edit(
        "no driver at all",
        "nodes offer no GPU",
        _RELEASES,
        (*_VALUES, "driver", "enabled"),
        only(True, False),
        _OPERATOR,
    ),
    Edit(
        "no toolkit at all",
        "containers see no GPU",
        _RELEASES,
        (*_VALUES, "toolkit", "enabled"),
        only(True, False),
        _OPERATOR,
    ),
    Edit(
        "a namespace that nobody makes",
        "the release fails",
        _RELEASES,
        ("createNamespace",),
        gone,
    ),
    # Add-ons.
    Edit("an add-on of another cluster", "this one goes without", ADDON, ("clusterName",), to("other")),
    Without(
        "an add-on of the network is missing",
        "nodes never become ready, or names do not resolve",
        ADDON,
        _addon("vpc-cni", "kube-proxy", "coredns"),
    ),
    Without("no agent for Pod Identity", "controllers get no credentials", ADDON, _addon("eks-pod-identity-agent")),
    Without("no agent that watches GPUs", "a failed GPU is not noticed", ADDON, _agent_of_eks),
    Given(
        _KARPENTER_REPAIRS,
        Without("node repair without an agent", "a failed GPU is not noticed", ADDON, _agent),
    ),
    Edit("DCGM tolerates nothing", "healthy nodes are replaced", ADDON, _DCGM_TOLERATIONS, to([]), _agent_of_eks),
    Edit("the agent as it comes", "healthy nodes are replaced", ADDON, ("configurationValues",), gone, _agent_of_eks),
    Given(
        _KARPENTER_REPAIRS,
        Edit("DCGM tolerates one taint", "healthy nodes are replaced", ADDON, _DCGM_TOLERATIONS, to(_OTHER), _agent),
    ),
    Without("no driver for disks", "pods with a volume wait", ADDON, _addon("aws-ebs-csi-driver")),
    Without(
        "no metrics",
        "the workload keeps its replicas",
        ADDON,
        lambda resource, program: (
            _addon("metrics-server")(resource, program)
            and program.has("kubernetes:autoscaling/v2:HorizontalPodAutoscaler")
        ),
    ),
    Edit(
        "an add-on selects nodes that there are not",
        "it waits for a node",
        ADDON,
        ("configurationValues", JSON, "nodeSelector"),
        to({"role": "core"}),
        _addon("coredns", "metrics-server"),
    ),
    Edit("the CNI has no role", "pods get no address", ADDON, ("podIdentityAssociations",), gone, _addon("vpc-cni")),
)
