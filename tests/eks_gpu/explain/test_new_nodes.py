"""Explain: which nodes the pods bring, at what price, and how many."""

from pathlib import Path

import pytest

from eks_gpu.explain.explain import explain
from eks_gpu.explain.explanation import Explanation
from eks_gpu.explain.pod_file import read_pods
from eks_gpu.explain.stack_rooms import stack_rooms
from eks_gpu.graph.graph import Graph
from tests.explanations import POD, groups, karpenter, row
from tests.graphs import gpu_group, healthy, kubernetes, overrides, resource, subnet


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
