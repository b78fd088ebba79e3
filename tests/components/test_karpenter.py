"""Karpenter: the charts, the queue, the roles, and the order in which they come and go."""

import json
from typing import Any

import pytest

from components.karpenter import (
    Karpenter,
    KarpenterFeatureGatesArgs,
    KarpenterSettings,
    KarpenterSettingsArgs,
    chart_values,
)
from components.karpenter_gpu_pool import KarpenterGpuPool
from components.nodes.interruption_queue import queue_policy
from components.values.value import BadInput
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import Run, run
from tests.found import every
from tests.given import CLUSTER, subnets

RELEASE = "kubernetes:helm.sh/v3:Release"
NODE_CLASS = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
OTHER: dict[str, Any] = {
    "spot_service_linked_role": True,
    "replicas": 1,
    "zonal_shift": True,
    "feature_gates": {"node_repair": True},
    "dra": {"nvidia": True},
    "node_labels": {"role": "infra"},
    "session_manager": True,
    "isolated_vpc": True,
    "image_repository": "123456789012.dkr.ecr.us-west-2.amazonaws.com/karpenter/controller",
}


def karpenter(*, preview: bool = False, cluster: Any = CLUSTER, node_policies: Any = None, **settings: Any) -> Run:
    given: Any = {"cluster": cluster, "settings": settings, "node_policies": node_policies or {}}
    return run(lambda: Karpenter("karpenter", given), region=cluster["region"], preview=preview)


def shape(ran: Run) -> list[tuple[str, str]]:
    return [(made.urn, json.dumps(made.inputs, sort_keys=True)) for made in ran.graph]


# The charts


def test_both_charts_have_one_version_and_the_definitions_come_first():
    ran = karpenter()
    definitions, controller = ran.one(RELEASE, "karpenter-crd"), ran.one(RELEASE, "karpenter")

    assert {key: definitions.inputs[key] for key in ("chart", "version", "name", "namespace")} == {
        "chart": "oci://public.ecr.aws/karpenter/karpenter-crd",
        "version": "1.15.0",
        "name": "karpenter-crd",
        "namespace": "kube-system",
    }
    assert {key: controller.inputs[key] for key in ("chart", "version", "name", "namespace", "skipCrds")} == {
        "chart": "oci://public.ecr.aws/karpenter/karpenter",
        "version": "1.15.0",
        "name": "karpenter",
        "namespace": "kube-system",
        "skipCrds": True,
    }
    assert definitions.urn in controller.dependencies


def test_the_controller_runs_on_system_nodes_and_knows_cluster_and_queue():
    assert chart_values(KarpenterSettings(), "gaia", "https://gaia.example", "gaia") == {
        "fullnameOverride": "karpenter",
        "serviceAccount": {"create": True, "name": "karpenter"},
        "replicas": 2,
        "nodeSelector": {"eks-gpu-components/role": "system"},
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists", "effect": "NoSchedule"}],
        "controller": {"resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}},
        "settings": {
            "clusterName": "gaia",
            "clusterEndpoint": "https://gaia.example",
            "interruptionQueue": "gaia",
            "enableZonalShift": False,
            "featureGates": {
                "reservedCapacity": True,
                "spotToSpotConsolidation": False,
                "nodeRepair": False,
                "nodeOverlay": False,
                "staticCapacity": False,
                "capacityBuffer": False,
                "terminateFirstDrift": False,
                "terminateFirstRepair": False,
                "podDeletionCostManagement": False,
            },
        },
    }


def test_the_release_has_the_values_of_its_cluster():
    settings = karpenter().one(RELEASE, "karpenter").inputs["values"]["settings"]

    assert (settings["clusterName"], settings["clusterEndpoint"]) == ("gaia", "https://gaia.example")
    assert settings["interruptionQueue"] == "gaia"


@pytest.mark.parametrize("gate", KarpenterFeatureGatesArgs.__annotations__)
def test_every_gate_reaches_the_chart_under_its_own_name(gate):
    flipped = not getattr(KarpenterSettings().feature_gates, gate)
    settings = KarpenterSettings.model_validate({"feature_gates": {gate: flipped}})
    first, *rest = gate.split("_")

    gates = chart_values(settings, "", "", "")["settings"]["featureGates"]
    assert gates[first + "".join(word.capitalize() for word in rest)] is flipped


@pytest.mark.parametrize("setting", KarpenterSettingsArgs.__annotations__)
def test_every_setting_changes_what_is_made(setting):
    beside = {"image_repository": OTHER["image_repository"]} if setting == "isolated_vpc" else {}
    assert shape(karpenter(**{setting: OTHER[setting]}, **beside)) != shape(karpenter(**beside))


# Interruptions


def test_the_queue_keeps_messages_for_five_minutes_and_encrypts_them():
    assert karpenter().one("aws:sqs/queue:Queue").inputs == {
        "name": "gaia",
        "messageRetentionSeconds": 300,
        "sqsManagedSseEnabled": True,
    }


def test_a_cluster_s_name_that_is_too_long_for_a_queue_is_cut():
    name = "a" * 100
    ran = karpenter(cluster={**CLUSTER, "name": name})

    assert ran.one("aws:sqs/queue:Queue").inputs["name"] == "a" * 80
    assert ran.one(RELEASE, "karpenter").inputs["values"]["settings"]["interruptionQueue"] == "a" * 80


def test_rules_of_the_queues_own_account_and_region_may_send_and_nobody_may_come_without_tls():
    queue = "arn:aws-cn:sqs:cn-north-1:123456789012:gaia"
    assert queue_policy(queue) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "EC2InterruptionPolicy",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue,
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": "123456789012"},
                    "ArnLike": {"aws:SourceArn": "arn:aws-cn:events:cn-north-1:123456789012:rule/*"},
                },
            },
            {
                "Sid": "DenyHTTP",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sqs:*",
                "Resource": queue,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }


def test_the_policy_is_the_queue_s():
    ran = karpenter()
    (policy,) = ran.of("aws:sqs/queuePolicy:QueuePolicy")

    assert json.loads(policy.inputs["policy"]) == queue_policy(ran.one("aws:sqs/queue:Queue")["arn"])


def test_five_events_reach_the_queue():
    ran = karpenter()
    rules = {rule["name"]: rule for rule in ran.of("aws:cloudwatch/eventRule:EventRule")}
    queue = ran.one("aws:sqs/queue:Queue")
    targets = ran.of("aws:cloudwatch/eventTarget:EventTarget")
    reaching = [rules[each.inputs["rule"]] for each in targets if each.inputs["arn"] == queue["arn"]]
    patterns = [json.loads(rule.inputs["eventPattern"]) for rule in reaching]

    assert sorted((*found["source"], *found["detail-type"]) for found in patterns) == [
        ("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
        ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
        ("aws.ec2", "EC2 Instance State-change Notification"),
        ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
        ("aws.health", "AWS Health Event"),
    ]


# Roles


def test_the_pods_get_their_role_through_pod_identity():
    (association,) = karpenter().of("aws:eks/podIdentityAssociation:PodIdentityAssociation")

    assert {key: association.inputs[key] for key in ("clusterName", "namespace", "serviceAccount")} == {
        "clusterName": "gaia",
        "namespace": "kube-system",
        "serviceAccount": "karpenter",
    }


def test_the_controller_waits_for_all_its_permissions():
    ran = karpenter()
    policies = ran.of("aws:iam/rolePolicy:RolePolicy")
    association = ran.one("aws:eks/podIdentityAssociation:PodIdentityAssociation")

    assert {policy.name for policy in policies} == {
        "karpenter-node-lifecycle",
        "karpenter-instance-profiles",
        "karpenter-cluster",
        "karpenter-interruption",
        "karpenter-zonal-shift",
        "karpenter-discovery",
    }
    assert {*(policy.urn for policy in policies), association.urn} <= set(ran.one(RELEASE, "karpenter").dependencies)


def test_nodes_may_join_and_have_the_policies_of_every_node():
    ran = karpenter(node_policies={"logs": "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy"})
    access = ran.one("aws:eks/accessEntry:AccessEntry").inputs

    assert (access["type"], access["clusterName"]) == ("EC2_LINUX", "gaia")
    assert access["principalArn"] == ran.one("aws:iam/role:Role", "karpenter-node-role")["arn"]
    attached = ran.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert {each.inputs["policyArn"].rpartition("/")[2] for each in attached} == {
        "AmazonEC2ContainerRegistryPullOnly",
        "AmazonEKSWorkerNodePolicy",
        "CloudWatchAgentServerPolicy",
    }


def test_sessions_on_nodes_are_a_setting():
    attached = karpenter(session_manager=True).of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert "karpenter-node-AmazonSSMManagedInstanceCore" in {each.name for each in attached}


def test_the_security_group_can_be_found_by_tag():
    assert karpenter().one("aws:ec2/tag:Tag").inputs == {
        "resourceId": "sg-1",
        "key": "karpenter.sh/discovery",
        "value": "gaia",
    }


def test_the_spot_role_is_the_controllers_to_make_and_no_resource_of_a_stack():
    said_so = karpenter(spot_service_linked_role=True)

    assert said_so.of("aws:iam/serviceLinkedRole:ServiceLinkedRole") == []
    assert said_so.log == [
        ("warning", "karpenter: spot_service_linked_role does nothing: the controller makes the role")
    ]
    assert karpenter().log == []


def test_without_a_way_out_the_nodes_have_an_instance_profile_that_karpenter_need_not_make():
    repository = OTHER["image_repository"]
    ran = karpenter(isolated_vpc=True, image_repository=repository)
    values = ran.one(RELEASE, "karpenter").inputs["values"]
    assert values["settings"]["isolatedVPC"] is True
    assert values["controller"]["image"] == {"repository": repository}
    profile = ran.one("aws:iam/instanceProfile:InstanceProfile")
    assert profile.inputs["role"] == ran.one("aws:iam/role:Role", "karpenter-node-role").outputs["name"]
    component = ran.one("eks-gpu-components:index:Karpenter")
    assert component.outputs["node_instance_profile"] == profile.outputs["name"]
    assert karpenter().of("aws:iam/instanceProfile:InstanceProfile") == []


def test_without_a_way_out_the_charts_image_is_out_of_reach():
    with pytest.raises(BadInput) as refused:
        karpenter(isolated_vpc=True)
    assert refused.value.problems == [
        "settings: isolated_vpc needs image_repository: no VPC endpoint reaches public.ecr.aws, "
        "where the chart's image is"
    ]


# Order


def test_a_node_class_goes_before_all_that_ends_its_nodes():
    def program() -> None:
        made = Karpenter("karpenter", {"cluster": CLUSTER})
        KarpenterGpuPool(
            "gpu",
            {
                "cluster": CLUSTER,
                "subnets": subnets("a"),
                "node_role_name": made.node_role_name,
                "pool": {"instance_types": ["g4dn.xlarge"], "max_gpus": 1},
            },
        )

    for preview in (False, True):
        ran = run(program, preview=preview)
        waited_for = set(ran.one(NODE_CLASS).dependencies)
        assert {
            ran.one(RELEASE, "karpenter").urn,
            ran.one("aws:eks/accessEntry:AccessEntry").urn,
            *(each.urn for each in every(ran.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment"))),
        } <= waited_for
    assert ran.one("aws:iam/role:Role", "karpenter-node-role").urn in waited_for


def test_a_node_class_gets_the_role_by_name():
    ran = run_example("karpenter_gpu_pool")

    role = ran.one("aws:iam/role:Role", "karpenter-node-role")
    assert ran.one(NODE_CLASS).inputs["spec"]["role"] == role["name"]
    assert not ran.one(NODE_CLASS).inputs["spec"]["role"].startswith("arn:")


# What is refused, and what providers take


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"replicas": 0}, "settings.replicas must be at least 1, got 0"),
        (
            {"feature_gates": {"node_repairs": True}},
            "settings.feature_gates.node_repairs is not a known key; nearest: node_repair",
        ),
        ({"zonalshift": True}, "settings.zonalshift is not a known key; nearest: zonal_shift"),
    ],
)
def test_bad_settings_are_refused_with_the_rule(settings, message):
    with pytest.raises(BadInput) as refused:
        karpenter(**settings)

    assert str(refused.value) == message


def test_providers_take_every_input():
    ran = karpenter(spot_service_linked_role=True)

    assert [found for made in ran.graph if made.custom for found in problems(made.type, made.inputs)] == []


def test_a_preview_has_the_same_resources():
    assert karpenter(preview=True).urns() == karpenter().urns()


def test_the_example_of_the_page_runs():
    assert run_example("karpenter").one(RELEASE, "karpenter").inputs["values"]["settings"]["clusterName"] == "gaia"


def test_both_switches_of_dra_are_set_together_and_neither_by_default():
    def told(**dra: bool) -> Any:
        return chart_values(KarpenterSettings.model_validate({"dra": dra}), "", "", "")["settings"]

    gates = {"draNVIDIAGPU": True, "draEFA": False}
    assert {key: told(nvidia=True)[key] for key in ("awsFeatureGates", "ignoreDRARequests")} == {
        "awsFeatureGates": gates,
        "ignoreDRARequests": False,
    }
    assert told(efa=True)["awsFeatureGates"] == {"draNVIDIAGPU": False, "draEFA": True}
    assert {"awsFeatureGates", "ignoreDRARequests", "enableDRA"}.isdisjoint(told())
