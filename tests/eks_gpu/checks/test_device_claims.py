"""Claims of devices: nodes that have the device, or something that brings them up."""

from typing import Any

import pytest

from tests import device_claims
from tests.graphs import GPU_TOLERATION, findings, gpu_group, kubernetes
from tests.whole_graphs import claim_template, claiming, healthy, karpenter_release

CHECK = "device-claims-have-standing-nodes"
SUBJECT = "Deployment default/claiming"
ON_SYSTEM = {"nodeSelector": {"role": "system"}}
ANYWHERE: Any = {"nodeSelector": {}, "tolerations": [GPU_TOLERATION]}


def said(*claims: Any, **instead: Any) -> dict[str, tuple[bool, str]]:
    return findings(CHECK, *healthy(claiming=list(claims), **instead))


def test_pools_at_zero_do_not_start_for_a_claim():
    message = "its pods claim devices, and no pool that takes them has a node anyway"
    assert said(claiming(), claim_template()) == {SUBJECT: (False, message)}
    assert said(claiming()) == {SUBJECT: (False, message)}


def test_a_standing_node_must_have_the_device():
    assert said(claiming(**ON_SYSTEM), claim_template()) == {
        SUBJECT: (False, "its pods claim devices of nvidia, and system has none")
    }
    kept = gpu_group(minSize=1, desiredCapacity=1)
    assert said(claiming(**ANYWHERE), claim_template(), gpu=kept) == {SUBJECT: (True, "gpu has nodes with the device")}


def test_a_device_that_nobody_knows_is_not_judged_where_nodes_stand():
    assert said(claiming(**ON_SYSTEM), claim_template("nic.example.com")) == {}
    assert said(claiming(**ON_SYSTEM)) == {}


BROUGHT = (True, "reserved has nodes with the device")
NOT_BROUGHT = (False, "its pods claim devices, and no pool that takes them has a node anyway")


@pytest.mark.parametrize(
    ("settings", "brought"),
    [
        ({"enableDRA": True}, True),
        ({"awsFeatureGates": {"draNVIDIAGPU": True}}, True),
        ({"awsFeatureGates": {"draNVIDIAGPU": True}, "ignoreDRARequests": True}, True),
        ({"awsFeatureGates": {"draEFA": True}}, False),
        ({"ignoreDRARequests": False}, False),
        ({}, False),
    ],
)
def test_karpenter_1_15_starts_nodes_for_claims_of_gpus_where_a_setting_says_so(settings, brought):
    found = said(claiming(), claim_template(), karpenter=karpenter_release(**settings))[SUBJECT]
    assert found == (BROUGHT if brought else NOT_BROUGHT)


def test_karpenter_1_14_starts_no_node_for_a_claim():
    before = karpenter_release(version="1.14.1", enableDRA=True)
    assert said(claiming(), claim_template(), karpenter=before)[SUBJECT] == NOT_BROUGHT


@pytest.mark.parametrize("device_class", ["mig.nvidia.com", "neuron.aws.com"])
def test_karpenter_starts_no_node_for_a_part_of_a_gpu_or_for_neuron_devices(device_class):
    karpenter = karpenter_release(enableDRA=True)
    assert said(claiming(), claim_template(device_class), karpenter=karpenter)[SUBJECT] == NOT_BROUGHT


def test_one_of_the_classes_of_a_request_is_enough():
    template = claim_template()
    (request,) = template.inputs["spec"]["spec"]["devices"]["requests"]
    del request["exactly"]
    classes = ("mig.nvidia.com", "gpu.nvidia.com")
    request["firstAvailable"] = [{"name": class_[:3], "deviceClassName": class_} for class_ in classes]
    assert said(claiming(), template, karpenter=karpenter_release(enableDRA=True))[SUBJECT] == BROUGHT


def test_whether_karpenter_knows_another_drivers_device_is_not_judged():
    unknown = claim_template("nic.example.com")
    assert said(claiming(), unknown, karpenter=karpenter_release(enableDRA=True)) == {}
    assert said(claiming(), unknown, karpenter=karpenter_release())[SUBJECT] == NOT_BROUGHT


def test_a_class_of_the_stacks_own_is_one_of_the_drivers():
    whole = "device.driver == 'gpu.nvidia.com' && device.attributes['gpu.nvidia.com'].type == 'gpu'"
    spec = {"selectors": [{"cel": {"expression": whole}}]}
    own = kubernetes("DeviceClass", "own", spec, group="resource.k8s.io/v1")
    assert said(claiming(), claim_template("own"), own, karpenter=karpenter_release(enableDRA=True))[SUBJECT] == BROUGHT
    assert said(claiming(), claim_template("own"), karpenter=karpenter_release(enableDRA=True)) == {}


def test_auto_mode_starts_nodes_for_claims_from_kubernetes_1_36_on():
    assert findings(CHECK, *device_claims.on_auto_mode()) == {SUBJECT: (True, "gpu has nodes with the device")}
    assert not findings(CHECK, *device_claims.on_auto_mode("1.35"))[SUBJECT][0]


def test_pods_that_share_one_claim_are_on_one_node():
    claim = {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.nvidia.com"}}]}}
    shared = kubernetes("ResourceClaim", "shared", claim, group="resource.k8s.io/v1")

    def fits(replicas: int) -> tuple[bool, str]:
        pods = claiming(resourceClaims=[{"name": "gpu", "resourceClaimName": "shared"}])
        container = pods.inputs["spec"]["template"]["spec"]["containers"][0]
        container["resources"] = {"requests": {"cpu": "1500m"}}
        pods.inputs["spec"]["replicas"] = replicas
        stack = [each for each in device_claims.on_karpenter() if each.name not in ("claiming", "gpu-claim")]
        return findings(CHECK, *stack, pods, shared)[SUBJECT]

    assert fits(2)[0]
    assert fits(30) == (
        False,
        "its 30 pods share claim gpu, whose devices are on one node, and a node takes 2: let each pod claim by a "
        "ResourceClaimTemplate, or run fewer of them",
    )
