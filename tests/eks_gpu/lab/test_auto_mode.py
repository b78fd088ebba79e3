"""EKS Auto Mode in the lab: the objects that are made for Karpenter to see, and the processes that play it."""

import copy
from pathlib import Path
from typing import Any

import pytest

from eks_gpu.lab import auto_mode, charts, report
from eks_gpu.lab.apply import Applied
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.state import Lab
from tests import crds
from tests.console import shown

# What Karpenter is to see

NODE_CLASSES, MADE_CLASSES, NODE_POOLS = (
    "/apis/eks.amazonaws.com/v1/nodeclasses",
    "/apis/karpenter.k8s.aws/v1/ec2nodeclasses",
    "/apis/karpenter.sh/v1/nodepools",
)
CLUSTER: Any = {
    "name": "gaia",
    "version": "1.34",
    "computeConfig": {"enabled": True, "nodePools": ["general-purpose", "system"]},
    "resourcesVpcConfig": {"subnetIds": ["subnet-1"], "clusterSecurityGroupId": "sg-1"},
    "kubernetesNetworkConfig": {"elasticLoadBalancing": {"enabled": True}},
}
WITHOUT_POOLS: Any = {**CLUSTER, "computeConfig": {"enabled": True}}


class Api:
    """Objects by path; one with a finalizer is only marked when it is deleted."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}

    def list(self, path: str) -> list[dict[str, Any]]:
        folder, _, label = path.partition("?labelSelector=")
        there = [each for name, each in self.objects.items() if name.rpartition("/")[0] == folder]
        return copy.deepcopy([each for each in there if label in {"", *each["metadata"].get("labels", {})}])

    def ensure(self, path: str, manifest: dict[str, Any]) -> None:
        self.objects.setdefault(f"{path}/{manifest['metadata']['name']}", copy.deepcopy(manifest))

    def replace(self, path: str, manifest: dict[str, Any]) -> None:
        self.objects[path] = copy.deepcopy(manifest)
        if "deletionTimestamp" in manifest["metadata"] and not manifest["metadata"]["finalizers"]:
            del self.objects[path]

    def patch(self, path: str, changes: dict[str, Any]) -> None:
        self.objects[path.removesuffix("/status")] |= copy.deepcopy(changes)

    def delete(self, path: str) -> None:
        if self.objects[path]["metadata"].get("finalizers"):
            self.objects[path]["metadata"]["deletionTimestamp"] = "now"
        else:
            del self.objects[path]

    def names(self, path: str) -> set[str]:
        return {each["metadata"]["name"] for each in self.list(path)}


@pytest.fixture
def api() -> Any:
    made = Api()
    made.ensure(NODE_CLASSES, {"metadata": {"name": "gpu"}, "spec": {"role": "gpu-role"}})
    made.ensure(NODE_POOLS, {"metadata": {"name": "gpu"}, "spec": {}})
    return made


def test_each_node_class_gets_an_ec2_node_class_that_follows_it(api):
    auto_mode.reconcile(api, [WITHOUT_POOLS])
    assert api.names(MADE_CLASSES) == {"gpu"}
    (made,) = api.list(MADE_CLASSES)
    assert (made["apiVersion"], made["kind"], made["spec"]["role"]) == (
        "karpenter.k8s.aws/v1",
        "EC2NodeClass",
        "gpu-role",
    )
    api.objects[f"{NODE_CLASSES}/gpu"]["spec"]["role"] = "other-role"
    auto_mode.reconcile(api, [WITHOUT_POOLS])
    assert [each["spec"]["role"] for each in api.list(MADE_CLASSES)] == ["other-role"]


def test_a_node_class_is_ready_when_karpenter_finds_the_made_one_ready(api):
    def told() -> list[tuple[str, str]]:
        (found,) = api.list(NODE_CLASSES)
        return [(each["type"], each["status"]) for each in found.get("status", {}).get("conditions", [])]

    auto_mode.reconcile(api, [WITHOUT_POOLS])
    assert told() == []
    for status in ("False", "True"):
        conditions = [{"type": "SubnetsReady", "status": "True"}, {"type": "Ready", "status": status}]
        api.objects[f"{MADE_CLASSES}/gpu"]["status"] = {"conditions": conditions}
        auto_mode.reconcile(api, [WITHOUT_POOLS])
        assert told() == [("Ready", status)]


def test_what_the_api_server_adds_to_an_object_is_no_reason_to_change_it(api):
    auto_mode.reconcile(api, [WITHOUT_POOLS])
    api.objects[f"{MADE_CLASSES}/gpu"]["spec"]["added"] = True
    auto_mode.reconcile(api, [WITHOUT_POOLS])
    assert api.list(MADE_CLASSES)[0]["spec"]["added"] is True


def test_a_node_class_goes_when_karpenter_has_given_back_what_it_made_for_it(api):
    auto_mode.reconcile(api, [WITHOUT_POOLS])
    api.objects[f"{MADE_CLASSES}/gpu"]["metadata"]["finalizers"] = ["karpenter.k8s.aws/termination"]
    api.delete(f"{NODE_CLASSES}/gpu")
    auto_mode.reconcile(api, [WITHOUT_POOLS])
    assert api.objects[f"{MADE_CLASSES}/gpu"]["metadata"]["deletionTimestamp"]
    assert api.names(NODE_CLASSES) == {"gpu"}
    del api.objects[f"{MADE_CLASSES}/gpu"]
    auto_mode.reconcile(api, [WITHOUT_POOLS])
    assert api.names(NODE_CLASSES) == set()


def test_the_built_in_pools_come_and_go_with_the_cluster_and_a_programs_own_stay(api):
    auto_mode.reconcile(api, [CLUSTER])
    assert api.names(NODE_POOLS) == {"gpu", "general-purpose", "system"}
    assert api.names(MADE_CLASSES) == {"gpu", "default"}
    auto_mode.reconcile(api, [])
    assert (api.names(NODE_POOLS), api.names(MADE_CLASSES)) == ({"gpu"}, {"gpu"})


def test_the_built_in_pools_are_aws_s_in_karpenters_words():
    pools = auto_mode.built_in_pools(CLUSTER)
    assert pools["general-purpose"]["template"]["spec"]["requirements"] == [
        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
        {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
        {"key": "karpenter.k8s.aws/instance-category", "operator": "In", "values": ["c", "m", "r"]},
        {"key": "karpenter.k8s.aws/instance-generation", "operator": "Gt", "values": ["4"]},
    ]
    assert pools["system"]["template"]["spec"]["taints"] == [{"key": "CriticalAddonsOnly", "effect": "NoSchedule"}]
    reference = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"}
    for spec in pools.values():
        assert spec["template"]["spec"]["nodeClassRef"] == reference
        assert crds.problems("karpenter.sh_nodepools", {"spec": spec}) == []
    assert auto_mode.built_in_pools(WITHOUT_POOLS) == {}


def test_the_built_in_pools_use_the_clusters_network_and_hold_no_role():
    assert auto_mode.built_in_node_class(CLUSTER) == {
        "instanceProfile": "eks-gaia-auto-mode",
        "subnetSelectorTerms": [{"id": "subnet-1"}],
        "securityGroupSelectorTerms": [{"id": "sg-1"}],
    }


class Eks:
    """Clusters; one that is listed and not described goes in between."""

    class exceptions:  # noqa: N801 - as boto3 has it
        class ResourceNotFoundException(Exception):
            pass

    def __init__(self, *clusters: dict[str, Any], going: str = "going"):
        self.clusters, self.going = {each["name"]: each for each in clusters}, going

    def list_clusters(self) -> dict[str, Any]:
        return {"clusters": [*self.clusters, self.going]}

    def describe_cluster(self, name: str) -> dict[str, Any]:
        if name == self.going:
            raise self.exceptions.ResourceNotFoundException
        return {"cluster": self.clusters[name]}


def test_a_cluster_has_auto_mode_when_its_compute_says_so():
    plain, off = {"name": "plain"}, {"name": "off", "computeConfig": {"enabled": False}}
    assert auto_mode.auto_mode_clusters(Eks(plain, CLUSTER, off)) == [CLUSTER]


# Its processes


@pytest.fixture
def follow(tmp_path, monkeypatch):
    """Controllers whose starts and ends are only told, for clusters and releases."""
    told: list[Any] = []
    monkeypatch.setattr(auto_mode, "run", lambda lab, program: told.append(("run", program.name)) or lab)
    monkeypatch.setattr(auto_mode, "start_karpenter", lambda lab, *given: told.append(("karpenter", *given)))
    made_by_eks: list[list[str]] = []
    monkeypatch.setattr(auto_mode, "_made", lambda api, path: made_by_eks.pop() if made_by_eks else [])
    monkeypatch.setattr(auto_mode, "EVERY_S", 0)
    lab = Lab(tmp_path, "us-west-2", "secret", "https://127.0.0.1:3", "http://127.0.0.1:7", {})
    lab.certificate.parent.mkdir()
    controllers = charts.Controllers(lab)
    monkeypatch.setattr(charts, "plain_dra_drivers", lambda api: [])
    monkeypatch.setattr(controllers, "_end", lambda names: told.append(("end", len(made_by_eks), *names)))

    def follow(*clusters: Any, releases: Any = (), made: Any = ()) -> list[Any]:
        told.clear()
        made_by_eks[:] = made
        monkeypatch.setattr(auto_mode, "auto_mode_clusters", lambda eks: list(clusters))
        monkeypatch.setattr(charts, "installed", lambda api: (list(releases), set()))
        controllers.follow()
        return list(told)

    return follow


def test_karpenter_runs_for_a_cluster_with_auto_mode_with_the_labs_own_credentials(follow):
    assert follow() == []
    assert follow(CLUSTER) == [("run", "auto-mode"), ("run", "auto-mode-load-balancers"), ("karpenter", "gaia")]
    assert follow(CLUSTER) == []


@pytest.mark.parametrize("network", [{}, {"elasticLoadBalancing": {"enabled": False}}])
def test_without_its_load_balancing_nothing_gives_services_a_name(follow, network):
    assert follow({**CLUSTER, "kubernetesNetworkConfig": network}) == [("run", "auto-mode"), ("karpenter", "gaia")]


def test_it_ends_with_the_cluster_when_nothing_of_the_built_in_pools_is_left(follow):
    follow(CLUSTER)
    ended = ("auto-mode", "auto-mode-load-balancers", "karpenter", "karpenter-pricing")
    assert follow(made=[["system"], ["system"]]) == [("end", 0, *ended)]


def test_built_in_pools_that_stay_are_named(follow, monkeypatch):
    follow(CLUSTER)
    monkeypatch.setattr(auto_mode, "PATIENCE_S", -1)
    with pytest.raises(LabProblem, match="Auto Mode's system did not go within -1 s of the cluster's end"):
        follow(made=[["system"]])


def test_a_karpenter_of_the_programs_own_beside_it_is_refused(follow):
    release = charts.Release("karpenter", "kube-system", 1, "karpenter", "1.15.0")
    with pytest.raises(LabProblem, match="the lab has one Karpenter, which plays EKS Auto Mode"):
        follow(CLUSTER, releases=[release])


def test_apply_tells_that_karpenter_plays_it_and_each_word():
    done = Applied({"create": 57}, 128.0, (), {}, translated=("a -> b: Job c",))
    assert shown(report.applied(done, Path("/l")), width=120).splitlines() == [
        "up after 128 s; resources: 57 create",
        "EKS Auto Mode is played by Karpenter, with the lab's own credentials; in Karpenter's words:",
        "  a -> b: Job c",
        "the engine's words are in /l",
    ]
