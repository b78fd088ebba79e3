"""Arguments of the tools: what is wrong with them, all at once, and the command that they become."""

from pathlib import Path

import pytest

from eks_gpu.assistants.questions import asked
from eks_gpu.io.problems import InputError
from tests.assistants import POD

HERE = str(Path(__file__).parent)


@pytest.mark.parametrize(
    ("tool", "arguments", "problems"),
    [
        ("plan", {"stak": "prod"}, ["folder is required", "stak is not a known key; nearest: stack"]),
        ("plan", {"folder": None}, ["folder is required"]),
        (
            "plan",
            {"folder": "."},
            ["folder must be an absolute path: this server takes no folder for the current one, got '.'"],
        ),
        (
            "plan",
            {"folder": ""},
            ["folder must be an absolute path: this server takes no folder for the current one, got ''"],
        ),
        (
            "plan",
            {"folder": "~/x"},
            ["folder must be an absolute path: this server takes no folder for the current one, got '~/x'"],
        ),
        ("plan", {"folder": "/nowhere"}, ["folder must be a folder that is there, got '/nowhere'"]),
        ("plan", {"folder": __file__}, [f"folder must be a folder that is there, got '{__file__}'"]),
        ("plan", {"folder": HERE, "section": "changes"}, ["section changes needs against"]),
        (
            "plan",
            {"folder": HERE, "offset": -1, "check": "gpu-pool-is-capped", "stack": "a\0b", "status": "fail"},
            [
                "offset must be at least 0, got -1",
                "check must be the id of a check; nearest: gpu-pools-are-capped, got 'gpu-pool-is-capped'",
                "status must be one of does-not-hold, fails, warns, waived, not-judged, holds, all, got 'fail'; "
                "nearest: fails",
                "stack must be text without NUL and without halves of characters, got 'a\\x00b'",
            ],
        ),
        (
            "explain",
            {"pod": POD},
            ["one of folder and plan_file is required, and only one: no program runs unless you name it"],
        ),
        (
            "explain",
            {"pod": "/nowhere.yaml", "folder": HERE},
            ["pod must be a file that is there, got '/nowhere.yaml'"],
        ),
        ("check", {}, ["one of preview and state is required, and only one"]),
        ("check", {"state": "/dev/zero"}, ["state must be a file that is there, got '/dev/zero'"]),
        ("check", {"state": __file__, "preview": __file__}, ["one of preview and state is required, and only one"]),
        (
            "types",
            {"gpus": "8", "accelerator": "amd"},
            ["gpus must be a whole number, got '8'", "accelerator must be one of nvidia, neuron, got 'amd'"],
        ),
        ("import", {"manifest": ""}, ["manifest must not be empty, got ''"]),
        ("plam", {}, ["plam is not a tool; nearest: plan; tools are plan, explain, types, check, import"]),
    ],
)
def test_all_problems_are_told_at_once(tool, arguments, problems):
    with pytest.raises(InputError) as error:
        asked(tool, arguments)
    assert error.value.problems == problems


@pytest.mark.parametrize(
    ("tool", "arguments", "words", "stdin"),
    [
        ("plan", {"folder": HERE, "stack": "--all"}, ["plan", "--json=-", "--stack=--all", "--", HERE], ""),
        (
            "explain",
            {"pod": POD, "folder": HERE, "stack": "qa"},
            ["explain", "--json=-", "--stack=qa", "--", "-", HERE],
            POD,
        ),
        (
            "explain",
            {"pod": __file__, "plan_file": __file__},
            ["explain", "--json=-", f"--plan={__file__}", "--", __file__],
            "",
        ),
        (
            "check",
            {"preview": __file__, "region": "x"},
            ["check", "--json=-", f"--preview={__file__}", "--region=x"],
            "",
        ),
        ("import", {"manifest": "--json: x\n"}, ["import", "--json=-", "--", "-"], "--json: x\n"),
        (
            "types",
            {"spot": True, "max_price": "3", "gpu_memory": "40Gi"},
            [
                *("types", "--json=-", "--gpus=1", "--accelerator=nvidia", "--region=us-west-2", "--arch=amd64"),
                *("--gpu-memory=40Gi", "--max-price=3", "--spot"),
            ],
            "",
        ),
    ],
)
def test_what_is_given_is_no_option_of_the_command(tool, arguments, words, stdin):
    question = asked(tool, arguments)
    assert [*question.words()] == words
    assert question.stdin == stdin
