"""What `config.json` says of well-known open language models, by their names on Hugging Face.

The rows are written from knowledge, not read from the models' own pages. On 2026-11-30 each was compared with copies in
public repositories, in layers, widths, heads, KV heads, experts, vocabulary and sliding window; a head's width that
config.json leaves out is hidden size over heads. Nothing had to be corrected. Compared with:

- a copy of the model's own config.json: DeepSeek-V3 and -R1, both gpt-oss, Qwen3-8B and -32B (ai-dynamo/aiconfigurator
  095f58a), Llama 3.3 70B (the same, f577ab8);
- a copy of that of the model that it is tuned from: Llama 3.1 8B and 70B, Mixtral 8x7B, Qwen3-30B-A3B, whose context is
  another (the same, 095f58a), R1-Distill-Llama-70B (as Llama 3.3), Mistral 7B v0.3 (mlc-ai/mlc-llm 79d603f);
- `second hand`: only numbers in tables and tests of other programs, not all of which agree. Of Qwen2.5 14B one says 4
  KV heads, with which the published number of parameters would be another; of 72B some say a context of 131,072, which
  it has with YaRN.

The number of parameters that follows is held against the one that the makers publish.
"""

from collections.abc import Mapping
from typing import Any

_BF16 = {"torch_dtype": "bfloat16", "tie_word_embeddings": False}


def _attention(layers: int, heads: int, kv_heads: int, head_dim: int) -> dict[str, int]:
    return {
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
    }


def _sizes(hidden: int, intermediate: int, vocabulary: int, context: int) -> dict[str, int]:
    return {
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "vocab_size": vocabulary,
        "max_position_embeddings": context,
    }


_LLAMA_8B = {"model_type": "llama", **_sizes(4096, 14_336, 128_256, 131_072), **_attention(32, 32, 8, 128), **_BF16}
_LLAMA_70B = {"model_type": "llama", **_sizes(8192, 28_672, 128_256, 131_072), **_attention(80, 64, 8, 128), **_BF16}
_QWEN_14B = {"model_type": "qwen2", **_sizes(5120, 13_824, 152_064, 131_072), **_attention(48, 40, 8, 128), **_BF16}
_GPT_OSS = {
    "model_type": "gpt_oss",
    **_sizes(2880, 2880, 201_088, 131_072),
    "num_experts_per_tok": 4,
    "sliding_window": 128,
    "tie_word_embeddings": False,
    "quantization_config": {"quant_method": "mxfp4"},
}
_DEEPSEEK_V3 = {
    "model_type": "deepseek_v3",
    **_sizes(7168, 18_432, 129_280, 163_840),
    "num_hidden_layers": 61,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "kv_lora_rank": 512,
    "q_lora_rank": 1536,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 2048,
    "first_k_dense_replace": 3,
    **_BF16,
    "quantization_config": {"quant_method": "fp8"},
}
_QWEN_30B_A3B = {
    "model_type": "qwen3_moe",
    **_sizes(2048, 6144, 151_936, 262_144),  # the context is second hand
    **_attention(48, 32, 4, 128),
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 768,
    **_BF16,
}
_MIXTRAL_8X7B = {
    "model_type": "mixtral",
    **_sizes(4096, 14_336, 32_000, 32_768),
    **_attention(32, 32, 8, 128),
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    **_BF16,
}

CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "deepseek-ai/DeepSeek-R1": _DEEPSEEK_V3,
    "deepseek-ai/DeepSeek-R1-Distill-Llama-70B": _LLAMA_70B,
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B": _QWEN_14B,  # second hand
    "deepseek-ai/DeepSeek-V3": _DEEPSEEK_V3,
    "meta-llama/Llama-3.1-70B-Instruct": _LLAMA_70B,
    "meta-llama/Llama-3.1-8B-Instruct": _LLAMA_8B,
    "meta-llama/Llama-3.3-70B-Instruct": _LLAMA_70B,
    "mistralai/Mistral-7B-Instruct-v0.3": {
        "model_type": "mistral",
        **_sizes(4096, 14_336, 32_768, 32_768),
        **_attention(32, 32, 8, 128),
        **_BF16,
    },
    "mistralai/Mistral-Small-24B-Instruct-2501": {  # second hand
        "model_type": "mistral",
        **_sizes(5120, 32_768, 131_072, 32_768),
        **_attention(40, 32, 8, 128),
        **_BF16,
    },
    "mistralai/Mixtral-8x7B-Instruct-v0.1": _MIXTRAL_8X7B,
    "openai/gpt-oss-120b": {**_GPT_OSS, **_attention(36, 64, 8, 64), "num_local_experts": 128},
    "openai/gpt-oss-20b": {**_GPT_OSS, **_attention(24, 64, 8, 64), "num_local_experts": 32},
    "Qwen/Qwen2.5-7B-Instruct": {  # second hand
        "model_type": "qwen2",
        **_sizes(3584, 18_944, 152_064, 32_768),
        **_attention(28, 28, 4, 128),
        **_BF16,
    },
    "Qwen/Qwen2.5-72B-Instruct": {  # second hand
        "model_type": "qwen2",
        **_sizes(8192, 29_568, 152_064, 32_768),
        **_attention(80, 64, 8, 128),
        **_BF16,
    },
    "Qwen/Qwen3-30B-A3B-Instruct-2507": _QWEN_30B_A3B,
    "Qwen/Qwen3-32B": {
        "model_type": "qwen3",
        **_sizes(5120, 25_600, 151_936, 40_960),
        **_attention(64, 64, 8, 128),
        **_BF16,
    },
    "Qwen/Qwen3-8B": {
        "model_type": "qwen3",
        **_sizes(4096, 12_288, 151_936, 40_960),
        **_attention(36, 32, 8, 128),
        **_BF16,
    },
}
