"""A component that is imported and the same from the provider: equal children, inputs, options and URNs."""

from dataclasses import replace
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

import components
from components.provider.serve import components as public_components
from eks_gpu.graph.graph import Resource
from tests.engine import Run, run
from tests.through_provider import run_through_provider

pytestmark = pytest.mark.minutes(0.4)

ZONES = [{"zone": f"us-west-2{letter}", "zone_id": f"usw2-az{number}"} for number, letter in enumerate("abc", 1)]
GPU = {"instance_types": ["g4dn.xlarge", "g4dn.2xlarge"], "max_gpus": 8, "labels": {"my_team": "a"}}
LARGE = ["m5.large", "m6i.large", "m7i.large", "m5a.large", "m6a.large", "m5n.large"]
SPOT = {"instance_types": LARGE, "min_nodes": 1, "max_nodes": 5, "labels": {"my_team": "b"}}
FABRIC = {"instance_types": ["p4d.24xlarge"], "max_gpus": 8, "efa": True, "zones": ["us-west-2a"]}
NEURON = {"instance_types": ["inf2.xlarge"], "max_gpus": 2}
SETTINGS = {"name": "main", "endpoint": {"public": True, "public_cidrs": ["8.8.8.8/32"]}, "log_types": ["api"]}
CLUSTER = {
    "name": "main",
    "endpoint": "https://main.example",
    "certificate_authority": "Y2E=",
    "service_cidr": "10.100.0.0/16",
    "kubernetes_version": "1.35",
    "vpc_id": "vpc-1",
    "region": "us-west-2",
    "security_group_id": "sg-1",
}
SERVER = {"image": "registry.example.com/triton:1", "port": 8000, "health_path": "/v2/health/ready"}
READERS = {"my_readers": {"principal_arn": "arn:aws:iam::123456789012:role/r", "policy": "AmazonEKSViewPolicy"}}


def everything(library: Any) -> None:
    """Every component, the outputs of one as inputs of the next."""
    network = library.Network("net", {"region": "us-west-2", "zones": ZONES, "cluster_name": "main"})
    place = {"region": "us-west-2", "vpc_id": network.vpc_id, "subnets": network.private_subnets}
    cluster = library.Cluster("main", {**place, "settings": {**SETTINGS, "access_entries": READERS}})
    auto = library.Cluster("auto", {**place, "settings": {**SETTINGS, "name": "auto", "auto_mode": {}}})
    where = {"cluster": cluster.reference, "subnets": network.private_subnets}
    inside = pulumi.ResourceOptions(provider=kubernetes.Provider("k8s", kubeconfig=cluster.kubeconfig))
    in_auto = pulumi.ResourceOptions(provider=kubernetes.Provider("k8s-auto", kubeconfig=auto.kubeconfig))
    policies = {"my_policy": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}

    settings = {"replicas": 1, "feature_gates": {"node_repair": True}}
    asked = {"cluster": cluster.reference, "settings": settings, "node_policies": policies}
    karpenter = library.Karpenter("karpenter", asked, inside)
    role = {"node_role_name": karpenter.node_role_name}
    pool = library.KarpenterGpuPool("gpu", {**where, **role, "pool": GPU}, inside)
    library.AutoModeGpuPool(
        "auto-gpu",
        {"cluster": auto.reference, "subnets": network.private_subnets, "pool": GPU, "storage": {"iops": 4000}},
        in_auto,
    )
    library.GpuNodeGroup("groups", {**where, "pool": GPU, "node_policies": policies})
    library.SpotNodeGroup("spot", {**where, "pool": SPOT, "drain_s": 60}, pulumi.ResourceOptions(protect=True))
    library.ClusterAutoscaler("autoscaler", {"cluster": cluster.reference}, inside)
    library.NodeTerminationHandler("handler", {"cluster": cluster.reference, "settings": {"drain_s": 60}}, inside)
    library.NvidiaDevicePlugin("nvidia", {"pools": [GPU]}, inside)
    library.NvidiaDraDriver("dra", {"cluster": cluster.reference, "pools": [{**GPU, "devices": "claims"}]}, inside)
    library.NeuronDevicePlugin("neuron", {"pools": [NEURON]}, inside)
    library.EfaDevicePlugin("efa", {"pools": [FABRIC]}, inside)
    library.GpuOperator("operator", {"pools": [GPU], "settings": {"dcgm_exporter": False}}, inside)
    balancers = library.AwsLoadBalancerController("balancers", {"cluster": cluster.reference}, inside)
    library.CudaVectorAdd("vectors", {"pool": GPU, "replicas": 2}, inside)
    library.GpuSmokeTest("smoke", {"pool": GPU, "backend": "karpenter"}, inside)
    after = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[pool, balancers]))
    model = {"model": {"s3_uri": "s3://models/resnet"}, "hpa": {"max_replicas": 4}}
    resnet = library.ResnetInference("resnet", {"pool": GPU, "settings": model, "cluster": cluster.reference}, after)
    language = {"model": {"name": "our/model", "volume_claim": "models"}, "tensor_parallel": 1}
    there = {"namespace": "models", "create_namespace": False, "max_replicas": 2}
    library.LlmInference("chat", {"pool": GPU, "settings": language, "service": there}, inside)
    asking = {"cluster": cluster.reference, "queue_arns": ["arn:aws:sqs:us-west-2:123456789012:q"]}
    keda = library.KedaOperator("keda", asking, inside)
    waiting = {
        "sqs": {
            "queue_url": "https://sqs.us-west-2.amazonaws.com/1/q",
            "region": "us-west-2",
            "messages_per_replica": 5,
        }
    }
    scaled = {"target": {"name": "llm"}, "pool": GPU, "settings": waiting}
    library.ScaledObject("llm", scaled, pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[keda])))
    library.ModelServer("server", {"pool": GPU, "settings": SERVER, "service": there}, inside)
    library.KarpenterPool("work", {**where, **role, "pool": {"max_vcpus": 16, "architectures": ["arm64"]}}, inside)
    jobs = library.JobSetController("jobset", {}, inside)
    library.LeaderWorkerSetController("lws", {}, inside)
    kueue = library.Kueue("kueue", {"settings": {"integrations": ["job", "jobset"]}}, inside)
    queued = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[kueue, jobs, pool]))
    library.TrainingQueue("training", {"pools": {"gpu": GPU}}, queued)
    library.GpuObservability("seen", {"cluster": cluster.reference, "pools": {"gpu": GPU}}, inside)
    pulumi.export("url", resnet.url)
    pulumi.export("taints", pool.taints)
    pulumi.export("zones", network.private_subnets)


def same(resource: Resource) -> Resource:
    """Without what may differ: dependencies, which are more over the border, and what only this process can watch."""
    return replace(resource, dependencies=frozenset(), property_dependencies={}, wanted=())


def needs(run: Run, resource: Resource) -> set[str]:
    """What it is created after: its dependencies, and as the engine has it what the components among them hold."""
    found = set(resource.dependencies)
    while more := {each.urn for each in run.graph if each.parent in found} - found:
        found |= more
    return found


@pytest.mark.parametrize("preview", [False, True], ids=["update", "preview"])
def test_imported_and_from_the_provider_every_component_registers_the_same(preview):
    imported = run(lambda: everything(components), preview=preview)
    provided = run_through_provider(everything, preview=preview)

    assert {each.type for each in imported.graph if each.type.startswith("eks-gpu-components:")} == {
        f"eks-gpu-components:index:{made.__name__}" for made in public_components()
    }
    assert list(map(same, provided.graph)) == list(map(same, imported.graph))
    assert preview or provided.exports.keys() == imported.exports.keys()
    for here, there in zip(imported.graph, provided.graph, strict=True):
        assert here.dependencies <= needs(provided, there), here.urn


def test_exports_have_the_names_of_other_languages():
    def program(library: Any) -> None:
        args = {"region": "us-west-2", "zones": ZONES, "cluster_name": "main"}
        pulumi.export("zones", library.Network("net", args).private_subnets)

    imported, provided = run(lambda: program(components)), run_through_provider(program)

    (first, *_), (there, *_) = imported.exports["zones"], provided.exports["zones"]
    assert there == {"zone": "us-west-2a", "zoneId": "usw2-az1", "subnetId": first["subnet_id"]}


def test_what_a_component_must_know_is_not_guessed_where_two_could_have_said_it():
    def program(library: Any) -> None:
        args = {"region": "us-west-2", "zones": ZONES, "cluster_name": "main"}
        both = [library.Network(name, args).private_subnets for name in ("one", "two")]
        subnets = pulumi.Output.all(*both).apply(lambda known: known[0])
        library.GpuNodeGroup("gpu", {"cluster": CLUSTER, "subnets": subnets, "pool": GPU})

    found = run_through_provider(program, preview=True)

    assert [made.type for made in found.graph if "gpu" in made.urn.split("::")[-1]] == [
        "eks-gpu-components:index:GpuNodeGroup"
    ]
    assert found.log == [("info", "gpu: what it makes is shown once subnets is known, after the first update")]
    assert run_through_provider(program).of("aws:eks/nodeGroup:NodeGroup")
