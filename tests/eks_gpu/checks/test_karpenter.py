"""Karpenter's charts, and the fields and roles of its objects: what fails, and what is said."""

from itertools import chain

import pytest

from eks_gpu.karpenter.schema import node_class_problems, node_pool_problems
from tests import crds
from tests.graphs import cluster, findings, kubernetes
from tests.karpenter_graphs import (
    ARCH,
    KARPENTER,
    SPOT_FIRST,
    THREE_TYPES,
    auto_mode_failure,
    auto_mode_node_class,
    failure,
    healthy,
    karpenter,
    node_class,
    node_pool,
    requirement,
)

# --- charts ----------------------------------------------------------------------------------------------------------


def test_a_controller_without_a_chart_for_its_crds():
    assert failure("crd-chart-matches-controller", crds=None) == (
        "karpenter",
        "Helm never upgrades the CRDs of its chart, so new fields are lost at the next version: add a release of "
        "karpenter-crd 1.15.0, and skip the CRDs here",
    )


def test_crds_of_another_version():
    assert failure("crd-chart-matches-controller", crds=karpenter("karpenter-crd", "1.13.0")) == (
        "karpenter",
        "its CRDs are of 1.13.0: give karpenter-crd the version 1.15.0 too",
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
            {"disruption": {"consolidationPolicy": "WhenUnderutilized", "consolidateAfter": "30s"}},
            "spec.disruption.consolidationPolicy must be one of WhenEmpty, WhenEmptyOrUnderutilized, Balanced, "
            "got WhenUnderutilized",
        ),
        (
            {"disruption": {"consolidateAfter": "7d"}},
            "spec.disruption.consolidateAfter must be hours, minutes and seconds or Never, as 1h30m, "
            "got '7d'; nearest: 168h",
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
        *(
            (
                {
                    "disruption": {
                        "consolidateAfter": "1m",
                        "budgets": [{"nodes": "0", "schedule": "@daily", "duration": given}],
                    }
                },
                f"spec.disruption.budgets[0].duration must be hours and minutes, as 8h or 1h30m, got {told}",
            )
            for given, told in (("1d", "'1d'; nearest: 24h"), ("90s", "'90s'"), ("30m1h", "'30m1h'; nearest: 1h30m"))
        ),
        (
            {"disruption": {"consolidateAfter": "9999999h"}},
            "spec.disruption.consolidateAfter must be hours, minutes and seconds or Never, as 1h30m, got '9999999h'",
        ),
        (
            {"limits": {"nvidia.com/gpu": "4", "memory": "64GB"}},
            "spec.limits.memory must be a Kubernetes quantity such as 500m, 2 or 1.5Gi, got '64GB'; nearest: 64G",
        ),
        (
            {"limits": {"nvidia.com/gpu": "4", "cpu": 1.5}},
            "spec.limits.cpu must be a text where it is no whole number: write '1.5', got 1.5",
        ),
        (
            {"limits": {"nvidia.com/gpu": "4", "cpu": " 2"}},
            "spec.limits.cpu must have no spaces: write '2', got ' 2'",
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
            "spec.template.spec.expireAfter must be hours, minutes and seconds or Never, as 1h30m, "
            "got '30d'; nearest: 720h",
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
            ".key karpenter.k8s.aws/instance-gpu-nam is a label that no node gets; "
            "nearest: karpenter.k8s.aws/instance-gpu-name",
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
            "1.15.0",
            "apiVersion v1beta1 is not served by chart 1.15.0: charts before 1.1 serve it",
        ),
        (
            "Provisioner",
            "karpenter.sh/v1alpha5",
            "1.15.0",
            "apiVersion v1alpha5 is not served by chart 1.15.0: charts before 0.33 serve it",
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


def test_no_field_of_karpenters_definitions_is_refused():
    fields = crds.fields("karpenter.k8s.aws_ec2nodeclasses", "spec")
    classes = [{"kind": "EC2NodeClass", "spec": {field: "x"}} for field in fields]
    pools = [
        {"kind": "NodePool", "spec": {"template": {"spec": {field: None}}}}
        for field in crds.fields("karpenter.sh_nodepools", "spec.template.spec")
    ]
    disruption = crds.fields("karpenter.sh_nodepools", "spec.disruption")
    pools += [{"kind": "NodePool", "spec": {"disruption": {field: None}}} for field in disruption]

    assert len(fields) > 20
    said = [
        *chain.from_iterable(map(node_class_problems, classes)),
        *chain.from_iterable(map(node_pool_problems, pools)),
    ]
    assert [problem for problem in said if "is no field" in problem] == []


def test_a_policy_that_came_with_a_later_chart():
    policy = {"consolidationPolicy": "Balanced", "consolidateAfter": "30s"}
    assert fields(gpu=node_pool(disruption=policy), crds=karpenter("karpenter-crd", "1.13.0")) == (
        "NodePool gpu",
        "spec.disruption.consolidationPolicy Balanced came with chart 1.14, got chart 1.13.0",
    )


def test_a_field_of_a_node_class_that_came_with_a_later_chart():
    stack = {"node_class": node_class(enclaveOptions={"enabled": True})}
    assert fields(**stack, crds=karpenter("karpenter-crd", "1.14.1")) == (
        "EC2NodeClass gpu",
        "spec.enclaveOptions came with chart 1.15, got chart 1.14.1",
    )
    assert all(passed for passed, _ in findings("node-pool-fields-fit-the-chart", *healthy(**stack)).values())


def test_consolidate_after_has_a_default_from_chart_1_15_on():
    stack = {"gpu": node_pool(disruption={"consolidationPolicy": "WhenEmpty"})}
    required = "spec.disruption.consolidateAfter is required beside other fields of spec.disruption"
    assert fields(**stack, crds=karpenter("karpenter-crd", "1.14.1")) == ("NodePool gpu", required)
    assert all(passed for passed, _ in findings("node-pool-fields-fit-the-chart", *healthy(**stack)).values())


# --- roles -----------------------------------------------------------------------------------------------------------


ROLES = ["arn:aws:iam::123456789012:role/shop-node", "path/shop-node"]


@pytest.mark.parametrize("given", ROLES)
def test_karpenter_takes_what_follows_the_last_slash_of_a_role(given):
    said = findings("node-role-is-a-name", *healthy(node_class=node_class(role=given)))
    assert said == {"gpu": (True, "its nodes run as shop-node")}


@pytest.mark.parametrize("given", ROLES)
def test_auto_mode_takes_a_name(given):
    assert auto_mode_failure("node-role-is-a-name", node_class=auto_mode_node_class(role=given)) == (
        "gpu",
        f"spec.role must be a name, got {given}: write shop-node",
    )


def test_a_role_without_a_name():
    assert failure("node-role-is-a-name", node_class=node_class(role="path/")) == (
        "gpu",
        "spec.role must name a role, got path/",
    )
