"""Workloads, and how they are reached and scaled."""

from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.pools.pool import AUTO_MODE, KARPENTER

from .edits import EACH, Change, Edit, Option, With, Without, gone, only, swapped, to, with_key
from .places import DEPLOYMENT, JOB, SERVICE, asks_for_gpus, asks_for_nvidia, balanced, of_stated_size
from .programs import Program

_WORKLOADS = [DEPLOYMENT, JOB]
_POD = ("spec", "template", "spec")
_CONTAINERS = (*_POD, "containers", EACH)
_ANNOTATIONS = ("metadata", "annotations")
_SCHEME = "service.beta.kubernetes.io/aws-load-balancer-scheme"
_PDB, _HPA = "kubernetes:policy/v1:PodDisruptionBudget", "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
_GPU = "nvidia.com/gpu"


def _serves(resource: Resource, program: Program) -> bool:
    """A Deployment behind a load balancer."""
    services = [service for service in program.graph.of(SERVICE) if balanced(service, program)]
    return resource.type == DEPLOYMENT and any(service.name == resource.name for service in services)


def _scales_from_nodes_alone(resource: Resource, program: Program) -> bool:
    """A GPU workload for which no node stands ready."""
    backends = {pool.backend for pool in program.pools.values() if pool.accelerator}
    return asks_for_gpus(resource, program) and bool(backends & {KARPENTER, AUTO_MODE})


_EVERYWHERE = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "everywhere", "namespace": "default"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "everywhere"}},
        "template": {
            "metadata": {"labels": {"app": "everywhere"}},
            "spec": {
                "containers": [{"name": "main", "image": "example/agent:1"}],
                "tolerations": [{"operator": "Exists"}],
            },
        },
    },
}

_GROUP = "kubernetes:leaderworkerset.x-k8s.io/v1:LeaderWorkerSet"
_LARGE = {
    "apiVersion": "leaderworkerset.x-k8s.io/v1",
    "kind": "LeaderWorkerSet",
    "metadata": {"name": "large", "namespace": "default"},
    "spec": {
        "leaderWorkerTemplate": {
            "size": 999,
            "workerTemplate": {
                "spec": {
                    "containers": [{"name": "main", "image": "example/llm:1", "resources": {"limits": {_GPU: 1}}}],
                    "tolerations": [{"operator": "Exists"}],
                }
            },
        }
    },
}


def _has_a_ceiling(program: Program) -> bool:
    pools = [pool for pool in program.pools.values() if pool.accelerator]
    return bool(pools) and all(pool.max_nodes is not None for pool in pools)


def _with_model(model: str, *args: str) -> Change:
    """A container that asks for GPUs serves the model with vLLM; another one stays."""

    def changed(container: Any) -> Any:
        if _GPU not in container.get("resources", {}).get("limits", {}):
            return container
        return {**container, "image": "vllm/vllm-openai:v0.28.0", "command": ["vllm", "serve", model], "args": [*args]}

    return changed


OPERATORS = (
    Edit("a toleration is dropped", "its pods wait", _WORKLOADS, (*_POD, "tolerations"), gone, asks_for_gpus),
    Edit(
        "a toleration of another key",
        "its pods wait",
        _WORKLOADS,
        (*_POD, "tolerations", EACH, "key"),
        to("gpu"),
        asks_for_gpus,
    ),
    Edit(
        "a toleration of the empty value",
        "its pods wait",
        _WORKLOADS,
        (*_POD, "tolerations", EACH, "operator"),
        to("Equal"),
        asks_for_gpus,
    ),
    Edit(
        "a toleration of another effect",
        "its pods wait",
        _WORKLOADS,
        (*_POD, "tolerations", EACH, "effect"),
        to("NoExecute"),
        asks_for_gpus,
    ),
    Edit(
        "a selector that no node matches",
        "its pods wait",
        _WORKLOADS,
        (*_POD, "nodeSelector"),
        with_key(pool="gpus"),
        asks_for_gpus,
    ),
    Edit(
        "a selected label has another value",
        "its pods wait",
        _WORKLOADS,
        (*_POD, "nodeSelector", "nvidia.com/gpu.present"),
        to("yes"),
    ),
    Edit(
        "an instance type that no pool has",
        "its pods wait",
        _WORKLOADS,
        (*_POD, "nodeSelector"),
        with_key(**{"node.kubernetes.io/instance-type": "p5e.48xlarge"}),
        asks_for_gpus,
    ),
    Edit(
        "more GPUs than a node has", "its pods wait", _WORKLOADS, (*_CONTAINERS, "resources", "limits", _GPU), to("16")
    ),
    Edit(
        "half a GPU",
        "the API server refuses the pods",
        _WORKLOADS,
        (*_CONTAINERS, "resources", "limits", _GPU),
        to("0.5"),
        asks_for_nvidia,
    ),
    Edit(
        "GPUs without a limit",
        "the API server refuses the pods",
        _WORKLOADS,
        (*_CONTAINERS, "resources"),
        to({"requests": {_GPU: "1", "cpu": "1"}}),
        asks_for_nvidia,
    ),
    Edit(
        "no GPU is asked for",
        "a GPU node runs for pods that cannot use it",
        _WORKLOADS,
        (*_CONTAINERS, "resources", "limits", _GPU),
        gone,
    ),
    Edit(
        "more memory than a node has",
        "its pods wait",
        _WORKLOADS,
        (*_CONTAINERS, "resources", "requests", "memory"),
        to("4Ti"),
        asks_for_gpus,
    ),
    Edit(
        "more CPU than a node has",
        "its pods wait",
        _WORKLOADS,
        (*_CONTAINERS, "resources", "requests", "cpu"),
        to("500"),
        asks_for_gpus,
    ),
    Edit(
        "a broken quantity",
        "the API server refuses the pods",
        _WORKLOADS,
        (*_CONTAINERS, "resources", "requests", "memory"),
        to("4 GB"),
    ),
    Edit(
        "more replicas than the ceilings allow",
        "the rest of its pods waits",
        [DEPLOYMENT],
        ("spec", "replicas"),
        to(5000),
        of_stated_size,
    ),
    Edit(
        "a claim in place of a request",
        "no controller brings up a node for it",
        _WORKLOADS,
        _POD,
        with_key(resourceClaims=[{"name": "gpu", "resourceClaimTemplateName": "gpu"}]),
        _scales_from_nodes_alone,
    ),
    Edit(
        "security groups of its own",
        "nothing makes nodes offer branch interfaces",
        _WORKLOADS,
        (*_CONTAINERS, "resources", "limits"),
        with_key(**{"vpc.amazonaws.com/pod-eni": "1"}),
    ),
    With(
        "CPU work that tolerates everything",
        "it keeps a GPU node running",
        Resource(f"urn:pulumi:mutant::mutants::{DEPLOYMENT}::everywhere", DEPLOYMENT, "everywhere", inputs=_EVERYWHERE),
        lambda program: True,
    ),
    With(
        "a group larger than its pools",
        "a part of it waits for the others",
        Resource(f"urn:pulumi:mutant::mutants::{_GROUP}::large", _GROUP, "large", inputs=_LARGE),
        _has_a_ceiling,
    ),
    # How they are reached.
    Edit(
        "open to the internet",
        "whoever finds the address uses the GPUs",
        [SERVICE],
        (*_ANNOTATIONS, _SCHEME),
        only("internal", "internet-facing"),
    ),
    Edit(
        "open to all ranges",
        "whoever finds the address uses the GPUs",
        [SERVICE],
        (),
        lambda inputs: {
            **inputs,
            "metadata": {**inputs["metadata"], "annotations": {_SCHEME: "internet-facing"}},
            "spec": {**inputs["spec"], "loadBalancerSourceRanges": ["0.0.0.0/0"]},
        },
    ),
    Edit(
        "a load balancer of Kubernetes' own code",
        "it is open to the internet",
        [SERVICE],
        (),
        lambda inputs: {
            **inputs,
            "metadata": {"name": inputs["metadata"]["name"], "namespace": inputs["metadata"]["namespace"]},
            "spec": {key: value for key, value in inputs["spec"].items() if key != "loadBalancerClass"},
        },
        balanced,
    ),
    Edit(
        "a selector that no pod matches",
        "nobody answers",
        [SERVICE],
        ("spec", "selector", "app.kubernetes.io/instance"),
        swapped("resnet", "resnet-1"),
    ),
    Edit("a port that no pod names", "nobody answers", [SERVICE], ("spec", "ports", EACH, "targetPort"), to("grpc")),
    Edit("no readiness probe", "requests are lost", [DEPLOYMENT], (*_CONTAINERS, "readinessProbe"), gone, _serves),
    Edit("no hook before the end", "requests are lost", [DEPLOYMENT], (*_CONTAINERS, "lifecycle"), gone, _serves),
    Edit(
        "less grace than the hook sleeps",
        "requests are lost",
        [DEPLOYMENT],
        (*_POD, "terminationGracePeriodSeconds"),
        to(30),
        _serves,
    ),
    Edit(
        "no readiness gate",
        "requests are lost",
        ["kubernetes:core/v1:Namespace"],
        ("metadata", "labels", "elbv2.k8s.aws/pod-readiness-gate-inject"),
        gone,
    ),
    Edit(
        "a port where nobody listens",
        "nobody answers",
        [SERVICE],
        ("spec", "ports", EACH, "targetPort"),
        to(9999),
    ),
    Edit(
        "a network policy lets nobody in",
        "nobody answers",
        ["kubernetes:networking.k8s.io/v1:NetworkPolicy"],
        ("spec", "ingress"),
        to([]),
    ),
    Without("no namespace", "the API server refuses what is in it", ["kubernetes:core/v1:Namespace"]),
    Option("a Service is retained", "its load balancer stays", [SERVICE], "retainOnDelete", True, balanced),
    Option(
        "a Service goes with the cluster",
        "its load balancer stays",
        [SERVICE],
        "deletedWith",
        "urn:cluster",
        balanced,
    ),
    # What they compute.
    Edit(
        "a model is split over more GPUs than its server has",
        "the server ends at its start",
        [DEPLOYMENT],
        _CONTAINERS,
        _with_model("Qwen/Qwen3-8B", "--max-model-len=1024", "--tensor-parallel-size=8"),
        asks_for_nvidia,
    ),
    Edit(
        "a model is larger than the GPU's memory",
        "the server ends at its start",
        [DEPLOYMENT],
        _CONTAINERS,
        _with_model("deepseek-ai/DeepSeek-R1"),
        asks_for_nvidia,
    ),
    # How they are scaled and moved.
    Edit("a budget lets no pod go", "nodes cannot be updated", [_PDB], ("spec", "maxUnavailable"), to(0)),
    Edit(
        "as many pods must stay as there are",
        "nodes cannot be updated",
        [_PDB],
        ("spec",),
        lambda spec: {"minAvailable": "100%", "selector": spec["selector"]},
    ),
    Edit(
        "an autoscaler of nothing",
        "the workload keeps its replicas",
        [_HPA],
        ("spec", "scaleTargetRef", "name"),
        to("web"),
    ),
)
