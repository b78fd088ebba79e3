"""import: whole systems of other formats, and whether the program takes what they become."""

import pytest

from tests.found import every
from tests.imports import IMPORTED, imported, planned, rules

GROUP = "nodeGroups[1]"
TAGS = f"{GROUP}.tags[k8s.io/cluster-autoscaler"
POD = "spec.template.spec.containers[0]"
AFFINITY = (
    "spec.template.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
    ".matchExpressions[0]"
)


def test_the_spot_article_becomes_two_pools_that_start_at_zero():
    answer, _ = imported(IMPORTED / "spot-article.yaml")
    assert answer.region == "us-west-2"
    assert answer.settings == {
        "zones": ["us-west-2a", "us-west-2b", "us-west-2c"],
        "cluster": {"name": "gaia-kube", "system_nodes": {"nodes": 2}, "endpoint": {"private": True}, "bootstrap": {}},
        "spot_node_groups": {
            "spot-ng": {
                "pool": {
                    "instance_types": [
                        *("m4.2xlarge", "m5.2xlarge", "m5a.2xlarge"),
                        *("m8a.2xlarge", "m8i-flex.2xlarge", "m8i.2xlarge"),
                    ],
                    "max_nodes": 20,
                    "min_nodes": 2,
                    "disk_gib": 100,
                    "labels": {"lifecycle": "Ec2Spot"},
                },
                "session_manager": True,  # its role has a policy for it
                "drain_s": 120,
            }
        },
        "gpu_node_groups": {
            "gpu-spot-ng-a": {
                "drain_s": 120,
                "backend": "auto-scaling-group",
                "pool": {
                    "need": {"gpus": 1, "gpu_memory_gib": 12},
                    "max_gpus": 10,
                    "capacity_types": ["spot"],
                    "disk_gib": 100,
                    "zones": ["us-west-2a"],
                    "labels": {"lifecycle": "Ec2Spot", "nvidia.com/gpu": "true"},
                },
            }
        },
        "cluster_autoscaler": {"expander": "least-waste"},
        "node_termination_handler": {},
        "aws_load_balancer_controller": {},
    }


def test_the_spot_articles_faults_are_named_where_they_stand():
    _, found = imported(IMPORTED / "spot-article.yaml")
    of_the_gpu_group = [(finding.rule, finding.place.path) for finding in found if finding.place.line > 40]
    assert of_the_gpu_group == [
        ("node-images-are-current", f"{GROUP}.ami"),
        ("disks-are-gp3", f"{GROUP}.volumeType"),
        ("lost", f"{GROUP}.iam.withAddonPolicies.fsx"),
        ("lost", f"{GROUP}.iam.withAddonPolicies.efs"),
        ("lost", f"{GROUP}.iam.withAddonPolicies.cloudWatch"),
        *(("instance-types-are-offered", f"{GROUP}.instancesDistribution.instanceTypes[{i}]") for i in range(6)),
        ("one-gpu-count-a-group", f"{GROUP}.instancesDistribution.instanceTypes"),
        ("spot-allocation-is-current", f"{GROUP}.instancesDistribution.spotInstancePools"),
        ("taint-tags-have-value-and-effect", f"{TAGS}/node-template/taint/dedicated]"),
        ("scale-from-zero-taints-match-node", f"{TAGS}/node-template/taint/dedicated]"),
        ("autoscaler-watches-this-cluster-only", f"{TAGS}/enabled]"),
        ("scale-from-zero-labels-match-node", f"{GROUP}.labels"),
        ("api-versions-are-served", "apiVersion"),
        ("device-plugin-is-current", f"{POD}.image"),
        ("labels-are-current", f"{AFFINITY}.key"),
        ("instance-types-are-offered", f"{AFFINITY}.values"),
        ("device-plugin-reaches-gpu-pools", f"{AFFINITY}.values"),
        ("autoscaler-matches-kubernetes-minor", f"{POD}.image"),
        ("images-are-from-living-registries", f"{POD}.image"),
        ("autoscaler-watches-this-cluster-only", f"{POD}.command[5]"),
        ("images-are-from-living-registries", f"{POD}.image"),
    ]


def test_a_taint_tag_is_told_with_the_line_and_the_tag_that_was_meant():
    _, found = imported(IMPORTED / "spot-article.yaml")
    tags = [finding for finding in found if finding.place.path.endswith("taint/dedicated]")]
    assert [(finding.place.line, finding.message) for finding in tags] == [
        (
            58,
            "must be value:Effect, got 'nvidia.com/gpu=true': the autoscaler ignores the tag without a message; "
            "nearest: true:NoSchedule",
        ),
        (
            58,
            "its key is wrong: the nodes have no taint dedicated, they have nvidia.com/gpu; nearest: "
            "k8s.io/cluster-autoscaler/node-template/taint/nvidia.com/gpu: true:NoSchedule",
        ),
    ]


def test_the_karpenter_article_becomes_a_pool_with_a_limit_that_limits():
    answer, found = imported(IMPORTED / "karpenter-article.yaml")
    assert answer.settings == {
        "cluster": {
            "name": "karpenter-cluster",
            "system_nodes": {"nodes": 3, "instance_types": ["m5.large"]},
            "endpoint": {"private": True},
            "bootstrap": {},
        },
        "karpenter_gpu_pools": {
            "gpu": {"pool": {"instance_types": ["g4dn.xlarge", "g4dn.2xlarge"], "max_gpus": 100, "idle_s": 30}}
        },
        "aws_load_balancer_controller": {},
    }
    assert rules(found) == [
        ("kubernetes-version-is-supported", "metadata.version"),
        ("access-entries-instead-of-aws-auth", "metadata.version"),
        ("api-versions-are-served", "apiVersion"),
        ("taints-have-a-value", "spec.taints[0].key"),
        ("limits-name-the-real-resource", "spec.limits.resources.gpu"),
        ("node-images-are-current", "spec.provider.amiFamily"),
        ("device-plugin-reaches-gpu-pools", f"{POD}.resources.limits[nvidia.com/gpu]"),
        ("tolerations-use-exists", "spec.template.spec.tolerations[0].key"),
        (
            "services-are-private-or-restricted",
            "metadata.annotations[service.beta.kubernetes.io/aws-load-balancer-scheme]",
        ),
    ]


def test_families_become_types_of_one_gpu_count_on_auto_mode():
    answer, found = imported(IMPORTED / "auto-mode.yaml")
    pool = answer.settings["auto_mode_gpu_pools"]["gpu"]["pool"]
    assert pool["instance_types"][:4] == ["g6.xlarge", "g6e.xlarge", "g6.2xlarge", "g6e.2xlarge"]
    assert (pool["max_gpus"], pool["idle_s"], pool["termination_grace_s"]) == (4, 3600, 86400)
    assert answer.settings["cluster"]["auto_mode"] == {}
    assert [rule for rule, _ in rules(found)] == [
        "gpu-pools-are-capped",
        "one-gpu-count-a-group",
        "taints-have-a-value",
    ]


def test_a_pool_of_today_loses_nothing():
    answer, found = imported(IMPORTED / "nothing-lost.yaml")
    assert found == []
    assert answer.settings["karpenter_gpu_pools"] == {
        "gpu": {
            "image_version": "v20260714",
            "pool": {
                "instance_types": ["g6.xlarge", "g5.xlarge", "g4dn.xlarge"],
                "max_gpus": 8,
                "capacity_types": ["spot", "on-demand"],
                "disk_gib": 200,
                "zones": ["us-west-2a", "us-west-2b"],
                "labels": {"team": "vision"},
                "idle_s": 300,
                "max_age_h": 720,
                "disruption_budget": "2",
                "termination_grace_s": 7200,
                "weight": 10,
            },
        }
    }
    chosen = {"cluster.name", "cluster.system_nodes", "cluster.endpoint", "cluster.bootstrap"}
    assert {".".join(path) for path in answer.notes} == chosen


NO_AUDIT_LOG = "protected-clusters-keep-an-audit-log"
"""A log costs money, so who imports a file without one chooses it."""


@pytest.mark.parametrize("file", sorted(IMPORTED.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_program_takes_what_import_prints_and_its_checks_hold(file):
    answer, _ = imported(file)
    checks = every(planned(answer).analysis.findings)
    failing = [f"{check.id}: {check.message}" for check in checks if not check.passed and check.id != NO_AUDIT_LOG]
    assert failing == []
