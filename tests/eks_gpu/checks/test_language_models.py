"""Language models of strangers: servers that have too few GPUs, or too little memory."""

from typing import Any

import pytest

from eks_gpu.pods.vllm import served_models
from tests import karpenter_graphs
from tests.graphs import GPU_TOLERATION, analysed, deployment, findings, gpu_group, healthy, overrides
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
            "--tensor-parallel-size 2 x --pipeline-parallel-size 2 needs 4 GPUs, and the container asks for 1",
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
        container(*SERVE, "--nnodes=2", "--tensor-parallel-size=16"),
        container(*SERVE, "--distributed-executor-backend=ray", "--tensor-parallel-size=16"),
        {**container(*SERVE), "resources": {}},
    ],
)
def test_what_is_no_server_or_cannot_be_told_from_its_arguments_is_left_alone(other):
    assert [*served_models({"containers": [other]})] == []


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
