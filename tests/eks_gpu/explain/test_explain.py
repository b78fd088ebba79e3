"""Explain: what each pool says of a pod, where both say it, and what to change."""

import pytest

from eks_gpu.explain.explanation import Explanation
from eks_gpu.explain.places import settings_places
from eks_gpu.explain.stack_rooms import stack_rooms
from eks_gpu.graph.graph import Graph, Resource
from tests.explanations import POD, groups, karpenter, place, row
from tests.graphs import gpu_group, resource, subnet
from tests.karpenter_graphs import node_pool, requirement, types

# --- the rule, and where both sides say it ---------------------------------------------------------------------------


def test_a_pool_that_takes_the_pod_and_one_that_does_not(explained):
    found = explained(POD)
    assert [(answer.pool.name, answer.verdict.admits) for answer in found.answers] == [("gpu", True), ("system", False)]
    rejected = row(found, "system")
    assert rejected["reason"] == (
        "the group may bring m7i.large in us-west-2a: pod needs 1 of nvidia.com/gpu, an empty m7i.large has 0"
    )
    assert rejected["rule"] == "resources-suffice"
    assert place(rejected) == (13, "spec.containers[0].resources.limits.nvidia.com/gpu")
    assert rejected["in_pool"] == {
        "resource": "NodeGroup system",
        "field": "instanceTypes",
        "urn": "urn:pulumi:dev::shop::aws:eks/nodeGroup:NodeGroup::system",
    }


@pytest.mark.parametrize(
    ("old", "new", "line", "path"),
    [
        ("operator: Exists", "value: wrong", 6, "spec.tolerations[0]"),  # the one that was meant
        ("nvidia.com/gpu\n      operator", "other\n      operator", 5, "spec.tolerations"),
        ("  tolerations:\n    - key: nvidia.com/gpu\n      operator: Exists\n", "", 4, "spec"),
    ],
)
def test_a_taint_points_to_the_nearest_toleration(explained, old, new, line, path):
    rejected = row(explained(POD.replace(old, new)), "gpu")
    assert rejected["rule"] == "taint-is-tolerated"
    assert place(rejected) == (line, path)
    assert rejected["in_pool"]["resource"] == "LaunchTemplate lt-gpu"
    assert rejected["in_pool"]["field"] == "userData"


def test_a_selector_points_to_its_key(explained):
    rejected = row(explained(POD.replace("  containers", "  nodeSelector:\n    team: ml\n  containers")), "gpu")
    assert rejected["rule"] == "labels-match"
    assert place(rejected) == (9, "spec.nodeSelector.team")


def test_an_affinity_points_to_its_expression(explained):
    affinity = """\
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
          - matchExpressions:
              - {key: kubernetes.io/arch, operator: In, values: [amd64]}
              - {key: topology.kubernetes.io/zone, operator: In, values: [us-west-2d]}
"""
    rejected = row(explained(POD.replace("  containers", f"{affinity}  containers")), "gpu")
    terms = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
    assert place(rejected) == (14, f"{terms}.matchExpressions[1]")
    assert rejected["in_pool"]["field"] == "vpcZoneIdentifiers"


def test_a_pod_that_names_its_node(explained):
    rejected = row(explained(POD.replace("  containers", "  nodeName: ip-10-0-0-1\n  containers")), "gpu")
    assert (rejected["rule"], place(rejected)) == ("node-name-is-open", (8, "spec.nodeName"))


def test_a_pool_that_may_have_no_node_is_the_pools_own_matter(explained):
    rejected = row(explained(POD, groups(gpu=gpu_group(maxSize=0))), "gpu")
    assert (rejected["rule"], rejected["in_pod"]) == ("pool-may-have-nodes", None)
    assert (rejected["in_pool"]["resource"], rejected["in_pool"]["field"]) == ("AutoScalingGroup gpu", "maxSize")


def in_node_pool(found: Explanation) -> tuple[str, str]:
    rejected = row(found, "gpu")
    assert rejected["in_pool"]["resource"] == "NodePool gpu"
    return rejected["rule"], rejected["in_pool"]["field"]


def test_the_fields_of_a_node_pool(explained):
    untolerated = POD.replace("operator: Exists", "value: wrong")
    assert in_node_pool(explained(untolerated, karpenter())) == (
        "taint-is-tolerated",
        "spec.template.spec.taints[0]",
    )
    zoned = POD.replace("  containers", "  nodeSelector: {karpenter.sh/capacity-type: reserved}\n  containers")
    assert in_node_pool(explained(zoned, karpenter())) == ("labels-match", "spec.template.spec.requirements[1]")
    large = POD.replace(
        "  containers", "  nodeSelector: {node.kubernetes.io/instance-type: g4dn.2xlarge}\n  containers"
    )
    limited = karpenter(node_pool(types("g4dn.xlarge", "g4dn.2xlarge"), limits={"nvidia.com/gpu": "4", "cpu": "4"}))
    assert in_node_pool(explained(large, limited)) == ("limit-allows-a-node", "spec.limits.cpu")
    hungry = POD.replace("cpu: 500m", "cpu: 64")
    assert in_node_pool(explained(hungry, karpenter())) == ("resources-suffice", "spec.template.spec.requirements[2]")


def test_a_pool_that_auto_mode_brings_is_written_at_its_cluster(explained):
    compute = {"computeConfig": {"enabled": True, "nodePools": ["system"]}, "vpcConfig": {"subnetIds": ["subnet-a"]}}
    cluster = resource("aws:eks/cluster:Cluster", "shop", {"name": "shop", **compute})
    rejected = row(explained(POD, stack_rooms(Graph([cluster, subnet("a")]), "us-west-2")), "system")
    assert rejected["reason"] == "pod does not tolerate taint CriticalAddonsOnly=:NoSchedule"
    assert (rejected["in_pool"]["resource"], rejected["in_pool"]["field"]) == (
        "Cluster shop",
        "computeConfig.nodePools",
    )


def test_settings_are_named_where_one_map_has_the_components_name(tmp_path):
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text("config:\n  shop:pools:\n    gpu:\n      max_gpus: 4\n    other: {}\n")
    component = Resource("urn:component", "acme:index:Pool", "gpu")
    made = Resource(**{**vars(node_pool()), "parent": "urn:component"})
    pools = [room.pool for room in karpenter(made).rooms]
    assert settings_places(file, Graph([component, made]), pools) == {made.urn: "Pulumi.dev.yaml:3"}
    file.write_text("config:\n  a: {gpu: {}}\n  b: {gpu: {}}\n")
    assert settings_places(file, Graph([component, made]), pools) == {}


# --- what to change --------------------------------------------------------------------------------------------------


def test_a_pod_that_no_pool_takes_is_told_the_fewest_changes_that_help(explained):
    text = POD.replace("operator: Exists", "value: wrong").replace(
        "  containers", "  nodeSelector: {a: b}\n  containers"
    )
    found = explained(text)
    assert found.takers == []
    assert found.as_json()["remedy"] == {
        "pool": "gpu",
        "changes": [
            {
                "change": "tolerate the taint: {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}",
                "in_pod": {
                    "file": found.source.file,
                    "line": 6,
                    "path": "spec.tolerations[0]",
                    "key": "tolerations[0]",
                },
            },
            {
                "change": "leave a out of nodeSelector",
                "in_pod": {"file": found.source.file, "line": 8, "path": "spec.nodeSelector.a", "key": "a"},
            },
        ],
    }


def test_what_is_too_much_for_a_node_is_cut_to_what_it_has(explained):
    (change,) = explained(POD.replace("cpu: 500m", "cpu: 64")).as_json()["remedy"]["changes"]
    assert change["change"] == "ask for at most 3920m of cpu"


def test_a_pod_without_gpu_is_not_sent_to_gpu_nodes(explained):
    text = POD.replace("          nvidia.com/gpu: 1\n", "").replace("cpu: 500m", "cpu: 3")
    assert explained(text).takers[0].pool.name == "gpu"
    remedy = explained(text.replace("operator: Exists", "value: wrong")).remedy
    assert (remedy.room.pool.name, [change.text for change in remedy.changes]) == (
        "system",
        ["ask for at most 1930m of cpu"],
    )


def test_where_only_the_pool_could_change_there_is_no_remedy(explained):
    assert explained(POD.replace("gpu: 1", "gpu: 9")).remedy is None


def test_what_is_left_to_the_scheduler_is_said(explained):
    text = POD.replace("  containers", "  volumes: [{name: a, persistentVolumeClaim: {claimName: a}}]\n  containers")
    assert explained(text).not_judged == ("the zone of its volume",)
    assert explained(POD).not_judged == ()


# --- all reasons, and cautions ---------------------------------------------------------------------------------------

FAMILY = "karpenter.k8s.aws/instance-family"


def test_every_rule_that_rejects_the_pod_is_told_the_first_one_first(explained):
    strict = POD.replace("key: nvidia.com/gpu", "key: other").replace(
        "  containers", "  nodeSelector: {team: ml}\n  containers"
    )
    rejected = row(explained(strict.replace("cpu: 500m", "cpu: 500")), "gpu")
    assert rejected["reasons"] == [
        "pod does not tolerate taint nvidia.com/gpu=true:NoSchedule",
        "the group may bring g4dn.xlarge in us-west-2a: pod selects team=ml, nodes have no label team",
        "the group may bring g4dn.xlarge in us-west-2a: pod needs 500000m of CPU, an empty g4dn.xlarge has 3920m",
    ]
    assert rejected["reason"] == rejected["reasons"][0]
    assert row(explained(POD), "gpu")["reasons"] == []


def test_a_family_of_another_maker_is_named_with_its_requirement(explained):
    made = node_pool(requirement("kubernetes.io/arch", "amd64"), requirement(FAMILY, "g4ad"))
    rejected = row(explained(POD, karpenter(made)), "gpu")
    assert "g4ad's GPU is AMD's, so its nodes never offer nvidia.com/gpu; nearest: g4dn" in rejected["reason"]
    assert rejected["in_pool"]["field"] == "spec.template.spec.requirements[1]"


def test_a_requirement_that_leaves_nothing_is_the_reason_and_others_are_cautions(explained):
    made = node_pool(requirement("spot", "on-demand"), requirement(FAMILY, "g6d"))
    rejected = row(explained(POD, karpenter(made)), "gpu")
    assert rejected["reason"] == (
        f"spec.template.spec.requirements[1] {FAMILY} In [g6d] leaves no instance type: g6d is no instance family; "
        "nearest: g6"
    )
    assert rejected["in_pool"]["field"] == "spec.template.spec.requirements[1]"
    assert [each["text"] for each in rejected["cautions"]] == [
        "spec.template.spec.requirements[0] spot is no label that nodes get, but a value of "
        "karpenter.sh/capacity-type; nearest: karpenter.sh/capacity-type"
    ]


def test_a_gpu_without_a_driver_is_a_caution(explained):
    made = node_pool(requirement(FAMILY, "g7"))
    taker = row(explained(POD, karpenter(made)), "gpu")
    assert taker["admits"]
    assert taker["cautions"][0]["text"].startswith("EKS's images have no driver for g7 (rtx-pro-4500)")
    driver = next(step for step in taker["launch"]["time_to_running"]["steps"] if step["step"] == "driver")
    assert driver["assumption"].startswith("no image of EKS is known to have its driver")


def test_an_image_of_another_architecture_is_a_caution(explained):
    found = explained(POD.replace("example/app:1", "example/app:1-arm64"))
    (caution,) = row(found, "gpu")["cautions"]
    assert caution["text"] == (
        "image example/app:1-arm64 is for arm64, and g4dn.xlarge is amd64: it ends with an exec format error"
    )
    assert (caution["in_pod"]["line"], caution["in_pod"]["path"]) == (10, "spec.containers[0].image")
    assert row(explained(POD.replace("example/app:1", "example/app:1-amd64")), "gpu")["cautions"] == []


def test_a_language_model_says_what_it_needs_and_a_gpu_that_is_too_small_is_a_caution(explained):
    args = "      args: [--model=Qwen/Qwen3-8B, --max-model-len=8192]\n"
    server = POD.replace("example/app:1", "vllm/vllm-openai:v0.28.0").replace(
        "      resources", f"{args}      resources"
    )
    found = explained(server)
    need = (
        "Qwen/Qwen3-8B with 8192 tokens needs on its GPU 18.2 GiB: weights 15.3, KV cache 1.1, activations 0.8, "
        "runtime 1.0"
    )
    (told,) = found.as_json()["needs"]
    assert told["text"] == f"{need} (estimate)"
    assert (told["in_pod"]["line"], told["in_pod"]["path"]) == (11, "spec.containers[0].args")
    (caution,) = row(found, "gpu")["cautions"]
    assert caution["text"] == f"{need}, and g4dn.xlarge has 13.4 GiB"
    small = explained(server.replace("8192]", "4096, --quantization=awq]"))
    assert row(small, "gpu")["cautions"] == []


PROBE = "      livenessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 5}\n"
STARTUP = "      startupProbe: {httpGet: {path: /, port: 80}, periodSeconds: 10, failureThreshold: 60}\n"


def test_a_probe_that_ends_the_container_before_its_model_is_there_is_a_caution(explained):
    impatient = POD.replace("      resources", f"{PROBE}      resources")
    (caution,) = row(explained(impatient), "gpu")["cautions"]
    assert caution["text"] == (
        "livenessProbe of main ends the container 10 s after its start, and a model is loaded after about 26 s: add a "
        "startupProbe of 60 x 10 s"
    )
    assert (caution["in_pod"]["line"], caution["in_pod"]["path"]) == (11, "spec.containers[0].livenessProbe")
    assert row(explained(impatient.replace(PROBE, PROBE + STARTUP)), "gpu")["cautions"] == []


def test_what_no_tag_tells_of_an_empty_group_is_looked_for_in_its_tags(explained):
    answer = row(explained(POD.replace("cpu: 500m", "ephemeral-storage: 50Gi")), "gpu")
    assert answer["rule"] == "autoscaler-expects-the-node"
    assert place(answer) == (14, "spec.containers[0].resources.limits.ephemeral-storage")
    assert (answer["in_pool"]["resource"], answer["in_pool"]["field"]) == ("AutoScalingGroup gpu", "tags")
