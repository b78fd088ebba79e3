"""import: slices and shares of GPUs, and capacity that is kept ready, as settings of the pool that has them."""

from typing import Any

import pytest

from tests.imports import cluster_config, deployment, gpu_group, imported, node_pool, write

GPU = "nvidia.com/gpu"
TOLERATION = {"key": GPU, "operator": "Exists", "effect": "NoSchedule"}
SHARED = {"nvidia.com/device-plugin.config": "four"}


def of_type(name: str) -> dict[str, Any]:
    return {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": [name]}


def pool(type_: str = "g6.xlarge", labels: Any = None, name: str = "gpu", **spec: Any) -> dict[str, Any]:
    made = node_pool([of_type(type_)], spec=spec)
    made["spec"]["template"]["metadata"] = {"labels": labels or {}}
    return {**made, "metadata": {"name": name}}


def overlay(capacity: Any, name: str = "parts", of: str = "gpu", **spec: Any) -> dict[str, Any]:
    wanted = [{"key": "karpenter.sh/nodepool", "operator": "In", "values": [of]}]
    spec = {"requirements": wanted, "capacity": capacity, **spec}
    return {"apiVersion": "karpenter.sh/v1alpha1", "kind": "NodeOverlay", "metadata": {"name": name}, "spec": spec}


def plugin(strategy: str = "timeSlicing", replicas: Any = 4, **row: Any) -> str:
    return f"version: v1\nsharing: {{{strategy}: {{resources: [{{name: nvidia.com/gpu, replicas: {replicas}}}]}}}}\n"


def configs(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plugin"}, "data": data}


PLAIN = "version: v1\nflags: {migStrategy: none}\n"


def taken(folder, *documents: Any, section: str = "karpenter_gpu_pools") -> tuple[dict[str, Any], list[str]]:
    """The pool `gpu` of the settings, and the paths of what is told; but not that nothing installs a device plugin."""
    answer, found = imported(write(folder, *documents))
    told = [one.place.path for one in found if one.rule != "device-plugin-reaches-gpu-pools"]
    return answer.settings[section]["gpu"]["pool"], told


@pytest.mark.parametrize(("strategy", "word"), [("timeSlicing", "time-slicing"), ("mps", "mps")])
def test_shares_that_plugin_and_overlay_agree_on(strategy, word, tmp_path):
    documents = [
        configs(default=PLAIN, four=plugin(strategy)),
        overlay({GPU: "4"}),
        pool(labels=SHARED, limits={GPU: "8"}),
    ]
    made, told = taken(tmp_path, *documents)
    assert (made["sharing"], made["max_gpus"], told) == ({"strategy": word, "replicas": 4}, 2, [])


@pytest.mark.parametrize(
    ("documents", "told"),
    [
        ([configs(default=PLAIN, four=plugin()), pool(labels=SHARED)], ["data.four", "data.four"]),
        (
            [configs(default=PLAIN, four=plugin(replicas=3)), overlay({GPU: "4"}), pool(labels=SHARED)],
            ["spec.limits", "spec", "data.four", "data.four"],
        ),
        (
            [overlay({GPU: "4"}), pool(labels=SHARED)],
            ["spec.limits", "spec", "spec.template.metadata.labels"],
        ),
        ([configs(default=PLAIN, four=plugin()), pool()], ["data.four"]),
        (
            [configs(default=PLAIN, four=plugin().replace("resources", "renameByDefault: true, resources")), pool()],
            ["data.four"],
        ),
        ([configs(default=PLAIN, four=plugin(replicas=1)), pool()], ["data.four"]),
        ([configs(settings="a: b"), pool()], ["kind"]),
    ],
    ids=["no overlay", "another number", "no configuration", "no pool", "renamed", "one share", "another ConfigMap"],
)
def test_shares_that_no_pool_can_have_are_told_where_they_stand(documents, told, tmp_path):
    made, found = taken(tmp_path, *documents)
    assert "sharing" not in made
    assert sorted(found) == sorted(told)


def test_a_groups_shares_need_no_overlay_and_the_only_configuration_is_everybodys(tmp_path):
    group = cluster_config(managedNodeGroups=[gpu_group()])
    made, told = taken(tmp_path, configs(all=plugin(replicas=2)), group, section="gpu_node_groups")
    assert (made["sharing"], told) == ({"strategy": "time-slicing", "replicas": 2}, [])


def test_an_overlay_of_other_amounts_or_with_a_price_is_told(tmp_path):
    shared = [configs(default=PLAIN, four=plugin()), pool(labels=SHARED, limits={GPU: "8"})]
    made, told = taken(tmp_path, overlay({GPU: "4"}, price="0.5"), *shared)
    assert (made["sharing"]["replicas"], told) == (4, ["spec.price"])
    _, told = taken(tmp_path, overlay({GPU: "4", "example.com/fpga": "1"}), *shared)
    assert told == ["spec"]


CUT = {"nvidia.com/mig.config": "all-1g.5gb"}


def test_slices_by_the_operators_label_with_their_overlay_and_their_limit(tmp_path):
    slices = {"nvidia.com/mig-1g.5gb": "56", GPU: "0"}
    documents = [overlay(slices), pool("p4d.24xlarge", CUT, limits={"nvidia.com/mig-1g.5gb": "112"})]
    made, told = taken(tmp_path, *documents)
    assert (made["mig"], made["max_gpus"], "labels" in made, told) == ("1g.5gb", 16, False, [])
    answer, _ = imported(write(tmp_path, *documents))
    assert answer.settings["gpu_operator"] == {}


@pytest.mark.parametrize(
    ("type_", "config", "kept"),
    [("g6.xlarge", "all-1g.5gb", True), ("p4d.24xlarge", "all-balanced", True), ("p4d.24xlarge", "all-1g.10gb", False)],
    ids=["cannot be cut", "several profiles", "one profile"],
)
def test_a_cut_that_no_pool_can_have_stays_a_label_and_is_told(type_, config, kept, tmp_path):
    label = {"nvidia.com/mig.config": config}
    made, told = taken(tmp_path, pool(type_, label, limits={GPU: "8"}))
    assert (made.get("labels") == label, "mig" not in made) == (kept, kept)
    assert told == (["spec.template.metadata.labels"] if kept else [])


# --- kept ready ------------------------------------------------------------------------------------------------------


def template(resources: Any = None, **spec: Any) -> dict[str, Any]:
    one = {"requests": {GPU: 1}, "limits": {GPU: 1}} if resources is None else resources
    container = {"name": "pause", "image": "registry.k8s.io/pause:3.10", "resources": one}
    pod = {"tolerations": [TOLERATION], "containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "warm"}, "template": {"spec": pod}}


def buffer(**spec: Any) -> dict[str, Any]:
    spec = {"podTemplateRef": {"name": "warm"}, "replicas": 2, **spec}
    spec = {key: value for key, value in spec.items() if value is not None}
    made = {"apiVersion": "autoscaling.x-k8s.io/v1beta1", "kind": "CapacityBuffer", "metadata": {"name": "warm"}}
    return {**made, "spec": spec}


def test_a_buffer_of_single_gpus_is_warm_gpus(tmp_path):
    made, told = taken(tmp_path, pool(), template(), buffer())
    assert (made["warm_gpus"], told) == (2, [])


def test_a_buffer_of_shares_counts_them_together(tmp_path):
    shared = [configs(default=PLAIN, four=plugin()), overlay({GPU: "4"}), pool(labels=SHARED, limits={GPU: "16"})]
    made, told = taken(tmp_path, *shared, template(), buffer(replicas=8))
    assert (made["warm_gpus"], told) == (2, [])
    made, told = taken(tmp_path, *shared, template(), buffer(replicas=6))
    assert ("warm_gpus" in made, len(told)) == (False, 1)


@pytest.mark.parametrize(
    ("documents", "told"),
    [
        ([template(), buffer(percentage=20)], "spec.percentage"),
        ([template(), buffer(limits={GPU: 2})], "spec.limits"),
        ([template(), buffer(provisioningStrategy="other")], "spec.provisioningStrategy"),
        ([template(), buffer(replicas=0)], "metadata.name"),
        ([buffer()], "metadata.name"),
        ([template(), buffer(replicas=9)], "spec.replicas"),
        ([template({"limits": {GPU: 1}}), buffer()], "template.spec.containers[0].resources.limits[nvidia.com/gpu]"),
        (
            [template({"requests": {GPU: 1, "cpu": "3500m"}, "limits": {GPU: 1}}), buffer()],
            "template.spec.containers[0].resources.limits[nvidia.com/gpu]",
        ),
        ([template(nodeSelector={"karpenter.sh/nodepool": "other"}), buffer()], "metadata.name"),
        ([template()], "kind"),
    ],
    ids=["percentage", "limits", "strategy", "none", "no template", "too many", "no request", "cpu", "pool", "alone"],
)
def test_a_buffer_that_is_no_number_of_gpus_is_told(documents, told, tmp_path):
    made, found = taken(tmp_path, pool(), *documents)
    assert "warm_gpus" not in made
    assert told in found


def placeholders(priority: Any = -10, **spec: Any) -> list[dict[str, Any]]:
    made = deployment(priorityClassName="low", **spec)
    made["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.k8s.io/pause:3.9"
    made["spec"]["replicas"] = 3
    low = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "low"}}
    return [made, {**low, "value": priority}]


def test_placeholder_pods_are_warm_gpus_of_the_pool_that_takes_them(tmp_path):
    group = cluster_config(managedNodeGroups=[gpu_group(labels={"team": "chat"})])
    made, told = taken(tmp_path, group, *placeholders(nodeSelector={"team": "chat"}), section="gpu_node_groups")
    assert (made["warm_gpus"], told) == (3, [])


def test_placeholder_pods_that_two_pools_take_are_told(tmp_path):
    made, told = taken(tmp_path, pool(), pool(name="other"), *placeholders())
    assert ("warm_gpus" in made, sorted(told)) == (False, ["kind", "metadata.name"])
    made, told = taken(
        tmp_path, pool(), pool(name="other"), *placeholders(nodeSelector={"karpenter.sh/nodepool": "gpu"})
    )
    assert (made["warm_gpus"], told) == (3, [])


def test_a_deployment_that_works_is_none_that_holds_a_place(tmp_path):
    made, told = taken(tmp_path, pool(), deployment())
    assert ("warm_gpus" in made, told) == (False, [])
