"""EKS Auto Mode in the lab: its words in Karpenter's, and the objects that are made for Karpenter to see."""

import copy
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
import yaml
from rich.console import Console

from components.auto_mode_gpu_pool import NodeStorage, node_class
from components.gpu_pool import GpuPool
from components.gpu_smoke_test import GpuSmokeTestSpec, pod
from components.node_pool import AUTO_MODE, node_pool
from components.value import check
from eks_gpu_lab import auto_mode, charts, control_plane, report
from eks_gpu_lab.apply import Applied
from eks_gpu_lab.auto_mode_terms import LABELS, NODE_CLASS_FIELDS, ProgramTranslation, Translation
from eks_gpu_lab.problem import LabProblem
from eks_gpu_lab.state import Lab
from eks_gpu_planner.karpenter import labels as known_labels
from tests import crds
from tests.engine import run

POOL: Any = {"instance_types": ["g6.xlarge", "g6e.2xlarge"], "max_gpus": 4, "disk_gib": 90}
GPU_NAME = "eks.amazonaws.com/instance-gpu-name"


def translated(spec: Any) -> Any:
    return Translation().spec(spec)


# Words


@pytest.mark.parametrize(
    "name",
    [
        *("category", "generation", "family", "size", "cpu", "cpu-manufacturer", "memory", "ebs-bandwidth"),
        *("network-bandwidth", "gpu-name", "gpu-manufacturer", "gpu-count", "gpu-memory", "local-nvme", "hypervisor"),
        "encryption-in-transit-supported",
    ],
)
def test_each_label_of_a_type_becomes_one_that_karpenter_knows(name):
    said = translated({"nodeSelector": {f"eks.amazonaws.com/instance-{name}": "x"}})
    assert said == {"nodeSelector": {f"karpenter.k8s.aws/instance-{name}": "x"}}
    assert known_labels.is_well_known(f"karpenter.k8s.aws/instance-{name}")


def test_the_table_has_no_row_that_nobody_tests():
    assert len(LABELS) == 16


def test_the_smoke_tests_pod_asks_karpenter_for_its_gpu_and_is_otherwise_as_before():
    wanted = {"pool": POOL, "gpu": "l40s", "backend": "auto-mode"}
    given = pod(check(GpuSmokeTestSpec, wanted))
    said = translated(given)
    assert said["nodeSelector"] == {
        "nvidia.com/gpu.present": "true",
        "k8s.amazonaws.com/accelerator": "nvidia",
        "karpenter.k8s.aws/instance-gpu-name": "l40s",
    }
    assert {**said, "nodeSelector": None} == {**given, "nodeSelector": None}


def test_affinity_and_spread_are_translated_at_any_depth():
    expression = {"key": "eks.amazonaws.com/instance-family", "operator": "In", "values": ["g6e"]}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    job = {
        "template": {
            "spec": {
                "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}},
                "topologySpreadConstraints": [{"topologyKey": "eks.amazonaws.com/instance-size", "maxSkew": 1}],
            }
        }
    }
    spec = translated(job)["template"]["spec"]
    (term,) = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [{**expression, "key": "karpenter.k8s.aws/instance-family"}]
    assert spec["topologySpreadConstraints"][0]["topologyKey"] == "karpenter.k8s.aws/instance-size"


@pytest.mark.parametrize(
    "label",
    [
        "kubernetes.io/arch",
        "node.kubernetes.io/instance-type",
        "eks.amazonaws.com/nodegroup",
        "eks.amazonaws.com/capacityType",
        "eks.amazonaws.com/compute-type",
    ],
)
def test_a_label_that_is_not_of_a_type_stays(label):
    assert translated({"nodeSelector": {label: "x"}}) == {"nodeSelector": {label: "x"}}


def test_a_label_without_a_counterpart_is_an_error_with_its_name():
    with pytest.raises(LabProblem) as problem:
        translated({"nodeSelector": {"eks.amazonaws.com/instance-gpu-nmae": "l40s"}})
    assert str(problem.value) == (
        "label eks.amazonaws.com/instance-gpu-nmae has no counterpart in Karpenter; nearest: " + GPU_NAME
    )


def test_a_node_pool_is_karpenters_but_for_its_reference_and_the_label_of_auto_mode():
    given = node_pool(check(GpuPool, POOL), AUTO_MODE, "gpu", ["us-west-2a"])
    given["template"]["spec"]["requirements"].append(
        {"key": "eks.amazonaws.com/instance-category", "operator": "In", "values": ["g"]}
    )
    said = translated(copy.deepcopy(given))
    expected = copy.deepcopy(given)
    expected["template"]["metadata"]["labels"]["eks.amazonaws.com/compute-type"] = "auto"
    expected["template"]["spec"]["nodeClassRef"] = {
        "group": "karpenter.k8s.aws",
        "kind": "EC2NodeClass",
        "name": "gpu",
    }
    expected["template"]["spec"]["requirements"][-1]["key"] = "karpenter.k8s.aws/instance-category"
    assert said == expected


def test_karpenters_own_node_pool_stays():
    spec = {"nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"}}
    assert translated({"template": {"spec": spec}}) == {"template": {"spec": spec}}


def test_a_node_class_becomes_an_ec2_node_class_that_karpenter_takes():
    spec = node_class(
        check(GpuPool, POOL),
        NodeStorage(iops=4000, throughput_mib_s=250),
        node_role_name="gpu-role",
        subnet_ids=["subnet-1"],
        security_group_id="sg-1",
    )
    made = Translation().node_class(spec)
    disk = {"volumeType": "gp3", "encrypted": True, "deleteOnTermination": True}
    assert made == {
        "amiSelectorTerms": [{"alias": "bottlerocket@latest"}],
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
        "role": "gpu-role",
        "subnetSelectorTerms": [{"id": "subnet-1"}],
        "securityGroupSelectorTerms": [{"id": "sg-1"}],
        "blockDeviceMappings": [
            {"deviceName": "/dev/xvda", "ebs": {**disk, "volumeSize": "4Gi"}},
            {"deviceName": "/dev/xvdb", "ebs": {**disk, "volumeSize": "90Gi", "iops": 4000, "throughput": 250}},
        ],
    }
    assert crds.problems("karpenter.k8s.aws_ec2nodeclasses", {"spec": made}) == []


def test_a_node_class_without_storage_has_auto_modes_own():
    (_, disk) = Translation().node_class({"role": "r"})["blockDeviceMappings"]
    assert (disk["ebs"]["volumeSize"], disk["ebs"]["iops"], disk["ebs"]["throughput"]) == ("80Gi", 3000, 125)


def test_reservations_are_selected_with_karpenters_word_for_their_owner():
    terms = [{"id": "cr-1"}, {"owner": "123456789012", "tags": {"a": "b"}}]
    made = Translation().node_class({"role": "r", "capacityReservationSelectorTerms": terms})
    assert made["capacityReservationSelectorTerms"] == [
        {"id": "cr-1"},
        {"ownerID": "123456789012", "tags": {"a": "b"}},
    ]


def test_what_happens_to_each_field_of_a_node_class_is_settled():
    stand_in = yaml.safe_load((control_plane.STAND_INS / "eks.amazonaws.com_nodeclasses.yaml").read_text())
    (version,) = stand_in["spec"]["versions"]
    assert NODE_CLASS_FIELDS.keys() == version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"].keys()


def test_a_field_that_a_node_class_does_not_have_is_an_error_with_its_name():
    with pytest.raises(LabProblem, match=r"^spec\.ephemeralStroage is no field of a NodeClass; nearest: ephemeralSto"):
        Translation().node_class({"role": "r", "ephemeralStroage": {}})


# A program


def register(program: ProgramTranslation, type_: str, name: str, **props: Any) -> Any:
    args: Any = SimpleNamespace(type_=type_, name=name, props=props, opts="options")
    return program.transform(args)


def test_what_a_program_registers_is_translated_and_told_word_by_word():
    program = ProgramTranslation(lambda: True, lambda: None)
    selects = {"nodeSelector": {GPU_NAME: "l40s"}}
    job = register(program, "kubernetes:batch/v1:Job", "smoke", kind="Job", spec={"template": {"spec": selects}})
    assert job.props == {
        "kind": "Job",
        "spec": {"template": {"spec": {"nodeSelector": {"karpenter.k8s.aws/instance-gpu-name": "l40s"}}}},
    }
    assert job.opts == "options"
    register(program, "kubernetes:core/v1:Pod", "other", spec=selects)
    given = {"role": "r", "snatPolicy": "Disabled", "ephemeralStorage": object()}  # an Output, say
    assert register(program, "kubernetes:eks.amazonaws.com/v1:NodeClass", "gpu", spec=given).props == {"spec": given}
    assert register(program, "aws:s3/bucket:Bucket", "a", spec=selects) is None
    assert program.told() == (
        "NodeClass.ephemeralStorage -> EC2NodeClass.blockDeviceMappings: NodeClass gpu",
        "NodeClass.snatPolicy -> dropped, nothing plays it: NodeClass gpu",
        f"{GPU_NAME} -> karpenter.k8s.aws/instance-gpu-name: Job smoke, Pod other",
    )


def test_what_karpenter_has_no_word_for_stops_the_engine_once_and_is_told_of_every_object():
    stops: list[str] = []
    program = ProgramTranslation(lambda: True, lambda: stops.append("stop"))
    with pytest.raises(LabProblem) as problem, program.complete():
        for name in "ab":
            register(program, "kubernetes:core/v1:Pod", name, spec={"nodeSelector": {f"{GPU_NAME}s": "l40s"}})
        raise LabProblem("what the engine says when it is stopped")
    no_word = f"label {GPU_NAME}s has no counterpart in Karpenter; nearest: {GPU_NAME}"
    assert str(problem.value).splitlines() == [f"Pod a: {no_word}", f"Pod b: {no_word}"]
    assert stops == ["stop"]


def test_without_auto_mode_its_words_mean_nothing_and_stay():
    program = ProgramTranslation(lambda: False, lambda: None)
    assert register(program, "kubernetes:core/v1:Pod", "a", spec={"nodeSelector": {GPU_NAME: "l40s"}}) is None
    assert program.told() == ()


def test_what_is_known_later_is_translated_then():
    program = ProgramTranslation(lambda: True, lambda: None)

    def main() -> None:
        later = pulumi.Output.from_input({"nodeSelector": {GPU_NAME: "l40s"}})
        pulumi.export("spec", register(program, "kubernetes:core/v1:Pod", "a", spec=later).props["spec"])

    assert run(main).exports == {"spec": {"nodeSelector": {"karpenter.k8s.aws/instance-gpu-name": "l40s"}}}
    assert program.told() == (f"{GPU_NAME} -> karpenter.k8s.aws/instance-gpu-name: Pod a",)


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
    monkeypatch.setattr(controllers, "_end", lambda names: told.append(("end", len(made_by_eks), *names)))

    def follow(*clusters: Any, releases: Any = (), made: Any = ()) -> list[Any]:
        told.clear()
        made_by_eks[:] = made
        monkeypatch.setattr(auto_mode, "auto_mode_clusters", lambda eks: list(clusters))
        monkeypatch.setattr(charts, "releases", lambda api: list(releases))
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
    release = charts.Release("karpenter", "kube-system", 1, "karpenter", "1.14.1")
    with pytest.raises(LabProblem, match="the lab has one Karpenter, which plays EKS Auto Mode"):
        follow(CLUSTER, releases=[release])


def test_apply_tells_that_karpenter_plays_it_and_each_word():
    done = Applied({"create": 57}, 128.0, (), {}, translated=("a -> b: Job c",))
    console = Console(width=120, file=io.StringIO())
    console.print(report.applied(done, Path("/l")))
    assert console.file.getvalue().splitlines() == [  # pyright: ignore[reportAttributeAccessIssue]
        "up after 128 s; resources: 57 create",
        "EKS Auto Mode is played by Karpenter, with the lab's own credentials; in Karpenter's words:",
        "  a -> b: Job c",
        "the engine's words are in /l",
    ]
