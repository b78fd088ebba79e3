"""What would make a pod's first node come sooner: the change, the seconds it saves, and its price."""

import base64
from pathlib import Path
from typing import Any

import pytest

from eks_gpu.explain.explain import explain
from eks_gpu.explain.pod_file import read_pods
from eks_gpu.explain.stack_rooms import StackRooms, stack_rooms
from eks_gpu.graph.graph import Graph
from tests.graphs import healthy, launch_template
from tests.karpenter_graphs import node_class, node_pool, types
from tests.karpenter_graphs import subnet as tagged_subnet

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: train}
spec:
  tolerations: [{key: nvidia.com/gpu, operator: Exists}]
  containers:
    - name: main
      image: nvcr.io/nvidia/tritonserver:26.06-py3
      resources: {limits: {nvidia.com/gpu: 1}}
"""
TRITON_S, IN_PARALLEL_S, FROM_SNAPSHOT_S = 258, 85, 49  # 15.5 GB at 60 and 183 MB/s, and at 300 MiB/s
FAST = "pull images in parallel, on a disk of 1000 MiB/s and 16000 IOPS"
NODE_CONFIG = '{"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": %s}'
PARALLEL = NODE_CONFIG % '{"cluster": {"name": "shop"}, "featureGates": {"FastImagePull": true}}'
SOCI = """\
[settings.container-runtime]
snapshotter = "soci"
[settings.container-runtime-plugins.soci-snapshotter]
pull-mode = "parallel-pull-unpack"
"""
BOTTLEROCKET = [{"alias": "bottlerocket@v1.46.0"}]


def ebs(device: str = "/dev/xvda", **more: Any) -> dict[str, Any]:
    return {"deviceName": device, "ebs": {"volumeSize": "100Gi", "volumeType": "gp3", "encrypted": True, **more}}


def karpenter(**spec: Any) -> StackRooms:
    """Nodes of g4dn.xlarge, Spot first."""
    found = [node_pool(types("g4dn.xlarge")), node_class(**spec), tagged_subnet("a"), tagged_subnet("b")]
    return stack_rooms(Graph(found), "us-west-2")


def groups(**template: Any) -> StackRooms:
    return stack_rooms(Graph(healthy(gpu_template=launch_template(**template))), "us-west-2")


@pytest.fixture
def told(tmp_path: Path):
    def run(stack: StackRooms) -> tuple[int, list[tuple[str, int, float | None, bool]]]:
        """Seconds of the pull, and the alternatives."""
        file = tmp_path / "pod.yaml"
        file.write_text(POD)
        (found,) = explain(stack, read_pods(file)[0])
        launch = found.takers[0].launch
        assert launch
        (pull,) = (step.seconds for step in launch.steps if step.name == "image pull")
        row = launch.as_json()["time_to_running"]["alternatives"]
        return pull, [(each["change"], each["saves_s"], each["hourly"], each["while_idle"]) for each in row]

    return run


def test_on_a_plain_disk_a_faster_one_pulls_in_parallel_at_its_price_and_a_kept_node_saves_the_launch(told):
    pull, alternatives = told(karpenter())
    assert pull == TRITON_S
    assert alternatives == [
        (FAST, TRITON_S - IN_PARALLEL_S, 0.136986, False),  # 13,000 IOPS and 875 MiB/s of gp3 more
        ("keep a node", 2 + 90 + 30, pytest.approx(0.211, abs=0.001), True),
    ]


def test_on_the_instance_store_the_setting_alone_is_enough(told):
    _, alternatives = told(karpenter(instanceStorePolicy="RAID0"))
    assert alternatives[0] == ("pull images in parallel", TRITON_S - IN_PARALLEL_S, 0.0, False)


@pytest.mark.parametrize(
    ("spec", "pull"),
    [
        ({"userData": PARALLEL, "instanceStorePolicy": "RAID0"}, IN_PARALLEL_S),
        ({"userData": PARALLEL, "blockDeviceMappings": [ebs(throughput=600, iops=3000)]}, IN_PARALLEL_S),
        ({"userData": PARALLEL, "blockDeviceMappings": [ebs(throughput=599, iops=3000)]}, TRITON_S),
        ({"userData": NODE_CONFIG % '{"featureGates": {"FastImagePull": false}}'}, TRITON_S),
        ({"userData": NODE_CONFIG % "{}"}, TRITON_S),
        (
            {
                "amiSelectorTerms": BOTTLEROCKET,
                "userData": SOCI,
                "blockDeviceMappings": [ebs(), ebs("/dev/xvdb", throughput=1000, iops=16_000)],
            },
            IN_PARALLEL_S,
        ),
        (
            {
                "amiSelectorTerms": BOTTLEROCKET,
                "blockDeviceMappings": [ebs(), ebs("/dev/xvdb", snapshotID="snap-1", volumeInitializationRate=300)],
            },
            FROM_SNAPSHOT_S,
        ),
        (
            {
                "amiSelectorTerms": BOTTLEROCKET,
                "blockDeviceMappings": [ebs(), ebs("/dev/xvdb", snapshotID="snap-1")],  # at a rate nobody promises
            },
            TRITON_S,
        ),
    ],
)
def test_how_fast_images_come_is_read_from_user_data_and_disks(told, spec, pull):
    assert told(karpenter(**spec))[0] == pull


def test_what_is_done_already_is_no_alternative(told):
    _, alternatives = told(karpenter(userData=PARALLEL, instanceStorePolicy="RAID0"))
    assert [change for change, *_ in alternatives] == ["keep a node"]


def test_bottlerocket_may_start_from_a_snapshot_at_a_price_that_is_not_known(told):
    mappings = [ebs(), ebs("/dev/xvdb")]
    _, alternatives = told(karpenter(amiSelectorTerms=BOTTLEROCKET, blockDeviceMappings=mappings))
    snapshot = "make the disk from a snapshot that has the image, at 300 MiB/s"
    assert alternatives[0] == (snapshot, TRITON_S - FROM_SNAPSHOT_S, None, False)


def test_of_an_image_of_one_s_own_only_a_kept_node_is_told(told):
    _, alternatives = told(karpenter(amiSelectorTerms=[{"id": "ami-1"}], amiFamily="Custom"))
    assert [change for change, *_ in alternatives] == ["keep a node"]


def test_a_group_s_template_says_it_too(told):
    template = {"userData": base64.b64encode(PARALLEL.encode()).decode()}
    fast = {"volumeSize": 100, "volumeType": "gp3", "iops": 4000, "throughput": 1000}
    assert told(groups(**template, blockDeviceMappings=[{"deviceName": "/dev/xvda", "ebs": fast}]))[0] == IN_PARALLEL_S
