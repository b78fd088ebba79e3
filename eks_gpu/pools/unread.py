"""What a stack has and the planner does not read: nodes, software and networks.

What can hold nodes is a resource of AWS or of a maker of EKS nodes, or a component whose parts nobody tells. A chart or
a file that was not rendered is software.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.unknown import Asked, root_of
from eks_gpu.graph.unread import Unread, What
from eks_gpu.offline.questions import ANSWERS_FILE
from eks_gpu.pods.demand import KINDS, Workload
from eks_gpu.pools import cloudformation
from eks_gpu.pools.chart_values import asked_in_values
from eks_gpu.pools.clusters import COMPONENT
from eks_gpu.pools.readers import READERS
from eks_gpu.pools.user_data import joined_node
from eks_gpu_components.catalog import CLUSTER_TAG, KARPENTER_API_VERSION, KARPENTER_CORE_GROUP

_REWRITE = "make the nodes with a node group, an auto scaling group or a node pool, which are read"
_IN_A_STATE = "run eks-gpu check --state on the stack's state after pulumi up, which has the parts"
_INLINE = "give the template as templateBody, with a value for each parameter"
_ANSWER = f"answer the look-ups that the plan lacks in {ANSWERS_FILE}, which plan --record-answers FILE begins"
_LATER = "run eks-gpu check --state on the stack's state after pulumi up"
_SHOW_SECRETS = "run eks-gpu check on what pulumi stack export --show-secrets prints"
_UPGRADE = f"move it to {KARPENTER_API_VERSION}, whose node pools are read"


@dataclass(frozen=True, slots=True)
class Kind:
    """Resources of one type that are not read."""

    what: What
    why: str
    how: str


def _not_read(maker: str) -> Kind:
    return Kind("nodes", f"{maker} may start nodes, and the planner does not read it", _REWRITE)


_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(
        ("aws:ec2/fleet:Fleet", "aws:ec2/spotFleetRequest:SpotFleetRequest"), _not_read("a fleet of EC2 instances")
    ),
    **dict.fromkeys(("aws-native:ec2:Ec2Fleet", "aws-native:ec2:SpotFleet"), _not_read("a fleet of EC2 instances")),
    "aws-native:cloudformation:Stack": _not_read("a CloudFormation stack"),
    "aws:cloudformation/stackSet:StackSet": _not_read("a set of CloudFormation stacks"),
    "aws-native:cloudformation:StackSet": _not_read("a set of CloudFormation stacks"),
    "aws-native:batch:ComputeEnvironment": _not_read("an environment of AWS Batch"),
    "aws:cloudcontrol/resource:Resource": _not_read("a resource of Cloud Control"),
    "aws:batch/computeEnvironment:ComputeEnvironment": _not_read("an environment of AWS Batch"),
    "aws:parallelcluster/cluster:Cluster": _not_read("a cluster of ParallelCluster"),
    "aws-native:sagemaker:Cluster": _not_read("a HyperPod cluster"),
    "spotinst:aws/ocean:Ocean": _not_read("an Ocean of Spot by NetApp"),
    "spotinst:aws/oceanLaunchSpec:OceanLaunchSpec": _not_read("a launch specification of Spot by NetApp"),
    "spotinst:aws/elastigroup:Elastigroup": _not_read("an Elastigroup of Spot by NetApp"),
    "castai:index/nodeTemplate:NodeTemplate": _not_read("a node template of CAST AI"),
    "castai:index:NodeTemplate": _not_read("a node template of CAST AI"),
    "rancher2:index/clusterV2:ClusterV2": _not_read("a cluster of Rancher"),
    "rancher2:index/nodePool:NodePool": _not_read("a node pool of Rancher"),
    **{
        f"kubernetes:{KARPENTER_CORE_GROUP}/{version}:{kind}": Kind(
            "nodes", f"it is of {version}, and node pools are read of {KARPENTER_API_VERSION} only", _UPGRADE
        )
        for version, kind in (("v1beta1", "NodePool"), ("v1alpha5", "Provisioner"))
    },
    **dict.fromkeys(
        ("aws-native:ec2:Vpc", "aws-native:ec2:Subnet", "aws-native:ec2:NatGateway"),
        Kind("network", "networks are read of the AWS provider only", "make it with the AWS provider, pulumi_aws"),
    ),
}
"""By type, what is known to be more than it seems. A type for which there is a reader is not unread."""

# Components of pulumi-eks and awsx, whose own program makes what is in them.
_COMPONENTS: Mapping[str, What] = {
    **dict.fromkeys(("eks:index:ManagedNodeGroup", "eks:index:NodeGroup", "eks:index:NodeGroupV2"), "nodes"),
    **dict.fromkeys(("awsx:ec2:Vpc", "awsx:ec2:DefaultVpc"), "network"),
}
# Components of the SDK itself, which registers what the provider renders for it.
_RENDERED: Mapping[str, What] = {
    "kubernetes:helm.sh/v3:Chart": "software",
    "kubernetes:kustomize:Directory": "pods",
    "kubernetes:yaml:ConfigFile": "pods",
    "kubernetes:yaml:ConfigGroup": "pods",
}
_WITHOUT_NODES = ("eks:", "awsx:", "docker", "command:", "aws-iam:", "aws-s3", "aws-apigateway:", "aws-static-website:")
"""Packages whose other components hold no nodes."""
_MACHINES = ("aws:ec2/instance:Instance", "aws:ec2/spotInstanceRequest:SpotInstanceRequest", "aws-native:ec2:Instance")


def unread(graph: Graph) -> list[Unread]:
    """Everything that is there without being read, once each: what the graph carries itself, then what is in it."""
    told = cloudformation.in_provider_terms(graph)
    rows = [*graph.unread, *(row for resource in told for row in _of(resource, told) if not _said(resource, graph))]
    return list(dict.fromkeys([*rows, *asked_in_values(told)]))


_COUNT = "look how many run in the cluster, and plan a Deployment with so many replicas and this pod"
_WHOLE = "give its pods in full where they are made, or plan a Deployment of the same pods"


def half_read(workloads: Iterable[Workload]) -> Iterator[Unread]:
    """A row for each workload whose number of pods is unknown, and for each that does not say all of its pods."""
    for found in workloads:
        for why, how in ((found.uncounted, _COUNT), (found.partly, _WHOLE)):
            if why:
                yield Unread(str(found), "pods", why, how, hides=False)


def unknown_values(asked: Iterable[Asked], graph: Graph) -> Iterator[Unread]:
    """A row for each resource with properties that were wanted and that nobody can read."""
    by_urn: dict[tuple[str, bool], list[str]] = {}
    for urn, secret, path in sorted({(each.urn, each.secret, each.path) for each in asked}):
        by_urn.setdefault((urn, secret), []).append(path)
    for (urn, secret), paths in by_urn.items():
        verb = "is" if len(paths) == 1 else "are"
        why = f"{', '.join(paths)} {verb} {'secret' if secret else 'known after pulumi up only'}"
        kind, name = urn.split("::")[2].rpartition(":")[2], urn.rpartition("::")[2]
        yield Unread(f"{kind} {name}", "values", why, _SHOW_SECRETS if secret else _answer(graph, urn, paths))


def _answer(graph: Graph, urn: str, paths: Iterable[str]) -> str:
    """How to tell it: an offline run takes answers, which a preview and a state do not."""
    resource = graph.get(urn)
    if graph.looked_up is None or resource is None:
        return _LATER
    roots = {root_of(path) for path in paths}
    urns = sorted({source for root in roots for source in resource.property_dependencies.get(root, ())})
    if any(graph.get(each) is None for each in urns):  # what the program reads, such as another stack
        return _ANSWER
    sources = [f"{source.type} {source.name}" for each in urns if (source := graph.get(each))]
    if not sources:
        return _ANSWER if any(row.what == "values" for row in graph.unread) else _LATER
    return f"give the outputs of {', '.join(sources)} in {ANSWERS_FILE}, which plan --record-answers FILE begins"


def _said(resource: Resource, graph: Graph) -> bool:
    """Whether who made the graph says so itself."""
    return any(row.what != "values" and resource.name in row.subject.split() for row in graph.unread)


def _of(resource: Resource, graph: Graph) -> Iterator[Unread]:
    subject = f"{resource.type.rpartition(':')[2]} {resource.name}"
    if resource.one_for_each and (what := _repeated(resource)):
        why = f"the program makes one for each item of {resource.one_for_each}, and nobody knows how many there are"
        yield Unread(subject, what, why, _ANSWER)
    if resource.type in READERS and resource.type != COMPONENT:
        return
    if kind := _KINDS.get(resource.type):
        yield Unread(subject, kind.what, kind.why, kind.how)
    elif resource.type == cloudformation.STACK:
        if why := cloudformation.why_unread(resource, graph):
            yield Unread(subject, "nodes", why, _INLINE)
    elif resource.type in _MACHINES:
        if _joins(resource):
            yield Unread(subject, "nodes", "it joins a cluster by itself, and no group holds it", _REWRITE)
    elif not resource.custom and not graph.children(resource.urn):
        yield from _of_component(resource, subject)


def _repeated(resource: Resource) -> What | None:
    """What there may be more of than the plan has, where nobody knows how many of a resource there will be."""
    if resource.type in READERS or resource.type in _COMPONENTS:
        return "nodes"
    kind = resource.type.rpartition(":")[2]
    return "pods" if resource.type.startswith("kubernetes:") and kind in KINDS else None


def _joins(machine: Resource) -> bool:
    """Whether an EC2 instance by itself is a node, by its user data or its tags."""
    given = machine.inputs.get("userData") or machine.inputs.get("userDataBase64")
    tags = machine.inputs.get("tags") or {}
    return joined_node(given) is not None or any(str(key).startswith(CLUSTER_TAG) for key in tags)


def _of_component(component: Resource, subject: str) -> Iterator[Unread]:
    """A component without children: whoever made it told nothing of what is inside."""
    type_ = component.type
    if type_ == COMPONENT:
        if component.inputs.get("fargate"):
            why = "its Fargate profile is inside the component, whose parts are not known"
            yield Unread(subject, "nodes", why, _IN_A_STATE)
        elif _makes_default_group(component):
            why = "its default node group is inside the component, whose parts are not known"
            yield Unread(subject, "nodes", why, "set skip_default_node_group, and make the group by itself")
    elif what := _COMPONENTS.get(type_):
        yield Unread(subject, what, "its parts are inside the component, and not known", _IN_A_STATE)
    elif type_ in _RENDERED:
        why = "its objects were not rendered, because its text or its values are not known"
        yield Unread(subject, _RENDERED[type_], why, _ANSWER)
    elif not component.remote or type_.startswith((*_WITHOUT_NODES, "kubernetes:helm.sh/")):
        return
    elif type_.startswith("kubernetes:"):
        yield Unread(subject, "software", "its objects were not rendered", "register the objects one by one")
    else:
        package = type_.partition(":")[0]
        yield Unread(subject, "nodes", f"package {package} makes its parts, which may hold nodes", _IN_A_STATE)


def _makes_default_group(cluster: Resource) -> bool:
    """Source: pulumi-eks 4.4, Cluster: the default group is made unless one of these is there."""
    inputs = cluster.inputs
    auto_mode = (inputs.get("autoMode") or {}).get("enabled")
    return not (inputs.get("skipDefaultNodeGroup") or auto_mode)
