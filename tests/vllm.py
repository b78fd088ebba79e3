"""Servers of vLLM as strangers write them."""

from typing import Any

from eks_gpu.graph.graph import Resource
from tests.graphs import GPU_TOLERATION, deployment

SERVE = ("--model", "Qwen/Qwen3-8B", "--max-model-len", "8192")


def container(*args: str, gpus: Any = 1, **more: Any) -> dict[str, Any]:
    limits = {"nvidia.com/gpu": gpus, "memory": "1Gi"}
    image = "vllm/vllm-openai:v0.28.0"
    return {"name": "vllm", "image": image, "args": [*args], "resources": {"limits": limits}} | more


def server(*args: str, **more: Any) -> Resource:
    """A Deployment of one pod."""
    spec = {"containers": [container(*args, **more)], "tolerations": [GPU_TOLERATION]}
    return deployment("llm", spec, replicas=1)
