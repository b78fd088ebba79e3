"""Containers that run vLLM: which model they serve, and what its memory depends on, read from their arguments.

Source: vLLM 0.28, `vllm serve --help`.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eks_gpu_components.catalog.language_models import LanguageModel, language_model
from eks_gpu_components.catalog.leader_worker_sets import GROUP_SIZE
from eks_gpu_components.catalog.model_memory import (
    DEFAULT_UTILIZATION,
    MemoryNeed,
    Serving,
    memory_need,
    parallel_problem,
)
from eks_gpu_components.catalog.scheduling import GPU_RESOURCE

_SHORT = {
    "-tp": "--tensor-parallel-size",
    "-pp": "--pipeline-parallel-size",
    "-dp": "--data-parallel-size",
    "-q": "--quantization",
    "-n": "--nnodes",
    "-r": "--node-rank",
}
_SHELLS = ("sh", "bash", "ash")
_UNITS = {"k": 1000, "m": 10**6, "K": 1024, "M": 1024**2}
_FORMATS = {"fp8": "fp8", "awq": "int4", "gptq": "int4", "awq_marlin": "int4", "gptq_marlin": "int4", "mxfp4": "mxfp4"}
_ELSEWHERE = {"--cpu-offload-gb", "--kv-cache-memory-bytes", "--speculative-config", "--enable-lora"}
"""Arguments with which the memory is another, or not in the GPUs alone."""
_EAGER = {"--enforce-eager", "-O0"}
_DATA_NODES = {"--data-parallel-size-local", "--data-parallel-address"}
"""Arguments of several servers over several nodes."""
_RAY = re.compile(r"\bray start\b|multi-node-serving\.sh")
"""Commands of a shell that make a cluster of Ray of several nodes. Source: vLLM 0.28, examples/ray_serving."""
_VARIABLE = re.compile(r"\$\((\w+)\)")


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A container that runs vLLM."""

    container: str
    """Its name."""
    index: int
    """Its place among the pod's containers."""
    name: str
    """The model as the arguments name it; empty if nothing says it."""
    model: LanguageModel | None
    """Its numbers; None where its memory is not known."""
    gpus: int
    """GPUs that the container asks for."""
    tensor_parallel: int
    """GPUs over which each layer is split."""
    pipeline_parallel: int
    """Stages into which the layers are cut."""
    data_parallel: int
    nodes: int
    """Containers, each on a node of its own, over which the server is split; this is one of them."""
    group: int | None
    """Pods of the group that a controller makes with this one; None if it makes none, or nobody knows."""
    serving: Serving | None
    """What the memory depends on; None where an argument cannot be read, or where it is not in the GPU alone."""
    eager: bool
    """Whether it computes without compiling first."""

    @property
    def of_all_nodes(self) -> int:
        """GPUs that the server uses, on all of its nodes."""
        return self.tensor_parallel * self.pipeline_parallel * self.data_parallel

    @property
    def uses(self) -> int:
        """GPUs that the server uses of this container."""
        return -(-self.of_all_nodes // self.nodes)

    @property
    def need(self) -> MemoryNeed | None:
        """Memory of each GPU; None where it is not known, or where the server does not start anyway."""
        if self.model is None or self.serving is None or self.uses > self.gpus or self.of_all_nodes % self.nodes:
            return None
        if parallel_problem(self.model, self.tensor_parallel, self.pipeline_parallel):
            return None
        return memory_need(self.model, self.serving, self.tensor_parallel, self.pipeline_parallel)

    def __str__(self) -> str:
        """What needs how much memory: `Qwen/Qwen3-8B with 8192 tokens needs on its GPU 18.2 GiB: weights 15.3 ...`."""
        assert self.model and self.serving
        gpus = self.tensor_parallel * self.pipeline_parallel
        each = "its GPU" if gpus == 1 else f"each of {gpus} GPUs"
        each += f" on {self.nodes} nodes" if self.nodes > 1 else ""
        return f"{self.model.name} with {self.serving.context} tokens needs on {each} {self.need}"


def served_models(spec: Mapping[str, Any]) -> Iterator[ServedModel]:
    """Every container of a pod that runs vLLM on GPUs of its own."""
    for index, container in enumerate(spec.get("containers") or ()):
        words = _words(container)
        if words is None or (gpus := _gpus(container)) is None:
            continue
        values = _values(container)
        found = {name: _expanded(value, values) for name, value in _options(words).items()}
        parallel = [_whole(found.get(f"--{kind}-parallel-size", "1")) for kind in ("tensor", "pipeline", "data")]
        tensor, pipeline, data = parallel
        nodes = _whole(found.get("--nnodes", "1"))
        if tensor is None or pipeline is None or data is None or nodes is None or not _DATA_NODES.isdisjoint(found):
            continue
        if data > 1 and nodes > 1:
            continue  # which of the nodes has which of the servers, nobody here knows
        if "ray" in (found.get("--distributed-executor-backend"), found.get("--data-parallel-backend")):
            continue  # over several nodes, or not
        name = found.get("--model") or found.get("") or ""
        known = language_model(name) or language_model(found.get("--served-model-name", ""))
        serving = _serving(found, known) if known else None
        group = _whole(values.get(GROUP_SIZE, ""))
        container_name, eager = str(container.get("name", "")), not _EAGER.isdisjoint(found)
        split = (tensor, pipeline, data, nodes, group)
        yield ServedModel(container_name, index, name, known, gpus, *split, serving, eager)


def _words(container: Mapping[str, Any]) -> list[str] | None:
    """Arguments of vLLM's server, the model's place first if it has none of its own; None for another program."""
    image = str(container.get("image") or "").partition("@")[0]
    command, args = ([*map(str, container.get(key) or ())] for key in ("command", "args"))
    words = _unwrapped([*command, *args])
    if len(words) > 1 and _RAY.search(" ".join(words)):
        return None  # the GPUs of all nodes are one cluster's, and which these are, nobody here knows
    for start, word in enumerate(words):
        if word.endswith("vllm.entrypoints.openai.api_server"):
            return words[start + 1 :]
        if word == "serve" and start and words[start - 1].rpartition("/")[2] == "vllm":
            return words[start + 1 :]
    return words if not command and re.search(r"vllm-openai(:|$)", image) else None


def _unwrapped(words: list[str]) -> list[str]:
    """The words of a shell's `-c`."""
    if words and words[0].rpartition("/")[2] in _SHELLS:
        flag = next((at for at, word in enumerate(words) if re.fullmatch(r"-[a-z]*c", word)), None)
        if flag is not None and len(words) > flag + 1:
            try:
                return shlex.split(words[flag + 1].replace("\\\n", " "))
            except ValueError:
                return words
    return words


def _options(words: Sequence[str]) -> dict[str, str]:
    """Option -> value; "" is the model where it stands alone."""
    found: dict[str, str] = {}
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if not word.startswith("-"):
            found.setdefault("", word)
            continue
        name, given, value = word.partition("=")
        name = _SHORT.get(name, name.replace("_", "-"))
        if not given and at < len(words) and not words[at].startswith("-"):
            value, at = words[at], at + 1
        found[name] = value
    return found


def _values(container: Mapping[str, Any]) -> dict[str, str]:
    """The environment, as far as its values stand in the pod."""
    return {
        str(each.get("name")): str(each["value"])
        for each in container.get("env") or ()
        if each.get("value") is not None
    }


def _expanded(text: str, values: Mapping[str, str]) -> str:
    """An argument as the kubelet writes it: $(NAME) is the variable's value, if it has one."""
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)


def _gpus(container: Mapping[str, Any]) -> int | None:
    resources = container.get("resources") or {}
    asked = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}.get(GPU_RESOURCE)
    return _whole(str(asked)) if asked is not None else None


def _serving(found: Mapping[str, str], model: LanguageModel) -> Serving | None:
    if not _ELSEWHERE.isdisjoint(found):
        return None
    context = _tokens(found["--max-model-len"]) if "--max-model-len" in found else model.context
    quantised = found.get("--quantization")
    kv_cache = "fp8" if found.get("--kv-cache-dtype", "auto").startswith("fp8") else "auto"
    try:
        utilization = float(found.get("--gpu-memory-utilization", DEFAULT_UTILIZATION))
    except ValueError:
        return None
    if context is None or (quantised and quantised not in _FORMATS) or not 0 < utilization <= 1:
        return None
    return Serving(
        context=context,
        format=_FORMATS[quantised] if quantised else None,
        kv_cache=kv_cache,
        utilization=utilization,
    )


def _tokens(text: str) -> int | None:
    """4096, 32k or 32K. None for what is no number, or for `auto` and -1, with which vLLM takes what fits."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([kKmM]?)", text)
    return int(float(found[1]) * _UNITS.get(found[2], 1)) if found else None


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[1-9]\d{0,5}", text) else None
