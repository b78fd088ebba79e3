"""Cluster: its add-ons, and when they come and go."""

import json
from typing import Any

import pytest

from tests.clusters import ADDON, CONTROL_PLANE, cluster
from tests.found import every


def configured() -> dict[str, Any]:
    """What each add-on is told, by its name in EKS."""
    return {
        addon.inputs["addonName"]: json.loads(addon.inputs["configurationValues"])
        for addon in cluster().of(ADDON)
        if "configurationValues" in addon.inputs
    }


def test_objects_in_the_cluster_wait_for_nodes_and_every_addon_on_them():
    found = cluster()
    provider = found.one("pulumi:providers:kubernetes", "main")
    names = {resource.name for resource in found.graph if resource.urn in provider.dependencies}
    assert names == {
        "main",
        "main-system",
        "main-coredns",
        "main-metrics-server",
        "main-aws-ebs-csi-driver",
        "main-eks-node-monitoring-agent",
    }


def test_addons_go_with_their_cluster_so_that_draining_nodes_keep_their_network():
    found = cluster()
    control_plane = found.one(CONTROL_PLANE).urn
    assert {addon.options["deletedWith"] for addon in found.of(ADDON)} == {control_plane}


def test_a_change_in_the_program_wins_over_one_made_by_hand():
    for addon in every(cluster().of(ADDON)):
        assert addon.inputs["resolveConflictsOnCreate"] == "OVERWRITE"
        assert addon.inputs["resolveConflictsOnUpdate"] == "OVERWRITE"


@pytest.mark.parametrize(
    ("addon", "service_account", "policy"),
    [
        ("vpc-cni", "aws-node", "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"),
        (
            "aws-ebs-csi-driver",
            "ebs-csi-controller-sa",
            "arn:aws:iam::aws:policy/AmazonEBSCSIDriverPolicyV2",
        ),
    ],
)
def test_an_addon_that_calls_aws_has_a_role_of_its_own_before_it_starts(addon, service_account, policy):
    found = cluster()
    role = found.one("aws:iam/role:Role", f"main-{addon}")
    asked = found.one(ADDON, f"main-{addon}")
    (attached,) = (
        attachment
        for attachment in found.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
        if attachment.inputs["role"] == role.outputs["name"]
    )
    assert asked.inputs["podIdentityAssociations"] == [
        {"roleArn": role.outputs["arn"], "serviceAccount": service_account}
    ]
    assert attached.inputs["policyArn"] == policy
    assert attached.urn in asked.dependencies


def test_no_other_addon_has_a_role():
    with_role = {
        addon.inputs["addonName"] for addon in cluster().of(ADDON) if "podIdentityAssociations" in addon.inputs
    }
    assert with_role == {"vpc-cni", "aws-ebs-csi-driver"}


def test_dns_metrics_and_storage_run_on_system_nodes_tainted_or_not():
    on_system_nodes = {
        "nodeSelector": {"eks-gpu-components/role": "system"},
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists", "effect": "NoSchedule"}],
    }
    assert {
        name: told for name, told in configured().items() if name not in ("eks-node-monitoring-agent", "vpc-cni")
    } == {
        "coredns": on_system_nodes,
        "metrics-server": on_system_nodes,
        "aws-ebs-csi-driver": {"controller": on_system_nodes},
    }


def test_health_of_gpus_is_seen_on_nodes_with_any_taint():
    assert configured()["eks-node-monitoring-agent"] == {"dcgmAgent": {"tolerations": [{"operator": "Exists"}]}}


def test_network_policies_are_enforced():
    assert configured()["vpc-cni"] == {"enableNetworkPolicy": "true"}


def test_an_addon_is_held_at_the_version_given():
    versions = {
        addon.inputs["addonName"]: addon.inputs.get("addonVersion")
        for addon in cluster(addon_versions={"coredns": "v1.12.4-eksbuild.1"}).of(ADDON)
    }
    assert versions["coredns"] == "v1.12.4-eksbuild.1"
    assert versions["kube-proxy"] is None


def test_claims_get_encrypted_gp3_disks_in_the_zone_of_their_pod():
    found = cluster()
    disks = found.one("kubernetes:storage.k8s.io/v1:StorageClass")
    assert disks.inputs["metadata"] == {
        "name": "gp3",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    }
    assert disks.inputs["provisioner"] == "ebs.csi.aws.com"
    assert disks.inputs["parameters"] == {"type": "gp3", "encrypted": "true"}
    assert disks.inputs["volumeBindingMode"] == "WaitForFirstConsumer"
    assert disks.provider.startswith(found.one("pulumi:providers:kubernetes", "main").urn)
