"""The GPU memory that a language model needs under vLLM: weights, KV cache, activations, and what the runtime takes.

Weights and KV cache follow from the model. The constants of the activations are fitted to two measurements of one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

from .images import image_supports
from .instance_types import Accelerator, InstanceType
from .language_models import LanguageModel
from .needs import Need, resolve

BATCHED_TOKENS = 8192
"""Tokens that vLLM computes at once, `--max-num-batched-tokens`; longer prompts are cut into parts."""
MAX_SEQUENCES = 256
"""Requests that vLLM computes at once, `--max-num-seqs`."""
DEFAULT_UTILIZATION = 0.92
"""vLLM's own `--gpu-memory-utilization`. Source: vLLM 0.28, vllm/config/cache.py."""
MOST_STAGES = 16
"""Nodes of one server at most that anybody is advised to take: each one more makes every token wait longer."""
GPUS_WITHOUT_BFLOAT16 = frozenset({"t4", "t4g", "v100"})
"""GPUs of a compute capability under 8.0, which compute in float16 instead. Source: CUDA Programming Guide."""

KV_BYTES = {"auto": 2, "fp8": 1}
"""Bytes of a value in the KV cache, by `--kv-cache-dtype`; auto is the model's own 16 bits."""

_GIB = 1024**3
# Activations: fitted to two measurements of one model, peaks of 2.07 and 2.99 GiB of Llama 3.1 8B at 20,000 and 29,000
# tokens, which two buffers of the width between and seven of the width itself meet. Source: vllm issue 10517.
_WIDE, _NARROW = 2, 7
# Hidden states and residuals, those that a stage gets and those that it keeps them in. Source: vLLM 0.28,
# vllm/v1/worker/gpu_model_runner.py, intermediate_tensors.
_PASSED_ON = 4
_RUNTIME_GIB = 1.0  # CUDA's context 0.35 GiB (vllm issue 10517), the rest for graphs
_PARALLEL_GIB = 1.0  # buffers of NCCL and of vLLM's own all-reduce
# What EC2 says of a GPU's memory over what CUDA says: 22.06 of 22.35 GiB on an A10G. A T4 loses more, to ECC.
_VISIBLE, _VISIBLE_T4 = 0.985, 0.91


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """What each GPU must have for one server, in GiB."""

    weights_gib: float
    kv_cache_gib: float
    activations_gib: float
    runtime_gib: float

    @property
    def gib(self) -> float:
        """All of it."""
        return self.weights_gib + self.kv_cache_gib + self.activations_gib + self.runtime_gib

    def __str__(self) -> str:
        return (
            f"{self.gib:.1f} GiB: weights {self.weights_gib:.1f}, KV cache {self.kv_cache_gib:.1f}, "
            f"activations {self.activations_gib:.1f}, runtime {self.runtime_gib:.1f}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How a model is served, as far as its memory depends on it."""

    context: int
    """Tokens of the longest request, prompt and answer together."""
    concurrency: int = 1
    """Requests of that length whose KV cache fits at the same time."""
    format: str | None = None
    """Format of the checkpoint's weights; None for what the model's config.json says."""
    kv_cache: str = "auto"
    """A key of KV_BYTES."""
    utilization: float = DEFAULT_UTILIZATION
    """Share of a GPU's memory that the server may use."""


def kv_cache_bytes(model: LanguageModel, serving: Serving, gpus: int = 1, stages: int = 1) -> int:
    """Bytes of the KV cache on each of the GPUs of the largest stage.

    A KV head is on one GPU, or on several if there are more GPUs than heads; a latent is on every GPU. A layer with
    a sliding window keeps its window and the tokens that are computed at once. Source: vLLM 0.28,
    vllm/v1/kv_cache_interface.py.
    """
    values = model.latent or 2 * max(1, model.kv_heads // gpus) * model.head_dim
    kept = min(serving.context, model.window - 1 + BATCHED_TOKENS) if model.window_layers else 0
    layers = ceil(model.layers / stages)
    whole = -(-(model.layers - model.window_layers) * layers // model.layers)
    tokens = whole * serving.context + (layers - whole) * kept
    return values * KV_BYTES[serving.kv_cache] * tokens * serving.concurrency


def activation_bytes(model: LanguageModel, tokens: int = BATCHED_TOKENS, gpus: int = 1, stages: int = 1) -> float:
    """Bytes of the activations at their peak on each GPU, an estimate: layers, or the logits if they are more.

    Its two constants are fitted to two measurements of Llama 3.1 8B; for other models nothing was measured.
    """
    narrow = _NARROW + (_PASSED_ON if stages > 1 else 0)
    layer = tokens * (_WIDE * model.active / gpus + narrow * model.hidden) * 2
    logits = MAX_SEQUENCES * model.vocabulary * 4 * 2
    return max(layer, logits)


def memory_need(model: LanguageModel, serving: Serving, gpus: int = 1, stages: int = 1) -> MemoryNeed:
    """What each GPU must have. The layers are cut into `stages`, and each stage is split over so many GPUs."""
    return MemoryNeed(
        model.weight_bytes(serving.format, stages) / gpus / _GIB,
        kv_cache_bytes(model, serving, gpus, stages) / _GIB,
        activation_bytes(model, gpus=gpus, stages=stages) / _GIB,
        _RUNTIME_GIB + (_PARALLEL_GIB if gpus * stages > 1 else 0),
    )


def parallel_problem(model: LanguageModel, gpus: int, stages: int = 1) -> str | None:
    """Why the model cannot be cut into stages, each on so many GPUs; None if it can. Source: vLLM 0.28, ModelConfig."""
    if stages > model.layers:
        return f"the {model.layers} layers of {model.name} cannot be cut into {stages} stages"
    if model.heads % gpus:
        return f"the {model.heads} attention heads of {model.name} cannot be split over {gpus} GPUs"
    if not model.latent and model.kv_heads % gpus and gpus % model.kv_heads:
        return f"the {model.kv_heads} KV heads of {model.name} cannot be split over {gpus} GPUs"
    return None


def visible_gib(accelerator: Accelerator) -> float:
    """Memory of one GPU as CUDA sees it: less than EC2 says."""
    share = _VISIBLE_T4 if accelerator.name in ("t4", "t4g") else _VISIBLE
    return accelerator.memory_mib / 1024 * share


def splits(model: LanguageModel | None, gpus: int) -> Iterator[int]:
    """Numbers of GPUs of a node with `gpus` that a model can be split over, the smallest first."""
    number = 1
    while number <= gpus:
        if model is None or parallel_problem(model, number) is None:
            yield number
        number *= 2


def fits(model: LanguageModel, serving: Serving, gpus: int, memory_gib: float, stages: int = 1) -> bool:
    """Whether GPUs with so much memory, as CUDA sees it, are enough."""
    return memory_need(model, serving, gpus, stages).gib <= memory_gib * serving.utilization


def smallest_split(model: LanguageModel, serving: Serving, gpus: int, memory_gib: float, stages: int = 1) -> int | None:
    """The least number of GPUs of a node that is enough; None if the node is too small. `stages` are nodes."""
    return next((number for number in splits(model, gpus) if fits(model, serving, number, memory_gib, stages)), None)


def fewest_stages(model: LanguageModel, serving: Serving, gpus: int, memory_gib: float) -> int | None:
    """The least number of nodes, two or more, each with so many GPUs, that is enough; None where 16 are not."""
    most = min(model.layers, MOST_STAGES)
    return next((each for each in range(2, most + 1) if fits(model, serving, gpus, memory_gib, each)), None)


def cheapest(
    model: LanguageModel, serving: Serving, architecture: str = "amd64", region: str | None = None
) -> tuple[InstanceType, int] | None:
    """The cheapest type whose nodes can serve the model, and the GPUs that it takes; None where none can.

    The price is that of the whole node. Without a region it is that of us-east-1.
    """
    for row in resolve(Need(architecture=architecture, bare_metal=False), region):
        if row.accelerator and image_supports(row):
            gpus = smallest_split(model, serving, row.gpus, visible_gib(row.accelerator))
            if gpus:
                return row, gpus
    return None


def longest_context(model: LanguageModel, serving: Serving, gpus: int, memory_gib: float, stages: int = 1) -> int:
    """Most tokens of a request, in whole thousands, for which the GPUs are enough; 0 if the weights do not fit."""
    low, high = 0, ceil(model.context / 1024)
    while low < high:
        middle = (low + high + 1) // 2
        tried = replace(serving, context=middle * 1024)
        low, high = (middle, high) if fits(model, tried, gpus, memory_gib, stages) else (low, middle - 1)
    return min(low * 1024, model.context)
