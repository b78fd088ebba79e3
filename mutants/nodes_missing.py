"""Nodes start and never join, or never start: access, user data, groups, node pools and classes."""

from typing import Any

from eks_gpu.graph.graph import Resource

from .edits import USER_DATA, Edit, Operator, gone, swapped, to, with_item, with_key
from .places import (
    CLUSTER,
    EC2_NODE_CLASS,
    GROUP,
    NODE_GROUP,
    NODE_POOL,
    TEMPLATE,
    of_gpus,
    of_karpenter,
    of_nvidia,
    only_taker,
    scaled,
    template_of_gpus,
    template_of_own,
    template_with_joining,
)
from .programs import Program

_POOLS = [NODE_POOL]
_TEMPLATE = ("spec", "template", "spec")
_MISSING = "no node ever comes"


def _cluster_of_entries(resource: Resource, program: Program) -> bool:
    return bool(program.graph.of("aws:eks/accessEntry:AccessEntry"))


def _reservation(**inputs: Any) -> dict[str, Any]:
    return {"capacityReservationSpecification": inputs}


OPERATORS: tuple[Operator, ...] = (
    # Into the cluster.
    Edit(
        "the cluster reads no access entries",
        "nodes never join",
        [CLUSTER],
        ("authenticationMode",),
        to("CONFIG_MAP"),
        _cluster_of_entries,
    ),
    Edit(
        "an access entry for Windows",
        "nodes never join",
        ["aws:eks/accessEntry:AccessEntry"],
        ("type",),
        to("EC2_WINDOWS"),
    ),
    Edit(
        "an access entry for Fargate",
        "nodes never join",
        ["aws:eks/accessEntry:AccessEntry"],
        ("type",),
        to("FARGATE_LINUX"),
    ),
    Edit(
        "an instance profile of another role",
        "nodes never join",
        ["aws:iam/instanceProfile:InstanceProfile"],
        ("role",),
        to("other"),
    ),
    Edit(
        "an instance profile without a role",
        "nodes never join",
        ["aws:iam/instanceProfile:InstanceProfile"],
        ("role",),
        gone,
    ),
    Edit(
        "a template with another profile",
        "nodes never join",
        [TEMPLATE],
        ("iamInstanceProfile",),
        to({"name": "other"}),
        template_of_own,
    ),
    Edit(
        "a template with another security group",
        "nodes never reach the cluster",
        [TEMPLATE],
        ("vpcSecurityGroupIds",),
        to(["sg-0123456789abcdef0"]),
        template_of_own,
    ),
    Edit(
        "nodes ask another API server",
        "nodes never join",
        [TEMPLATE],
        ("userData", USER_DATA),
        swapped('"apiServerEndpoint": "https://', '"apiServerEndpoint": "https://other-'),
        template_with_joining,
    ),
    Edit(
        "nodes trust another authority",
        "nodes never join",
        [TEMPLATE],
        ("userData", USER_DATA),
        swapped('"certificateAuthority": "', '"certificateAuthority": "b3RoZXI'),
        template_with_joining,
    ),
    Edit(
        "nodes get another range of services",
        "pods find no DNS",
        [TEMPLATE],
        ("userData", USER_DATA),
        swapped('"cidr": "172.20', '"cidr": "10.100'),
        template_with_joining,
    ),
    Edit(
        "nodes get a version of nodeadm that is not there",
        "nodes never join",
        [TEMPLATE],
        ("userData", USER_DATA),
        swapped("node.eks.aws/v1alpha1", "node.eks.aws/v2"),
        template_of_own,
    ),
    Edit(
        "nodes get a kind that nodeadm does not know",
        "nodes never join",
        [TEMPLATE],
        ("userData", USER_DATA),
        swapped('"kind": "NodeConfig"', '"kind": "NodeConf"'),
        template_of_own,
    ),
    Edit(
        "nodes get no cluster",
        "nodes never join",
        [TEMPLATE],
        ("userData", USER_DATA),
        swapped('"cluster": {', '"clusters": {'),
        template_of_own,
    ),
    Edit("no user data", "nodes never join", [TEMPLATE], ("userData",), gone, template_of_own),
    # Instances that EC2 does not start.
    Edit(
        "Spot for a tenth of a cent",
        _MISSING,
        [GROUP],
        ("mixedInstancesPolicy", "instancesDistribution", "spotMaxPrice"),
        to("0.001"),
        lambda r, p: "spot" in p.pools[r.urn].capacity_types if r.urn in p.pools else False,
    ),
    Edit("EC2 may start no instance", _MISSING, [GROUP], ("suspendedProcesses",), with_item("Launch"), scaled),
    Edit("a group of no node", _MISSING, [GROUP], ("maxSize",), to(0), scaled),
    Edit("a managed group of no node", _MISSING, [NODE_GROUP], ("scalingConfig", "maxSize"), to(0), scaled),
    Edit(
        "only a reservation, and none is named",
        _MISSING,
        [TEMPLATE],
        (),
        with_key(**_reservation(capacityReservationPreference="capacity-reservations-only")),
        template_of_gpus,
    ),
    Edit(
        "on dedicated hosts, and there are none",
        _MISSING,
        [TEMPLATE],
        ("placement",),
        to({"tenancy": "host"}),
        template_of_gpus,
    ),
    Edit(
        "in a zone where the group has no subnet",
        _MISSING,
        [TEMPLATE],
        ("placement",),
        to({"availabilityZone": "us-west-2d"}),
        template_of_own,
    ),
    Edit(
        "a new node waits for a hook that nobody ends",
        _MISSING,
        [GROUP],
        ("initialLifecycleHooks",),
        to(
            [
                {
                    "name": "ready",
                    "lifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
                    "defaultResult": "ABANDON",
                    "heartbeatTimeout": 3600,
                }
            ]
        ),
        scaled,
    ),
    # Node pools and classes.
    Edit("a limit of no node", _MISSING, _POOLS, ("spec", "limits"), to({"nodes": "0"}), of_karpenter),
    Edit(
        "a limit of no GPU",
        _MISSING,
        _POOLS,
        ("spec", "limits", "nvidia.com/gpu"),
        lambda value: value and "0",
        of_nvidia,
    ),
    Edit("a limit of no CPU", _MISSING, _POOLS, ("spec", "limits", "cpu"), to("0"), of_gpus),
    Edit("a class of another kind", _MISSING, _POOLS, (*_TEMPLATE, "nodeClassRef", "kind"), to("AWSNodeTemplate")),
    Edit("a class of another group", _MISSING, _POOLS, (*_TEMPLATE, "nodeClassRef", "group"), to("karpenter.sh")),
    Edit(
        "a startup taint that nobody removes",
        _MISSING,
        _POOLS,
        (*_TEMPLATE, "startupTaints"),
        to([{"key": "example.com/not-ready", "effect": "NoSchedule"}]),
    ),
    Edit(
        "a taint that nothing tolerates",
        _MISSING,
        _POOLS,
        (*_TEMPLATE, "taints"),
        with_item({"key": "team", "value": "ml", "effect": "NoSchedule"}),
        only_taker,
    ),
    Edit(
        "a managed group's taint that nothing tolerates",
        _MISSING,
        [NODE_GROUP],
        ("taints",),
        with_item({"key": "team", "value": "ml", "effect": "NO_SCHEDULE"}),
        of_gpus,
    ),
    Edit(
        "subnets that are not there",
        _MISSING,
        [EC2_NODE_CLASS],
        ("spec", "subnetSelectorTerms"),
        to([{"id": "subnet-0123456789abcdef0"}]),
    ),
    Edit(
        "subnets of another cluster",
        _MISSING,
        [EC2_NODE_CLASS],
        ("spec", "subnetSelectorTerms"),
        to([{"tags": {"kubernetes.io/cluster/other": "*"}}]),
    ),
    Edit(
        "security groups that are not there",
        "nodes never reach the cluster",
        [EC2_NODE_CLASS],
        ("spec", "securityGroupSelectorTerms"),
        to([{"id": "sg-0123456789abcdef0"}]),
    ),
    Edit(
        "security groups of another cluster",
        _MISSING,
        [EC2_NODE_CLASS],
        ("spec", "securityGroupSelectorTerms"),
        to([{"tags": {"karpenter.sh/discovery": "other"}}]),
    ),
    Edit(
        "security groups of another name",
        _MISSING,
        [EC2_NODE_CLASS],
        ("spec", "securityGroupSelectorTerms"),
        to([{"name": "eks-cluster-sg-other-*"}]),
    ),
    Edit(
        "images of Windows",
        _MISSING,
        [EC2_NODE_CLASS],
        ("spec", "amiSelectorTerms"),
        to([{"alias": "windows2022@latest"}]),
    ),
    Edit(
        "images of Amazon Linux 2",
        _MISSING,
        [EC2_NODE_CLASS],
        ("spec", "amiSelectorTerms"),
        to([{"alias": "al2@latest"}]),
    ),
    Edit(
        "images of another family than the class",
        "the API server refuses it",
        [EC2_NODE_CLASS],
        ("spec",),
        with_key(amiFamily="Bottlerocket"),
    ),
    Edit(
        "a profile that is not there",
        "nodes never join",
        [EC2_NODE_CLASS],
        ("spec",),
        lambda spec: {**{k: v for k, v in spec.items() if k != "role"}, "instanceProfile": "other"},
    ),
    Edit("a role that is not there", _MISSING, [EC2_NODE_CLASS], ("spec", "role"), to("other")),
)
