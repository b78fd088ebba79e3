"""check: what it exits with, prints and refuses for a preview or a state."""

import json
import re

import pytest

from eks_gpu.io.problems import InputError
from tests.foreign_stacks import PREVIEW, SECRET, SINCE, STATE, check, mix_gpu_counts, preview
from tests.found import every


def test_a_healthy_stack_exits_with_0_and_a_failing_one_with_1(tmp_path):
    assert check("--state", str(STATE)).exit_code == 0
    data = preview()
    mix_gpu_counts(data)
    file = tmp_path / "p.json"
    file.write_text(json.dumps(data))
    found = check("--preview", str(file))
    assert found.exit_code == 1
    assert "one-gpu-count-a-group: gpu-spot-us-west-2a-spot" in found.output


def test_a_stack_without_its_program_has_a_page_that_says_how_it_was_judged(tmp_path):
    data = preview()
    mix_gpu_counts(data)
    file = tmp_path / "p.json"
    file.write_text(json.dumps(data))
    found = check("--preview", str(file), "--html", "-")
    assert found.exit_code == 1
    assert found.stdout.startswith("<!doctype html>")
    assert re.search(r'dev</span>: <a class="fail" href="#stack-dev-checks">\d+ checks? fails?<', found.stdout)
    assert "Judged by <code>eks-gpu check</code> from what Pulumi told: the program did not run" in found.stdout
    assert "one-gpu-count-a-group" in found.stdout
    both = check("--preview", str(file), "--html", "-", "--json", "-")
    assert isinstance(both.exception, InputError)
    assert both.exception.problems == ["--json, --html, --sarif, --junit: only one of them can be stdout, -"]


def test_a_state_with_nodes_that_are_not_read_exits_with_1_and_names_them(tmp_path):
    data = json.loads(STATE.read_text())
    fleet = {"urn": "urn:pulumi:dev::gaia::aws:ec2/fleet:Fleet::spare", "type": "aws:ec2/fleet:Fleet", "custom": True}
    data["deployment"]["resources"].append(fleet)
    file = tmp_path / "s.json"
    file.write_text(json.dumps(data))
    found = check("--state", str(file), "--json", "-")
    assert found.exit_code == 1
    answer = json.loads(found.stdout)
    assert [(row["subject"], row["what"]) for row in answer["unread"]] == [("Fleet spare", "nodes")]
    assert [check["id"] for check in answer["checks"] if check["passed"] is False and check["severity"] == "error"] == [
        "nodes-are-all-read"
    ]
    assert answer["cost"]["idle"]["at_least"] is True


def test_a_preview_may_come_through_a_pipe():
    found = check("--preview", "-", "--json", "-", text=PREVIEW.read_text())
    answer = json.loads(found.stdout)
    assert answer.keys() >= {"project", "stack", "region", "pools", "workloads", "cost", "checks", "unread", "assumed"}
    assert {check["id"] for check in every(answer["checks"]) if not check["passed"]} == SINCE


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "p.json:1:1: not valid JSON: Expecting value"),
        ("[]", "p.json: must be a JSON object, got list"),
        (
            '{"deployment": {}}',
            "must be what `pulumi preview --json` prints, which has steps; this is a state: --state",
        ),
        ('{"a": 1}', "which has steps; it has a"),
        ('{"steps": {}}', "p.json: steps must be a list, got dict"),
        ('{"steps": [1]}', "p.json: steps[0] must be an object, got 1"),
        ('{"steps": [{"newState": {"urn": "x"}}]}', "steps[0].newState.urn must match ^urn:pulumi:, got 'x'"),
        ('{"steps": [{"newState": {"urn": "urn:pulumi:a::b::c::d"}}]}', "steps[0].newState.type is required"),
        (
            '{"steps": [], "diagnostics": [{"severity": "error", "message": "no such type\\n"}]}',
            "p.json: the preview itself failed, and tells half of the stack: no such type",
        ),
    ],
)
def test_what_is_no_preview_is_wrong_input(tmp_path, text, problem):
    file = tmp_path / "p.json"
    file.write_text(text)
    found = check("--preview", str(file))
    assert isinstance(found.exception, InputError)
    assert problem in str(found.exception)


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ({"name": None}, "metadata.name must be a text, got nothing (web)"),
        ({"name": 5}, "metadata.name must be a text, got 5 (web)"),
        ({"name": ["a", "b"]}, "metadata.name must be a text, got ['a', 'b'] (web)"),
        ({"name": {"a": 1}}, "metadata.name must be a text, got {'a': 1} (web)"),
        ({"name": "web", "namespace": 7}, "metadata.namespace must be a text, got 7 (web)"),
    ],
)
def test_a_name_that_is_no_text_is_wrong_input(tmp_path, metadata, problem):
    assert str(checked_object(tmp_path, metadata)).endswith(f"deployment.resources[0].inputs.{problem}")


@pytest.mark.parametrize(
    "metadata",
    [
        {"name": "web", "namespace": None},
        {"generateName": "web-"},
        {"name": {**SECRET, "ciphertext": "v1:abc"}},
        {"name": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"},
    ],
    ids=["no namespace", "no name yet", "secret", "unknown"],
)
def test_a_name_that_nobody_knows_is_none_that_is_wrong(tmp_path, metadata):
    assert not isinstance(checked_object(tmp_path, metadata), InputError)


def checked_object(tmp_path, metadata) -> BaseException | None:
    urn = "urn:pulumi:dev::shop::kubernetes:core/v1:ConfigMap::web"
    row = {"urn": urn, "type": "kubernetes:core/v1:ConfigMap", "custom": True, "inputs": {"metadata": metadata}}
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"version": 3, "deployment": {"resources": [row]}}))
    return check("--state", str(file)).exception


def test_one_document_is_asked_for():
    for arguments in ([], ["--state", "a", "--preview", "b"]):
        found = check(*arguments)
        assert str(found.exception) == "one of --preview FILE, --state FILE and --cluster is required, and only one"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--state", "a", "--context", "b"], "--context: is of a running cluster, and so needs --cluster"),
        (["--state", "a", "--no-account"], "--no-account: is of a running cluster, and so needs --cluster"),
        (["--cluster", "--pools", "a"], "--pools: is for a stack without its pools; a cluster has its own"),
        (["--cluster", "--kubeconfig", "none"], "--kubeconfig: none: there is no such file"),
        (["--cluster", "--state", "a"], "one of --preview FILE, --state FILE and --cluster is required, and only one"),
    ],
)
def test_options_of_a_stack_and_of_a_cluster_do_not_mix(arguments, said):
    assert str(check(*arguments).exception) == said
