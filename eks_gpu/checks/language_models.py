"""Language models: their servers have the GPUs that they are split over, and the memory that they need."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from eks_gpu.checks.pod_specs import PodSpec, pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, no_verdict, verdict
from eks_gpu.checks.sources import INSTANCE_TYPES, Source
from eks_gpu.cost.admission import Room
from eks_gpu.pods.pod import Pod
from eks_gpu.pods.vllm import ServedModel, served_models
from eks_gpu_components.catalog.model_memory import MemoryNeed, cheapest, parallel_problem, visible_gib

_READ = date(2026, 11, 30)
VLLM = Source("vLLM 0.28, vllm/config and vllm/v1/core/kv_cache_utils.py", _READ)


_OVER_NODES = ("LeaderWorkerSet", "RayCluster", "RayJob", "RayService")
"""Kinds whose pods are nodes of one server, which vLLM finds by Ray. Source: vLLM, "Parallelism and Scaling"."""


@check(
    "models-have-the-gpus-they-are-split-over",
    subject="container that runs vLLM",
    fix="set --tensor-parallel-size to the GPUs that the container asks for",
    sources=(VLLM,),
)
def split(context: Context) -> Iterator[Said]:
    """The server ends at its start: it is told to use more GPUs than its container has, or its heads do not divide.

    The product of --tensor-parallel-size, --pipeline-parallel-size and --data-parallel-size, over --nnodes, is compared
    with the container's nvidia.com/gpu. GPUs that nobody uses are a warning. A group of a LeaderWorkerSet must have as
    many pods as --nnodes says. Servers on Ray, and several servers over several nodes, are not looked at.
    """
    for found, model in _served(context):
        if found.kind in _OVER_NODES and model.nodes == 1 and model.uses > model.gpus:
            continue  # the pods of a group hold one server together
        problems, severity = [], ""
        sizes = {"tensor": model.tensor_parallel, "pipeline": model.pipeline_parallel, "data": model.data_parallel}
        said = [f"--{kind}-parallel-size {size}" for kind, size in sizes.items() if size > 1 or kind == "tensor"]
        used = " x ".join(said)
        choose = f"ask for {model.uses} GPUs, or choose sizes whose product is {model.gpus}"
        fix = choose if len(said) > 1 and model.nodes == 1 else ""
        used += f" over --nnodes {model.nodes}" if model.nodes > 1 else ""
        if model.of_all_nodes % model.nodes:
            text = f"the {model.of_all_nodes} GPUs of {' x '.join(said)} cannot be split over --nnodes {model.nodes}"
            problems.append(Problem(text, "set --pipeline-parallel-size to the number of nodes"))
        elif model.nodes > 1 and model.group and model.group != model.nodes:
            text = f"--nnodes {model.nodes} waits for as many pods, and its group has {model.group}"
            problems.append(Problem(text, f"set leaderWorkerTemplate.size to {model.nodes}"))
        elif model.uses > model.gpus:
            each = " on each node" if model.nodes > 1 else ""
            text = f"{used} needs {model.uses} GPUs{each}, and the container asks for {model.gpus}"
            problems.append(Problem(text, fix))
        elif model.model and (odd := parallel_problem(model.model, model.tensor_parallel, model.pipeline_parallel)):
            too_many = model.pipeline_parallel > model.model.layers
            problems.append(Problem(odd, "choose fewer" if too_many else "choose a number that divides the heads"))
        elif model.uses < model.gpus:
            problems.append(Problem(f"the container asks for {model.gpus} GPUs, and {used} uses {model.uses}", fix))
            severity = "warning"
        yield verdict(_subject(found, model), problems, _uses(model), severity)


def _uses(model: ServedModel) -> str:
    over = f", {model.of_all_nodes} on {model.nodes} nodes" if model.nodes > 1 else ""
    return f"uses {model.uses} of {model.gpus} GPUs{over}"


@check(
    "models-fit-their-gpus",
    subject="container that runs vLLM with a model whose memory is known",
    fix="take a larger GPU, more of them, a quantised checkpoint, or a shorter --max-model-len",
    relies_on=("nodes",),
    sources=(VLLM, INSTANCE_TYPES),
)
def memory(context: Context) -> Iterator[Said]:
    """The server ends at its start: weights and the KV cache of one request are more than vLLM may use of the GPUs.

    The memory is that of a GPU as CUDA sees it, times --gpu-memory-utilization. It is an error if weights and cache
    alone are too much, on any type on which the pod may land; with the estimate of activations it is a warning.
    """
    for found, model in _served(context):
        if model.model is None:
            continue
        if model.serving is None:
            yield no_verdict(_subject(found, model), "its memory cannot be told from its arguments")
            continue
        if model.need is None:
            continue
        pods = {work.urn: work.pod for work in context.workloads}
        rooms = zip(context.rooms, context.verdicts.get(found.urn, ()), strict=False)
        takers = [room for room, each in rooms if each.admits]
        lacks = [said for room in takers for said in _lacks(room, pods[found.urn], model, model.need)]
        certain = [said for said in lacks if said.certain]
        worst = next(iter(certain or lacks), None)
        problem = Problem(f"{model}; {worst.says}", _instead(model)) if worst else None
        if takers:
            yield verdict(_subject(found, model), problem, str(model), "" if certain else "warning")


def _served(context: Context) -> Iterator[tuple[PodSpec, ServedModel]]:
    for found in pod_specs(context.graph):
        for model in served_models(found.spec):
            yield found, model


def _subject(found: PodSpec, model: ServedModel) -> str:
    return f"{found} {model.container}".strip()


@dataclass(frozen=True, slots=True)
class _Lack:
    """A type with too little memory."""

    says: str
    certain: bool
    """Whether weights and cache alone are too much."""


def _lacks(room: Room, pod: Pod, model: ServedModel, need: MemoryNeed) -> Iterator[_Lack]:
    """Types of the pool on which the pod may land."""
    assert model.serving
    suiting = (each.instance_type for each in room.pool.candidates if room.suits(each, pod))
    for row in dict.fromkeys(suiting):
        if row.accelerator is None:
            continue
        has, share = visible_gib(row.accelerator), model.serving.utilization
        if need.gib > has * share:
            says = f"{row.name} of {room.pool.name} has {has * share:.1f} GiB ({share:.0%} of {has:.1f})"
            yield _Lack(says, need.weights_gib + need.kv_cache_gib > has * share)


def _instead(model: ServedModel) -> str:
    assert model.model and model.serving
    found = cheapest(model.model, model.serving)
    if found is None:
        return "no instance type has that on one node: quantise it, or shorten --max-model-len"
    row, gpus = found
    return f"the cheapest type that does is {row.name}, with {gpus} of its GPUs"
