"""A language model's server: the GPUs that it needs of a pool, and vLLM as a server of the pool's nodes."""

from typing import Any

from .. import catalog
from ..catalog.language_models import near_models
from ..catalog.leader_worker_sets import LEADER_ADDRESS, WORKER_INDEX
from ..catalog.model_memory import (
    BATCHED_TOKENS,
    GPUS_WITHOUT_BFLOAT16,
    MAX_SEQUENCES,
    cheapest,
    fewest_stages,
    fits,
    longest_context,
    memory_need,
    parallel_problem,
    smallest_split,
    visible_gib,
)
from ..catalog.prices import BASE_REGION, on_demand_price
from ..values.gpu_pool import GpuPool
from .llm_settings import LlmInferenceSettings
from .served import Served, Workers
from .service_settings import ModelService

APP = "llm-inference"
PORT = 8000
"""Port of vLLM's API. Source: vLLM 0.28, vllm serve --help."""
USER, GROUP = 2000, 0
"""User `vllm` of the image, and its group. Source: vLLM 0.28, docker/Dockerfile."""

COMPILE_S = 600
"""Seconds for vLLM to start, to compile, and to record its graphs."""
WEIGHTS_MIB_S = 125
"""MiB of weights a second at least: a gp3 volume without more throughput. Source: Amazon EBS User Guide."""
UNKNOWN_START_S = 3600
"""Seconds for a model whose size is not known."""

_CPU_MILLICORES = 1000
_MEMORY_MIB = 12_288
_SHM_MIB = 2048
_MODELS = "/models"
_CACHE = "/cache"


def gpus(pool: GpuPool, settings: LlmInferenceSettings) -> int:
    """GPUs of each pod: those given, or the least that is enough; 1 where not even a whole node is."""
    return settings.tensor_parallel or _least(pool, settings) or 1


def _least(pool: GpuPool, settings: LlmInferenceSettings) -> int | None:
    known = settings.model.known
    if known is None:
        return None
    per_node = pool.accelerators_per_node
    return smallest_split(known, settings.serving, per_node, memory_gib(pool), settings.nodes)


def memory_gib(pool: GpuPool) -> float:
    """Memory of one GPU as CUDA sees it, of the type that has the least."""
    return min(visible_gib(row.accelerator) for row in pool.instance_types if row.accelerator)


def memory_problems(pool: GpuPool, settings: LlmInferenceSettings) -> list[str]:
    """Why the model does not fit the pool's GPUs, with what would."""
    known = settings.model.known
    if known is None:
        if settings.tensor_parallel:
            return []
        name = settings.model.name
        return [
            f"settings.model.name {name} is no model whose memory is known{near_models(name)}: give model.config_json, "
            "or tensor_parallel, and the memory is not judged"
        ]
    number, nodes, per_node = settings.tensor_parallel, settings.nodes, pool.accelerators_per_node
    if problem := parallel_problem(known, 1, nodes):
        return [f"settings.nodes: {problem}"]
    if number and (problem := parallel_problem(known, number)):
        return [f"settings.tensor_parallel: {problem}"]
    if number and number > per_node:
        return []  # said by what looks at the pool
    alone = None if number or nodes == 1 else smallest_split(known, settings.serving, per_node, memory_gib(pool))
    if alone:
        on = f"one node is enough for {known.name}, with {alone} of its GPUs"
        return [f"settings.nodes must be 1, got {nodes}: {on}; with tensor_parallel it is split over more all the same"]
    enough = fits(known, settings.serving, number, memory_gib(pool), nodes) if number else _least(pool, settings)
    if enough:
        return []
    return [_too_small(pool, settings, number or _widest(pool, settings))]


def several_nodes(pool: GpuPool, settings: LlmInferenceSettings) -> str:
    """What to do about a pod that needs more GPUs than a node has."""
    per_node, number = pool.accelerators_per_node, settings.tensor_parallel or 1
    nodes = -(-number * settings.nodes // per_node)
    return f"take a type with more or larger GPUs, or settings.nodes {nodes} with tensor_parallel {per_node}"


def _widest(pool: GpuPool, settings: LlmInferenceSettings) -> int:
    """The most GPUs of a node that the model can be split over."""
    known, number = settings.model.known, 1
    assert known
    while number * 2 <= pool.accelerators_per_node and parallel_problem(known, number * 2) is None:
        number *= 2
    return number


def _too_small(pool: GpuPool, settings: LlmInferenceSettings, number: int) -> str:
    known, serving, has = settings.model.known, settings.serving, memory_gib(pool)
    assert known
    smallest = min(pool.instance_types, key=lambda row: row.accelerator.memory_mib if row.accelerator else 0)
    requests = "1 request" if serving.concurrency == 1 else f"{serving.concurrency} requests"
    nodes = settings.nodes
    need = memory_need(known, serving, number, nodes)
    each = "its GPU" if number * nodes == 1 else f"each of {number * nodes} GPUs"
    each += f" on {nodes} nodes" if nodes > 1 else ""
    told = (
        f"settings: {known.name} with {requests} of {serving.context} tokens needs on {each} {need}; "
        f"{smallest.name} has {has * serving.utilization:.1f} GiB ({serving.utilization:.0%} of {has:.1f})"
    )
    if context := longest_context(known, serving, number, has, nodes):
        told += f", enough for context_tokens {context}"
    return "; ".join(filter(None, (told, _on_one_node(pool, settings), _on_several_nodes(pool, settings, number))))


def _on_one_node(pool: GpuPool, settings: LlmInferenceSettings) -> str:
    known = settings.model.known
    assert known
    found = cheapest(known, settings.serving, pool.architecture)
    if found is None:
        return "no instance type has that on one node"
    row, split = found
    price = on_demand_price(row.name, BASE_REGION)
    hourly = f", {price.hourly:.2f} USD an hour in {BASE_REGION}" if price else ""
    return f"cheapest type that does: {row.name} with {_gpus(split)}{hourly}"


def _on_several_nodes(pool: GpuPool, settings: LlmInferenceSettings, number: int) -> str:
    known = settings.model.known
    assert known
    nodes = fewest_stages(known, settings.serving, number, memory_gib(pool))
    if nodes is None:
        return ""
    said = f"settings.nodes {nodes} splits it over {nodes} nodes of the pool with {_gpus(number)} each"
    least = -(-nodes // (pool.accelerators_per_node // number)) * pool.accelerators_per_node
    return said if least <= pool.max_gpus else f"{said}, and takes max_gpus {least}"


def _gpus(number: int) -> str:
    return "1 GPU" if number == 1 else f"{number} GPUs"


def start_s(settings: LlmInferenceSettings) -> int:
    """Seconds for the server to load its model."""
    known = settings.model.known
    if known is None:
        return UNKNOWN_START_S
    weights = known.weight_bytes(settings.model.weights) / 1024**2
    return COMPILE_S + -(-round(weights / WEIGHTS_MIB_S) // 10) * 10


def served(pool: GpuPool, settings: LlmInferenceSettings, service: ModelService, region: str | None) -> Served:
    """vLLM with the model. region: the cluster's, which a model in S3 needs."""
    model, number = settings.model, gpus(pool, settings)
    memory_mib = settings.memory_mib or _MEMORY_MIB * number
    env: list[dict[str, Any]] = [
        {"name": "HOME", "value": "/tmp"},
        {"name": "USER", "value": "vllm"},  # an image of one's own may have no user 2000
        {"name": "HF_HUB_OFFLINE", "value": "1"},
        {"name": "VLLM_NO_USAGE_STATS", "value": "1"},
    ]
    if settings.compile_cache_claim:
        env.append({"name": "VLLM_CACHE_ROOT", "value": _CACHE})
    if settings.api_key:
        env.append(settings.api_key.variable("VLLM_API_KEY"))
    if model.s3_uri:
        # A quarter of the pod's memory for the tensors on their way, shared by a process for each GPU.
        buffer = memory_mib // 4 // number * 1024**2
        env.append({"name": "RUNAI_STREAMER_MEMORY_LIMIT", "value": str(buffer)})
        env.append({"name": "AWS_REGION", "value": str(region)})
    args = _arguments(pool, settings, service, number)
    workers = None
    if settings.nodes > 1:
        env.append({"name": "VLLM_HOST_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}})
        for_clients = "VLLM_API_KEY"
        workers = Workers(
            number=settings.nodes - 1,
            args=(*args, "--headless"),
            env=tuple(each for each in env if each["name"] != for_clients),
        )
    return Served(
        app=APP,
        image=settings.image,
        command=("vllm", "serve"),
        args=tuple(args),
        env=tuple(env),
        port=PORT,
        health_path="/health",
        gpus=number,
        cpu_millicores=settings.cpu_millicores or _CPU_MILLICORES * (1 + number),
        memory_mib=memory_mib,
        shm_mib=_SHM_MIB * number,
        user=USER,
        group=GROUP,
        start_s=start_s(settings),
        drains_itself=True,
        s3_uri=model.s3_uri,
        volume_claim=model.volume_claim,
        model_path=_MODELS,
        cache_claim=settings.compile_cache_claim,
        cache_path=_CACHE,
        workers=workers,
    )


def _arguments(pool: GpuPool, settings: LlmInferenceSettings, service: ModelService, number: int) -> list[str]:
    model = settings.model
    on_volume = "/".join(filter(None, (_MODELS, (model.volume_path or "").strip("/"))))
    found = [
        model.s3_uri or model.image_path or on_volume,
        f"--served-model-name={model.name}",
        f"--port={PORT}",
        f"--max-model-len={settings.context}",
        f"--gpu-memory-utilization={settings.gpu_memory_utilization:g}",
        f"--tensor-parallel-size={number}",
        f"--max-num-batched-tokens={BATCHED_TOKENS}",
        f"--max-num-seqs={MAX_SEQUENCES}",
        f"--kv-cache-dtype={settings.kv_cache}",
        f"--shutdown-timeout={service.drain_s}",
    ]
    if any(row.accelerator and row.accelerator.name in GPUS_WITHOUT_BFLOAT16 for row in pool.instance_types):
        found.append("--dtype=half")
    if model.s3_uri:
        found.append("--load-format=runai_streamer")
        if number > 1:
            found.append('--model-loader-extra-config={"distributed":true}')
    if settings.nodes > 1:
        found += [
            f"--pipeline-parallel-size={settings.nodes}",
            f"--nnodes={settings.nodes}",
            f"--node-rank=$({WORKER_INDEX})",
            f"--master-addr=$({LEADER_ADDRESS})",
            f"--distributed-timeout-seconds={catalog.COLD_START_S}",
        ]
    return [*found, *settings.args]
