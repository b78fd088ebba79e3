"""EKS Auto Mode's words in Karpenter's, as the lab translates a program."""

import copy
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
import yaml

from components.auto_mode_gpu_pool import NodeStorage, node_class
from components.catalog import is_well_known_label
from components.gpu_smoke_test import GpuSmokeTestSpec, pod
from components.nodes.node_pool import AUTO_MODE, node_pool
from components.values.gpu_pool import GpuPool
from components.values.value import check
from eks_gpu.lab import control_plane
from eks_gpu.lab.auto_mode_terms import LABELS, NODE_CLASS_FIELDS, ProgramTranslation, Translation
from eks_gpu.lab.problem import LabProblem
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
        *("encryption-in-transit-supported", "capability-flex", "tenancy", "cpu-sustained-clock-speed-mhz"),
        *("accelerator-name", "accelerator-manufacturer", "accelerator-count"),
    ],
)
def test_each_label_of_a_type_becomes_one_that_karpenter_knows(name):
    said = translated({"nodeSelector": {f"eks.amazonaws.com/instance-{name}": "x"}})
    assert said == {"nodeSelector": {f"karpenter.k8s.aws/instance-{name}": "x"}}
    assert is_well_known_label(f"karpenter.k8s.aws/instance-{name}")


def test_the_table_has_no_row_that_nobody_tests():
    assert len(LABELS) == 22


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
