"""Claims of devices: nodes that have the device, or something that brings them up."""

from typing import Any

from tests import device_claims
from tests.graphs import GPU_TOLERATION, findings, gpu_group
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


def test_karpenter_1_15_starts_nodes_for_claims_where_it_is_told_to():
    assert not said(claiming(), claim_template(), karpenter=karpenter_release(enableDRA=True))[SUBJECT][0]
    later = karpenter_release(version="1.15.0", enableDRA=True)
    assert said(claiming(), claim_template(), karpenter=later)[SUBJECT] == (True, "reserved has nodes with the device")
    off = karpenter_release(version="1.15.0")
    assert not said(claiming(), claim_template(), karpenter=off)[SUBJECT][0]


def test_auto_mode_starts_nodes_for_claims_from_kubernetes_1_36_on():
    assert findings(CHECK, *device_claims.on_auto_mode()) == {SUBJECT: (True, "gpu has nodes with the device")}
    assert not findings(CHECK, *device_claims.on_auto_mode("1.35"))[SUBJECT][0]
