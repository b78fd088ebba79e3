"""Explain: what each pool says of a pod, where both say it, what a taker brings, and when the pod runs."""

from pathlib import Path
from typing import Any

import pytest

from eks_gpu.explain.explain import Explanation, StackRooms, explain, stack_rooms
from eks_gpu.explain.places import settings_places
from eks_gpu.explain.pod_file import read_pods
from eks_gpu.graph.graph import Graph, Resource
from tests.graphs import gpu_group, healthy, kubernetes, managed_group, overrides, release, resource, subnet
from tests.karpenter_graphs import node_class, node_pool, requirement, types
from tests.karpenter_graphs import subnet as tagged_subnet

HARD = {"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}
TOLERANT_OF_NONE = release("gpu-operator", daemonsets={"tolerations": []})
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: train}
spec:
  tolerations:
    - key: nvidia.com/gpu
      operator: Exists
  containers:
    - name: main
      image: example/app:1
      resources:
        limits:
          nvidia.com/gpu: 1
          cpu: 500m
"""


def groups(**instead: Resource) -> StackRooms:
    """One GPU group of g4dn.xlarge and g5.xlarge on Spot, two system nodes."""
    return stack_rooms(Graph(healthy(**instead)), "us-west-2")


def karpenter(pool: Resource | None = None, nodes: Resource | None = None) -> StackRooms:
    found = [pool or node_pool(), nodes or node_class(), tagged_subnet("a"), tagged_subnet("b")]
    return stack_rooms(Graph(found), "us-west-2")


@pytest.fixture
def explained(tmp_path: Path):
    def run(text: str, stack: StackRooms | None = None) -> Explanation:
        file = tmp_path / "pod.yaml"
        file.write_text(text)
        (found,) = explain(stack or groups(), read_pods(file)[0])
        return found

    return run


def row(found: Explanation, pool: str) -> dict[str, Any]:
    (answer,) = [answer for answer in found.answers if answer.pool.name == pool]
    return answer.as_json()


def place(row: dict[str, Any]) -> tuple[int, str] | None:
    return row["in_pod"] and (row["in_pod"]["line"], row["in_pod"]["path"])


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


# --- the node --------------------------------------------------------------------------------------------------------


def test_a_taker_says_which_node_it_brings_at_what_price(explained):
    launch = row(explained(POD), "gpu")["launch"]
    assert (launch["instance_type"], launch["capacity_type"]) == ("g4dn.xlarge", "spot")
    assert launch["hourly"] == pytest.approx(0.526 * 0.38 + 100 * 0.08 / 730, abs=1e-6)  # its share, and the disk
    assert (launch["estimate"], launch["price_region"]) == (True, "us-west-2")


def test_a_node_pool_brings_what_the_pod_selects(explained):
    text = POD.replace("  containers", "  nodeSelector: {node.kubernetes.io/instance-type: g6.xlarge}\n  containers")
    launch = row(explained(text, karpenter()), "gpu")["launch"]
    assert (launch["instance_type"], launch["price_region"]) == ("g6.xlarge", "us-west-2")


def deployment(replicas: int, kind: str = "Deployment") -> str:
    body = "\n".join(f"    {line}" for line in POD.splitlines()[3:])
    return f"kind: {kind}\nmetadata: {{name: train}}\nspec:\n  replicas: {replicas}\n  template:\n{body}\n"


def test_all_pods_are_placed_over_all_takers_and_the_rest_is_counted(explained):
    stack = groups(gpu=gpu_group(maxSize=3))
    found = explained(deployment(5), stack)
    assert row(found, "gpu")["launch"]["new_nodes"] == 3
    assert (found.source.pods, found.left_over) == (5, 2)


def test_nodes_of_the_minimum_come_first(explained):
    text = POD.replace("          nvidia.com/gpu: 1\n", "").replace("operator: Exists", "value: wrong")
    assert row(explained(text), "system")["launch"]["new_nodes"] == 0


def test_a_daemon_set_brings_no_node(explained):
    found = explained(deployment(1, "DaemonSet"))
    assert row(found, "gpu")["admits"]
    assert row(found, "gpu")["launch"] is None


def test_the_cheaper_of_two_takers_is_named_first(explained):
    on_demand = overrides("g4dn.xlarge", onDemandPercentageAboveBaseCapacity=100)
    dear = gpu_group("dear", mixedInstancesPolicy=on_demand)
    found = explained(POD, stack_rooms(Graph([dear, *healthy()]), "us-west-2"))
    assert [taker.pool.name for taker in found.takers] == ["gpu", "dear"]
    assert [answer.pool.name for answer in found.answers] == ["dear", "gpu", "system"]


@pytest.mark.parametrize(
    ("values", "order"),
    [
        ({}, ["small", "gpu"]),  # least-waste, which leaves less CPU unused
        ({"extraArgs": {"expander": "random"}}, ["gpu", "small"]),  # nothing to choose by, so the cheaper
        (
            {"extraArgs": {"expander": "priority,least-waste"}, "expanderPriorities": {"10": [".*"], "50": ["^gpu$"]}},
            ["gpu", "small"],
        ),
    ],
)
def test_groups_are_tried_as_the_autoscalers_expander_chooses(explained, values, order):
    small = gpu_group("small", mixedInstancesPolicy=overrides("g6.xlarge", onDemandPercentageAboveBaseCapacity=100))
    large = gpu_group(mixedInstancesPolicy=overrides("g4dn.2xlarge"))
    inputs = {"name": "cluster-autoscaler", "chart": "cluster-autoscaler", "version": "9.52.0", "values": values}
    release = resource("kubernetes:helm.sh/v3:Release", "autoscaler", inputs)
    found = explained(POD, stack_rooms(Graph([small, *healthy(gpu=large, autoscaler=release)]), "us-west-2"))
    assert [taker.pool.name for taker in found.takers] == order
    assert row(found, order[0])["launch"]["new_nodes"] == 1


def test_thousands_of_pods_are_answered_at_once(explained):
    compute = {"computeConfig": {"enabled": True, "nodePools": ["general-purpose"]}}
    cluster = resource("aws:eks/cluster:Cluster", "shop", {"name": "shop", **compute})
    text = deployment(2_000_000_000).replace("              nvidia.com/gpu: 1\n", "")
    found = explained(text, stack_rooms(Graph([cluster, subnet("a")]), "us-west-2"))
    assert found.source.pods == 2_000_000_000
    assert 0 < row(found, "general-purpose")["launch"]["new_nodes"] <= 1000


# --- the time --------------------------------------------------------------------------------------------------------


def seconds(found: Explanation, pool: str = "gpu") -> dict[str, int]:
    launch = row(found, pool)["launch"]["time_to_running"]
    steps = {step["step"]: step["seconds"] for step in launch["steps"]}
    assert launch["seconds"] == sum(steps.values())
    assert all(step["assumption"] for step in launch["steps"])
    return steps


def test_the_wait_for_a_gpu_on_a_new_node_of_a_group(explained):
    assert seconds(explained(POD)) == {
        "noticed": 10,
        "launch": 90,
        "driver": 30,
        "image pull": 133,  # 8 GB, assumed
        "model load": 0,
    }


def test_karpenter_notices_sooner_and_a_probe_waits_for_a_model(explained):
    text = POD.replace("      resources", "      startupProbe: {tcpSocket: {port: 80}}\n      resources")
    assert seconds(explained(text, karpenter())) == {
        "noticed": 2,
        "launch": 90,
        "driver": 30,
        "image pull": 133,
        "model load": 26,  # 10 s, and 2 GiB at gp3's 125 MiB/s
    }


def test_a_faster_disk_loads_the_model_sooner(explained):
    text = POD.replace("      resources", "      readinessProbe: {tcpSocket: {port: 80}}\n      resources")
    disk = {"deviceName": "/dev/xvda", "ebs": {"volumeSize": "100Gi", "volumeType": "gp3", "throughput": 500}}
    nodes = node_class(blockDeviceMappings=[disk])
    assert seconds(explained(text, karpenter(nodes=nodes)))["model load"] == 14


SERVER = POD.replace("example/app:1", "vllm/vllm-openai:v0.28.0").replace(
    "      resources", "      readinessProbe: {tcpSocket: {port: 80}}\n      args: [ARGS]\n      resources"
)


@pytest.mark.parametrize(
    ("args", "load", "compilation", "sooner"),
    [
        # 15.3 GiB at gp3's 125 MiB/s, and 16.4 GB at 2,080 MB/s
        (
            "Qwen/Qwen3-8B",
            10 + 125,
            65,
            {"load from S3 with a streamer": 117, "keep vLLM's compile cache on a volume": 59},
        ),
        ("s3://m/q, --served-model-name=Qwen/Qwen3-8B", 18, 65, {"keep vLLM's compile cache on a volume": 59}),
        ("Qwen/Qwen3-8B, --enforce-eager", 10 + 125, 0, {"load from S3 with a streamer": 117}),
    ],
)
def test_a_language_model_loads_its_own_weights_and_vllm_compiles_it(explained, args, load, compilation, sooner):
    found = explained(SERVER.replace("ARGS", args), karpenter())
    on_node = seconds(found)
    assert (on_node["model load"], on_node["compile"]) == (load, compilation)
    told = row(found, "gpu")["launch"]["time_to_running"]["alternatives"]
    of_the_server = {each["change"]: each["saves_s"] for each in told if each["hourly"] is None}
    assert of_the_server == sooner


def test_a_model_that_is_not_known_is_taken_to_have_2_gib(explained):
    on_node = seconds(explained(SERVER.replace("ARGS", "acme/unknown"), karpenter()))
    assert on_node["model load"] == 26
    assert "compile" not in on_node


def test_an_image_whose_size_is_known(explained):
    text = POD.replace("example/app:1", "nvcr.io/nvidia/tritonserver:26.07-py3@sha256:0")
    assert seconds(explained(text))["image pull"] == 258  # 15.5 GB


def test_a_pod_without_accelerator_waits_for_no_driver(explained):
    text = POD.replace("          nvidia.com/gpu: 1\n", "").replace("operator: Exists", "value: wrong")
    assert seconds(explained(text), "system") == {
        "noticed": 10,
        "launch": 60,
        "driver": 0,
        "image pull": 8,
        "model load": 0,
    }
    (taker,) = explained(text).takers
    assert taker.launch.seconds_on_node == 8


def driver_step(found: Explanation) -> tuple[int, str]:
    (step,) = [step for step in row(found, "gpu")["launch"]["time_to_running"]["steps"] if step["step"] == "driver"]
    return step["seconds"], step["assumption"]


PLAIN = managed_group("gpu", instanceTypes=["g4dn.xlarge"], taints=[])
NOBODY = (0, "nothing installs the driver, which the image lacks: the node never offers its GPU")


def test_a_driver_that_an_operator_installs_takes_minutes(explained):
    installed = (240, "the GPU operator installs driver and toolkit: 3 to 5 minutes")
    operator = release("gpu-operator")
    assert driver_step(explained(POD, groups(gpu=PLAIN, device_plugin=operator))) == installed


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"device_plugin": release("gpu-operator", driver={"enabled": False})},
        {"gpu": managed_group("gpu", instanceTypes=["g4dn.xlarge"], taints=[HARD]), "device_plugin": TOLERANT_OF_NONE},
    ],
)
def test_a_driver_that_nothing_installs_is_never_there(more, explained):
    assert driver_step(explained(POD, groups(**{"gpu": PLAIN} | more))) == NOBODY


def test_a_driver_that_another_stack_may_install(explained):
    others = [found for found in healthy(gpu=PLAIN) if not found.type.endswith(":Cluster")]
    assert driver_step(explained(POD, stack_rooms(Graph(others), "us-west-2"))) == (
        240,
        "nothing in this stack installs the driver; 3 to 5 minutes if a GPU operator from elsewhere does",
    )


def test_bare_metal_takes_longest(explained):
    metal = node_pool(
        {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["g4dn.metal"]},
        limits={"nvidia.com/gpu": "8"},
    )
    assert seconds(explained(POD, karpenter(metal)))["launch"] == 1200


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


GROUP = """\
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: big}
spec:
  replicas: 2
  leaderWorkerTemplate:
    size: SIZE
    leaderTemplate: &template
      spec:
        tolerations: [{key: nvidia.com/gpu, operator: Exists}]
        containers: [{name: main, image: "example/app:1", resources: {limits: {nvidia.com/gpu: 1}}}]
    workerTemplate: *template
"""


def explained_group(size: int, tmp_path: Path) -> list[Explanation]:
    file = tmp_path / "group.yaml"
    file.write_text(GROUP.replace("SIZE", str(size)))
    return explain(groups(gpu=gpu_group(maxSize=8)), read_pods(file)[0])


def test_each_template_has_its_pods_and_new_nodes(tmp_path):
    leader, worker = explained_group(4, tmp_path)
    assert [found.source.title for found in (leader, worker)] == [
        "LeaderWorkerSet default/big leaderWorkerTemplate.leaderTemplate",
        "LeaderWorkerSet default/big leaderWorkerTemplate.workerTemplate",
    ]
    assert [(found.source.pods, row(found, "gpu")["launch"]["new_nodes"]) for found in (leader, worker)] == [
        (2, 2),
        (6, 6),
    ]


def test_a_gang_that_the_pools_cannot_hold_is_taken_by_none(tmp_path):
    assert [bool(found.takers) for found in explained_group(8, tmp_path)] == [True, True]
    for found in explained_group(9, tmp_path):
        rejected = row(found, "gpu")
        assert (found.takers, found.remedy, rejected["rule"]) == ([], None, "gang-runs-whole")
        assert rejected["reason"] == "its gang of 9 pods needs 9 nodes at once, the pools end at 8"
        assert rejected["in_pool"]["field"] == "maxSize"


def test_pods_of_a_kind_that_is_not_known_have_no_number_and_neither_have_their_nodes(explained):
    head = "apiVersion: grove.io/v1\nkind: Clique\nmetadata: {name: a}\nspec:\n  template:\n    spec:"
    found = explained(head + POD.partition("spec:")[2].replace("\n", "\n    "))
    assert found.source.pods is None
    assert row(found, "gpu")["launch"]["new_nodes"] is None
    assert found.as_json()["pods"] is None
    assert found.not_known == [
        "its controller decides how many pods there are, and the planner does not know that controller"
    ]


def test_a_train_job_is_completed_by_the_runtime_of_the_stack(tmp_path):
    container = {"name": "node", "image": "example/train:1"}
    spec = {"containers": [container], "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]}
    jobs = [{"name": "node", "template": {"spec": {"template": {"spec": spec}}}}]
    runtime = kubernetes(
        "ClusterTrainingRuntime",
        "torch",
        {"template": {"spec": {"replicatedJobs": jobs}}},
        "trainer.kubeflow.org/v1alpha1",
    )
    file = tmp_path / "train.yaml"
    file.write_text(
        "apiVersion: trainer.kubeflow.org/v1alpha1\nkind: TrainJob\nmetadata: {name: tune}\nspec:\n"
        "  runtimeRef: {name: torch}\n"
        "  trainer: {numNodes: 3, resourcesPerNode: {limits: {nvidia.com/gpu: 1}}}\n"
    )
    sources = read_pods(file)[0]
    (without,) = explain(groups(), sources)
    assert (bool(without.takers), len(without.not_known)) == (False, 1)
    (found,) = explain(groups(web=runtime), sources)
    assert (found.source.title, found.source.pods, found.not_known) == ("TrainJob default/tune replicatedJobs.0", 3, [])
    assert [answer.pool.name for answer in found.takers] == ["gpu"]


def test_a_job_of_volcano_is_read_by_its_group_and_its_scheduler_is_not_judged(explained):
    task = "    - replicas: 2\n      template:\n        spec:" + POD.partition("spec:")[2].replace("\n", "\n        ")
    text = f"apiVersion: batch.volcano.sh/v1alpha1\nkind: Job\nmetadata: {{name: train}}\nspec:\n  tasks:\n{task}"
    found = explained(text)
    assert (found.source.title, found.source.pods) == ("Job default/train tasks.0", 2)
    assert [answer.pool.name for answer in found.takers] == ["gpu"]
    assert found.not_judged == ("a scheduler of another name",)


def test_what_no_tag_tells_of_an_empty_group_is_looked_for_in_its_tags(explained):
    answer = row(explained(POD.replace("cpu: 500m", "ephemeral-storage: 50Gi")), "gpu")
    assert answer["rule"] == "autoscaler-expects-the-node"
    assert place(answer) == (14, "spec.containers[0].resources.limits.ephemeral-storage")
    assert (answer["in_pool"]["resource"], answer["in_pool"]["field"]) == ("AutoScalingGroup gpu", "tags")


# Nodes that are kept ready


def test_pods_that_find_a_node_kept_ready_wait_for_no_node(explained):
    spec = {"replicas": 2, "podTemplateRef": {"name": "spare"}}
    needs = {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}
    container = {"name": "main", "image": "registry.k8s.io/pause:3.10", "resources": needs}
    tolerations = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    template = {"spec": {"containers": [container], "tolerations": tolerations}}
    kept = stack_rooms(
        Graph(
            [
                *(node_pool(), node_class(), tagged_subnet("a"), tagged_subnet("b")),
                kubernetes("CapacityBuffer", "spare", spec, group="autoscaling.x-k8s.io/v1beta1"),
                resource(
                    "kubernetes:core/v1:PodTemplate", "spare", {"metadata": {"name": "spare"}, "template": template}
                ),
            ]
        ),
        "us-west-2",
    )
    launch, cold = (row(explained(POD, stack), "gpu")["launch"] for stack in (kept, karpenter()))

    on_node = {"image pull", "model load"}
    steps = sum(step["seconds"] for step in launch["time_to_running"]["steps"] if step["step"] in on_node)
    assert launch["kept_ready"] == {"pods": 2, "seconds": steps}
    assert cold["kept_ready"] is None
    large = POD.replace("nvidia.com/gpu: 1", "nvidia.com/gpu: 4")
    assert row(explained(large, kept), "gpu")["launch"] is None
