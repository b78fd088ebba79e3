"""A workload comes up on a new node within the time that the stack's settings allow."""

from typing import Any

from tests.graphs import findings, gpu_group, gpu_work, healthy

CHECK = "cold-start-within-budget"


def said(budget: int | None, **instead: Any) -> dict[str, tuple[Any, str]]:
    return findings(CHECK, *healthy(**instead), cold_start_budget_s=budget)


def test_without_a_budget_there_is_nothing_to_check():
    assert said(None) == {}


def test_a_wait_over_the_budget_says_by_how_much_and_what_takes_longest():
    assert said(200) == {
        "Deployment default/train": (
            False,
            "about 263 s to Ready on a node of gpu, 63 over the budget of 200; image pull alone takes 133 s",
        )
    }


def test_a_wait_of_just_the_budget_is_within_it_and_work_without_a_gpu_is_not_judged():
    assert said(263) == {"Deployment default/train": (True, "about 263 of 263 s to Ready")}


def test_on_a_node_that_is_kept_only_what_happens_there_counts():
    assert said(133, gpu=gpu_group(minSize=1)) == {"Deployment default/train": (True, "about 133 of 133 s to Ready")}


def test_a_language_model_counts_with_its_own_weights_and_what_vllm_compiles():
    server = {
        "name": "main",
        "image": "vllm/vllm-openai:v0.28.0",
        "args": ["Qwen/Qwen3-8B"],
        "readinessProbe": {"tcpSocket": {"port": 8000}},
        "resources": {"limits": {"nvidia.com/gpu": 1}},
    }
    assert said(462, train=gpu_work(containers=[server])) == {
        "Deployment default/train": (
            False,
            "about 463 s to Ready on a node of gpu, 1 over the budget of 462; model load alone takes 135 s",
        )
    }
