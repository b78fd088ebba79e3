"""Language models of strangers: servers that have too few GPUs, or too little memory."""

from collections.abc import Iterator
from typing import Any

import pytest

from eks_gpu.pods.vllm import ServedModel, served_models
from tests import karpenter_graphs
from tests.gangs import GROUP
from tests.graphs import GPU_TOLERATION, analysed, deployment, findings, gpu_group, healthy, kubernetes, overrides
from tests.vllm import SERVE, container, server

TYPE = "node.kubernetes.io/instance-type"
SPLIT, MEMORY = "models-have-the-gpus-they-are-split-over", "models-fit-their-gpus"


def said(check: str, *args: str, type_: str = "g6.xlarge", **more: Any) -> tuple[Any, str] | None:
    """What a check says of a server beside a group of nodes of one type."""
    group = gpu_group(mixedInstancesPolicy=overrides(type_))
    return findings(check, *healthy(gpu=group, train=server(*args, **more))).get("Deployment default/llm vllm")


def test_a_server_that_has_its_gpus_and_its_memory_holds():
    assert said(SPLIT, *SERVE, "-dp=2", "-tp=2", gpus=4, type_="g6.12xlarge") == (True, "uses 4 of 4 GPUs")
    assert said(SPLIT, *SERVE) == (True, "uses 1 of 1 GPUs")
    assert said(MEMORY, *SERVE) == (
        True,
        "Qwen/Qwen3-8B with 8192 tokens needs on its GPU 18.2 GiB: weights 15.3, KV cache 1.1, activations 0.8, "
        "runtime 1.0",
    )


@pytest.mark.parametrize(
    ("args", "gpus", "problem"),
    [
        (["--tensor-parallel-size", "2"], 1, "--tensor-parallel-size 2 needs 2 GPUs, and the container asks for 1"),
        (["--tensor_parallel_size=4"], "2", "--tensor-parallel-size 4 needs 4 GPUs, and the container asks for 2"),
        (
            ["-tp", "2", "-pp=2"],
            1,
            "--tensor-parallel-size 2 x --pipeline-parallel-size 2 needs 4 GPUs, and the container asks for 1: ask for "
            "4 GPUs, or choose sizes whose product is 1",
        ),
        (
            ["--tensor-parallel-size=3"],
            4,
            "the 32 attention heads of Qwen/Qwen3-8B cannot be split over 3 GPUs: choose a number that divides the "
            "heads",
        ),
        ([], 4, "the container asks for 4 GPUs, and --tensor-parallel-size 1 uses 1"),
    ],
)
def test_a_server_without_the_gpus_that_it_is_told_to_use_ends(args, gpus, problem):
    assert said(SPLIT, *SERVE, *args, gpus=gpus, type_="g6.12xlarge") == (False, problem)


def test_a_server_over_the_nodes_of_a_group_uses_more_gpus_than_one_container_has():
    def in_a_group(*args: str) -> tuple[Any, str] | None:
        leader = {"containers": [container(*SERVE, *args)], "tolerations": [GPU_TOLERATION]}
        of_group = {"size": 2, "leaderTemplate": {"spec": leader}, "workerTemplate": {"spec": leader}}
        spec = {"replicas": 1, "leaderWorkerTemplate": of_group}
        group = kubernetes("LeaderWorkerSet", "llm", spec, "leaderworkerset.x-k8s.io/v1")
        found = findings(SPLIT, *healthy(train=group))
        return next((each for name, each in found.items() if "leaderTemplate" in name), None)

    assert in_a_group("-tp=1", "-pp=2") is None
    assert in_a_group("-tp=1") == (True, "uses 1 of 1 GPUs")


@pytest.mark.parametrize(
    ("args", "begins"),
    [
        (
            ["--model=Qwen/Qwen3-32B", "--max-model-len=4096"],
            "Qwen/Qwen3-32B with 4096 tokens needs on its GPU 64.4 GiB: weights 61.0, KV cache 1.0, activations 1.3, "
            "runtime 1.0; g6.xlarge of gpu has 20.3 GiB (92% of 22.0): the cheapest type that does is g7e.2xlarge",
        ),
        (
            ["serve-me", "--served-model-name", "Qwen/Qwen3-8B"],  # all 40,960 tokens
            "Qwen/Qwen3-8B with 40960 tokens needs on its GPU 22.7 GiB",
        ),
        (
            ["--model", "Qwen/Qwen3-8B", "--max-model-len", "32k"],
            "Qwen/Qwen3-8B with 32000 tokens needs on its GPU 21.5 GiB",
        ),
        (["--model=deepseek-ai/DeepSeek-R1"], "deepseek-ai/DeepSeek-R1 with 163840 tokens needs on its GPU 639.8"),
    ],
)
def test_a_model_that_is_larger_than_the_gpus_is_told_with_what_would_do(args, begins):
    found = said(MEMORY, *args)
    assert found and found[0] is False
    assert found[1].startswith(begins)


@pytest.mark.parametrize(
    "more",
    [
        ["--quantization=awq", "--max-model-len=16K"],
        ["--max-model-len", "8192", "--gpu-memory-utilization=0.95"],
        ["--kv-cache-dtype", "fp8_e4m3", "--max-model-len", "16384"],
    ],
)
def test_what_makes_a_model_smaller_counts(more):
    found = said(MEMORY, "Qwen/Qwen3-8B", *more, command=["vllm", "serve"])
    assert found and found[0] is True


@pytest.mark.parametrize(
    "more",
    [
        {"command": ["python3", "-m", "vllm.entrypoints.openai.api_server"]},
        {"command": ["/bin/sh", "-c", "exec vllm serve Qwen/Qwen3-8B --tensor-parallel-size 2"], "args": []},
        {"command": ["/opt/venv/bin/vllm", "serve"]},
        {"image": "registry.example/mirror/vllm/vllm-openai:v0.28.0@sha256:1"},
    ],
)
def test_vllm_is_found_however_it_is_started(more):
    (found,) = served_models({"containers": [container("--model=Qwen/Qwen3-8B", "-tp=2", **more)]})
    assert (found.name, found.tensor_parallel) == ("Qwen/Qwen3-8B", 2)


@pytest.mark.parametrize(
    "other",
    [
        container("--model", "Qwen/Qwen3-8B", image="example/app:1"),
        container("bench", command=["vllm", "bench"]),
        container(*SERVE, "--tensor-parallel-size=$(GPUS)"),
        container(*SERVE, "--nnodes=$(NODES)", "--tensor-parallel-size=16"),
        container(*SERVE, "--nnodes=2", "-dp=4"),
        container(*SERVE, "--data-parallel-address=10.0.0.1", "-dp=4"),
        container(command=["sh", "-c", "ray start --head; vllm serve Qwen/Qwen3-8B -tp 8 -pp 2"]),
        container(command=["sh", "-c", "bash multi-node-serving.sh leader --ray_cluster_size=2; vllm serve m -tp 16"]),
        container(*SERVE, "--distributed-executor-backend=ray", "--tensor-parallel-size=16"),
        {**container(*SERVE), "resources": {}},
    ],
)
def test_what_is_no_server_or_cannot_be_told_from_its_arguments_is_left_alone(other):
    assert [*served_models({"containers": [other]})] == []


def test_servers_over_several_nodes_are_judged_by_the_gpus_of_each():
    found = [*_served(("-pp=2", "--nnodes=2", "-tp=4"))]
    assert [(each.uses, each.of_all_nodes, each.nodes) for each in found] == [(4, 8, 2)]
    assert said_of_group("--nnodes=2", "-pp=2", "-tp=4", gpus=4) == (True, "uses 4 of 4 GPUs, 8 on 2 nodes")
    assert said_of_group("--nnodes", "2", "-tp=8", gpus=4) == (True, "uses 4 of 4 GPUs, 8 on 2 nodes")
    assert said_of_group("-n=2", "-pp=2", "-tp=4", gpus=2) == (
        False,
        "--tensor-parallel-size 4 x --pipeline-parallel-size 2 over --nnodes 2 needs 4 GPUs on each node, and the "
        "container asks for 2",
    )
    assert said_of_group("--nnodes=2", "-pp=2", "-tp=1", gpus=4) == (
        False,
        "the container asks for 4 GPUs, and --tensor-parallel-size 1 x --pipeline-parallel-size 2 over --nnodes 2 "
        "uses 1",
    )
    assert said_of_group("--nnodes=2", "-pp=3", "-tp=1") == (
        False,
        "the 3 GPUs of --tensor-parallel-size 1 x --pipeline-parallel-size 3 cannot be split over --nnodes 2: set "
        "--pipeline-parallel-size to the number of nodes",
    )
    assert said_of_group("--nnodes=3", "-pp=3", "-tp=1") == (
        False,
        "--nnodes 3 waits for as many pods, and its group has 2: set leaderWorkerTemplate.size to 3",
    )
    assert said_of_group("-pp=37", gpus=64) == (
        False,
        "the 36 layers of Qwen/Qwen3-8B cannot be cut into 37 stages: choose fewer",
    )


def test_the_size_of_a_group_is_what_its_pods_are_told():
    args = ("-pp=$(LWS_GROUP_SIZE)", "--nnodes=$(LWS_GROUP_SIZE)", "--node-rank=$(LWS_WORKER_INDEX)", "-tp=4")
    assert said_of_group(*args, gpus=4) == (True, "uses 4 of 4 GPUs, 8 on 2 nodes")
    assert [*_served(args)] == []  # in a pod of one's own nobody says it
    env = [{"name": "TP", "value": "2"}]
    (found,) = served_models({"containers": [container(*SERVE, "-tp=$(TP)", gpus=2, env=env)]})
    assert found.tensor_parallel == 2
    assert said_of_group("-pp=2", "--nnodes=2", "-tp=4", gpus=4, role="workerTemplate") == (
        True,
        "uses 4 of 4 GPUs, 8 on 2 nodes",
    )


def test_each_node_has_its_part_of_the_memory():
    large = ("--model=meta-llama/Llama-3.3-70B-Instruct", "--max-model-len=32768", "-tp=4")
    alone = said_of_group(*large, gpus=4, check=MEMORY, base=())
    assert alone and alone[1].startswith(
        "meta-llama/Llama-3.3-70B-Instruct with 32768 tokens needs on each of 4 GPUs 38.4"
    )
    assert said_of_group(*large, "-pp=2", "--nnodes=2", gpus=4, check=MEMORY, base=()) == (
        False,
        "meta-llama/Llama-3.3-70B-Instruct with 32768 tokens needs on each of 8 GPUs on 2 nodes 21.3 GiB: weights "
        "16.4, KV cache 1.2, activations 1.6, runtime 2.0; g6.12xlarge of gpu has 20.3 GiB (92% of 22.0): the cheapest "
        "type that does is g7e.12xlarge, with 2 of its GPUs",
    )
    half = ("--max-model-len=4096", "-tp=4", "--model=meta-llama/Llama-3.3-70B-Instruct")
    found = said_of_group(*half, "-pp=3", "--nnodes=3", gpus=4, check=MEMORY, base=(), size=3)
    assert found and found[0] is True


def _served(args: tuple[str, ...]) -> Iterator[ServedModel]:
    return served_models({"containers": [container(*SERVE, *args, gpus=4)]})


def said_of_group(
    *args: str,
    gpus: int = 1,
    check: str = SPLIT,
    base: tuple[str, ...] = SERVE,
    size: int = 2,
    role: str = "leaderTemplate",
) -> tuple[Any, str] | None:
    """What a check says of the leaders, or the workers, of groups of so many pods."""
    spec = {"containers": [container(*base, *args, gpus=gpus)], "tolerations": [GPU_TOLERATION]}
    templates = {"leaderTemplate": {"spec": spec}, "workerTemplate": {"spec": spec}}
    work = kubernetes("LeaderWorkerSet", "llm", {"leaderWorkerTemplate": {"size": size, **templates}}, GROUP)
    pool = karpenter_graphs.node_pool(
        karpenter_graphs.requirement(TYPE, "g6.12xlarge"), limits={"nvidia.com/gpu": "64"}
    )
    return findings(check, *karpenter_graphs.healthy(gpu=pool, train=work)).get(
        f"LeaderWorkerSet default/llm leaderWorkerTemplate.{role} vllm"
    )


def test_a_model_whose_memory_is_not_known_is_split_and_no_more():
    assert said(MEMORY, "--model=acme/tiny") is None
    assert said(SPLIT, "--model=acme/tiny") == (True, "uses 1 of 1 GPUs")


@pytest.mark.parametrize(
    "more",
    [["--cpu-offload-gb=40"], ["--max-model-len=auto"], ["--quantization=bitsandbytes"], ["-pp=1", "--enable-lora"]],
)
def test_what_an_argument_makes_unknown_is_not_judged(more):
    found = said(MEMORY, "--model=Qwen/Qwen3-32B", *more)
    assert found and found[0] is None


def test_types_of_a_pool_that_are_all_large_enough_hold_and_activations_alone_are_a_warning():
    both = gpu_group(mixedInstancesPolicy=overrides("g6.xlarge", "g6e.xlarge"))

    def found(*args: str) -> list[tuple[Any, str]]:
        stack = healthy(gpu=both, train=server(*args))
        return [(each.passed, each.severity) for each in analysed(*stack).findings if each.id == MEMORY]

    assert found("--model=Qwen/Qwen3-8B", "--max-model-len=8192") == [(True, "error")]
    assert found("--model=Qwen/Qwen3-8B", "--max-model-len=32768") == [(False, "warning")]
    assert found("--model=Qwen/Qwen3-8B") == [(False, "error")]


def test_types_that_the_pod_does_not_select_do_not_count():
    pool = karpenter_graphs.node_pool(karpenter_graphs.requirement(TYPE, "g6.xlarge", "g6e.xlarge"))

    def found(**spec: Any) -> tuple[Any, str]:
        pod = {"containers": [container("--model=Qwen/Qwen3-8B")], "tolerations": [GPU_TOLERATION], **spec}
        stack = karpenter_graphs.healthy(gpu=pool, train=deployment("llm", pod))
        return findings(MEMORY, *stack)["Deployment default/llm vllm"]

    assert found()[0] is False
    assert found(nodeSelector={TYPE: "g6e.xlarge"})[0] is True
