"""Language models: their numbers are those that their makers publish, and their memory is what servers report."""

import json
from typing import Any

import pytest

from components.catalog.instance_types import instance_type
from components.catalog.language_model_table import CONFIGS
from components.catalog.language_models import UnknownModel, from_config, from_text, language_model, near_models
from components.catalog.model_memory import (
    Serving,
    activation_bytes,
    cheapest,
    fewest_stages,
    fits,
    kv_cache_bytes,
    longest_context,
    memory_need,
    parallel_problem,
    splits,
    visible_gib,
)

GIB = 1024**3

# Sources: the model's page on Hugging Face, "Model size" and the index of its safetensors; DeepSeek-V3 technical report
# (671B without the module for multi-token prediction); gpt-oss model card, table 1 (116.83B and 20.91B).
PARAMETERS = {
    "meta-llama/Llama-3.1-8B-Instruct": 8_030_261_248,
    "meta-llama/Llama-3.3-70B-Instruct": 70_553_706_496,
    "Qwen/Qwen2.5-7B-Instruct": 7_615_616_512,
    "Qwen/Qwen2.5-72B-Instruct": 72_706_203_648,
    "Qwen/Qwen3-8B": 8_190_735_360,
    "Qwen/Qwen3-32B": 32_762_123_264,
    "Qwen/Qwen3-30B-A3B-Instruct-2507": 30_532_122_624,
    "mistralai/Mistral-7B-Instruct-v0.3": 7_248_023_552,
    "mistralai/Mistral-Small-24B-Instruct-2501": 23_572_403_200,
    "mistralai/Mixtral-8x7B-Instruct-v0.1": 46_702_792_704,
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B": 14_770_033_664,
}
ROUNDED = {"deepseek-ai/DeepSeek-V3": 671.0e9, "openai/gpt-oss-120b": 116.83e9, "openai/gpt-oss-20b": 20.91e9}


def known(name: str) -> Any:
    model = language_model(name)
    assert model
    return model


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_parameters_that_follow_from_the_config_are_the_published_ones(name):
    assert known(name).parameters == PARAMETERS[name]


@pytest.mark.parametrize("name", ROUNDED)
def test_the_parameters_of_models_with_experts_are_the_published_ones_as_far_as_those_are_exact(name):
    assert known(name).parameters == pytest.approx(ROUNDED[name], rel=0.0005)


@pytest.mark.parametrize(
    ("name", "format", "gpus", "gib"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", None, 1, 14.9888),  # vllm issue 10517
        ("Qwen/Qwen3-8B", None, 1, 15.2683),  # vLLM's log on an L40S
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", None, 2, 13.9476),  # vllm issue 13061
        ("Qwen/Qwen2.5-7B-Instruct", "int4", 1, 5.2032),  # vllm issue 13882
        ("openai/gpt-oss-120b", None, 1, 64.38),  # vllm issue 33155
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", None, 1, 86.99),  # index of its safetensors: 93,405,585,408 bytes
    ],
)
def test_weights_take_what_servers_report_within_two_percent(name, format, gpus, gib):
    assert known(name).weight_bytes(format) / gpus / GIB == pytest.approx(gib, rel=0.02)


@pytest.mark.parametrize(
    ("name", "tokens", "size"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", 31_232, 3.8125 * GIB),  # vllm issue 10517: 1952 blocks of 16 in 3.81 GiB
        ("Qwen/Qwen2.5-72B-Instruct", 1000, 327_680_000),  # Insights into DeepSeek-V3, table 1
        ("deepseek-ai/DeepSeek-V3", 1000, 70_272_000),  # the same
        ("openai/gpt-oss-120b", 131_072, 131_072 * 36_864 + 8319 * 36_864),  # ollama issue 16480: 18 layers keep all
    ],
)
def test_the_kv_cache_takes_what_servers_and_papers_report(name, tokens, size):
    assert kv_cache_bytes(known(name), Serving(context=tokens)) == size


@pytest.mark.parametrize(("tokens", "gib"), [(20_000, 17.06 - 14.99), (29_000, 17.98 - 14.99)])
def test_activations_are_what_a_server_reports_and_up_to_five_percent_more(tokens, gib):
    estimate = activation_bytes(known("meta-llama/Llama-3.1-8B-Instruct"), tokens) / GIB
    assert gib <= estimate <= gib * 1.05


def test_half_the_bits_are_half_the_cache_and_requests_add_up():
    model = known("Qwen/Qwen3-8B")
    one = kv_cache_bytes(model, Serving(context=4096))
    assert kv_cache_bytes(model, Serving(context=4096, concurrency=3)) == 3 * one
    assert kv_cache_bytes(model, Serving(context=4096, kv_cache="fp8")) == one // 2


def test_heads_are_shared_by_gpus_until_each_has_one_and_a_latent_is_on_all():
    model, serving = known("Qwen/Qwen2.5-7B-Instruct"), Serving(context=1000)  # 4 KV heads
    whole = kv_cache_bytes(model, serving)
    assert [kv_cache_bytes(model, serving, gpus) for gpus in (2, 4, 28)] == [whole // 2, whole // 4, whole // 4]
    latent = known("deepseek-ai/DeepSeek-V3")
    assert kv_cache_bytes(latent, serving, 8) == kv_cache_bytes(latent, serving)


@pytest.mark.parametrize(
    ("name", "gpus", "problem"),
    [
        ("Qwen/Qwen3-8B", 3, "the 32 attention heads of Qwen/Qwen3-8B cannot be split over 3 GPUs"),
        ("Qwen/Qwen2.5-7B-Instruct", 8, "the 28 attention heads of Qwen/Qwen2.5-7B-Instruct cannot be split over 8"),
        (
            "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B",
            5,
            "the 8 KV heads of deepseek-ai/DeepSeek-R1-Distill-Qwen-14B cannot be split over 5 GPUs",
        ),
    ],
)
def test_heads_that_do_not_divide_are_a_problem(name, gpus, problem):
    found = parallel_problem(known(name), gpus)
    assert found and found.startswith(problem)


def test_a_model_is_split_over_powers_of_two_that_divide_its_heads():
    assert [*splits(known("Qwen/Qwen2.5-7B-Instruct"), 8)] == [1, 2, 4]
    assert parallel_problem(known("deepseek-ai/DeepSeek-V3"), 16) is None


def test_each_of_several_gpus_has_its_part_and_the_buffers_between_them():
    model, serving = known("meta-llama/Llama-3.3-70B-Instruct"), Serving(context=8192)
    one, four = memory_need(model, serving), memory_need(model, serving, 4)
    assert four.weights_gib == pytest.approx(one.weights_gib / 4)
    assert (one.runtime_gib, four.runtime_gib) == (1.0, 2.0)
    assert four.activations_gib < one.activations_gib
    assert str(four) == "36.6 GiB: weights 32.9, KV cache 0.6, activations 1.1, runtime 2.0"


def test_a_stage_has_its_layers_and_one_table_and_is_as_large_as_the_largest():
    model, serving = known("meta-llama/Llama-3.3-70B-Instruct"), Serving(context=8192)  # 80 layers, two tables
    table = 128_256 * 8192 * 2
    whole = model.weight_bytes()
    assert model.weight_bytes(stages=2) == pytest.approx(whole / 2, rel=1e-6)
    assert model.weight_bytes(stages=3) == pytest.approx((whole - 2 * table) * 27 / 80 + table, rel=1e-6)
    assert kv_cache_bytes(model, serving, stages=3) == kv_cache_bytes(model, serving) * 27 // 80
    assert (
        str(memory_need(model, serving, 4, 2)) == "20.3 GiB: weights 16.4, KV cache 0.3, activations 1.6, runtime 2.0"
    )
    assert memory_need(model, serving, 1, 2).runtime_gib == 2.0
    one_table = from_config("Qwen/Qwen3-8B", {**CONFIGS["Qwen/Qwen3-8B"], "tie_word_embeddings": True})
    of_both_ends = one_table.vocabulary * one_table.hidden * 2  # each end needs its own
    assert one_table.weight_bytes(stages=2) == pytest.approx(one_table.weight_bytes() / 2 + of_both_ends / 2)


def test_experts_and_windows_are_where_their_layers_are():
    model = known("deepseek-ai/DeepSeek-V3")  # 58 of 61 layers have experts
    assert model.weight_bytes(stages=2) > model.weight_bytes() * 31 / 61
    assert model.weight_bytes(stages=61) < model.weight_bytes() / 50
    windows = known("openai/gpt-oss-120b")  # 18 of 36 layers keep all
    assert kv_cache_bytes(windows, Serving(context=131_072), stages=4) == 2048 * (5 * 131_072 + 4 * 8319)


def test_so_many_nodes_are_enough_as_it_takes():
    serving = Serving(context=8192, utilization=0.9)
    model = known("deepseek-ai/DeepSeek-V3")
    found = fewest_stages(model, serving, 8, 44.0)
    assert found == 3
    assert fits(model, serving, 8, 44.0, 3) and not fits(model, serving, 8, 44.0, 2)
    assert fewest_stages(model, serving, 1, 16.0) is None
    assert parallel_problem(model, 8, 62) == ("the 61 layers of deepseek-ai/DeepSeek-V3 cannot be cut into 62 stages")


@pytest.mark.parametrize(
    ("type", "gib"),
    [("g5.xlarge", 22.06), ("g6.xlarge", 22.03), ("g6e.xlarge", 44.39), ("p5.48xlarge", 79.1), ("g4dn.xlarge", 14.56)],
)
def test_cuda_sees_a_little_less_of_a_gpu_than_ec2_says(type, gib):  # "has a total capacity of 22.06 GiB", by PyTorch
    accelerator = instance_type(type).accelerator
    assert accelerator and gib * 0.99 <= visible_gib(accelerator) <= gib + 0.01


@pytest.mark.parametrize(
    ("name", "serving", "type"),
    [
        ("Qwen/Qwen3-8B", Serving(context=8192), ("g6.xlarge", 1)),
        ("Qwen/Qwen3-8B", Serving(context=40_960, concurrency=4), ("g6e.xlarge", 1)),
        ("meta-llama/Llama-3.3-70B-Instruct", Serving(context=8192), ("g7e.12xlarge", 2)),
        ("meta-llama/Llama-3.3-70B-Instruct", Serving(context=8192, format="int4"), ("g7e.2xlarge", 1)),
    ],
)
def test_the_cheapest_type_is_that_of_the_cheapest_node(name, serving, type):
    found = cheapest(known(name), serving)
    assert found and (found[0].name, found[1]) == type


def test_no_node_has_room_for_the_whole_cache_of_a_thousand_requests():
    assert cheapest(known("meta-llama/Llama-3.3-70B-Instruct"), Serving(context=131_072, concurrency=1000)) is None


def test_the_longest_context_fits_and_one_more_thousand_does_not():
    model, serving = known("Qwen/Qwen3-8B"), Serving(context=8192, utilization=0.9)
    context = longest_context(model, serving, 1, 22.0)
    assert context == 19_456
    assert longest_context(model, serving, 1, 12.0) == 0
    assert longest_context(model, serving, 1, 80.0) == 40_960


def test_a_name_counts_in_any_case_and_an_unknown_one_has_its_nearest():
    assert known("qwen/qwen3-8b").name == "Qwen/Qwen3-8B"
    assert language_model("acme/tiny") is None
    assert near_models("Qwen/Qwen3-8") == "; nearest: Qwen/Qwen3-8B"
    assert near_models("acme/tiny") == ""


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"num_key_value_heads": None}, "config.json: num_key_value_heads is missing"),
        (
            {"vocab_size": None, "torch_dtype": None},
            "config.json: vocab_size is missing; torch_dtype is missing",
        ),
        ({"hidden_size": "4096"}, "config.json: hidden_size must be a whole number, got '4096'"),
        ({"num_key_value_heads": 0}, "config.json: num_key_value_heads must be at least 1"),
        ({"num_hidden_layers": True}, "config.json: num_hidden_layers must be a whole number, got True"),
        ({"torch_dtype": "float32"}, "config.json: torch_dtype must be bfloat16 or float16, got 'float32'"),
    ],
)
def test_every_wrong_key_of_a_config_is_told_at_once(change, problem):
    config = {**CONFIGS["meta-llama/Llama-3.1-8B-Instruct"], **change}
    with pytest.raises(ValueError) as refused:
        from_config("mine", {key: value for key, value in config.items() if value is not None})
    assert str(refused.value) == problem


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"model_type": "mamba"}, "model_type must be one of deepseek_v3, gpt_oss, llama, mistral, mixtral, qwen2"),
        ({"model_type": "qwen3", "use_sliding_window": True}, "use_sliding_window is true"),
        ({"quantization_config": {"quant_method": "awq", "bits": [4]}}, "quantization_config: the memory of awq"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantization_config: the memory of quant_method"),
        (
            {"quantization_config": {"quant_method": "gptq", "bits": 3}},
            "quantization_config: the memory of gptq",
        ),
    ],
)
def test_what_is_not_known_is_told_as_unknown(change, problem):
    with pytest.raises(UnknownModel, match=problem):
        from_config("mine", {**CONFIGS["meta-llama/Llama-3.1-8B-Instruct"], **change})


@pytest.mark.parametrize(
    ("quantised", "format"),
    [
        ({"quant_method": "awq", "bits": 4}, "int4"),
        ({"quant_method": "gptq", "bits": 8}, "int8"),
        ({"quant_method": "fp8"}, "fp8"),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}},
            },
            "fp8",
        ),
    ],
)
def test_a_quantised_checkpoint_says_so_itself(quantised, format):
    config = {**CONFIGS["Qwen/Qwen3-8B"], "quantization_config": quantised}
    assert from_text("mine", json.dumps(config)).format == format


def test_embeddings_that_are_shared_count_once_and_a_window_of_every_layer_is_one():
    config = {**CONFIGS["mistralai/Mistral-7B-Instruct-v0.3"], "sliding_window": 4096}
    model = from_config("mine", config)
    assert (model.window, model.window_layers) == (4096, 32)
    tied = from_config("mine", {**config, "tie_word_embeddings": True})
    assert model.parameters - tied.parameters == 32_768 * 4096
    long = kv_cache_bytes(model, Serving(context=32_768))
    assert long == kv_cache_bytes(model, Serving(context=4096 - 1 + 8192))


@pytest.mark.parametrize("text", ["{", "[]", "null"])
def test_what_is_no_object_is_no_config(text):
    with pytest.raises(ValueError, match=r"must be the text of a config\.json"):
        from_text("mine", text)
