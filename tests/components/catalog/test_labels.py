"""Labels of nodes: what Karpenter and Auto Mode write for a type, in one map for plan, explain, import and lab."""

import pytest

from components.catalog import instance_type, labels_of_type, type_may_meet
from components.catalog.labels import INSTANCE_LABELS, UNJUDGED_INSTANCE_LABELS, is_well_known_label

KARPENTER, AUTO_MODE = "karpenter.k8s.aws", "eks.amazonaws.com"


def test_a_gpu_type_has_each_label_that_the_catalog_can_tell():
    assert labels_of_type(instance_type("g4dn.xlarge"), KARPENTER) == {
        "node.kubernetes.io/instance-type": "g4dn.xlarge",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "karpenter.k8s.aws/instance-category": "g",
        "karpenter.k8s.aws/instance-generation": "4",
        "karpenter.k8s.aws/instance-family": "g4dn",
        "karpenter.k8s.aws/instance-size": "xlarge",
        "karpenter.k8s.aws/instance-cpu": "4",
        "karpenter.k8s.aws/instance-cpu-manufacturer": "intel",
        "karpenter.k8s.aws/instance-memory": "16384",
        "karpenter.k8s.aws/instance-hypervisor": "nitro",
        "karpenter.k8s.aws/instance-local-nvme": "125",
        "karpenter.k8s.aws/instance-capability-flex": "false",
        "karpenter.k8s.aws/instance-gpu-name": "t4",
        "karpenter.k8s.aws/instance-gpu-manufacturer": "nvidia",
        "karpenter.k8s.aws/instance-gpu-count": "1",
        "karpenter.k8s.aws/instance-gpu-memory": "16384",
    }


def test_auto_modes_labels_are_karpenters_under_another_prefix():
    row = instance_type("trn1.2xlarge")
    renamed = {key.replace(KARPENTER, AUTO_MODE): value for key, value in labels_of_type(row, KARPENTER).items()}
    assert labels_of_type(row, AUTO_MODE) == renamed
    assert renamed["eks.amazonaws.com/instance-accelerator-name"] == "trainium"


def test_no_label_is_both_judged_and_not():
    assert not INSTANCE_LABELS & UNJUDGED_INSTANCE_LABELS


@pytest.mark.parametrize(
    ("name", "maker"),
    [("m7i.large", "intel"), ("m5.large", "intel"), ("g5.xlarge", "amd"), ("m7a.large", "amd"), ("m7g.large", "aws")],
)
def test_the_maker_of_a_cpu_is_known_also_where_the_types_name_does_not_say_it(name, maker):
    assert labels_of_type(instance_type(name), KARPENTER)[f"{KARPENTER}/instance-cpu-manufacturer"] == maker


def test_a_label_for_nvme_is_on_no_type_with_older_disks():
    assert instance_type("c3.large").instance_store_gb == 32
    assert f"{KARPENTER}/instance-local-nvme" not in labels_of_type(instance_type("c3.large"), KARPENTER)


def test_a_label_that_says_nothing_of_types_is_no_question_for_a_type():
    with pytest.raises(KeyError):
        type_may_meet(instance_type("g6.xlarge"), "karpenter.k8s.aws/instance-tenancy", "In", ["default"])


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ("karpenter.sh/nodepool", True),
        ("eks.amazonaws.com/compute-type", True),
        ("karpenter.k8s.aws/instance-tenancy", True),
        ("eks.amazonaws.com/instance-gpu-name", True),
        ("karpenter.k8s.aws/ec2nodeclass", True),
        ("topology.kubernetes.io/zone", True),
        ("karpenter.k8s.aws/instance-gpu-nmae", False),
        ("example.com/instance-gpu-name", False),
    ],
)
def test_karpenter_sets_its_own_labels_and_no_others(key, known):
    assert is_well_known_label(key) is known
