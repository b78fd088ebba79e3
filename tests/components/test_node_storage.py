"""How fast a node's disk is, what lies on it, and how images are pulled: the same wish on each back end."""

import email
import tomllib
from base64 import b64decode
from typing import Any

import pytest
import yaml

from components.auto_mode_gpu_pool import AutoModeGpuPool
from components.karpenter_gpu_pool import KarpenterGpuPool
from components.nodes.user_data import user_data
from components.values.value import BadInput
from tests import karpenter_gpu_pools
from tests.engine import Run, run
from tests.given import CLUSTER, subnets
from tests.gpu_node_groups import TEMPLATE, place, problem, running, self_managed

FAST = {"iops": 16_000, "throughput_mib_s": 1000}
SNAPSHOT = {"snapshot_id": "snap-0123456789abcdef0", "initialization_mib_s": 300}
LARGE = 300  # GiB, more than the instance store of a g6.xlarge
BOTTLEROCKET: Any = {"node_image": "bottlerocket"}
PULLS_IN_PARALLEL = {
    "apiVersion": "node.eks.aws/v1alpha1",
    "kind": "NodeConfig",
    "spec": {"featureGates": {"FastImagePull": True}},
}
SOCI = {
    "container-runtime": {"snapshotter": "soci"},
    "container-runtime-plugins": {"soci-snapshotter": {"pull-mode": "parallel-pull-unpack"}},
}


def karpenter(image_version: str = "v20260714", **wish: Any) -> dict[str, Any]:
    args: Any = {**karpenter_gpu_pools.ARGS, "image_version": image_version}
    args["pool"] = {"instance_types": ["g6.xlarge"], "max_gpus": 2, **wish}
    return run(lambda: KarpenterGpuPool("gpu", args)).one(karpenter_gpu_pools.NODE_CLASS).inputs["spec"]


def auto_mode(own: Any = None, **wish: Any) -> Run:
    """`own` is the component's argument `storage`."""
    args: Any = {"cluster": {**CLUSTER, "node_role_arn": "arn:aws:iam::123456789012:role/nodes"}}
    args |= {"subnets": subnets("ab"), "pool": {"instance_types": ["g6.xlarge"], "max_gpus": 2, **wish}}
    return run(lambda: AutoModeGpuPool("gpu", args | ({"storage": own} if own else {})))


def refused(made: Any, **wish: Any) -> list[str]:
    with pytest.raises(BadInput) as found:
        made(**wish)
    return found.value.problems


def disks(made: Run) -> list[dict[str, Any]]:
    template = made.one(TEMPLATE, "gpu-us-west-2a-on-demand-template").inputs
    return [disk["ebs"] for disk in template["blockDeviceMappings"]]


def user_data_of(made: Run) -> str:
    return b64decode(made.one(TEMPLATE, "gpu-us-west-2a-on-demand-template").inputs["userData"]).decode()


def node_config(text: str) -> Any:
    document: Any = email.message_from_string(text)
    (part,) = document.get_payload()
    return yaml.safe_load(part.get_payload())


@pytest.mark.parametrize("made", [running, self_managed])
def test_a_group_s_disk_is_as_fast_as_its_pool_says(made):
    (disk,) = disks(made(storage=FAST))
    assert (disk["iops"], disk["throughput"], disk["volumeSize"]) == (16_000, 1000, 100)


@pytest.mark.parametrize("made", [running, self_managed])
def test_a_group_s_images_come_from_a_snapshot_on_the_disk_that_has_them(made):
    system, images = disks(made(storage=SNAPSHOT, **BOTTLEROCKET))
    assert (images["snapshotId"], images["volumeInitializationRate"]) == ("snap-0123456789abcdef0", 300)
    assert system.keys() == {"volumeType", "encrypted", "deleteOnTermination"}


def test_karpenter_s_disk_is_as_fast_as_its_pool_says():
    (disk,) = karpenter(storage=FAST, disk_gib=LARGE)["blockDeviceMappings"]
    assert (disk["ebs"]["iops"], disk["ebs"]["throughput"], disk["ebs"]["volumeSize"]) == (16_000, 1000, "300Gi")


def test_karpenter_s_images_come_from_a_snapshot_and_then_not_from_the_instance_store():
    spec = karpenter("v1.46.0", storage=SNAPSHOT, **BOTTLEROCKET)
    system, images = (disk["ebs"] for disk in spec["blockDeviceMappings"])
    assert (images["snapshotID"], images["volumeInitializationRate"]) == ("snap-0123456789abcdef0", 300)
    assert "snapshotID" not in system
    assert "instanceStorePolicy" not in spec


def test_auto_mode_takes_the_speed_from_the_pool_or_from_its_own_argument():
    for made in (auto_mode(storage=FAST), auto_mode(own=FAST)):
        spec = made.one("kubernetes:eks.amazonaws.com/v1:NodeClass").inputs["spec"]
        assert spec["ephemeralStorage"] == {"size": "100Gi", "iops": 16_000, "throughput": 1000}


def test_a_managed_group_is_told_to_pull_in_parallel_and_eks_adds_the_rest():
    assert node_config(user_data_of(running(parallel_pull=True, storage=FAST))) == PULLS_IN_PARALLEL
    in_toml = tomllib.loads(user_data_of(running(parallel_pull=True, storage=FAST, **BOTTLEROCKET)))
    assert in_toml == {"settings": SOCI}


def test_a_managed_group_that_is_told_nothing_has_no_user_data():
    assert "userData" not in running().one(TEMPLATE, "gpu-us-west-2a-on-demand-template").inputs


@pytest.mark.parametrize("parallel", [True, False])
def test_a_self_managed_node_is_told_beside_its_cluster(parallel):
    def data(**wish: Any) -> str:
        (group, *_) = place("a", parallel_pull=parallel, storage=FAST, **wish).groups.values()
        return b64decode(user_data(group.node, CLUSTER)).decode()

    gates = {"FastImagePull": True} if parallel else None
    assert node_config(data())["spec"].get("featureGates") == gates
    settings = tomllib.loads(data(**BOTTLEROCKET))["settings"]
    assert {key: value for key, value in settings.items() if key != "kubernetes"} == (SOCI if parallel else {})


def test_karpenter_s_nodes_are_told_in_the_format_of_their_image():
    assert node_config(karpenter(parallel_pull=True)["userData"]) == PULLS_IN_PARALLEL
    in_toml = tomllib.loads(karpenter("v1.46.0", parallel_pull=True, **BOTTLEROCKET)["userData"])
    assert in_toml == {"settings": SOCI}
    assert "userData" not in karpenter()


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (
            {"parallel_pull": True},
            "pool.parallel_pull needs storage.throughput_mib_s 600 or more, or it makes pulls slower, got 125",
        ),
        (
            {"parallel_pull": True, "storage": {"iops": 3000, "throughput_mib_s": 599}},
            "pool.parallel_pull needs storage.throughput_mib_s 600 or more, or it makes pulls slower, got 599",
        ),
        (
            {"storage": SNAPSHOT},
            "pool.storage: snapshot_id needs node_image bottlerocket: images lie beside the system on the one disk of "
            "al2023",
        ),
        (
            {"storage": {"iops": 16_000}, "disk_gib": 30},
            "pool.storage: iops must be at most 15000 with pool.disk_gib 30, got 16000",
        ),
        (
            {"storage": {"snapshot_id": "vol-1"}, **BOTTLEROCKET},
            "pool.storage.snapshot_id must be a snapshot's id, as snap-0123456789abcdef0, got 'vol-1'",
        ),
        (
            {"storage": {"initialization_mib_s": 200}},
            "pool.storage.initialization_mib_s: needs snapshot_id, whose blocks come at this rate, got 200",
        ),
    ],
)
def test_a_disk_that_cannot_be_so_is_refused_with_the_rule(wish, message):
    assert problem(**wish) == [message]


def test_a_faster_volume_beside_an_instance_store_that_has_the_images_is_refused():
    (said,) = refused(karpenter, storage=FAST)
    assert said == (
        "pool.storage: images and pods' files lie on the instance store of these types, which is faster, so it would "
        "be paid for nothing: leave it out"
    )


def test_what_auto_mode_decides_itself_is_refused():
    assert refused(auto_mode, parallel_pull=True) == [
        "pool.parallel_pull: Auto Mode decides itself how a node pulls images, got true: leave it out"
    ]
    assert refused(auto_mode, own={"snapshot_id": "snap-0123456789abcdef0"}) == [
        "storage.snapshot_id: a NodeClass has no field for it, got snap-0123456789abcdef0: leave it out, or use "
        "KarpenterGpuPool"
    ]


def test_a_disk_is_as_fast_as_ebs_has_them():
    fastest = {"iops": 80_000, "throughput_mib_s": 2000}
    assert disks(running(storage=fastest, disk_gib=160))[0]["throughput"] == 2000
    assert disks(running(disk_gib=65_536))[0]["volumeSize"] == 65_536
    assert problem(storage={"iops": 80_001, "throughput_mib_s": 2001}, disk_gib=65_537) == [
        "pool.disk_gib must be at most 65536, got 65537",
        "pool.storage.iops must be at most 80000, got 80001",
        "pool.storage.throughput_mib_s must be at most 2000, got 2001",
    ]


def test_a_disk_of_auto_mode_is_as_fast_as_a_node_class_may_say():
    faster = {"iops": 16_001, "throughput_mib_s": 1001}
    told = ["iops must be at most 16000 on Auto Mode, got 16001"]
    told += ["throughput_mib_s must be at most 1000 on Auto Mode, got 1001"]
    assert refused(auto_mode, own=faster) == [f"storage.{each}" for each in told]
    assert refused(auto_mode, storage=faster) == [f"pool.storage.{each}" for each in told]
    assert refused(auto_mode, disk_gib=59_001) == ["pool.disk_gib must be at most 59000 on Auto Mode, got 59001"]


def test_a_disk_is_said_once():
    assert refused(auto_mode, storage=FAST, own=FAST) == ["storage: pool.storage says it too: leave one of them out"]
