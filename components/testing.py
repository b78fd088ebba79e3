"""Unit tests of a program that uses these components, without an account, a cluster or the Pulumi CLI.

`run(program)` runs it with answers for what it looks up, and returns what it registers. A test then asks, for example,
for `run(program).pool("gpu").taints`.
"""

import asyncio
import contextvars
import json
import runpy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import mocks as sdk
from pulumi.runtime import rpc
from pulumi.runtime.settings import get_root_resource

from .catalog import (
    AUTOSCALER_LABEL_TAG,
    CAPACITY_TYPE_LABEL,
    DEVICE_PLUGIN_CONFIG_LABEL,
    GPU_RESOURCE,
    INSTANCE_TYPE_LABEL,
    NEURON_RESOURCE,
    NODE_POOL_TYPE,
    CapacityType,
    Taint,
    instance_type,
    stand_ins,
)
from .catalog.mig import MIG_CONFIG_LABEL, mig_profile, mig_profiles
from .catalog.nearest import hint_or_all
from .catalog.scheduling import device_of

POOLS = ("GpuNodeGroup", "KarpenterGpuPool", "KarpenterPool", "AutoModeGpuPool", "SpotNodeGroup")
_NODE_GROUP, _AUTO_SCALING_GROUP = "aws:eks/nodeGroup:NodeGroup", "aws:autoscaling/group:Group"
_LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
_CONTROL_PLANE = "eks:index:Cluster"
_STACK = "pulumi:pulumi:Stack"
# How the SDK's wire format marks a resource as a value. Source: Pulumi's documentation of property values.
_REFERENCE = {"4dabf18193072939515e22adb298388d": "5cf8f73096256a8f31e491e813e4eb8e"}


@dataclass(frozen=True)
class Resource:
    """A resource that a program registered."""

    urn: str
    type: str
    """Type token, such as aws:eks/nodeGroup:NodeGroup."""
    name: str
    """Name in Pulumi."""
    parent: str = ""
    """URN of the component that it belongs to."""
    inputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Inputs in the provider's spelling, such as scalingConfig; for a component, its args."""


@dataclass(frozen=True)
class Pool:
    """The nodes of a component that makes some, as its node groups or its NodePool say."""

    labels: dict[str, str]
    """Labels of every node."""
    taints: list[dict[str, str]]
    """Taints of every node, as Kubernetes writes them."""
    min_nodes: int
    """Number of nodes that always run."""
    desired_nodes: int
    """Number of nodes at the start."""
    max_nodes: int | None
    """Maximum number of nodes; None for a NodePool that limits accelerators or vCPUs."""
    max_gpus: int
    """Maximum number of accelerators of all nodes."""
    instance_types: list[str]
    """Types that its nodes may have; empty for a `KarpenterPool` whose types follow from categories."""
    capacity_types: list[str]
    """Those of reserved, spot and on-demand that its nodes may have, in this order, which is Karpenter's own."""

    @property
    def scales_to_zero(self) -> bool:
        """Whether no node runs while no pod needs one."""
        return self.min_nodes == self.desired_nodes == 0


@dataclass(frozen=True)
class Run:
    """What a program registered and exported."""

    resources: list[Resource]
    exports: dict[str, Any]
    """What the program exports, by name."""

    def of(self, type_: str) -> list[Resource]:
        """The resources of a type."""
        return [made for made in self.resources if made.type == type_]

    def one(self, type_: str, name: str | None = None) -> Resource:
        """The resource of a type, and of a name if there are several. Raises LookupError if it is not exactly one."""
        of_type = self.of(type_)
        found = [made for made in of_type if name in (None, made.name)]
        if len(found) == 1:
            return found[0]
        if not of_type:
            raise LookupError(
                f"no resource of type {type_}{hint_or_all(type_, {made.type for made in self.resources})}"
            )
        names = [made.name for made in of_type]
        told = f"{len(found)} resources {type_} {name or ''}".rstrip()
        raise LookupError(f"{told}; there are: {', '.join(sorted(names))}")

    def under(self, name: str) -> list[Resource]:
        """The resources that belong to a component, by its name."""
        parents = {made.urn for made in self.resources if made.name == name and _is_component(made.type)}
        return [made for made in self.resources if made.parent in parents]

    def pool(self, name: str) -> Pool:
        """The nodes of the component of this name. Raises LookupError if no component of the name makes nodes."""
        pools = [made for made in self.resources if _is_component(made.type) and made.type.split(":")[-1] in POOLS]
        if name not in [made.name for made in pools]:
            raise LookupError(f"no pool {name}{hint_or_all(name, {made.name for made in pools})}")
        urns = [made.urn for made in pools if made.name == name]
        of_pool = [made for made in self.resources if made.parent in urns]
        templates = {made.name: made.inputs for made in of_pool if made.type == _LAUNCH_TEMPLATE}
        groups = (made for made in of_pool if made.type in _READERS)
        # Registrations arrive side by side, in another order each time.
        ordered = sorted(groups, key=lambda made: made.name)
        return _pool([_READERS[made.type](made.inputs, templates.get(f"{made.name}-template", {})) for made in ordered])


def run(
    program: Callable[[], Any] | Path | str,
    *,
    region: str = "us-west-2",
    config: Mapping[str, Any] | None = None,
    answers: Mapping[str, Mapping[str, Any]] | None = None,
    project: str = "project",
    stack: str = "dev",
    preview: bool = False,
) -> Run:
    """Runs a program, a function or the path of a file, and returns what it registers.

    config: the stack's configuration with full keys, such as `my-gpus:settings`; what is no string is written as JSON.
    answers: results of look-ups by token, such as `{"aws:ec2/getVpc:getVpc": {"id": "vpc-1"}}`. Zones, images, the
    cluster and the account have answers. Raises what the program raises, and LookUpError for a look-up without answer.
    """
    given = {"aws:region": region, **(config or {})}
    told = {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}
    mocks, found = Mocks(region, answers), {}

    def main() -> Any:
        if callable(program):
            program()
        else:
            runpy.run_path(str(program), run_name="__main__")
        stack_resource: Any = get_root_resource()
        return pulumi.Output.all(**stack_resource.outputs).apply(found.update)

    def isolated() -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            pulumi.runtime.set_all_config(told)
            pulumi.runtime.set_mocks(mocks, project, stack, preview, monitor=mocks.monitor)
            pulumi.runtime.test(main)()
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    contextvars.Context().run(isolated)
    return Run(mocks.made, found)


class LookUpError(LookupError):
    """A look-up of the program that has no answer."""


class Mocks(pulumi.runtime.Mocks):
    """Pulumi mocks with answers, for tests that call `set_mocks(mocks, monitor=mocks.monitor)` themselves.

    `made` has what was registered. Most tests call `run` and do not need this class.
    """

    def __init__(self, region: str = "us-west-2", answers: Mapping[str, Mapping[str, Any]] | None = None):
        self.region = region
        self.answers = answers or {}
        self.made: list[Resource] = []
        self.monitor = _Monitor(self)

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """The answer to a look-up. Raises LookUpError if there is none."""
        if args.token in self.answers:
            return {**self.answers[args.token]}, []
        answer = stand_ins.LOOK_UPS.get(args.token)
        own = args.token.startswith("aws:ssm/") and not str(args.args.get("name")).startswith(
            stand_ins.SSM_PARAMETERS_OF_AWS
        )
        if answer is None or own:
            told = ", ".join(f"{key}={value!r}" for key, value in args.args.items())
            given = f'answers={{"{args.token}": {{...}}}}'
            raise LookUpError(f"the program asks for {args.token}({told}), and the test has no answer: give {given}")
        return {**answer(str(args.args.get("region") or self.region), args.args)}, []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Id and outputs of a resource, which follow from its type, its name and its inputs."""
        resource = Resource(f"{args.typ}::{args.name}", args.typ, args.name, inputs=args.inputs)
        found = stand_ins.outputs_of(self.region, resource)
        return str(found.pop("id", f"{args.name}-id")), {**args.inputs, **found}


class _Monitor(sdk.MockMonitor):
    """The SDK's, which also knows parents, and the control plane that pulumi_eks makes in a provider of its own."""

    def __init__(self, mocks: Mocks):
        super().__init__(mocks)
        self._ours = mocks

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  # the protocol's own name
        urn = self.make_urn(request.parent, request.type, request.name)
        inputs = rpc.deserialize_properties(request.object)
        if request.type != _STACK:
            self._ours.made.append(Resource(urn, request.type, request.name, request.parent, inputs))
        response = super().RegisterResource(request)
        if request.type == _CONTROL_PLANE:
            outputs = self._control_plane(urn, request.name, inputs)
            response.object.update(json.loads(json.dumps(outputs)))
        return response

    def _control_plane(self, urn: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs of `eks.Cluster`, with the cluster of pulumi_aws in it."""
        region, named = self._ours.region, str(inputs.get("name", name))
        known = {"version": inputs.get("version"), "vpcConfig": {"vpcId": inputs.get("vpcId", "")}}
        state = stand_ins.cluster(region, named, known)
        inner = f"{urn}-control-plane".replace(_CONTROL_PLANE, f"{_CONTROL_PLANE}$aws:eks/cluster:Cluster")
        self.resources[inner] = self.ResourceRegistration(inner, state["id"], state)
        issuer = state["identities"][0]["oidcs"][0]["issuer"].removeprefix("https://")
        kubeconfig = {"apiVersion": "v1", "kind": "Config", "clusters": [{"name": named}]}
        return {
            "eksCluster": {**_REFERENCE, "urn": inner, "id": state["id"]},
            "kubeconfig": kubeconfig,
            "kubeconfigJson": json.dumps(kubeconfig),
            "oidcIssuer": issuer,
            "oidcProviderArn": stand_ins.arn(region, "iam", f"oidc-provider/{issuer}"),
        }


def _is_component(type_: str) -> bool:
    return type_.startswith("eks-gpu-components:")


@dataclass(frozen=True)
class _Group:
    """One node group or NodePool."""

    labels: Mapping[str, str]
    taints: list[Taint]
    sizes: tuple[int, int, int | None]
    """Minimum, desired and maximum number of nodes."""
    max_gpus: int | None
    instance_types: list[str]
    capacity_types: list[str]

    @property
    def most(self) -> int:
        """The most accelerators that it can have."""
        if self.max_gpus is not None:
            return self.max_gpus
        return (self.sizes[2] or 0) * instance_type(self.instance_types[0]).accelerators


def _pool(groups: list[_Group]) -> Pool:
    labels, taints = groups[0].labels, groups[0].taints
    most = [group.sizes[2] for group in groups]
    return Pool(
        labels={key: value for key, value in labels.items() if all(each.labels.get(key) == value for each in groups)},
        taints=[taint.for_kubernetes() for taint in taints if all(taint in each.taints for each in groups)],
        min_nodes=sum(group.sizes[0] for group in groups),
        desired_nodes=sum(group.sizes[1] for group in groups),
        max_nodes=None if None in most else sum(each or 0 for each in most),
        max_gpus=sum(group.most for group in groups),
        instance_types=_once(name for group in groups for name in group.instance_types),
        capacity_types=[str(word) for word in CapacityType if any(word in group.capacity_types for group in groups)],
    )


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _of_node_pool(inputs: Mapping[str, Any], _: Mapping[str, Any]) -> _Group:
    spec, template, limits = inputs["spec"], inputs["spec"]["template"], inputs["spec"]["limits"]
    wanted = {term["key"]: term.get("values", []) for term in template["spec"]["requirements"]}
    types, labels = wanted.get(INSTANCE_TYPE_LABEL, []), template["metadata"]["labels"]
    nodes, most = int(spec.get("replicas", 0)), int(limits["nodes"]) if "nodes" in limits else None
    return _Group(
        labels=labels,
        taints=[Taint.from_kubernetes(taint) for taint in template["spec"].get("taints", [])],
        sizes=(nodes, nodes, most),
        max_gpus=_limit_of_devices(limits, labels, types) if most is None else None,
        instance_types=types,
        capacity_types=wanted[CAPACITY_TYPE_LABEL],
    )


def _limit_of_devices(limits: Mapping[str, str], labels: Mapping[str, str], types: list[str]) -> int:
    """The devices of a limit, which counts shares or slices where they are shared or cut; 0 without such a limit."""
    name = next((name for name in limits if device_of(name) in (GPU_RESOURCE, NEURON_RESOURCE)), None)
    if name is None:
        return 0
    device = instance_type(types[0]).accelerator
    slices = mig_profiles(device).get(mig_profile(labels.get(MIG_CONFIG_LABEL, "")), 1) if device else 1
    shares = int(labels.get(DEVICE_PLUGIN_CONFIG_LABEL, "1").rpartition("-")[2])
    return int(limits[name]) // (slices * shares)


def _of_node_group(inputs: Mapping[str, Any], template: Mapping[str, Any]) -> _Group:
    scaling = inputs["scalingConfig"]
    return _Group(
        labels=inputs.get("labels", {}),
        taints=[Taint.from_eks(taint) for taint in inputs.get("taints", [])],
        sizes=(int(scaling["minSize"]), int(scaling["desiredSize"]), int(scaling["maxSize"])),
        max_gpus=None,
        instance_types=inputs.get("instanceTypes") or [template["instanceType"]],
        capacity_types=_reserved(template) or [str(CapacityType.from_eks(inputs["capacityType"]))],
    )


def _reserved(template: Mapping[str, Any]) -> list[str]:
    """The capacity type of a group whose launch template names a reservation; of any other none."""
    return [str(CapacityType.RESERVED)] if template.get("capacityReservationSpecification") else []


def _of_auto_scaling_group(inputs: Mapping[str, Any], template: Mapping[str, Any]) -> _Group:
    tags = {tag["key"]: tag["value"] for tag in inputs["tags"]}
    types, capacity_types = _mixed(inputs.get("mixedInstancesPolicy"))
    return _Group(
        labels={
            key.removeprefix(AUTOSCALER_LABEL_TAG): value
            for key, value in tags.items()
            if key.startswith(AUTOSCALER_LABEL_TAG)
        },
        taints=[taint for item in tags.items() if (taint := Taint.from_autoscaler_tag(*item))],
        sizes=(int(inputs["minSize"]), int(inputs["desiredCapacity"]), int(inputs["maxSize"])),
        max_gpus=None,
        instance_types=types or [template["instanceType"]],
        capacity_types=_reserved(template) or capacity_types,
    )


def _mixed(policy: Mapping[str, Any] | None) -> tuple[list[str], list[str]]:
    """Instance types and capacity types of a policy; none where the launch template alone says them."""
    if policy is None:
        return [], []
    shares = policy["instancesDistribution"]
    some_on_demand = shares["onDemandBaseCapacity"] or shares["onDemandPercentageAboveBaseCapacity"]
    spot = ["spot"] if shares["onDemandPercentageAboveBaseCapacity"] < 100 else []
    types = [each["instanceType"] for each in policy["launchTemplate"]["overrides"]]
    return types, (["on-demand"] if some_on_demand else []) + spot


_READERS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], _Group]] = {
    NODE_POOL_TYPE: _of_node_pool,
    _NODE_GROUP: _of_node_group,
    _AUTO_SCALING_GROUP: _of_auto_scaling_group,
}
