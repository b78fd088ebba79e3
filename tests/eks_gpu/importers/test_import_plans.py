"""import: its settings load, and their plan has no error of which the import was silent."""

from typing import Any

import pytest

from eks_gpu.plan.plan import Plan
from tests.imports import (
    cluster_config,
    gpu_group,
    imported,
    managed,
    node_class,
    node_pool,
    planned,
    self_managed,
    write,
)

KARPENTER, AUTO_MODE = "karpenter.k8s.aws/instance-", "eks.amazonaws.com/instance-"
BASE = {"name": "base", "instanceType": "m7i.large", "desiredCapacity": 2}
ROLE = "arn:aws:iam::111122223333:role"


def requires(key: str, *values: str, operator: str = "In", **more: Any) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": [*values], **more}


ON_DEMAND = requires("karpenter.sh/capacity-type", "on-demand")
SPOT_FIRST = requires("karpenter.sh/capacity-type", "spot", "on-demand")
AMD64 = requires("kubernetes.io/arch", "amd64")


def pool(*requirements: Any, name: str = "gpu", nodes: Any = None, **spec: Any) -> dict[str, Any]:
    found = node_pool([*requirements], spec=spec, nodes=nodes)
    return {**found, "metadata": {"name": name}}


def auto_mode(*requirements: Any, **spec: Any) -> dict[str, Any]:
    reference = {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "default"}
    return pool(*requirements, nodes={"nodeClassRef": reference}, **spec)


def cluster(*groups: Any, **more: Any) -> dict[str, Any]:
    return cluster_config(managedNodeGroups=[BASE, *groups], **more)


LEARNED = {
    "families, Spot first": [pool(AMD64, SPOT_FIRST, requires(f"{KARPENTER}family", "g5", "g6"), limits={"cpu": 200})],
    "nothing said": [node_class(), {**pool(requires(f"{KARPENTER}category", "g")), "metadata": {"name": "Any.Thing"}}],
    "one kind of each": [
        node_class(kubelet={"maxPods": 58}, detailedMonitoring=True, userData="#!/bin/sh\n"),
        pool(AMD64, ON_DEMAND, requires("node.kubernetes.io/instance-type", "g6e.xlarge", "g6e.2xlarge"), weight=30),
        pool(AMD64, ON_DEMAND, requires(f"{KARPENTER}family", "inf2"), name="neuron", limits={"cpu": 100}),
        pool(AMD64, ON_DEMAND, requires(f"{KARPENTER}category", "c", "m"), name="cpu", limits={"cpu": 100}),
        pool(AMD64, requires(f"{KARPENTER}gpu-name", "l4", minValues=1), name="named", replicas=1, limits={"nodes": 2}),
    ],
    "reserved": [
        node_class(capacityReservationSelectorTerms=[{"id": "cr-0123456789abcdef0"}]),
        pool(AMD64, requires("node.kubernetes.io/instance-type", "p5.48xlarge"), limits={"nvidia.com/gpu": 16}),
    ],
    "bottlerocket of no release": [
        node_class(
            amiSelectorTerms=[{"alias": "bottlerocket@latest"}],
            blockDeviceMappings=[
                {"deviceName": "/dev/xvda", "ebs": {"volumeSize": "8Gi"}},
                {"deviceName": "/dev/xvdb", "ebs": {"volumeSize": "300Gi", "volumeType": "io2", "iops": 9000}},
            ],
        ),
        pool(AMD64, ON_DEMAND, requires("node.kubernetes.io/instance-type", "g5.xlarge")),
    ],
    "windows of budgets": [
        pool(
            AMD64,
            ON_DEMAND,
            requires(f"{KARPENTER}gpu-memory", "20000", operator="Gt"),
            disruption={
                "consolidationPolicy": "WhenEmptyOrUnderutilized",
                "consolidateAfter": "0s",
                "budgets": [{"nodes": "1"}, {"nodes": "0", "schedule": "@daily", "duration": "8h"}],
            },
            nodes={"expireAfter": "Never", "terminationGracePeriod": "10s"},
        )
    ],
    "auto mode": [auto_mode(AMD64, SPOT_FIRST, requires(f"{AUTO_MODE}category", "g"), limits={"memory": "2Ti"})],
    "auto mode of eksctl": [
        cluster_config(autoModeConfig={"enabled": True, "nodePools": ["system"]}, managedNodeGroups=[gpu_group()])
    ],
    "groups of every kind": [
        cluster(
            gpu_group(desiredCapacity=1, maxSize=3, volumeSize=20, volumeType="gp2", spot=True),
            gpu_group(name="soft", taints={"nvidia.com/gpu": "true:PreferNoSchedule"}),
            gpu_group(name="none", taints=None, availabilityZones=None, efaEnabled=True, maxPodsPerNode=20),
            gpu_group(name="sized", instanceType=None, instanceSelector={"gpus": 1, "vCPUs": 4, "memory": "16"}),
            gpu_group(name="rocket", amiFamily="Bottlerocket", bottlerocket={"settings": {"motd": "hi"}}),
            {
                "name": "steady",
                "instanceType": "c6i.2xlarge",
                "minSize": 1,
                "maxSize": 4,
                "launchTemplate": {"id": "lt"},
            },
            {"name": "spots", "instanceType": "m6i.xlarge", "spot": True, "labels": {"a": "b"}, "ssh": {"allow": True}},
        )
    ],
    "self-managed": [
        *self_managed(
            instancesDistribution={
                "instanceTypes": ["g5.xlarge", "g6.xlarge"],
                "onDemandBaseCapacity": 1,
                "onDemandPercentageAboveBaseCapacity": 0,
                "capacityRebalance": True,
            },
            placement={"groupName": "close"},
        )
    ],
    "a whole cluster": [
        cluster(
            metadata={"version": "1.36", "tags": {"team": "vision"}},
            vpc={"cidr": "10.7.0.0/18", "nat": {"gateway": "Disable"}, "extraCIDRs": ["100.64.0.0/16"]},
            privateCluster={"enabled": True, "skipEndpointCreation": True},
            addons=[{"name": "vpc-cni", "configurationValues": "{}"}, {"name": "aws-efs-csi-driver"}],
            cloudWatch={"clusterLogging": {"enableTypes": ["*"], "logRetentionInDays": 30}},
            fargateProfiles=[{"name": "f", "selectors": [{"namespace": "serverless"}]}],
            iamIdentityMappings=[
                {"account": "111122223333"},
                {"serviceName": "emr-containers", "namespace": "emr"},
                {"arn": f"{ROLE}/admins", "groups": ["system:masters"], "username": "admin"},
            ],
            secretsEncryption={"keyARN": "arn:aws:kms:us-west-2:111122223333:key/1"},
            upgradePolicy={"supportType": "EXTENDED"},
            zonalShiftConfig={"enabled": True},
            gitops={"flux": {"gitProvider": "github"}},
            karpenter={"version": "1.5.0"},
        ),
        pool(AMD64, SPOT_FIRST, requires("node.kubernetes.io/instance-type", "g6.xlarge", "g5.xlarge", "g4dn.xlarge")),
    ],
}


def errors(plan: Plan) -> set[str]:
    return {found.id for found in plan.analysis.findings if found.failed and found.severity == "error"}


@pytest.mark.parametrize("name", LEARNED)
def test_a_plan_of_imported_settings_has_no_error_that_the_import_did_not_tell(name, tmp_path):
    answer, found = imported(write(tmp_path, *LEARNED[name]))
    plan = planned(answer)
    assert plan.analysis.pools
    assert errors(plan) - {finding.rule for finding in found} == set()


def test_rows_of_identities_without_an_arn_are_lost_and_no_wrong_input(tmp_path):
    _, found = imported(write(tmp_path, *LEARNED["a whole cluster"]))
    assert [one.place.path for one in found if one.place.path.startswith("iamIdentityMappings")] == [
        "iamIdentityMappings[0]",
        "iamIdentityMappings[1]",
        "iamIdentityMappings[2].arn",
        "iamIdentityMappings[2].username",
    ]


def test_days_of_logs_are_kept_where_there_are_logs(tmp_path):
    logging = {"clusterLogging": {"enableTypes": ["audit"], "logRetentionInDays": 30}}
    answer, found = imported(write(tmp_path, cluster_config(cloudWatch=logging)))
    assert (answer.settings["cluster"]["log_retention_days"], found) == (30, [])


def test_switches_that_are_off_are_no_loss(tmp_path):
    off = {"efaEnabled": False, "ebsOptimized": False, "enableDetailedMonitoring": False}
    given = node_class(associatePublicIPAddress=False, detailedMonitoring=False)
    assert imported(write(tmp_path, *managed(**off)))[1] == []
    assert imported(write(tmp_path, given, node_pool()))[1] == []
