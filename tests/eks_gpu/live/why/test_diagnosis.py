"""The one cause for which a pod waits, from plain objects and what controllers said."""

from datetime import timedelta
from typing import Any

import pytest

from eks_gpu.graph.graph import Resource
from eks_gpu.live.why.account_says import GroupSays
from eks_gpu.live.why.autoscaler_status import AutoscalerStatus
from eks_gpu.live.why.said import Said
from tests.eks_gpu.live.why.doctors import (
    NOW,
    ago,
    cause,
    claim,
    diagnosed,
    meta,
    node,
    node_class,
    node_pool,
    pod,
    word,
)

POOL = (node_pool(), node_class())
NOMINATED = word("Nominated", "Pod should schedule on: nodeclaim/gpu-abcde")
LAUNCHED, REGISTERED = ("True", 40.0, "Launched"), ("True", 20.0, "Registered")


def test_a_machine_that_starts_is_a_launch_with_the_time_left():
    found, message, fix = cause(*POOL, pod(), claim(Launched=LAUNCHED), said=[NOMINATED])
    assert (found, fix) == ("launch-in-progress", "wait")
    # 90 s for an accelerated launch, of which 40 are over, 30 for the plugin, 133 for 8 GB at 60 MB/s.
    assert message == "NodeClaim gpu-abcde of pool gpu: the machine is starting; about 4 min left (estimate)"


def test_a_machine_that_never_joins_is_no_launch():
    since = ("True", 900.0, "Launched")
    found, message, _ = cause(*POOL, pod(seconds=950), claim(seconds=900, Launched=since), said=[NOMINATED])
    assert found == "node-does-not-join"
    assert message == "the machine of NodeClaim gpu-abcde of pool gpu started 15 min ago and did not join the cluster"


def test_a_node_without_its_gpu_lacks_a_device_plugin():
    state = claim(
        seconds=900, Launched=("True", 890, ""), Registered=("True", 800, ""), Initialized=("Unknown", 800, "")
    )
    found, message, fix = cause(*POOL, pod(seconds=950), state, node(cpu="4"), said=[NOMINATED])
    assert found == "plugin-not-registered"
    assert message == (
        "node machine of pool gpu is Ready and offers no nvidia.com/gpu: its device plugin has not registered"
    )
    assert "spec.nodeName=machine" in fix


def test_a_node_that_is_new_has_time_for_its_plugin():
    state = claim(seconds=60, Launched=LAUNCHED, Registered=REGISTERED, Initialized=("Unknown", 20, ""))
    found, message, _ = cause(*POOL, pod(seconds=70), state, node(seconds=20, cpu="4"), said=[NOMINATED])
    assert found == "launch-in-progress"
    assert "its devices are being registered" in message


def test_a_launch_although_no_pool_takes_the_pod_says_both():
    state = claim(Launched=LAUNCHED)
    found, message, _ = cause(*POOL, pod(spec={"nodeSelector": {"a": "b"}}), state, said=[NOMINATED])
    assert found == "launch-in-progress"
    assert message.endswith("; by our rules no pool takes the pod")


QUOTA = "creating instance, insufficient capacity, VcpuLimitExceeded: … your current vCPU limit of 8 allows …"


def test_a_refusal_before_a_launch_that_succeeded_is_over():
    old = word("InsufficientCapacityError", f"NodeClaim gpu-zzzzz nominated for this pod failed to launch: {QUOTA}")
    of_claim = word("InsufficientCapacityError", QUOTA, of="NodeClaim gpu-zzzzz", seconds=120)
    refused = cause(*POOL, pod(), said=[old, of_claim])
    assert refused[0] == "quota"
    assert refused[2] == (
        "aws service-quotas request-service-quota-increase --region us-west-2 "
        "--service-code ec2 --quota-code L-DB2E81BA --desired-value 12"
    )
    later = claim(seconds=60, Launched=LAUNCHED)
    assert cause(*POOL, pod(), later, said=[old, of_claim, NOMINATED])[0] == "launch-in-progress"


def test_a_refusal_of_half_an_hour_ago_says_nothing_of_now():
    old = word("InsufficientCapacityError", QUOTA, of="NodeClaim gpu-zzzzz", seconds=1900)
    alive = word("FailedScheduling", "no nodes", of="Pod shop/other", seconds=5)
    assert cause(*POOL, pod(seconds=2000), said=[old, alive])[0] == "unknown"


@pytest.mark.parametrize(
    "text, id_, words",
    [
        ("MaxSpotInstanceCountExceeded: Max spot instance count exceeded", "quota", "All G and VT Spot"),
        ("InsufficientInstanceCapacity: We currently do not have sufficient g5.xlarge capacity in the Availability "
         "Zone you requested (us-west-2a).", "no-capacity", "EC2 has no capacity for g5.xlarge in us-west-2a"),
        ("UnauthorizedOperation: You are not authorized to perform: ec2:RunInstances", "launch-refused", "RunInst"),
        ("InsufficientFreeAddressesInSubnet: not enough free addresses", "launch-refused", "no free address"),
        ("InvalidParameterValue: bad device", "launch-refused", "InvalidParameterValue: bad device"),
    ],
)  # fmt: skip
def test_each_refusal_of_ec2_is_its_own_cause(text: str, id_: str, words: str):
    of_claim = word("InsufficientCapacityError", text, of="NodeClaim gpu-zzzzz")
    found, message, _ = cause(*POOL, pod(), said=[of_claim])
    assert found == id_
    assert words in message


def test_a_pool_at_its_limit_says_which():
    full = node_pool(resources={"nvidia.com/gpu": "4"})
    found, message, fix = cause(full, node_class(), pod())
    assert (found, fix) == (
        "limit-reached",
        "raise spec.limits[nvidia.com/gpu] of NodePool gpu, or end other pods there",
    )
    assert "it has 4 of 4 nvidia.com/gpu, and one g5.xlarge more is beyond it" in message


def test_a_class_that_does_not_exist_is_not_ready():
    found, message, _ = cause(node_pool(ready="False"), pod())
    assert (found, message) == ("node-class-not-ready", "EC2NodeClass gpu of pool gpu does not exist")


def test_without_a_word_of_karpenter_and_without_its_pod_nothing_scales():
    assert cause(*POOL, pod())[0] == "controller-not-running"
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}
    controller = pod("karpenter-1", status=ready, labels={"app.kubernetes.io/name": "karpenter"})
    assert cause(*POOL, pod(), controller)[0] == "unknown"


def test_what_is_not_known_says_what_could_not_be_read():
    alive = word("FailedScheduling", "no idea", seconds=5)
    found, message, fix = cause(*POOL, pod(), said=[alive], unread=["NodeClaim.karpenter.sh objects"])
    assert found == "unknown"
    assert "but karpenter says: no idea" in message
    assert message.endswith("could not read: NodeClaim.karpenter.sh objects")
    assert fix == "allow what `unread` names, and ask again"


def test_a_rule_between_pods_is_told_as_the_scheduler_tells_it():
    said = word("FailedScheduling", "unsatisfiable topology constraint for pod anti-affinity", seconds=5)
    found, message, _ = cause(*POOL, pod(), said=[said])
    assert found == "no-pool-takes-it"
    assert message.startswith("topologySpreadConstraints or podAffinity of the pod leaves no node for it")


@pytest.mark.parametrize(
    "reason, message, id_, words",
    [
        ("ErrImagePull", "401 Unauthorized", "image-pull", "let the node's role read the repository"),
        ("ImagePullBackOff", "dial tcp: i/o timeout", "image-pull", "NAT gateway"),
        ("CreateContainerConfigError", 'secret "key" not found', "container-cannot-start", "make what it names"),
        ("CrashLoopBackOff", "back-off 5m", "container-cannot-start", "--previous"),
    ],
)
def test_a_container_that_waits_tells_why(reason: str, message: str, id_: str, words: str):
    state = {"waiting": {"reason": reason, "message": message}}
    status = {"containerStatuses": [{"name": "server", "image": "x:1", "state": state}]}
    found = cause(*POOL, pod(spec={"nodeName": "machine"}, status=status))
    assert found[0] == id_
    assert words in found[2]


def test_a_pod_whose_image_is_pulled_is_in_progress_and_then_is_not():
    def bound(seconds: float) -> tuple[str, str, str]:
        scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": ago(seconds)}
        return cause(
            *POOL, node(), pod(seconds=seconds, spec={"nodeName": "machine"}, status={"conditions": [scheduled]})
        )

    assert bound(10)[0] == "launch-in-progress"
    assert bound(3600)[0] == "unknown"


def test_a_volume_that_cannot_be_mounted_is_the_volume():
    said = word("FailedAttachVolume", "Multi-Attach error for volume", by="kubelet")
    assert cause(*POOL, pod(spec={"nodeName": "machine"}), said=[said])[0] == "volume"


VOLUMES = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}


def persistent(zone: str) -> tuple[dict[str, Any], dict[str, Any]]:
    term = {"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}]}
    affinity = {"required": {"nodeSelectorTerms": [term]}}
    head = {"apiVersion": "v1"}
    return (
        {**head, "kind": "PersistentVolume", "metadata": meta("pv"), "spec": {"nodeAffinity": affinity}},
        {
            **head,
            "kind": "PersistentVolumeClaim",
            "metadata": meta("data", "shop"),
            "spec": {"volumeName": "pv"},
            "status": {"phase": "Bound"},
        },
    )


def test_a_volume_in_another_zone_than_the_pool_is_the_cause():
    found, message, _ = cause(*POOL, pod(spec=VOLUMES), *persistent("us-west-2b"))
    assert found == "volume"
    assert message == "the volume of PersistentVolumeClaim data is in us-west-2b, where pool gpu has no nodes"
    assert cause(*POOL, pod(spec=VOLUMES), *persistent("us-west-2a"))[0] != "volume"


def test_a_claim_that_nobody_made_is_the_cause():
    assert cause(*POOL, pod(spec=VOLUMES))[1] == "it needs PersistentVolumeClaim data, which is not there"


def test_a_gang_of_four_with_three_pods_is_incomplete():
    labels = {"scheduling.x-k8s.io/pod-group": "train"}
    group = {"kind": "PodGroup", "metadata": {"name": "train", "namespace": "shop"}, "spec": {"minMember": 4}}
    pods = [pod(f"train-{number}", labels=labels) for number in range(3)]
    found = diagnosed(*POOL, *pods, pod_groups=[group])
    assert {each.cause.id.value for each in found} == {"gang-incomplete"}
    assert found[0].cause.message == "PodGroup train starts with 4 pods or none, and has 3"
    whole = diagnosed(*POOL, *pods, pod("train-3", labels=labels), pod_groups=[group])
    assert "gang-incomplete" not in {each.cause.id.value for each in whole}


def test_what_kueue_holds_back_is_queued():
    waits = {"type": "QuotaReserved", "status": "False", "message": "insufficient unused quota for nvidia.com/gpu"}
    workload = {
        "apiVersion": "kueue.x-k8s.io/v1beta1",
        "kind": "Workload",
        "metadata": meta("job-train", "shop"),
        "spec": {"queueName": "gpus", "podSets": [{"count": 8}]},
        "status": {"conditions": [waits]},
    }
    (found,) = diagnosed(*POOL, workload)
    assert (found.cause.id.value, found.waiting.missing) == ("queued", 8)
    assert "queue gpus: insufficient unused quota for nvidia.com/gpu" in found.cause.message


GROUP = Resource(
    "urn:pulumi:live::cluster::aws:autoscaling/group:Group::workers",
    "aws:autoscaling/group:Group",
    "workers",
    id="workers",
    inputs={
        "name": "workers",
        "minSize": 0,
        "maxSize": 3,
        "vpcZoneIdentifiers": [],
        "mixedInstancesPolicy": {"launchTemplate": {"overrides": [{"instanceType": "g5.xlarge"}]}},
    },
)


def test_a_group_whose_last_launch_failed_says_why():
    failed = Said("EC2 Auto Scaling", "AutoScalingGroup workers", "Failed", QUOTA, NOW - timedelta(seconds=50))
    found = cause(pod(), resources=[GROUP], groups={"workers": GroupSays(failed)})
    assert found[0] == "quota"


def test_a_group_that_the_autoscaler_raised_is_on_its_way():
    said = word("TriggeredScaleUp", "pod triggered scale-up: [{workers 0->1 (max: 3)}]", by="cluster-autoscaler")
    found = cause(pod(), resources=[GROUP], said=[said])
    assert found[0] == "launch-in-progress"
    late = cause(
        pod(seconds=2000), resources=[GROUP], said=[word("TriggeredScaleUp", said.message, said.by, seconds=1800)]
    )
    assert late[0] == "node-does-not-join"


def test_the_autoscalers_own_status_tells_of_a_backoff_and_that_it_is_alive():
    silent = cause(pod(), resources=[GROUP])
    assert silent[0] == "controller-not-running"
    alive = AutoscalerStatus(NOW, {"workers": "NoActivity"})
    assert cause(pod(), resources=[GROUP], status=alive)[0] == "unknown"
    backoff = AutoscalerStatus(NOW, {"workers": "Backoff: OutOfResource.VcpuLimitExceeded VcpuLimitExceeded"})
    assert cause(pod(), resources=[GROUP], status=backoff)[0] == "quota"


def test_pools_that_may_not_be_read_leave_the_cause_unknown():
    found, message, _ = cause(pod(), hidden_pools=["NodePool.karpenter.sh objects"])
    assert (found, message) == (
        "unknown",
        "no pool that may be read takes it; could not read: NodePool.karpenter.sh objects",
    )
    assert cause(pod())[1] == "the cluster has no pool of nodes that anything scales"


def test_a_pod_of_a_daemon_set_waits_for_its_own_node():
    owners = [{"controller": True, "kind": "DaemonSet", "name": "agent", "uid": "a"}]
    why = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "1 Too many pods"}
    found, message, _ = cause(*POOL, pod(ownerReferences=owners, status={"conditions": [why]}))
    assert (found, message) == ("no-pool-takes-it", "its own node has no place for it: 1 Too many pods")


def test_a_pod_that_is_being_deleted_waits_for_nothing():
    assert diagnosed(*POOL, pod(deletionTimestamp=ago(1))) == []


def test_a_pool_that_takes_it_beside_the_refused_one_is_told():
    said = word("InsufficientCapacityError", f"NodeClaim gpu-zzzzz nominated for this pod failed to launch: {QUOTA}")
    of_claim = word("InsufficientCapacityError", QUOTA, of="NodeClaim gpu-zzzzz")
    found, message, _ = cause(*POOL, node_pool("other"), pod(), said=[said, of_claim])
    assert found == "quota"
    assert message.endswith("; pool other takes it too")
