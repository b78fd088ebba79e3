"""Stacks that the engine tells of: a real preview and a real state of one program, judged without running it.

tests/recorded has what CLI 3.259 printed for examples/spot-autoscaling-groups.
"""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest
import typer
from junitparser import JUnitXml
from typer.testing import CliRunner

from eks_gpu.checks import Finding
from eks_gpu.commands import check as command
from eks_gpu.foreign import documents
from eks_gpu.foreign.judged import Judged, judge
from eks_gpu.foreign.stack import foreign
from eks_gpu.graph.values import HIDDEN, MASK, UNKNOWN, decoded, replaced, unknowns
from eks_gpu.io.problems import InputError
from eks_gpu.plan.junit import junit
from eks_gpu.plan.sarif import Told, sarif
from eks_gpu.pools.software import software
from tests import graphs, whole_graphs
from tests.found import every
from tests.programs import ROOT, plan_of

RECORDED = ROOT / "tests" / "recorded"
PREVIEW = RECORDED / "spot-autoscaling-groups.preview.json"
STATE = RECORDED / "spot-autoscaling-groups.state.json"
ANY = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
DAY = date(2026, 11, 24)


def judged(data: dict[str, Any], tmp_path: Path, kind: str = "preview") -> Judged:
    file = tmp_path / f"{kind}.json"
    file.write_text(json.dumps(data))
    return judge(foreign(getattr(documents, kind)(file)), DAY)


def step(data: dict[str, Any], name: str, type_: str) -> dict[str, Any]:
    return next(
        each["newState"]
        for each in data["steps"]
        if each["newState"]["type"] == type_ and each["urn"].endswith(f"::{name}")
    )


def preview() -> dict[str, Any]:
    return json.loads(PREVIEW.read_text())


GROUP = "aws:autoscaling/group:Group"
SINCE = {"spot-groups-are-drained"}
"""What the recorded program did not have yet."""


def mix_gpu_counts(data: dict[str, Any]) -> None:
    """In one group, types with one GPU and one with four."""
    inputs = step(data, "gpu-spot-us-west-2a-spot", GROUP)["inputs"]
    inputs["mixedInstancesPolicy"]["launchTemplate"]["overrides"].append({"instanceType": "g5.12xlarge"})


@pytest.mark.parametrize(("kind", "file"), [("preview", PREVIEW), ("state", STATE)])
def test_a_preview_and_a_state_say_what_the_plan_of_the_program_says(kind, file):
    found = judge(foreign(getattr(documents, kind)(file)), DAY)
    planned = plan_of("examples/spot-autoscaling-groups", "dev").analysis
    assert (found.told.project, found.told.stack, found.told.region) == ("spot-autoscaling-groups", "dev", "us-west-2")
    assert {finding.id for finding in every(found.findings) if not finding.passed} == SINCE
    assert found.analysis.cost.max.hourly == pytest.approx(planned.cost.max.hourly)
    assert found.analysis.cost.idle.hourly == pytest.approx(planned.cost.idle.hourly)

    def shape(pools: Any) -> list[Any]:
        return sorted((pool.backend, pool.zones, pool.instance_types, pool.max_gpus, pool.taints) for pool in pools)

    assert shape(found.analysis.pools) == shape(planned.pools)
    assert [workload.name for workload in found.analysis.workloads] == ["cuda-vector-add"]


def test_what_a_preview_does_not_know_comes_from_the_resource_it_waits_for():
    told = foreign(documents.preview(PREVIEW))
    group = next(each for each in told.graph.of(GROUP) if each.name == "gpu-spot-us-west-2b-spot")
    (subnet_id,) = group.inputs["vpcZoneIdentifiers"]
    subnet = told.graph.by_id(subnet_id)
    assert subnet and subnet.inputs["availabilityZone"] == "us-west-2b"
    template = group.inputs["mixedInstancesPolicy"]["launchTemplate"]["launchTemplateSpecification"]
    named = told.graph.by_id(template["launchTemplateId"])
    assert named and named.name == "gpu-spot-us-west-2b-spot-template"
    templates = {urn.rpartition("::")[2]: names for urn, names in told.unknown.items() if urn.endswith("-template")}
    assert templates["gpu-spot-us-west-2b-spot-template"] == ("userData",)
    assert len(told.assumed) == 1


def test_a_fault_in_a_preview_is_found(tmp_path):
    data = preview()
    mix_gpu_counts(data)
    found = judged(data, tmp_path)
    assert {finding.id for finding in found.findings if not finding.passed} == {"one-gpu-count-a-group", *SINCE}
    assert found.failed


def test_a_check_that_needs_an_unknown_value_gives_no_verdict_and_names_it(tmp_path):
    data = preview()
    step(data, "gpu-spot-us-west-2a-spot", GROUP)["inputs"]["tags"] = ANY
    found = judged(data, tmp_path)
    assert {finding.id for finding in found.findings if finding.failed} == SINCE
    unjudged = {each.id: each for each in found.findings if each.passed is None}
    told = unjudged["groups-are-discovered-by-this-cluster"]
    assert told.message == "it needs tags of gpu-spot-us-west-2a-spot, which only pulumi up will tell"
    assert (told.severity, told.fix, told.fails_plan) == ("error", "", False)
    assert not found.failed
    (row,) = [row for row in found.as_json()["unread"] if row["subject"] == "Group gpu-spot-us-west-2a-spot"]
    assert (row["what"], row["why"]) == ("values", "tags is known after pulumi up only")


def test_an_unknown_value_that_a_check_does_not_need_leaves_its_verdict(tmp_path):
    data = preview()
    mix_gpu_counts(data)
    group = step(data, "gpu-spot-us-west-2a-spot", GROUP)["inputs"]
    group["suspendedProcesses"] = []
    enabled = "k8s.io/cluster-autoscaler/enabled"
    assert enabled in {tag["key"] for tag in group["tags"]}
    group["tags"] = [tag for tag in group["tags"] if tag["key"] != enabled]
    group["tags"].append({"key": "Name", "value": ANY, "propagateAtLaunch": True})
    found = judged(data, tmp_path)
    failing = {finding.id for finding in found.findings if finding.fails_plan}
    assert failing == {"one-gpu-count-a-group", "groups-are-discovered-by-this-cluster"}
    assert [finding for finding in found.findings if finding.passed is None] == []
    assert not [row for row in found.analysis.unread if "Group gpu-spot" in row.subject]


def stated(*resources: Any) -> Judged:
    """Of resources as a state tells them, with unknown values as a preview does."""
    told = (
        {"urn": each.urn, "type": each.type, "custom": each.custom, "id": each.id, "inputs": each.inputs}
        | {"ignoreChanges": list(each.options.get("ignoreChanges", ()))}
        for each in resources
    )
    document = documents.Document(Path("stack"), tuple(map(documents.Registered.model_validate, told)))
    return judge(foreign(document, "us-west-2"), DAY)


@pytest.mark.parametrize(
    ("inputs", "unjudged", "judged_all_the_same"),
    [
        ({"maxSize": ANY}, "gpu-pools-are-capped", "gpu-nodes-are-tainted"),
        ({"desiredCapacity": ANY}, "gpu-pools-start-at-zero", "gpu-pools-are-capped"),
        ({"suspendedProcesses": ANY}, "azrebalance-suspended-on-gpu-groups", "gpu-nodes-are-tainted"),
        ({"suspendedProcesses": [ANY]}, "azrebalance-suspended-on-gpu-groups", "gpu-nodes-are-tainted"),
        ({"vpcZoneIdentifiers": ANY}, "instance-types-offered-in-zones", "gpu-pools-are-capped"),
        (
            {
                "mixedInstancesPolicy": {
                    **graphs.overrides(),
                    "launchTemplate": {
                        "launchTemplateSpecification": {"launchTemplateId": "lt-gpu"},
                        "overrides": [{"instanceType": ANY}],
                    },
                }
            },
            "instance-types-offered-in-zones",
            "groups-are-discovered-by-this-cluster",
        ),
        (
            {"tags": [*graphs.tags(graphs.GPU_TAGS), {"key": f"{graphs.TEMPLATE}/label/team", "value": ANY}]},
            "scale-from-zero-labels-match-node",
            "groups-are-discovered-by-this-cluster",
        ),
        (
            {"tags": [*graphs.without(f"{graphs.CA}/enabled"), {"key": f"{graphs.CA}/enabled", "value": ANY}]},
            "groups-are-discovered-by-this-cluster",
            "scale-from-zero-labels-match-node",
        ),
    ],
    ids=lambda given: str(given)[:40],
)
def test_only_the_checks_that_need_the_unknown_property_of_a_group_give_no_verdict(
    inputs, unjudged, judged_all_the_same
):
    found = stated(*graphs.healthy(gpu=graphs.gpu_group(**inputs)))
    of_gpu = {each.id: each.passed for each in found.findings if each.subject == "gpu"}
    assert of_gpu[unjudged] is None
    assert of_gpu[judged_all_the_same] is not None
    others = [each.id for each in found.findings if each.subject == "system" and each.passed is None]
    assert others == []


@pytest.mark.parametrize(
    ("inputs", "unjudged", "judged_all_the_same"),
    [
        (
            {"scalingConfig": {"minSize": 0, "desiredSize": ANY, "maxSize": 2}},
            "gpu-pools-start-at-zero",
            "gpu-pools-are-capped",
        ),
        ({"labels": ANY}, "autoscaled-gpu-nodes-have-the-accelerator-label", "gpu-nodes-are-tainted"),
        ({"labels": {"team": ANY}}, None, "autoscaled-gpu-nodes-have-the-accelerator-label"),
        ({"taints": ANY}, "gpu-nodes-are-tainted", "gpu-pools-are-capped"),
        ({"amiType": ANY}, "device-plugin-reaches-gpu-pools", "gpu-pools-are-capped"),
    ],
    ids=lambda given: str(given)[:40],
)
def test_only_the_checks_that_need_the_unknown_property_of_a_managed_group_give_no_verdict(
    inputs, unjudged, judged_all_the_same
):
    given = {"instanceTypes": ["g5.xlarge"], "amiType": "AL2023_x86_64_NVIDIA", "launchTemplate": {"id": "lt-system"}}
    given |= {"scalingConfig": {"minSize": 0, "desiredSize": 0, "maxSize": 2}}
    found = stated(*graphs.healthy(gpu=graphs.managed_group("gpu", **given | inputs)))
    of_gpu = {each.id: each.passed for each in found.findings if each.subject == "gpu"}
    assert [id_ for id_, passed in of_gpu.items() if passed is None and id_ == unjudged] == (
        [unjudged] if unjudged else []
    )
    assert of_gpu[judged_all_the_same] is not None


def test_a_pod_whose_selector_is_unknown_is_not_judged_and_another_is():
    pods = {"cpu": "500m", "memory": "1Gi"}
    selects = graphs.deployment("web", graphs.pod(pods, nodeSelector=ANY), replicas=1)
    found = stated(*graphs.healthy(web=selects))
    said = {each.subject: each.passed for each in found.findings if each.id == "workloads-are-admitted"}
    assert said == {"Deployment default/train": True, "Deployment default/web": True}
    rejected = graphs.deployment("web", graphs.pod(pods | {"memory": "9Ti"}, nodeSelector=ANY), replicas=1)
    found = stated(*graphs.healthy(web=rejected))
    said = {each.subject: each.passed for each in found.findings if each.id == "workloads-are-admitted"}
    assert said == {"Deployment default/train": True, "Deployment default/web": None}


def test_a_pool_whose_size_is_unknown_has_no_total():
    bills = stated(*graphs.healthy(gpu=graphs.gpu_group(maxSize=ANY))).as_json()["cost"]
    assert [bills[level]["hourly"] for level in ("idle", "steady", "demand_max", "max")] == [None] * 4
    said = "how many nodes pool gpu has, or their price, needs maxSize of gpu, which only pulumi up will tell"
    assert said in bills["max"]["notes"]


def test_an_agent_that_is_told_later_what_it_tolerates_is_not_judged():
    stack = whole_graphs.healthy(monitoring=whole_graphs.addon("eks-node-monitoring-agent", configurationValues=ANY))
    found = stated(*stack).findings
    (finding,) = (each for each in found if each.id == "node-monitoring-reaches-gpu-pools")
    assert (finding.passed, finding.severity) == (None, "error")
    assert finding.message == (
        "it needs configurationValues of eks-node-monitoring-agent, which only pulumi up will tell"
    )


def test_inputs_of_another_shape_than_their_type_are_wrong_input_with_resource_and_property(tmp_path):
    data = preview()
    step(data, "gpu-spot-us-west-2a-spot", GROUP)["inputs"]["tags"] = ["a"]
    with pytest.raises(InputError) as problem:
        judged(data, tmp_path)
    assert str(problem.value) == "gpu-spot-us-west-2a-spot: Group.tags[0]: want an object, got 'a'"


def test_who_scales_a_group_is_not_judged_where_no_resource_tells_its_options(tmp_path):
    data = preview()
    for each in data["steps"]:
        each["newState"].pop("ignoreChanges", None)
    found = judged(data, tmp_path)
    assert "desired-size-belongs-to-the-autoscaler" not in {finding.id for finding in found.findings}
    assert any("which changes a resource ignores is not told" in sentence for sentence in found.told.assumed)
    assert not found.failed


def test_a_custom_resource_of_another_shape_is_wrong_input_too(tmp_path):
    pool = {"urn": "urn:pulumi:a::b::kubernetes:karpenter.sh/v1:NodePool::gpu", "custom": True}
    pool |= {
        "type": "kubernetes:karpenter.sh/v1:NodePool",
        "inputs": {"spec": {"template": {"spec": {"requirements": 1}}}},
    }
    data = {"config": {"aws:region": "us-west-2"}, "steps": [{"op": "create", "newState": pool}]}
    with pytest.raises(InputError, match="the inputs of a resource are not as its type has them"):
        judged(data, tmp_path)


def test_what_will_be_deleted_is_not_judged(tmp_path):
    data = preview()
    before = len(judged(data, tmp_path).analysis.pools)
    for each in data["steps"]:
        if each["urn"].endswith("Group::spot"):
            each["op"] = "delete"
    assert len(judged(data, tmp_path).analysis.pools) == before - 1


def test_a_replaced_resource_that_waits_to_be_deleted_is_not_judged(tmp_path):
    data = json.loads(STATE.read_text())
    groups = [each for each in data["deployment"]["resources"] if each["type"] == GROUP]
    data["deployment"]["resources"].append({**groups[0], "delete": True, "id": "old"})
    assert len(judged(data, tmp_path, "state").analysis.pools) == 5


def test_the_region_is_the_configured_one_or_the_providers_or_the_users(tmp_path):
    data = preview()
    assert foreign(documents.preview(PREVIEW), "eu-west-1").region == "eu-west-1"
    del data["config"]["aws:region"]
    file = tmp_path / "p.json"
    file.write_text(json.dumps(data))
    providers = [each for each in data["steps"] if each["newState"]["type"] == "pulumi:providers:aws"]
    told = foreign(documents.preview(file), "" if providers else "us-west-2")
    assert told.region == "us-west-2"
    file.write_text('{"steps": []}')
    with pytest.raises(InputError, match=r"--region: is required: .*p.json tells of no provider for AWS with a region"):
        foreign(documents.preview(file))
    with pytest.raises(InputError, match="--region: must be a region of AWS, got 'us-wets-2'; nearest: us-west-2"):
        foreign(documents.preview(file), "us-wets-2")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (ANY, UNKNOWN),
        ({"a": [ANY, 1]}, {"a": [UNKNOWN, 1]}),
        ({**SECRET, "plaintext": '{"a": 1}'}, {"a": 1}),
        ({**SECRET, "ciphertext": "v1:x"}, HIDDEN),
        ({**SECRET, "plaintext": "not JSON"}, HIDDEN),
        (MASK, HIDDEN),
        (
            {"4dabf18193072939515e22adb298388d": "5cf8f73096256a8f31e491e813e4eb8e", "urn": "urn:1", "id": "i"},
            {"urn": "urn:1", "id": "i"},
        ),
        ({"4dabf18193072939515e22adb298388d": "d0e6a833031e9bbcd3f4e8bde6ca49a4"}, UNKNOWN),
        ({"4dabf18193072939515e22adb298388d": "d0e6a833031e9bbcd3f4e8bde6ca49a4", "value": 2}, 2),
    ],
)
def test_the_engines_special_values_are_read(given, found):
    assert decoded(given) == found


def test_an_unknown_value_is_known_where_another_resource_tells_it():
    value = decoded({"a": ANY, "b": {"c": ANY}, "d": [ANY, 1]})
    assert list(unknowns(value)) == [("a",), ("b", "c"), ("d", 0)]
    assert replaced(value, {("b", "c"): "known"}, "urn") == {"b": {"c": "known"}, "d": [1]}


# The command


def run(*arguments: str, text: str | None = None) -> Any:
    app = typer.Typer()
    app.command()(command.check)
    return CliRunner().invoke(app, list(arguments), input=text)


def test_a_healthy_stack_exits_with_0_and_a_failing_one_with_1(tmp_path):
    assert run("--state", str(STATE)).exit_code == 0
    data = preview()
    mix_gpu_counts(data)
    file = tmp_path / "p.json"
    file.write_text(json.dumps(data))
    found = run("--preview", str(file))
    assert found.exit_code == 1
    assert "one-gpu-count-a-group: gpu-spot-us-west-2a-spot" in found.output


def test_a_stack_without_its_program_has_a_page_that_says_how_it_was_judged(tmp_path):
    data = preview()
    mix_gpu_counts(data)
    file = tmp_path / "p.json"
    file.write_text(json.dumps(data))
    found = run("--preview", str(file), "--html", "-")
    assert found.exit_code == 1
    assert found.stdout.startswith("<!doctype html>")
    assert re.search(r'dev</span>: <a class="fail" href="#stack-dev-checks">\d+ checks? fails?<', found.stdout)
    assert "Judged by <code>eks-gpu check</code> from what Pulumi told: the program did not run" in found.stdout
    assert "one-gpu-count-a-group" in found.stdout
    both = run("--preview", str(file), "--html", "-", "--json", "-")
    assert isinstance(both.exception, InputError)
    assert both.exception.problems == ["--json, --html, --sarif, --junit: only one of them can be stdout, -"]


def test_a_state_with_nodes_that_are_not_read_exits_with_1_and_names_them(tmp_path):
    data = json.loads(STATE.read_text())
    fleet = {"urn": "urn:pulumi:dev::gaia::aws:ec2/fleet:Fleet::spare", "type": "aws:ec2/fleet:Fleet", "custom": True}
    data["deployment"]["resources"].append(fleet)
    file = tmp_path / "s.json"
    file.write_text(json.dumps(data))
    found = run("--state", str(file), "--json", "-")
    assert found.exit_code == 1
    answer = json.loads(found.stdout)
    assert [(row["subject"], row["what"]) for row in answer["unread"]] == [("Fleet spare", "nodes")]
    assert [check["id"] for check in answer["checks"] if check["passed"] is False and check["severity"] == "error"] == [
        "nodes-are-all-read"
    ]
    assert answer["cost"]["idle"]["at_least"] is True


def test_a_preview_may_come_through_a_pipe():
    found = run("--preview", "-", "--json", "-", text=PREVIEW.read_text())
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
    found = run("--preview", str(file))
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
    return run("--state", str(file)).exception


def test_one_document_is_asked_for():
    for arguments in ([], ["--state", "a", "--preview", "b"]):
        found = run(*arguments)
        assert str(found.exception) == "one of --preview FILE, --state FILE and --cluster is required, and only one"


# What other tools read

FINDINGS = [
    Finding("gpu-pools-are-capped", "gpu", False, "nothing limits it", "error", "limit the pool's GPUs"),
    Finding("gpu-pools-are-capped", "other", True, "at most 4"),
    Finding("spot-is-diverse-with-a-fallback", "gpu", False, "one type", "warning", "name more"),
    Finding("gpu-nodes-are-tainted", "gpu", False, "no taint", "error", "add it", waived="a test cluster"),
    Finding("gpu-nodes-are-tainted", "other", None, "it needs taints of other", "error"),
]


def test_sarif_has_a_rule_for_each_failed_check_and_a_result_at_the_line_of_the_program():
    places = {"gpu-pools-are-capped": "components/pool.py:94"}
    (found,) = sarif(Told(FINDINGS, lambda finding: places.get(finding.id, "")))["runs"]
    assert [rule["id"] for rule in found["tool"]["driver"]["rules"]] == [
        "gpu-nodes-are-tainted",
        "gpu-pools-are-capped",
        "spot-is-diverse-with-a-fallback",
    ]
    first, second, third, fourth = found["results"]
    assert (first["ruleId"], first["ruleIndex"], first["level"]) == ("gpu-pools-are-capped", 1, "error")
    assert first["message"] == {"text": "gpu: nothing limits it. Fix: limit the pool's GPUs."}
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "components/pool.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 94},
    }
    assert second["level"] == "warning"
    assert third["suppressions"] == [{"kind": "external", "justification": "a test cluster"}]
    assert [each["kind"] for each in found["results"]] == ["fail", "fail", "fail", "open"]
    assert (fourth["level"], fourth["message"]) == ("none", {"text": "other: it needs taints of other."})


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages with an address."""
    monkeypatch.setattr("eks_gpu.io.documentation.address", lambda: "https://gpus.example/docs")


@pytest.mark.usefixtures("published")
def test_a_rule_of_sarif_carries_the_reason_the_fix_and_a_link():
    (found,) = sarif(Told(FINDINGS, lambda finding: ""))["runs"]
    assert found["tool"]["driver"]["rules"][2] == {
        "id": "spot-is-diverse-with-a-fallback",
        "shortDescription": {"text": "Spot capacity runs out by type and zone: with few of them, pods stay Pending."},
        "fullDescription": {"text": SPOT},
        "help": {
            "text": f"{SPOT} Fix: name 3 types and 2 zones or more, and allow on-demand too. "
            "See https://gpus.example/docs/checks.md#spot-is-diverse-with-a-fallback",
            "markdown": f"{SPOT}\n\n**Fix**: name 3 types and 2 zones or more, and allow on-demand too.\n\n"
            "[spot-is-diverse-with-a-fallback](https://gpus.example/docs/checks.md#spot-is-diverse-with-a-fallback)",
        },
        "helpUri": "https://gpus.example/docs/checks.md#spot-is-diverse-with-a-fallback",
        "defaultConfiguration": {"level": "warning"},
        "properties": {
            "sources": [
                {"title": "Amazon EC2 User Guide", "read": "2026-11-21", "sure": True},
                {"title": "Karpenter documentation", "read": "2026-11-28", "sure": True},
            ]
        },
    }


SPOT = (
    "Spot capacity runs out by type and zone: with few of them, pods stay Pending. The check fails with fewer than "
    "three types or two zones, or if no on-demand pool takes a workload that it takes."
)


def test_without_an_address_of_the_pages_there_is_no_link(monkeypatch):
    monkeypatch.setattr("eks_gpu.io.documentation.address", lambda: "")
    (found,) = sarif(Told(FINDINGS, lambda finding: ""))["runs"]
    assert found["tool"]["driver"]["rules"]
    assert not any("helpUri" in rule for rule in found["tool"]["driver"]["rules"])


def test_the_line_of_the_program_comes_from_the_engine(tmp_path):
    data = preview()
    mix_gpu_counts(data)
    source, out = tmp_path / "p.json", tmp_path / "s.sarif"
    source.write_text(json.dumps(data))
    run("--preview", str(source), "--sarif", str(out))
    found = json.loads(out.read_text())["runs"][0]["results"]
    (result,) = [each for each in found if each["ruleId"] not in SINCE]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "components/auto_scaling_group.py"
    assert place["region"]["startLine"] > 1


@pytest.mark.usefixtures("published")
def test_junit_has_a_case_for_each_check_and_subject():
    report = cast(JUnitXml, JUnitXml.fromstring(junit({"gaia/dev": FINDINGS}).encode()))
    (suite,) = report
    assert (suite.name, suite.tests, suite.failures, suite.skipped) == ("gaia/dev", 5, 1, 2)
    failed, passed, warned, waived, unjudged = suite
    assert failed.classname == "gpu-pools-are-capped"
    assert failed.result[0].message == "nothing limits it. Fix: limit the pool's GPUs"
    assert failed.result[0].text == (
        "Without a limit one wrong replica count starts GPU nodes until the quota is used up.\n"
        "https://gpus.example/docs/checks.md#gpu-pools-are-capped"
    )
    assert (passed.result, passed.system_out) == ([], None)
    assert warned.system_out == (
        "warning: one type. Fix: name more\n"
        "Spot capacity runs out by type and zone: with few of them, pods stay Pending.\n"
        "https://gpus.example/docs/checks.md#spot-is-diverse-with-a-fallback"
    )
    assert waived.result[0].message == "waived: a test cluster"
    assert unjudged.result[0].message == "not judged: it needs taints of other"


def test_a_preview_tells_what_it_would_create_and_a_state_what_is_there(tmp_path):
    def step(operation: str, name: str) -> dict[str, object]:
        state = {"urn": f"urn:pulumi:dev::shop::aws:ec2/vpc:Vpc::{name}", "type": "aws:ec2/vpc:Vpc", "custom": True}
        return {"op": operation, "urn": state["urn"], "newState": state}

    operations = ("create", "same", "update", "create-replacement")
    steps = [step(operation, operation) for operation in operations]
    file = tmp_path / "preview.json"
    file.write_text(json.dumps({"config": {"aws:region": "us-west-2"}, "steps": steps}))
    graph = foreign(documents.preview(file)).graph
    assert [found.name for found in graph if graph.is_new(found)] == ["create", "create-replacement"]
    recorded = foreign(documents.state(RECORDED / "spot-autoscaling-groups.state.json")).graph
    assert not any(map(recorded.is_new, recorded))


@pytest.mark.parametrize(
    ("chart", "what"),
    [
        ("oci://public.ecr.aws/karpenter/karpenter", []),
        ("metrics-server", []),
        ("./charts/app", ["software"]),
        ("prometheus", ["software"]),
        ("karpenter-nodepools", ["nodes"]),
    ],
)
def test_a_release_in_a_state_is_without_its_objects(tmp_path, chart, what):
    type_ = "kubernetes:helm.sh/v3:Release"
    row = {"urn": f"urn:pulumi:dev::shop::{type_}::it", "type": type_, "custom": True}
    row["inputs"] = {"chart": chart, "name": "it", "namespace": "ml"}
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"deployment": {"resources": [row]}}))
    unread = foreign(documents.state(file), "us-west-2").graph.unread

    assert [found.what for found in unread] == what
    assert all(found.how == "`helm get manifest it --namespace ml` prints them" for found in unread)


def test_files_of_values_in_a_state_are_in_the_values_that_the_provider_told(tmp_path):
    type_ = "kubernetes:helm.sh/v3:Release"
    asset = {"4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17", "path": "values.yaml"}
    inputs = {"chart": "karpenter", "valueYamlFiles": [asset], "values": {"replicas": 1}}
    outputs = {**inputs, "values": {"replicas": 1, "settings": {"clusterName": "shop"}}}
    row = {"urn": f"urn:pulumi:dev::shop::{type_}::it", "type": type_, "custom": True, "inputs": inputs}
    file = tmp_path / "state.json"
    file.write_text(
        json.dumps({"deployment": {"resources": [{**row, "id": "ml/it", "outputs": {"id": "it", **outputs}}]}})
    )

    (release,) = software(foreign(documents.state(file), "us-west-2").graph)
    assert release.values == {"replicas": 1, "settings": {"clusterName": "shop"}}


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
    assert str(run(*arguments).exception) == said
