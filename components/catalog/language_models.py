"""Language models: their parameters and their attention, read from what a model's `config.json` says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Any

from .language_model_table import CONFIGS
from .nearest import hint

FORMATS: Mapping[str, float] = {"bf16": 16, "fp8": 8, "int8": 8, "int4": 4 + 20 / 128, "mxfp4": 4.25}
"""Bits of a weight by the format of a checkpoint, with the scales of its groups. Sources: AWQ and GPTQ, groups of 128
with a scale of 16 bits and a zero of 4; OCP Microscaling Formats 1.0, groups of 32 with a scale of 8 bits.
"""
FAMILIES = ("deepseek_v3", "gpt_oss", "llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe")
"""`model_type` of the models whose memory is known."""

_MAY_BE_ZERO = ("first_k_dense_replace", "n_shared_experts")
_PADDED_TO = 256  # vLLM pads MXFP4 experts of 2880 to 3072: 64.4 GiB, not 60.8. Source: vllm issue 33155


class UnknownModel(ValueError):
    """A model that neither the table nor the reader of config.json knows; its memory is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageModel:
    """The numbers of a model that decide what memory it needs."""

    name: str
    context: int
    """Most tokens of one request, prompt and answer together."""
    hidden: int
    vocabulary: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    latent: int = 0
    """Values that each layer keeps of a token instead of keys and values: multi-head latent attention; else 0."""
    window: int = 0
    """Tokens that `window_layers` keep; 0 without a sliding window."""
    window_layers: int = 0
    active: int
    """Width of the layers between, of all experts that a token uses."""
    linear_parameters: int
    """Of attention and dense layers, which a quantised checkpoint has in fewer bits."""
    expert_parameters: int = 0
    other_parameters: int
    """Of embeddings, norms, biases and routers, which stay at 16 bits."""
    tables: int
    """Embedding tables among them: one of input and one of output, or one that is both."""
    dense_layers: int
    """Layers without experts."""
    format: str
    """A key of FORMATS."""
    padding: float = 1.0
    """Memory of the experts over their size in the checkpoint."""

    @property
    def parameters(self) -> int:
        """All parameters."""
        return self.linear_parameters + self.expert_parameters + self.other_parameters

    def weight_bytes(self, format: str | None = None, stages: int = 1) -> float:
        """Bytes of the weights in GPU memory, all GPUs together. `format` is the checkpoint's, if it is another.

        With `stages` those of one part of the layers, with the layers of the largest and an embedding table, which the
        first part has, and the last. Source: vLLM 0.28, get_pp_indices of vllm/distributed/utils.py.
        """
        bits = FORMATS[format or self.format]
        dense = 16 if (format or self.format) == "mxfp4" else bits  # gpt-oss has experts alone in MXFP4
        padding = self.padding if (format or self.format) == "mxfp4" else 1
        layers = ceil(self.layers / stages)
        experts = min(layers, sparse) / sparse if (sparse := self.layers - self.dense_layers) else 1
        table = self.vocabulary * self.hidden
        others = (self.other_parameters - self.tables * table) * layers / self.layers
        quantised = self.linear_parameters * dense * layers / self.layers
        quantised += self.expert_parameters * bits * padding * experts
        return (quantised + (others + table * (self.tables if stages == 1 else 1)) * 16) / 8


@cache
def language_model(name: str) -> LanguageModel | None:
    """The model of that name in the table, or None. Upper and lower case count alike."""
    known = next((key for key in CONFIGS if key.casefold() == name.casefold()), None)
    return from_config(known, CONFIGS[known]) if known else None


def near_models(name: str) -> str:
    """`; nearest: Qwen/Qwen3-8B`, or nothing: the end of a message about an unknown model."""
    return hint(name, CONFIGS)


def from_text(name: str, text: str) -> LanguageModel:
    """The model that a config.json describes. Raises ValueError as from_config, and for what is no JSON object."""
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"must be the text of a config.json: {error}") from None
    if not isinstance(config, dict):
        raise ValueError(f"must be the text of a config.json, an object, got {type(config).__name__}")
    return from_config(name, config)


def from_config(name: str, config: Mapping[str, Any]) -> LanguageModel:
    """The model that a config.json describes.

    Raises UnknownModel for a family or a quantisation whose memory is not known, and ValueError with every key that
    is missing or of a wrong type.
    """
    family = config.get("model_type")
    if family not in FAMILIES:
        raise UnknownModel(f"model_type must be one of {', '.join(FAMILIES)}, whose memory is known, got {family!r}")
    keys = _Keys(config)
    hidden, vocabulary, layers = keys["hidden_size"], keys["vocab_size"], keys["num_hidden_layers"]
    heads, kv_heads = keys["num_attention_heads"], keys["num_key_value_heads"]
    head_dim = keys.get("head_dim", hidden // max(heads, 1))
    experts = _experts(family, keys)
    latent, attention = _attention(family, keys, hidden, heads, kv_heads, head_dim)
    dense_layers = _dense_layers(family, keys, layers)
    width = keys["intermediate_size"] if dense_layers or family in ("mixtral", "gpt_oss") else 0
    context = keys["max_position_embeddings"]
    window, window_layers = _windows(family, config, keys, layers)
    format = _format(config, keys)
    keys.stop()

    each = 3 * hidden * experts.width
    tables = 1 if config.get("tie_word_embeddings", False) is True else 2
    sparse = layers - dense_layers
    return LanguageModel(
        name=name,
        context=context,
        hidden=hidden,
        vocabulary=vocabulary,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        latent=latent,
        window=window,
        window_layers=window_layers,
        active=max(width if dense_layers else 0, experts.width * (experts.used + experts.shared)),
        linear_parameters=layers * attention + dense_layers * 3 * hidden * width + sparse * experts.shared * each,
        expert_parameters=sparse * experts.number * each,
        other_parameters=_others(family, keys, layers, hidden, heads, kv_heads, head_dim)
        + sparse * experts.others
        + vocabulary * hidden * tables
        + hidden,
        tables=tables,
        dense_layers=dense_layers,
        format=format,
        padding=-(-experts.width // _PADDED_TO) * _PADDED_TO / experts.width if experts.width else 1,
    )


class _Keys:
    """The whole numbers of a config.json; what is wrong is collected, and told at once."""

    def __init__(self, config: Mapping[str, Any]):
        self._config = config
        self.problems: list[str] = []

    def __getitem__(self, key: str) -> int:
        if self._config.get(key) is None:
            self.problems.append(f"{key} is missing")
            return 0
        if not (value := self.get(key, 0)) and key not in _MAY_BE_ZERO:
            self.problems.append(f"{key} must be at least 1")
        return value

    def get(self, key: str, default: int) -> int:
        """The number of a key that may be missing."""
        value = self._config.get(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.problems.append(f"{key} must be a whole number, got {value!r}")
            return 1
        return value

    def stop(self) -> None:
        """Raises ValueError for what was wrong."""
        if self.problems:
            raise ValueError(f"config.json: {'; '.join(dict.fromkeys(self.problems))}")


@dataclass(frozen=True, slots=True)
class _Experts:
    """The experts of one layer; a model without has none of width 0."""

    number: int = 0
    used: int = 0
    shared: int = 0
    width: int = 0
    others: int = 0
    """Parameters of router and biases."""


def _experts(family: str, keys: _Keys) -> _Experts:
    hidden = keys["hidden_size"]
    if family == "mixtral":
        number = keys["num_local_experts"]
        return _Experts(number, keys["num_experts_per_tok"], 0, keys["intermediate_size"], number * hidden)
    if family == "qwen3_moe":
        number = keys["num_experts"]
        return _Experts(number, keys["num_experts_per_tok"], 0, keys["moe_intermediate_size"], number * hidden)
    if family == "gpt_oss":
        number, width = keys["num_local_experts"], keys["intermediate_size"]
        others = number * (hidden + 1) + number * (2 * width + hidden)
        return _Experts(number, keys["num_experts_per_tok"], 0, width, others)
    if family == "deepseek_v3":
        number, shared = keys["n_routed_experts"], keys["n_shared_experts"]
        used, width = keys["num_experts_per_tok"], keys["moe_intermediate_size"]
        return _Experts(number, used, shared, width, number * (hidden + 1))
    return _Experts()


def _dense_layers(family: str, keys: _Keys, layers: int) -> int:
    if family == "deepseek_v3":
        return keys["first_k_dense_replace"]
    return 0 if family in ("mixtral", "qwen3_moe", "gpt_oss") else layers


def _attention(family: str, keys: _Keys, hidden: int, heads: int, kv_heads: int, head_dim: int) -> tuple[int, int]:
    """Values of a token that latent attention keeps, else 0, and the parameters of one layer's attention."""
    if family != "deepseek_v3":
        return 0, 2 * hidden * heads * head_dim + 2 * hidden * kv_heads * head_dim
    latent, queries = keys["kv_lora_rank"], keys["q_lora_rank"]
    nope, rope, value = keys["qk_nope_head_dim"], keys["qk_rope_head_dim"], keys["v_head_dim"]
    down = hidden * (queries + latent + rope)
    up = queries * heads * (nope + rope) + latent * heads * (nope + value)
    return latent + rope, down + up + heads * value * hidden


def _others(family: str, keys: _Keys, layers: int, hidden: int, heads: int, kv_heads: int, head_dim: int) -> int:
    """Parameters of norms and biases, without those of experts."""
    each = 2 * hidden
    if family == "qwen2":
        each += (heads + 2 * kv_heads) * head_dim
    if family in ("qwen3", "qwen3_moe"):
        each += 2 * head_dim
    if family == "gpt_oss":
        each += (heads + 2 * kv_heads) * head_dim + hidden + heads  # each head has a sink
    if family == "deepseek_v3":
        each += keys["kv_lora_rank"] + keys["q_lora_rank"]
    return layers * each


def _windows(family: str, config: Mapping[str, Any], keys: _Keys, layers: int) -> tuple[int, int]:
    """Tokens of the sliding window, and how many layers have it."""
    if family in ("qwen2", "qwen3", "qwen3_moe"):
        if config.get("use_sliding_window") is True:
            raise UnknownModel("use_sliding_window is true: which layers keep how many tokens is not known")
        return 0, 0
    window = keys.get("sliding_window", 0)
    kinds = config.get("layer_types")
    if family == "gpt_oss":
        # Without a list every other layer has it, from the first on.
        return window, kinds.count("sliding_attention") if isinstance(kinds, list) else (layers + 1) // 2
    return window, layers if window and family in ("mistral", "mixtral") else 0


def _format(config: Mapping[str, Any], keys: _Keys) -> str:
    """The format of the weights in the checkpoint."""
    quantised = config.get("quantization_config")
    if not isinstance(quantised, Mapping):
        kind = config.get("torch_dtype", config.get("dtype"))
        if kind in ("bfloat16", "float16"):
            return "bf16"
        keys.problems.append(
            "torch_dtype is missing" if kind is None else f"torch_dtype must be bfloat16 or float16, got {kind!r}"
        )
        return "bf16"
    method = quantised.get("quant_method")
    if method in ("fp8", "mxfp4"):
        return method
    bits, kind = quantised.get("bits"), "int"
    if method == "compressed-tensors":
        groups = quantised.get("config_groups")
        first: Any = next(iter(groups.values()), {}) if isinstance(groups, Mapping) else {}
        weights = first.get("weights") if isinstance(first, Mapping) else None
        bits, kind = (weights.get("num_bits"), weights.get("type")) if isinstance(weights, Mapping) else (None, None)
    elif method not in ("awq", "gptq"):
        raise UnknownModel(f"quantization_config: the memory of quant_method {method!r} is not known")
    known = {"8 float": "fp8", "8 int": "int8", "4 int": "int4"}
    if (made := f"{bits} {kind}") not in known:
        raise UnknownModel(f"quantization_config: the memory of {method} with {bits} bits ({kind}) is not known")
    return known[made]
