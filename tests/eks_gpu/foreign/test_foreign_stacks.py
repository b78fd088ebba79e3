"""Stacks that the engine tells of: a real preview and a real state of one program, judged without running it."""

import json
from pathlib import Path
from typing import Any

import pytest

from eks_gpu.foreign import documents
from eks_gpu.foreign.judged import Judged, judge
from eks_gpu.foreign.stack import foreign
from eks_gpu.graph.values import HIDDEN, MASK, UNKNOWN, decoded, replaced, unknowns
from eks_gpu.io.problems import InputError
from eks_gpu.pools.software import software
from tests import graphs, whole_graphs
from tests.foreign_stacks import ANY, DAY, GROUP, PREVIEW, RECORDED, SECRET, SINCE, STATE, mix_gpu_counts, preview, step
from tests.found import every
from tests.programs import plan_of


def judged(data: dict[str, Any], tmp_path: Path, kind: str = "preview") -> Judged:
    file = tmp_path / f"{kind}.json"
    file.write_text(json.dumps(data))
    return judge(foreign(getattr(documents, kind)(file)), DAY)


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
