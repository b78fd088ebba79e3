"""Versions and images: what is pinned, until when it is supported, and what an image carries."""

import re
from datetime import date

import botocore.session
import pytest

from components.catalog import (
    ADDONS,
    AMI_TYPES,
    CLUSTER_AUTOSCALER_CHART,
    CUDA_SAMPLE_IMAGE,
    DEFAULT_KUBERNETES,
    DEVICE_PLUGIN_CHART,
    GPU_OPERATOR_CHART,
    JOBSET_CHART,
    KARPENTER_CHART,
    KARPENTER_CRD_CHART,
    KEDA_CHART,
    KUBERNETES,
    ROOT_DEVICE,
    SUPPORTED,
    Chart,
    UnknownKubernetesVersion,
    ami_type,
    data_device,
    has_device_plugin,
    has_driver,
    image_supports,
    instance_type,
    instance_types,
    kubernetes_version,
    release_parameter,
    ssm_parameter,
    versions,
)
from components.catalog.auto_mode import accelerated_families, starts
from tests.found import every


def test_four_minors_are_supported_and_1_35_is_the_default():
    assert SUPPORTED == ("1.33", "1.34", "1.35", "1.36")
    assert DEFAULT_KUBERNETES == "1.35"


def test_a_helm_release_knows_a_chart_by_its_repository_or_by_its_whole_address():
    in_repository = {
        "chart": "keda",
        "version": "2.21.0",
        "repository_opts": {"repo": "https://kedacore.github.io/charts"},
    }
    as_artefact = {"chart": "oci://registry.k8s.io/jobset/charts/jobset", "version": "0.11.1"}

    assert KEDA_CHART.for_helm() == in_repository
    assert JOBSET_CHART.for_helm() == as_artefact


def test_on_24_november_2026_only_1_33_costs_extra():
    today = date(2026, 11, 24)
    assert {minor: version.support(today) for minor, version in KUBERNETES.items()} == {
        "1.33": "extended",
        "1.34": "standard",
        "1.35": "standard",
        "1.36": "standard",
    }


@pytest.mark.parametrize(
    ("on", "support"),
    [
        (date(2026, 12, 2), "standard"),
        (date(2026, 12, 3), "extended"),
        (date(2027, 12, 2), "extended"),
        (date(2027, 12, 3), "ended"),
    ],
)
def test_support_lasts_through_its_last_day(on, support):
    assert KUBERNETES["1.34"].support(on) == support


def test_extended_support_lasts_twelve_months():
    for version in every(KUBERNETES.values()):
        assert version.extended_until == version.standard_until.replace(year=version.standard_until.year + 1)


def test_the_autoscaler_is_of_the_clusters_minor():
    assert {minor: version.autoscaler_image_tag for minor, version in KUBERNETES.items()} == {
        "1.33": "v1.33.6",
        "1.34": "v1.34.5",
        "1.35": "v1.35.2",
        "1.36": "v1.36.1",
    }


def test_the_pinned_karpenter_supports_every_minor():
    def number(text: str) -> tuple[int, ...]:
        return tuple(map(int, text.split(".")))

    since = [number(version.karpenter_since) for version in KUBERNETES.values()]
    assert max(since) <= number(KARPENTER_CHART.version)


def test_another_minor_is_refused():
    with pytest.raises(UnknownKubernetesVersion, match=r"must be one of 1\.33, 1\.34, 1\.35, 1\.36, got 1\.30"):
        kubernetes_version("1.30")


def test_charts_are_pinned():
    assert (
        Chart(
            name="cluster-autoscaler",
            version="9.59.0",
            repository="https://kubernetes.github.io/autoscaler",
            app_version="1.35.0",
        )
        == CLUSTER_AUTOSCALER_CHART
    )
    assert (DEVICE_PLUGIN_CHART.version, GPU_OPERATOR_CHART.version) == ("0.20.0", "v26.7.0")
    assert KARPENTER_CHART.name == "oci://public.ecr.aws/karpenter/karpenter"
    assert KARPENTER_CHART.version == KARPENTER_CRD_CHART.version == "1.15.0"


def test_a_chart_has_a_repository_or_is_an_oci_reference():
    charts = [value for value in vars(versions).values() if isinstance(value, Chart)]

    assert len(charts) == 18
    for chart in charts:
        assert (chart.repository is None) == chart.name.startswith("oci://"), chart
        assert re.fullmatch(r"v?\d+\.\d+\.\d+", chart.version), chart


def test_every_image_has_a_tag():
    images = {name: value for name, value in vars(versions).items() if name.endswith("_IMAGE")}

    assert CUDA_SAMPLE_IMAGE == "nvcr.io/nvidia/k8s/cuda-sample:vectoradd-cuda12.5.0"
    untagged = {name for name, image in images.items() if ":" not in image or image.endswith(":latest")}
    assert untagged == {"CLUSTER_AUTOSCALER_IMAGE"}  # the Kubernetes minor decides


def test_controllers_are_charts_and_not_addons():
    assert {"vpc-cni", "coredns", "eks-pod-identity-agent", "metrics-server"} <= ADDONS
    assert not ADDONS & {"cluster-autoscaler", "karpenter", "nvidia-device-plugin", "aws-load-balancer-controller"}


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (("al2023", "amd64"), "AL2023_x86_64_STANDARD"),
        (("al2023", "arm64"), "AL2023_ARM_64_STANDARD"),
        (("al2023", "amd64", "nvidia"), "AL2023_x86_64_NVIDIA"),
        (("al2023", "arm64", "nvidia"), "AL2023_ARM_64_NVIDIA"),
        (("al2023", "amd64", "neuron"), "AL2023_x86_64_NEURON"),
        (("bottlerocket", "amd64"), "BOTTLEROCKET_x86_64"),
        (("bottlerocket", "arm64", "nvidia"), "BOTTLEROCKET_ARM_64_NVIDIA"),
        (("bottlerocket", "amd64", "neuron"), "BOTTLEROCKET_x86_64"),
    ],
)
def test_a_node_gets_the_image_for_its_architecture_and_accelerator(wanted, name):
    assert ami_type(*wanted) == name


@pytest.mark.parametrize("wanted", [("al2023", "arm64", "neuron"), ("al2023", "amd64", "amd"), ("al2", "amd64")])
def test_an_image_that_eks_does_not_make_is_refused(wanted):
    with pytest.raises(ValueError, match=f"EKS makes no image for {' '.join(wanted)}; it makes them for al2023 amd64,"):
        ami_type(*wanted)


def test_the_linux_ami_types_are_those_of_the_eks_api():
    eks = botocore.session.get_session().get_service_model("eks")
    ami_types = set(eks.shape_for("AMITypes").enum)

    assert {name for name in ami_types if name.startswith(("AL2023_", "BOTTLEROCKET_"))} == AMI_TYPES.keys()


def test_only_bottlerocket_brings_a_device_plugin():
    assert sorted(filter(has_device_plugin, AMI_TYPES)) == [
        "BOTTLEROCKET_ARM_64_NVIDIA",
        "BOTTLEROCKET_ARM_64_NVIDIA_FIPS",
        "BOTTLEROCKET_x86_64_NVIDIA",
        "BOTTLEROCKET_x86_64_NVIDIA_FIPS",
    ]
    assert not has_device_plugin("CUSTOM")


def test_a_standard_image_has_no_driver():
    assert [has_driver(name) for name in ("AL2023_x86_64_NVIDIA", "AL2023_x86_64_STANDARD", "CUSTOM")] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (
            ("al2023", "1.35", "amd64", "nvidia"),
            "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/nvidia/recommended/image_id",
        ),
        (
            ("al2023", "1.33", "arm64"),
            "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/arm64/standard/recommended/image_id",
        ),
        (
            ("bottlerocket", "1.35", "amd64", "nvidia"),
            "/aws/service/bottlerocket/aws-k8s-1.35-nvidia/x86_64/latest/image_id",
        ),
        (("bottlerocket", "1.36", "arm64"), "/aws/service/bottlerocket/aws-k8s-1.36/arm64/latest/image_id"),
    ],
)
def test_an_images_id_is_in_its_ssm_parameter(wanted, name):
    assert ssm_parameter(*wanted) == name


def test_an_images_release_is_in_the_parameter_beside_it():
    folder = "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/nvidia/recommended"
    assert release_parameter("al2023", "1.35", "amd64", "nvidia") == f"{folder}/release_version"
    folder = "/aws/service/bottlerocket/aws-k8s-1.36/arm64/latest"
    assert release_parameter("bottlerocket", "1.36", "arm64") == f"{folder}/image_version"


def test_bottlerocket_keeps_container_images_off_its_root():
    assert ROOT_DEVICE == "/dev/xvda"
    assert (data_device("al2023"), data_device("bottlerocket")) == ("/dev/xvda", "/dev/xvdb")


@pytest.mark.parametrize(
    ("name", "supported"),
    [
        ("g4dn.xlarge", True),
        ("g5g.xlarge", True),
        ("p5.48xlarge", True),
        ("trn1.2xlarge", True),
        ("m7i.xlarge", True),
        ("g7.2xlarge", False),
        ("dl2q.24xlarge", False),
        ("g4ad.xlarge", False),
    ],
)
def test_an_image_with_a_driver_exists_for_the_type(name, supported):
    assert image_supports(instance_type(name)) == supported


def test_images_have_drivers_for_every_family_of_the_table_but_these():
    lacking = {row.family for row in instance_types() if not image_supports(row)}
    assert lacking == {"dl1", "dl2q", "g4ad", "g7"}


def test_auto_mode_starts_these_families_with_accelerators():
    assert set(accelerated_families()) == {
        *("g4dn", "g5", "g5g", "g6", "g6e", "g7e", "gr6"),
        *("p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300"),
        *("inf1", "inf2", "trn1", "trn1n", "trn2"),
    }


@pytest.mark.parametrize(
    ("name", "started"),
    [
        *(("m7i.large", True), ("t3.nano", False), ("t3a.micro", False), ("t4g.small", False), ("m1.medium", False)),
        *(("g6f.xlarge", False), ("g7.2xlarge", False), ("g6.xlarge", True)),
    ],
)
def test_auto_mode_starts_no_small_type_and_no_part_of_a_gpu(name, started):
    assert starts(instance_type(name)) is started
