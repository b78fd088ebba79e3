"""Where an operator hurts: predicates on resources of a program."""

from collections.abc import Callable

from eks_gpu.checks.services import balances_load
from eks_gpu.cost.admission import ACCELERATOR_RESOURCES
from eks_gpu.graph.graph import Resource
from eks_gpu.pods.demand import Workload
from eks_gpu.pools.pool import AUTO_MODE, AUTO_SCALING_GROUP, KARPENTER

from .programs import Program

Where = Callable[[Resource, Program], bool]

GROUP, NODE_GROUP = "aws:autoscaling/group:Group", "aws:eks/nodeGroup:NodeGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
EC2_NODE_CLASS, NODE_CLASS = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass", "kubernetes:eks.amazonaws.com/v1:NodeClass"
CLUSTER = "eks:index:Cluster"
DEPLOYMENT, JOB = "kubernetes:apps/v1:Deployment", "kubernetes:batch/v1:Job"
SERVICE = "kubernetes:core/v1:Service"
RELEASE = "kubernetes:helm.sh/v3:Release"
QUEUE = "aws:sqs/queue:Queue"


def balanced(resource: Resource, program: Program) -> bool:
    """A Service with a load balancer."""
    return balances_load(resource.inputs)


def hears_notices(resource: Resource, program: Program) -> bool:
    """Whether it is a queue of notices, or no queue at all."""
    return resource.type != QUEUE or resource.name.endswith("-interruption")


def of_gpus(resource: Resource, program: Program) -> bool:
    """A pool with accelerators."""
    pool = program.pools.get(resource.urn)
    return bool(pool and pool.accelerator)


def of_nvidia(resource: Resource, program: Program) -> bool:
    """A pool with NVIDIA GPUs."""
    pool = program.pools.get(resource.urn)
    return bool(pool and pool.accelerator == "nvidia")


def scaled(resource: Resource, program: Program) -> bool:
    """A pool whose size changes."""
    pool = program.pools.get(resource.urn)
    return bool(pool and pool.autoscaled)


def from_zero(resource: Resource, program: Program) -> bool:
    """A pool that may be empty, so that the autoscaler plans by its tags."""
    pool = program.pools.get(resource.urn)
    return bool(pool and pool.scales_to_zero)


def of_spot_and_more(resource: Resource, program: Program) -> bool:
    """A pool that tries Spot first."""
    pool = program.pools.get(resource.urn)
    return bool(pool and "spot" in pool.capacity_types)


def of_karpenter(resource: Resource, program: Program) -> bool:
    """A pool or a class of one's own Karpenter."""
    return _backend(resource, program) == KARPENTER


def of_auto_mode(resource: Resource, program: Program) -> bool:
    """A pool of EKS Auto Mode."""
    return _backend(resource, program) == AUTO_MODE


def _backend(resource: Resource, program: Program) -> str:
    pool = program.pools.get(resource.urn)
    return pool.backend if pool else ""


def with_limited_cpu(resource: Resource, program: Program) -> bool:
    """A GPU pool with limits on CPU and memory."""
    pool = program.pools.get(resource.urn)
    return bool(pool and pool.accelerator and pool.limits and {"cpu", "memory"} <= pool.limits.amounts.keys())


def template_of_gpus(resource: Resource, program: Program) -> bool:
    """A launch template of a GPU group."""
    return any(of_gpus(group, program) for group in _groups_from(resource, program))


def template_of_own(resource: Resource, program: Program) -> bool:
    """A launch template of a self-managed group."""
    return any(group.type == GROUP for group in _groups_from(resource, program))


def template_with_joining(resource: Resource, program: Program) -> bool:
    """A launch template that says itself how its nodes join."""
    return template_of_gpus(resource, program) and bool(resource.inputs.get("userData"))


def _groups_from(template: Resource, program: Program) -> list[Resource]:
    groups = program.graph.of(GROUP, NODE_GROUP)
    return [group for group in groups if f"'{template.id}'" in str(group.inputs)]


def workload_at(resource: Resource, program: Program) -> Workload | None:
    """The workload that a resource is."""
    return next((found for found in program.analysis.workloads if found.urn == resource.urn), None)


def asks_for_gpus(resource: Resource, program: Program) -> bool:
    """A workload whose pods want accelerators."""
    found = workload_at(resource, program)
    return bool(found and found.pod.requests_any(ACCELERATOR_RESOURCES))


def of_stated_size(resource: Resource, program: Program) -> bool:
    """A GPU workload that nobody scales."""
    found = workload_at(resource, program)
    return asks_for_gpus(resource, program) and bool(found and found.min_replicas == found.max_replicas)


def asks_for_nvidia(resource: Resource, program: Program) -> bool:
    """A workload whose pods want NVIDIA GPUs."""
    found = workload_at(resource, program)
    return bool(found and found.pod.requests_any(["nvidia.com/gpu"]))


def only_taker(resource: Resource, program: Program) -> bool:
    """A pool that alone takes some workload."""
    pool = program.pools.get(resource.urn)
    takers = [program.analysis.admitted_by(workload) for workload in program.analysis.workloads]
    return pool is not None and [pool.name] in takers


def self_managed(resource: Resource, program: Program) -> bool:
    """A self-managed group."""
    return _backend(resource, program) == AUTO_SCALING_GROUP


def chart(name: str) -> Where:
    """Releases of one chart."""

    def where(resource: Resource, program: Program) -> bool:
        return str(resource.inputs.get("chart", "")).rpartition("/")[2] == name

    return where


def named(part: str) -> Where:
    """Resources with a piece in their names."""

    def where(resource: Resource, program: Program) -> bool:
        return part in resource.name

    return where


def unreserved(resource: Resource, program: Program) -> bool:
    """A pool without reserved capacity."""
    pool = program.pools.get(resource.urn)
    return bool(pool and "reserved" not in pool.capacity_types)


def system_group(resource: Resource, program: Program) -> bool:
    """The fixed group on which controllers run."""
    pool = program.pools.get(resource.urn)
    return bool(pool and not pool.autoscaled)
