"""Explain: what a node class decides, where it stands, what helps, and what a pod may wait for all the same."""

from typing import Any

import pytest

from eks_gpu.explain.explain import explain
from eks_gpu.explain.pod_file import read_pods
from eks_gpu.explain.stack_rooms import stack_rooms
from eks_gpu.graph.graph import Graph, Resource
from tests.graphs import kubernetes, resource
from tests.karpenter_graphs import (
    ARCH,
    AUTO_MODE,
    ON_DEMAND,
    auto_mode_node_class,
    node_class,
    node_pool,
    subnet,
    types,
)

POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: train}}
spec:
  tolerations: [{{key: nvidia.com/gpu, operator: Exists}}]
  containers:
    - name: main
      image: example/app:1
      resources: {{limits: {{{limits}}}, requests: {{{requests}}}}}
"""
ADDONS = [resource("aws:eks/addon:Addon", name, {"addonName": name}) for name in ("vpc-cni", "kube-proxy")]


@pytest.fixture
def explained(tmp_path):
    def run(
        *more: Resource,
        limits: str = "nvidia.com/gpu: 1",
        requests: str = "",
        kinds: Any = ("g4dn.2xlarge",),
        **spec: Any,
    ) -> dict[str, Any]:
        file = tmp_path / "pod.yaml"
        file.write_text(POD.format(limits=limits, requests=requests))
        pool = node_pool(ARCH, ON_DEMAND, types(*kinds), limits={})
        graph = Graph([node_class(**spec), pool, subnet("a"), subnet("b"), *more])
        (found,) = explain(stack_rooms(graph, "us-west-2"), read_pods(file)[0])
        return found.answers[0].as_json()

    return run


def place(row: dict[str, Any]) -> tuple[str, str]:
    return row["in_pool"]["resource"], row["in_pool"]["field"]


def test_storage_is_the_node_classs_matter(explained):
    row = explained(requests="ephemeral-storage: 32Gi", blockDeviceMappings=None)
    assert row["reason"] == "pod needs 32768Mi of ephemeral-storage, an empty g4dn.2xlarge has 17408Mi"
    assert place(row) == ("EC2NodeClass gpu", "spec")
    assert row["helps"] == [
        "a volume of 37 GiB or more for /dev/xvda",
        "instanceStorePolicy: RAID0, because all of its types have disks of their own",
    ]


@pytest.mark.parametrize(("asked", "gib"), [("17Gi", None), ("18Gi", 22), ("80Gi", 90), ("500Gi", 557)])
def test_the_smallest_volume_that_is_enough_is_named(explained, asked, gib):
    bottlerocket = [{"alias": "bottlerocket@v1.46.0"}]
    volumes = [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": "200Gi", "encrypted": True}}]
    row = explained(
        requests=f"ephemeral-storage: {asked}",
        kinds=("g6e.xlarge",),
        amiSelectorTerms=bottlerocket,
        blockDeviceMappings=volumes,
    )
    if gib is None:
        assert row["admits"]
        return
    assert place(row) == ("EC2NodeClass gpu", "spec.blockDeviceMappings")
    assert row["helps"][0] == f"a volume of {gib} GiB or more for /dev/xvdb"


def test_a_type_without_disks_of_its_own_is_not_sent_to_them(explained):
    row = explained(
        requests="ephemeral-storage: 32Gi", kinds=("g4dn.xlarge", "p3dn.24xlarge"), blockDeviceMappings=None
    )
    assert len(row["helps"]) == 2
    row = explained(limits="cpu: 1", requests="ephemeral-storage: 32Gi", kinds=("m5.large",), blockDeviceMappings=None)
    assert row["helps"] == ["a volume of 37 GiB or more for /dev/xvda"]


def test_with_raid0_the_type_decides(explained):
    assert explained(requests="ephemeral-storage: 32Gi", instanceStorePolicy="RAID0")["admits"]
    row = explained(requests="ephemeral-storage: 900Gi", instanceStorePolicy="RAID0")
    assert place(row) == ("NodePool gpu", "spec.template.spec.requirements[2]")


def test_pods_of_a_node_are_the_kubelets_matter(explained):
    row = explained(*ADDONS, kubelet={"maxPods": 1})
    assert row["reason"] == "of 1 pod that an empty g4dn.2xlarge takes, DaemonSets take all"
    assert place(row) == ("EC2NodeClass gpu", "spec.kubelet.maxPods")
    assert row["helps"] == ["kubelet.maxPods of 3 or more, or none"]


def test_the_field_that_allows_no_more_pods_is_named(explained):
    row = explained(*ADDONS, kubelet={"maxPods": 40, "podsPerCore": 1}, kinds=("g6f.large",), limits="cpu: 100m")
    assert row["reason"] == "of 2 pods that an empty g6f.large takes, DaemonSets take all"
    assert place(row) == ("EC2NodeClass gpu", "spec.kubelet.podsPerCore")
    assert row["helps"] == ["kubelet.podsPerCore of 2 or more, or none"]


def test_a_disk_of_auto_mode_is_its_node_classs_matter(tmp_path):
    file = tmp_path / "pod.yaml"
    file.write_text(POD.format(limits="nvidia.com/gpu: 1", requests="ephemeral-storage: 100Gi"))
    pool = node_pool(types("g5.xlarge"), template={"nodeClassRef": AUTO_MODE})
    (found,) = explain(stack_rooms(Graph([auto_mode_node_class(), pool]), "us-west-2"), read_pods(file)[0])
    row = found.answers[0].as_json()
    assert row["in_pool"]["resource"] == "NodeClass gpu"
    assert row["helps"] == ["a volume of 113 GiB or more"]


# --- interfaces ------------------------------------------------------------------------------------------------------

EFA, BRANCH = "vpc.amazonaws.com/efa", "vpc.amazonaws.com/pod-eni"
EFA_POD: dict[str, Any] = {"limits": f"nvidia.com/gpu: 8, {EFA}: 4", "kinds": ("p4d.24xlarge",)}
BRANCH_POD: dict[str, Any] = {"limits": f"nvidia.com/gpu: 1, {BRANCH}: 1", "kinds": ("g5.2xlarge", "g6.2xlarge")}


def daemon_set(name: str, image: str, **variables: str) -> Resource:
    container = {
        "name": name,
        "image": image,
        "env": [{"name": key, "value": value} for key, value in variables.items()],
    }
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    return kubernetes("DaemonSet", name, {"selector": {"matchLabels": {"app": name}}, "template": template})


def test_a_node_has_as_many_efa_interfaces_as_its_type(explained):
    assert explained(**EFA_POD)["admits"]
    row = explained(limits=f"nvidia.com/gpu: 8, {EFA}: 5", kinds=("p4d.24xlarge",))
    assert row["reason"] == f"pod needs 5 of {EFA}, an empty p4d.24xlarge has 4"


@pytest.mark.parametrize(
    "plugin",
    [
        resource(
            "kubernetes:helm.sh/v3:Release",
            "efa",
            {"chart": "aws-efa-k8s-device-plugin", "values": {"tolerations": [{"operator": "Exists"}]}},
        ),
        resource("kubernetes:helm.sh/v4:Chart", "efa", {"chart": "https://aws.github.io/eks-charts/aws-dranet"}),
        daemon_set("efa", "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/aws-efa-k8s-device-plugin:v0.5.22"),
    ],
)
def test_an_interface_that_nothing_offers_is_a_caution(explained, plugin):
    (caution,) = explained(**EFA_POD)["cautions"]
    assert caution["text"] == (
        f"nothing in the stack makes its nodes offer {EFA}: install the device plugin of EFA, Helm chart "
        "aws-efa-k8s-device-plugin"
    )
    assert explained(plugin, **EFA_POD)["cautions"] == []


def cni(configuration: Any) -> Resource:
    return resource("aws:eks/addon:Addon", "cni", {"addonName": "vpc-cni", "configurationValues": configuration})


@pytest.mark.parametrize(
    ("offers", "told"),
    [
        (cni('{"env": {"ENABLE_POD_ENI": "true"}}'), 0),
        (cni('{"env": {"ENABLE_POD_ENI": "false"}}'), 1),
        (cni('{"env": {"ENABLE_PREFIX_DELEGATION": "true"}}'), 1),
        (cni(None), 1),
        (resource("eks:index:VpcCniAddon", "cni", {"enablePodEni": True}), 0),
        (daemon_set("aws-node", "amazon-k8s-cni:v1.20", ENABLE_POD_ENI="true"), 0),
        (daemon_set("aws-node", "amazon-k8s-cni:v1.20", ENABLE_POD_ENI="false"), 1),
    ],
)
def test_branch_interfaces_need_a_setting_of_the_network_plugin(explained, offers, told):
    row = explained(offers, **BRANCH_POD)
    assert row["admits"]
    said = [each["text"].partition(": ")[0] for each in row["cautions"]]
    assert said == [f"nothing in the stack makes its nodes offer {BRANCH}"] * told


def test_a_type_without_trunking_has_no_branch_interface(explained):
    row = explained(limits=f"{BRANCH}: 1", kinds=("t3.large",))
    assert row["reason"] == f"pod needs 1 of {BRANCH}, an empty t3.large has 0"


@pytest.mark.parametrize(("size", "cautions"), [("2Gi", 1), ("4Gi", 0)])
def test_a_volume_that_is_smaller_than_its_image_is_a_caution(explained, size, cautions):
    sizes = [("/dev/xvda", size), ("/dev/xvdb", "100Gi")]
    mappings = [{"deviceName": device, "ebs": {"volumeSize": gib}} for device, gib in sizes]
    bottlerocket = [{"alias": "bottlerocket@v1.46.0"}]
    row = explained(amiSelectorTerms=bottlerocket, blockDeviceMappings=mappings)
    assert row["admits"]
    assert [each["text"] for each in row["cautions"]] == cautions * [
        "its volume /dev/xvda has 2 GiB, and the image for its nodes has 4: EC2 refuses it, so no node starts: set "
        "/dev/xvda to 4Gi or more"
    ]
