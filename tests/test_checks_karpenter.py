"""Karpenter's controller, CRDs, objects and interruption path: what fails, and what is said."""

import pytest

from tests.graphs import cluster, findings, kubernetes, resource
from tests.karpenter_graphs import (
    ARCH,
    AUTO_MODE,
    KARPENTER,
    ON_DEMAND,
    QUEUE_ARN,
    SPOT_FIRST,
    THREE_TYPES,
    access_entry,
    access_policy,
    allow,
    auto_mode_cluster,
    auto_mode_failure,
    auto_mode_node_class,
    auto_mode_pool,
    controller_policy,
    failure,
    healthy,
    healthy_auto_mode,
    karpenter,
    node_class,
    node_pool,
    queue,
    queue_policy,
    requirement,
    rules,
    types,
)

# --- the interruption path -------------------------------------------------------------------------------------------

GO = "Spot nodes of gpu go without a drain: "


def gap(**instead):
    subject, message = failure("interruption-path-is-complete", **instead)
    assert subject == "karpenter"
    assert message.startswith(GO)
    return message.removeprefix(GO)


def test_a_controller_that_is_told_no_queue():
    assert gap(karpenter=karpenter(interruptionQueue="")) == (
        "its values name no queue: set settings.interruptionQueue"
    )


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"interruptionQueueName": "shop"}, "settings.interruptionQueueName"),
        ({"aws": {"interruptionQueueName": "shop"}}, "settings.aws.interruptionQueueName"),
    ],
)
def test_a_queue_under_the_key_of_an_older_chart(settings, key):
    assert gap(karpenter=karpenter(interruptionQueue="", **settings)) == (
        f"{key} is a key that the chart no longer reads: write settings.interruptionQueue"
    )


def test_a_queue_that_the_stack_does_not_have():
    missing = "settings.interruptionQueue is shop, but the stack has no queue of that name"
    assert gap(queue=None) == missing
    assert gap(queue=queue(name="other")) == missing


@pytest.mark.parametrize("policy", [None, queue_policy("sqs.amazonaws.com")])
def test_a_queue_that_takes_no_events(policy):
    assert gap(queue_policy=policy) == (
        "the policy of queue shop does not let events.amazonaws.com send: allow it sqs:SendMessage"
    )


def test_a_policy_may_stand_on_the_queue_itself():
    document = allow("sqs:*", "arn:aws:sqs:*:*:shop", Principal={"Service": "events.amazonaws.com"})
    stack = healthy(queue_policy=None, queue=queue(policy=document))
    assert findings("interruption-path-is-complete", *stack)["karpenter"][0]


@pytest.mark.parametrize("change", [None, {"state": "DISABLED"}, {"isEnabled": False}, {"name": "another"}])
def test_an_event_that_no_rule_forwards(change):
    assert gap(rules=rules(spot=change)) == (
        "no enabled rule sends EC2 Spot Instance Interruption Warning of aws.ec2 to the queue"
    )


def test_every_missing_event_is_named():
    assert gap(rules=None) == "; ".join(
        f"no enabled rule sends {event} to the queue"
        for event in (
            "AWS Health Event of aws.health",
            "EC2 Spot Instance Interruption Warning of aws.ec2",
            "EC2 Instance Rebalance Recommendation of aws.ec2",
            "EC2 Instance State-change Notification of aws.ec2",
            "EC2 Capacity Reservation Instance Interruption Warning of aws.ec2",
        )
    )


def test_a_rule_whose_target_is_another_queue():
    others = [made for made in rules() if not made.type.endswith("EventTarget")]
    target = {"rule": "spot", "arn": "arn:aws:sqs:us-west-2:123456789012:other"}
    others.append(resource("aws:cloudwatch/eventTarget:EventTarget", "spot", target))
    assert "EC2 Spot Instance Interruption Warning" in gap(rules=others)


@pytest.mark.parametrize(
    ("policy", "missing"),
    [
        (None, "sqs:DeleteMessage, sqs:GetQueueUrl, sqs:ReceiveMessage"),
        (controller_policy(["sqs:GetQueueUrl", "sqs:ReceiveMessage"]), "sqs:DeleteMessage"),
        # Nobody has a policy that nothing attaches.
        (
            resource("aws:iam/policy:Policy", "loose", {"policy": allow("sqs:*", QUEUE_ARN)}, outputs={"arn": "arn:p"}),
            "sqs:DeleteMessage, sqs:GetQueueUrl, sqs:ReceiveMessage",
        ),
    ],
)
def test_a_controller_that_may_not_read_the_queue(policy, missing):
    assert gap(policy=policy) == f"no attached IAM policy allows {missing} on the queue"


def test_an_attached_policy_counts():
    attached = [
        resource("aws:iam/policy:Policy", "queue", {"policy": allow("sqs:*", QUEUE_ARN)}, outputs={"arn": "arn:p"}),
        resource("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "queue", {"role": "r", "policyArn": "arn:p"}),
    ]
    assert findings("interruption-path-is-complete", *healthy(policy=attached))["karpenter"][0]


def test_on_demand_alone_needs_no_queue():
    stack = healthy(gpu=node_pool(ARCH, ON_DEMAND, THREE_TYPES), queue=None, rules=None)
    assert findings("interruption-path-is-complete", *stack) == {}


# --- charts ----------------------------------------------------------------------------------------------------------


def test_a_controller_without_a_chart_for_its_crds():
    assert failure("crd-chart-matches-controller", crds=None) == (
        "karpenter",
        "Helm never upgrades the CRDs of its chart, so new fields are lost at the next version: add a release of "
        "karpenter-crd 1.14.1, and skip the CRDs here",
    )


def test_crds_of_another_version():
    assert failure("crd-chart-matches-controller", crds=karpenter("karpenter-crd", "1.13.0")) == (
        "karpenter",
        "its CRDs are of 1.13.0: give karpenter-crd the version 1.14.1 too",
    )


def test_a_karpenter_older_than_the_cluster():
    stack = {"karpenter": karpenter(version="1.8.2"), "crds": karpenter("karpenter-crd", "1.8.2")}
    assert failure("karpenter-supports-kubernetes-minor", **stack) == (
        "karpenter",
        "1.8.2 does not support Kubernetes 1.35: take 1.9 or later",
    )
    older = healthy(cluster=cluster(version="1.34"), **stack)
    assert findings("karpenter-supports-kubernetes-minor", *older) == {
        "karpenter": (True, "1.8.2 supports Kubernetes 1.34")
    }


# --- fields ----------------------------------------------------------------------------------------------------------


def fields(**instead):
    """What is said of the fields of the one object that has a wrong one."""
    return failure("node-pool-fields-fit-the-chart", **instead)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"ttlSecondsAfterEmpty": 30},
            "spec.ttlSecondsAfterEmpty is of an older version: write spec.disruption.consolidateAfter",
        ),
        ({"requirements": []}, "spec.requirements is of an older version: write spec.template.spec.requirements"),
        (
            {"limits": {"resources": {"nvidia.com/gpu": "4"}}},
            "spec.limits.resources is of an older version: write spec.limits",
        ),
        ({"wieght": 5}, "spec.wieght is no field of karpenter.sh/v1; nearest: weight"),
        ({"weight": 101}, "spec.weight must be 1 to 100, got 101"),
        (
            {"disruption": {"consolidationPolicy": "WhenEmpty"}},
            "spec.disruption.consolidateAfter is required beside other fields of spec.disruption",
        ),
        (
            {"disruption": {"consolidationPolicy": "WhenUnderutilized", "consolidateAfter": "30s"}},
            "spec.disruption.consolidationPolicy must be one of WhenEmpty, WhenEmptyOrUnderutilized, Balanced, "
            "got WhenUnderutilized",
        ),
        (
            {"disruption": {"consolidateAfter": "7d"}},
            "spec.disruption.consolidateAfter must be hours, minutes and seconds or Never, as 1h30m, got '7d'",
        ),
        (
            {"disruption": {"consolidateAfter": "1m", "expireAfter": "720h"}},
            "spec.disruption.expireAfter is of an older version: write spec.template.spec.expireAfter",
        ),
        (
            {"disruption": {"consolidateAfter": "1m", "budgets": [{"nodes": 1}]}},
            "spec.disruption.budgets[0].nodes must be a string with a count or a percentage, as '1' or '100%', got 1",
        ),
        (
            {"disruption": {"consolidateAfter": "1m", "budgets": [{"nodes": "0", "schedule": "@daily"}]}},
            "spec.disruption.budgets[0] must have schedule and duration together",
        ),
        ({"replicas": 1, "weight": 5, "limits": {"nodes": "2"}}, "spec.weight must be left out beside replicas"),
        ({"replicas": 1, "limits": {"cpu": "2"}}, "spec.limits must have no key but nodes beside replicas"),
    ],
)
def test_a_node_pool_that_the_api_server_refuses_or_reads_past(spec, expected):
    assert fields(gpu=node_pool(**spec)) == ("NodePool gpu", expected)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (
            {"nodeClassRef": {**KARPENTER, "apiVersion": "karpenter.k8s.aws/v1"}},
            "spec.template.spec.nodeClassRef.apiVersion is of an older version: write "
            "spec.template.spec.nodeClassRef.group, without a version",
        ),
        (
            {"kubelet": {"maxPods": 20}},
            "spec.template.spec.kubelet is of an older version: write spec.kubelet of the EC2NodeClass",
        ),
        (
            {"expireAfter": "30d"},
            "spec.template.spec.expireAfter must be hours, minutes and seconds or Never, as 1h30m, got '30d'",
        ),
        (
            {"terminationGracePeriod": "Never"},
            "spec.template.spec.terminationGracePeriod must be hours, minutes and seconds, as 1h30m, got 'Never'",
        ),
    ],
)
def test_a_template_that_the_api_server_refuses(template, expected):
    assert fields(gpu=node_pool(template=template)) == ("NodePool gpu", expected)


KEY = "karpenter.k8s.aws/instance-cpu"


@pytest.mark.parametrize(
    ("required", "expected"),
    [
        (
            requirement(KEY, "4", operator="Near"),
            ".operator must be one of In, NotIn, Exists, DoesNotExist, Gt, Lt, Gte, Lte, got Near",
        ),
        ({"key": KEY, "operator": "In", "values": [4]}, ".values must be strings: write '4', got 4"),
        (requirement(KEY), " must name values, because its operator is In"),
        (
            requirement(KEY, "4", "8", operator="Gt"),
            " must have one whole number, because its operator is Gt, got ['4', '8']",
        ),
        (requirement(KEY, "4", minValues=2), ".minValues must be at most its number of values, 1, got 2"),
        (
            requirement("karpenter.k8s.aws/instance-gpu-nam", "t4"),
            ".key karpenter.k8s.aws/instance-gpu-nam is a label that no node gets",
        ),
        (
            requirement("eks.amazonaws.com/instance-family", "g4dn"),
            ".key eks.amazonaws.com/instance-family means nothing to Karpenter: "
            "write karpenter.k8s.aws/instance-family",
        ),
    ],
)
def test_a_requirement_that_cannot_be(required, expected):
    made = node_pool(ARCH, SPOT_FIRST, THREE_TYPES, required)
    assert fields(gpu=made) == ("NodePool gpu", f"spec.template.spec.requirements[3]{expected}")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"subnetSelector": {}}, "spec.subnetSelector is of an older version: write spec.subnetSelectorTerms"),
        (
            {"ephemeralStorage": {}},
            "spec.ephemeralStorage is no field of an EC2NodeClass, but of a NodeClass of Auto Mode",
        ),
        ({"amiFamly": "AL2023"}, "spec.amiFamly is no field of an EC2NodeClass; nearest: amiFamily"),
        ({"instanceProfile": "x"}, "spec must have one of role and instanceProfile"),
        ({"amiSelectorTerms": []}, "spec.amiSelectorTerms is required"),
    ],
)
def test_a_node_class_that_the_api_server_refuses(spec, expected):
    assert fields(node_class=node_class(**spec)) == ("EC2NodeClass gpu", expected)


@pytest.mark.parametrize(
    ("type_", "api", "chart", "expected"),
    [
        (
            "NodePool",
            "karpenter.sh/v1beta1",
            "1.14.1",
            "apiVersion v1beta1 is not served by chart 1.14.1: charts before 1.1 serve it",
        ),
        (
            "Provisioner",
            "karpenter.sh/v1alpha5",
            "1.14.1",
            "apiVersion v1alpha5 is not served by chart 1.14.1: charts before 0.33 serve it",
        ),
        (
            "NodePool",
            "karpenter.sh/v1",
            "0.36.2",
            "apiVersion v1 is not served by chart 0.36.2: charts 1.0 and later serve it",
        ),
    ],
)
def test_an_api_version_that_the_chart_does_not_serve(type_, api, chart, expected):
    stack = healthy(
        gpu=kubernetes(type_, "old", {}, group=api), node_class=None, crds=karpenter("karpenter-crd", chart), train=None
    )
    assert findings("node-pool-fields-fit-the-chart", *stack) == {f"{type_} old": (False, expected)}


def test_a_policy_that_came_with_a_later_chart():
    policy = {"consolidationPolicy": "Balanced", "consolidateAfter": "30s"}
    assert fields(gpu=node_pool(disruption=policy), crds=karpenter("karpenter-crd", "1.13.0")) == (
        "NodePool gpu",
        "spec.disruption.consolidationPolicy Balanced came with chart 1.14, got chart 1.13.0",
    )


# --- roles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["arn:aws:iam::123456789012:role/shop-node", "path/shop-node"])
def test_a_role_that_is_no_name(given):
    assert failure("node-role-is-a-name", node_class=node_class(role=given)) == (
        "gpu",
        f"spec.role must be a name, got {given}: write shop-node",
    )


# --- Auto Mode -------------------------------------------------------------------------------------------------------

ENTRY, POLICY = "an access entry of type EC2", "the policy AmazonEKSAutoNodePolicy for the whole cluster"


@pytest.mark.parametrize(
    ("instead", "missing"),
    [
        ({"access_entry": None}, ENTRY),
        ({"access_entry": access_entry(type="EC2_LINUX")}, ENTRY),
        ({"access_policy": None}, POLICY),
        ({"access_policy": access_policy(accessScope={"type": "namespace"})}, POLICY),
        ({"access_entry": None, "access_policy": None}, f"{ENTRY} and {POLICY}"),
        ({"node_class": auto_mode_node_class(role="other")}, f"{ENTRY} and {POLICY}"),
    ],
)
def test_nodes_that_may_not_join(instead, missing):
    role = "other" if "node_class" in instead else "shop-node"
    assert auto_mode_failure("auto-mode-node-class-has-an-access-entry", **instead) == (
        "gpu",
        f"its nodes start and never join the cluster: give role {role} {missing}",
    )


def test_the_role_of_the_built_in_pools_has_its_entry_from_eks():
    stack = {"node_class": auto_mode_node_class(role="built-in"), "access_entry": None, "access_policy": None}
    check = "auto-mode-node-class-has-an-access-entry"
    assert findings(check, *healthy_auto_mode(**stack))["gpu"][0]
    without = healthy_auto_mode(**stack, cluster=auto_mode_cluster())
    assert not findings(check, *without)["gpu"][0]


def test_entries_that_the_component_is_told_count():
    policy = {"policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAutoNodePolicy"}
    entry = {
        "principalArn": "arn:aws:iam::123456789012:role/shop-node",
        "type": "EC2",
        "accessPolicies": {"nodes": {**policy, "accessScope": {"type": "cluster"}}},
    }
    inputs = {"autoMode": {"enabled": True}, "accessEntries": {"nodes": entry}}
    made = resource("eks:index:Cluster", "shop", inputs)
    stack = healthy_auto_mode(cluster=made, access_entry=None, access_policy=None)
    assert findings("auto-mode-node-class-has-an-access-entry", *stack)["gpu"][0]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            auto_mode_pool(ARCH, ON_DEMAND, types("g5.xlarge"), requirement("karpenter.k8s.aws/instance-cpu", "4")),
            "spec.template.spec.requirements[3].key karpenter.k8s.aws/instance-cpu means nothing to Auto Mode: write "
            "eks.amazonaws.com/instance-cpu",
        ),
        (
            auto_mode_pool(ARCH, ON_DEMAND, types("g5.xlarge"), requirement("kubernetes.io/os", "linux")),
            "spec.template.spec.requirements[3].key kubernetes.io/os is not supported by Auto Mode: leave it out",
        ),
        (
            node_pool(template={"nodeClassRef": AUTO_MODE, "expireAfter": "337h"}),
            "spec.template.spec.expireAfter must be at most 336h on Auto Mode, got 337h",
        ),
    ],
)
def test_a_node_pool_that_auto_mode_refuses(made, expected):
    assert auto_mode_failure("node-pool-fields-fit-the-chart", gpu=made) == ("NodePool gpu", expected)


@pytest.mark.parametrize(
    ("made", "subject", "expected"),
    [
        (
            auto_mode_node_class(userData=""),
            "NodeClass gpu",
            "spec.userData is no field of a NodeClass of Auto Mode, but of an EC2NodeClass",
        ),
        (
            auto_mode_node_class("default"),
            "NodeClass default",
            "metadata.name must not be default: that is the class which Auto Mode brings",
        ),
    ],
)
def test_a_node_class_that_auto_mode_refuses(made, subject, expected):
    assert auto_mode_failure("node-pool-fields-fit-the-chart", node_class=made) == (subject, expected)
