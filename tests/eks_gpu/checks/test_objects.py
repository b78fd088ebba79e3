"""Objects that the API server refuses, and what pods name."""

from typing import Any

import pytest

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.unknown import Asked, Told
from tests.graphs import deployment, failure, findings, gpu_work, healthy, kubernetes, pod, release, resource
from tests.karpenter_graphs import healthy as on_karpenter
from tests.karpenter_graphs import node_pool
from tests.whole_graphs import claim_template, claiming

ACCEPTED, THERE = "objects-are-accepted", "pods-name-what-is-there"


def test_a_misspelt_field():
    made = deployment("train", {**pod({"cpu": 1}), "nodeselector": {"team": "ml"}})
    assert failure(ACCEPTED, train=made) == (
        "Deployment default/train",
        "spec.template.spec.nodeselector is no field of PodSpec; nearest: nodeSelector",
    )


@pytest.mark.parametrize(
    ("group", "kind", "body", "holds"),
    [
        ("node.k8s.io/v1", "RuntimeClass", {"handler": "nvidia"}, True),
        ("scheduling.k8s.io/v1", "PriorityClass", {"value": 1000}, True),
        ("scheduling.k8s.io/v1", "PriorityClass", {"value": 1000, "globalDefault": True}, None),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", {"rules": []}, True),
        ("storage.k8s.io/v1", "StorageClass", {"provisioner": "ebs.csi.aws.com"}, True),
    ],
)
def test_a_kind_without_a_namespace_is_told_without_one(group, kind, body, holds):
    inputs = {"apiVersion": group, "kind": kind, "metadata": {"name": "fast"}, **body}
    made = resource(f"kubernetes:{group}:{kind}", "fast", inputs)
    assert findings(ACCEPTED, *healthy(), made)[f"{kind} fast"][0] is holds


def test_a_deployment_without_a_selector():
    made = kubernetes("Deployment", "train", {"template": {"spec": pod({"cpu": 1})}})
    assert failure(ACCEPTED, train=made) == ("Deployment default/train", "spec.selector is required")


@pytest.mark.parametrize(
    ("spec", "refused"),
    [
        ({"requirements": []}, None),
        ({"requirements": [], "price": "0.5", "weight": 10}, None),
        ({"price": "0.5"}, "spec.requirements is required"),
        ({"requirements": [], "prise": "0.5"}, "spec.prise is no field of Karpenter's definition; nearest: price"),
        ({"requirements": [], "weight": 0}, "spec.weight must be at least 1, got 0"),
        ({"requirements": [], "price": "1", "priceAdjustment": "+1"}, "cannot set both 'price' and 'priceAdjustment'"),
        ({"requirements": [], "capacity": {"cpu": "8"}}, "invalid resource restricted"),
        ({"requirements": [{"key": "a", "operator": "Is"}]}, "spec.requirements[0].operator must be one of In, NotIn"),
    ],
)
def test_an_overlay_of_karpenter(spec, refused):
    overlay = kubernetes("NodeOverlay", "slots", spec, group="karpenter.sh/v1alpha1")
    passed, message = findings(ACCEPTED, *on_karpenter(), overlay)["NodeOverlay slots"]
    assert passed is (refused is None)
    assert (refused or "takes every field") in message


def test_node_pools_have_a_check_of_their_own():
    assert not any(name.startswith(("NodePool", "EC2NodeClass")) for name in findings(ACCEPTED, *on_karpenter()))


def test_a_patch_of_an_object_needs_no_field():
    inputs = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "coredns"}, "spec": {"replicas": 3}}
    patch = resource("kubernetes:apps/v1:DeploymentPatch", "coredns", inputs)
    assert "Deployment default/coredns" not in findings(ACCEPTED, *healthy(), patch)


def test_a_value_that_only_the_update_tells_makes_no_failure():
    made = kubernetes("Deployment", "train", {"template": {"spec": pod({"cpu": 1})}})
    labels = {"app": "train"}
    spec: dict[str, Any] = {"selector": Told({}, {"matchLabels": Asked(made.urn, "spec.selector.matchLabels")})}
    spec["template"] = {"metadata": {"labels": labels}, "spec": pod({"cpu": 1})}
    found = findings(ACCEPTED, *healthy(train=kubernetes("Deployment", "train", spec)))["Deployment default/train"]
    assert found == (None, "it needs spec.selector.matchLabels of train, which only pulumi up will tell")


def test_an_object_whose_rules_are_not_all_known_gets_no_verdict():
    made = gpu_work(hostAliases=[{"ip": "10.0.0.1", "hostnames": ["a"]}])
    passed, message = findings(ACCEPTED, *healthy(train=made))["Deployment default/train"]
    assert passed is None
    assert message == (
        "the rules of spec.template.spec.hostAliases, spec.template.spec.hostAliases[0].ip, "
        "spec.template.spec.hostAliases[0].hostnames are not known here"
    )


def test_devices_have_a_check_of_their_own():
    container = {"name": "main", "image": "a", "resources": {"requests": {"vpc.amazonaws.com/efa": 4}}}
    made = deployment("train", {"containers": [container]})
    assert findings(ACCEPTED, *healthy(train=made))["Deployment default/train"][0]
    assert failure("device-requests-are-limits", train=made) == (
        "Deployment default/train",
        "vpc.amazonaws.com/efa is requested without a limit: write vpc.amazonaws.com/efa: 4 in resources.limits",
    )


@pytest.mark.parametrize(
    "name", ["aws.amazon.com/neuroncore", "nvidia.com/mig-1g.5gb", "hugepages-2Mi", "example.com/a"]
)
def test_devices_of_any_domain_and_huge_pages_need_a_limit(name):
    container = {"name": "main", "image": "a", "resources": {"requests": {name: 2, "cpu": 1}, "limits": {"cpu": 1}}}
    subject, message = failure("device-requests-are-limits", train=deployment("train", {"containers": [container]}))
    assert (subject, message.partition(":")[0]) == ("Deployment default/train", f"{name} is requested without a limit")


def test_huge_pages_alone_are_refused():
    resources: Any = {"limits": {"hugepages-2Mi": "1Gi", "nvidia.com/gpu": 1}}
    alone = deployment("train", {"containers": [{"name": "main", "image": "a", "resources": resources}]})
    subject, message = failure("device-requests-are-limits", train=alone)
    assert (subject, message) == (
        "Deployment default/train",
        "hugepages-2Mi needs cpu or memory beside it: request one of them too",
    )
    resources["limits"]["memory"] = "1Gi"
    beside = deployment("train", {"containers": [{"name": "main", "image": "a", "resources": resources}]})
    assert findings("device-requests-are-limits", *healthy(train=beside))["Deployment default/train"][0]


def test_a_thousand_may_be_written_in_two_ways():
    resources = {"limits": {"example.com/token": "1k"}, "requests": {"example.com/token": 1000}}
    made = deployment("train", {"containers": [{"name": "main", "image": "a", "resources": resources}]})
    assert findings("device-requests-are-limits", *healthy(train=made))["Deployment default/train"][0]


# --- what pods name --------------------------------------------------------------------------------------------------

NVIDIA = kubernetes("RuntimeClass", "nvidia", {}, group="node.k8s.io/v1")


HUB = {"name": "hub", "key": "token"}


def named(*more: Resource, **spec: Any) -> tuple[Any, str]:
    return findings(THERE, *healthy(train=gpu_work(**spec)), *more)["Deployment default/train"]


def test_a_runtime_class_that_nothing_makes():
    assert named(runtimeClassName="nvidia") == (
        False,
        "spec.runtimeClassName names RuntimeClass nvidia, which nothing in the stack makes: the API server refuses its "
        "pods: leave runtimeClassName out, because EKS's images need none, or install the GPU operator, which makes it",
    )


def test_a_runtime_class_of_the_stack_or_of_the_gpu_operator():
    assert named(NVIDIA, runtimeClassName="nvidia")[0]
    assert named(release("gpu-operator"), runtimeClassName="nvidia")[0]
    assert not named(release("gpu-operator"), runtimeClassName="kata")[0]


@pytest.mark.parametrize(
    ("spec", "missing"),
    [
        ({"priorityClassName": "high"}, "spec.priorityClassName names PriorityClass high"),
        ({"serviceAccountName": "trainer"}, "spec.serviceAccountName names ServiceAccount trainer"),
        (
            {"volumes": [{"name": "a", "persistentVolumeClaim": {"claimName": "models"}}]},
            "spec.volumes[0].persistentVolumeClaim.claimName names PersistentVolumeClaim models",
        ),
        ({"volumes": [{"name": "a", "configMap": {"name": "b"}}]}, "spec.volumes[0].configMap.name names ConfigMap b"),
        (
            {"volumes": [{"name": "a", "secret": {"secretName": "b"}}]},
            "spec.volumes[0].secret.secretName names Secret b",
        ),
        (
            {"volumes": [{"name": "a", "projected": {"sources": [{"secret": {"name": "b"}}]}}]},
            "spec.volumes[0].projected.sources[0].secret.name names Secret b",
        ),
    ],
)
def test_another_object_that_nothing_makes(spec, missing):
    passed, message = named(**spec)
    assert (passed, message.partition(",")[0]) == (False, missing)


@pytest.mark.parametrize(
    ("container", "missing"),
    [
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": HUB}}]},
            "env[0].valueFrom.secretKeyRef.name names Secret hub",
        ),
        ({"envFrom": [{"configMapRef": HUB}]}, "envFrom[0].configMapRef.name names ConfigMap hub"),
        (
            {"envFrom": [{"secretRef": {**HUB, "optional": True}}, {"secretRef": HUB}]},
            "envFrom[1].secretRef.name names Secret hub",
        ),
    ],
)
@pytest.mark.parametrize("group", ["containers", "initContainers"])
def test_what_the_environment_of_a_container_is_from(group, container, missing):
    passed, message = named(**{group: [{"name": "main", "image": "a", **container}]})
    assert (passed, message.partition(",")[0]) == (False, f"spec.{group}[0].{missing}")


def test_a_claim_of_devices_that_nothing_makes():
    def said(*objects: Resource, **claim: str) -> tuple[Any, str]:
        pods = claiming(resourceClaims=[{"name": "gpu", **claim}])
        return findings(THERE, *healthy(train=pods), *objects)["Deployment default/claiming"]

    nothing = "which nothing in the stack makes: its pods wait for it"
    assert said(resourceClaimName="shared") == (
        False,
        f"spec.resourceClaims[0].resourceClaimName names ResourceClaim shared, {nothing}",
    )
    by_template = {"resourceClaimTemplateName": "gpu"}
    assert said(**by_template) == (
        False,
        f"spec.resourceClaims[0].resourceClaimTemplateName names ResourceClaimTemplate gpu, {nothing}",
    )
    assert said(claim_template(), **by_template)[0]


def test_a_claim_of_a_class_that_nothing_makes():
    def said(name: str, *objects: Resource) -> tuple[Any, str]:
        stack = healthy(train=claiming())
        return findings(THERE, *stack, claim_template(name), *objects)["Deployment default/claiming"]

    assert said("gpu.exmaple.com") == (
        False,
        "claim gpu names DeviceClass gpu.exmaple.com, which nothing in the stack makes: its pods wait for it: NVIDIA's "
        "driver makes gpu.nvidia.com: name it, or make the class in the stack",
    )
    assert said("vfio.gpu.nvidia.com")[0]
    assert said("gpu.exmaple.com", release("a-driver-of-ours"))[0]
    assert said("large", kubernetes("DeviceClass", "large", {}, group="resource.k8s.io/v1"))[0]


def test_a_missing_pull_secret_and_those_who_may_make_it():
    secrets = {"imagePullSecrets": [{"name": "registry"}]}
    assert named(**secrets) == (
        False,
        "spec.imagePullSecrets[0].name names Secret registry, which nothing in the stack makes: its images are pulled "
        "without it",
    )
    assert named(kubernetes("Secret", "registry", {}, group="core/v1"), **secrets)[0]
    operator = resource("kubernetes:external-secrets.io/v1:ExternalSecret", "registry", {"kind": "ExternalSecret"})
    assert named(operator, **secrets)[0]
    assert not named(operator, serviceAccountName="trainer")[0]


def test_what_an_unknown_chart_may_bring_is_not_missing():
    for spec in ({"priorityClassName": "high"}, {"serviceAccountName": "trainer"}):
        assert named(release("my-platform"), **spec)[0]
        assert not named(release("karpenter"), **spec)[0]


def test_what_every_cluster_has_what_is_optional_and_what_is_made():
    assert named(priorityClassName="system-node-critical")[0]
    assert named(serviceAccountName="default")[0]
    claim = kubernetes("PersistentVolumeClaim", "models", {}, group="core/v1")
    assert named(claim, volumes=[{"name": "a", "persistentVolumeClaim": {"claimName": "models"}}])[0]
    optional = [{"name": "a", "configMap": {"name": "b", "optional": True}}, {"name": "c", "emptyDir": {}}]
    assert "Deployment default/train" not in findings(THERE, *healthy(train=gpu_work(volumes=optional)))


def test_nothing_is_said_of_a_cluster_of_another_stack():
    made = [each for each in healthy(train=gpu_work(runtimeClassName="nvidia")) if not each.type.endswith(":Cluster")]
    provider = resource("pulumi:providers:kubernetes", "other", {"kubeconfig": "secret"}, id_="1")
    assert findings(THERE, *made, provider) == {}


# --- node pools ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("taint", "said"),
    [
        ({"operator": "Exists"}, "taints[0].operator is no field of a taint: a toleration has it, a taint has not"),
        ({"tolerationSeconds": 5}, "taints[0].tolerationSeconds is no field of a taint: a toleration has it"),
        ({"values": "x"}, "taints[0].values is no field of a taint; nearest: value"),
        ({"effect": "NO_SCHEDULE"}, "taints[0].effect must be one of NoSchedule, PreferNoSchedule, NoExecute"),
        ({"key": "a b"}, "taints[0].key must match"),
    ],
)
def test_a_taint_that_the_api_server_refuses(taint, said):
    made = node_pool(template={"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"} | taint]})
    found = findings("node-pool-fields-fit-the-chart", *on_karpenter(gpu=[made]))
    assert said in found["NodePool gpu"][1], found
