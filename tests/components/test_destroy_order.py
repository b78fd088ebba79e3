"""What goes before what: the engine deletes a resource only after all that depends on it."""

import pytest

from eks_gpu.graph.graph import Graph, Resource
from tests.found import every
from tests.programs import IDS, PROGRAMS, plan_of

WORKLOADS = ("kubernetes:apps/v1:Deployment", "kubernetes:batch/v1:Job", "kubernetes:core/v1:Service")
POOLS = ("kubernetes:karpenter.sh/v1:NodePool", "aws:eks/nodeGroup:NodeGroup", "aws:autoscaling/group:Group")
RELEASE = "kubernetes:helm.sh/v3:Release"
SIDE_EFFECTS = ("kubernetes:karpenter.sh/v1:NodePool", "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass")
every_program = pytest.mark.parametrize(("folder", "stack"), PROGRAMS, ids=IDS)


def needs(graph: Graph, resource: Resource) -> set[str]:
    """URNs that it waits for, directly and on the way: a child waits for whatever its parent waits for."""
    found: set[str] = set()
    ahead = [resource]
    while ahead:
        here = ahead.pop()
        for urn in {*here.dependencies, here.parent, here.provider.rpartition("::")[0]}:
            known = graph.get(urn)
            if known and urn not in found:
                found.add(urn)
                ahead.append(known)
    return found


def names(graph: Graph, urns: set[str], *types: str) -> set[str]:
    return {made.name for made in graph.of(*types) if made.urn in urns}


@every_program
def test_workloads_go_before_the_pools_that_take_them_where_the_pool_s_own_deletion_would_wait(folder, stack):
    plan = plan_of(folder, stack)
    node_pools = {made.name for made in plan.graph.of("kubernetes:karpenter.sh/v1:NodePool")}
    for workload in every(plan.analysis.workloads):
        if workload.kind == "PodTemplate":  # no pod of its own, so it holds no node
            continue
        takers = {*plan.analysis.admitted_by(workload)} & node_pools
        resource = plan.graph.get(workload.urn)
        assert resource
        own = names(plan.graph, needs(plan.graph, resource), "kubernetes:karpenter.sh/v1:NodePool")
        assert own <= takers and bool(own) == bool(takers)


def test_the_programs_have_what_this_file_is_about():
    kinds = {made.type for program in PROGRAMS for made in plan_of(*program).graph}
    balanced = [
        service
        for program in PROGRAMS
        for service in plan_of(*program).graph.of("kubernetes:core/v1:Service")
        if service.inputs["spec"].get("loadBalancerClass")
    ]
    assert kinds >= {"kubernetes:karpenter.sh/v1:NodePool", RELEASE}
    assert balanced


@every_program
def test_node_pools_go_before_karpenter_its_permissions_and_the_access_of_its_nodes(folder, stack):
    graph = plan_of(folder, stack).graph
    karpenter = {made.name for made in graph.of(RELEASE) if made.name.startswith("karpenter")}
    for pool in graph.of("kubernetes:karpenter.sh/v1:NodePool") if karpenter else ():
        waited = needs(graph, pool)
        assert names(graph, waited, RELEASE) >= karpenter
        assert len(names(graph, waited, "aws:iam/rolePolicy:RolePolicy")) >= 6
        assert names(graph, waited, "aws:eks/podIdentityAssociation:PodIdentityAssociation") >= {"karpenter"}
        assert names(graph, waited, "aws:eks/accessEntry:AccessEntry") >= {"karpenter-node-access"}
        assert float(pool.options["customTimeouts"]["delete"].removesuffix("s")) > 3600


@every_program
def test_load_balanced_services_go_before_their_controller(folder, stack):
    graph = plan_of(folder, stack).graph
    services = [made for made in graph.of("kubernetes:core/v1:Service") if made.inputs["spec"].get("loadBalancerClass")]
    for service in services:
        controllers = names(graph, needs(graph, service), RELEASE)
        assert "aws-load-balancer-controller" in controllers


@every_program
def test_all_that_is_in_the_cluster_goes_before_the_cluster_and_the_network(folder, stack):
    graph = plan_of(folder, stack).graph
    for made in every(made for made in graph if made.type.startswith("kubernetes:")):
        waited = needs(graph, made)
        assert names(graph, waited, "eks:index:Cluster")
        assert names(graph, waited, "aws:ec2/subnet:Subnet")


def gone_with(graph: Graph, made: Resource) -> str:
    """URN with which it goes, its own or inherited. Source: Pulumi 3.259, source_eval.go, inheritFromParent."""
    here: Resource | None = made
    while here:
        if urn := here.options.get("deletedWith"):
            return urn
        here = graph.get(here.parent)
    return ""


@every_program
def test_what_leaves_something_in_aws_is_never_left_to_the_cluster_s_own_end(folder, stack):
    graph = plan_of(folder, stack).graph
    balanced = [made for made in graph.of("kubernetes:core/v1:Service") if made.inputs["spec"].get("loadBalancerClass")]
    controllers = [made for made in graph.of(RELEASE) if made.name in ("karpenter", "aws-load-balancer-controller")]
    in_aws = [made for made in graph if made.type.startswith("aws:") and made.type != "aws:eks/addon:Addon"]
    assert in_aws
    for made in (*in_aws, *graph.of(*SIDE_EFFECTS), *balanced, *controllers):
        assert not gone_with(graph, made), made.urn
        assert "retainOnDelete" not in made.options


@pytest.mark.parametrize("stack", ["dev", "lab", "staging", "prod"])
def test_what_leaves_nothing_in_aws_waits_for_no_api_that_may_be_gone(stack):
    graph = plan_of(".", stack).graph
    charts = [made for made in graph.of(RELEASE) if made.name == "nvidia-device-plugin"]
    workloads = [made for made in graph.of("kubernetes:apps/v1:Deployment") if made.name == "cuda-vector-add"]
    for made in every((*charts, *workloads)):
        assert gone_with(graph, made).endswith("eks-gpu-components:index:Cluster::cluster")
