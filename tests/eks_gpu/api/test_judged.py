"""What the API server refuses, by kinds of fault; `make e2e` holds the same against the API server itself."""

import copy
from typing import Any

import pytest

from eks_gpu.api.judged import judged
from tests.e2e.mutated_objects import RICH, places


def of(kind: str, name: str = "") -> dict[str, Any]:
    """A copy of the rich object of a kind."""
    return copy.deepcopy(next(made for made in RICH if made["kind"] == kind and name in ("", made["metadata"]["name"])))


def said(made: dict[str, Any]) -> list[str]:
    found = judged(made)
    assert found
    assert found.unjudged == ()
    return [str(refused) for refused in found.refused]


@pytest.mark.parametrize("made", RICH, ids=lambda made: f"{made['kind']}-{made['metadata']['name']}")
def test_a_right_object_is_taken_and_judged_to_the_last_field(made):
    assert said(made) == []


def test_a_kind_that_is_not_known_is_not_judged():
    assert (
        judged({"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "a"}}) is None
    )


def test_a_field_whose_rules_are_not_known_is_named():
    made = of("Pod")
    made["spec"]["hostAliases"] = [{"ip": "10.0.0.1", "hostnames": ["a"]}]
    found = judged(made)
    assert found and found.refused == ()
    assert found.unjudged[0] == "spec.hostAliases"


CONTAINER = "spec.containers[0]"


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"imagePullPolicy": "always"}, "must be one of Always, IfNotPresent, Never, got 'always'; nearest: Always"),
        ({"Image": "x"}, f"{CONTAINER}.Image is no field of Container; nearest: image"),
        (
            {"name": "Main"},
            f"{CONTAINER}.name must be at most 63 small letters, digits and '-', as my-name, got 'Main'",
        ),
        ({"image": ""}, f"{CONTAINER}.image is required"),
        ({"env": [{"name": "A", "value": 1}]}, f"{CONTAINER}.env[0].value must be a text, got 1"),
        ({"env": [{"name": "A"}, {"name": "A"}]}, f"{CONTAINER}.env[1] has the same name as another"),
        ({"ports": [{"containerPort": 0}]}, f"{CONTAINER}.ports[0].containerPort must be at least 1, got 0"),
        ({"ports": [{"containerPort": "80"}]}, f"{CONTAINER}.ports[0].containerPort must be a whole number, got '80'"),
        ({"tty": "yes"}, f"{CONTAINER}.tty must be true or false, got 'yes'"),
        (
            {"volumeMounts": [{"name": "scrach", "mountPath": "/x"}]},
            f"{CONTAINER}.volumeMounts[0].name is no volume of the pod: scrach; nearest: scratch",
        ),
        ({"livenessProbe": {"periodSeconds": 5}}, "must have one of exec, grpc, httpGet, tcpSocket, got none"),
        (
            {"resources": {"requests": {"vpc.amazonaws.com/efa": 4}}},
            f"{CONTAINER}.resources.limits.vpc.amazonaws.com/efa is required beside the request of 4: write 4",
        ),
        (
            {"resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}},
            f"{CONTAINER}.resources.requests.cpu must be at most the limit, 1500m, got 2",
        ),
        (
            {"resources": {"limits": {"nvidia.com/mig-1g.5gb": "0.5"}}},
            "must be a whole number, because nobody gets a part of a device, got 0.5",
        ),
        ({"resources": {"limits": {"gpu": 1}}}, f"{CONTAINER}.resources.limits.gpu is no resource of a container"),
        (
            {"resources": {"limits": {"memory": "1GB"}}},
            "must be a Kubernetes quantity such as 500m, 2 or 1.5Gi, got '1GB'",
        ),
        (
            {"resources": {"limits": {"hugepages-2Mi": "3Mi", "memory": "1Gi"}}},
            "must be a multiple of its pages' size, got 3Mi",
        ),
        ({"resources": {"limits": {"hugepages-2Mi": "4Mi"}}}, "needs cpu or memory beside it"),
    ],
)
def test_a_container_that_is_refused(change, refused):
    made = of("Pod")
    made["spec"]["containers"][0] |= change
    (found,) = said(made)
    assert refused in found


@pytest.mark.parametrize(
    ("field", "value", "refused"),
    [
        ("tolerations", [{"key": "a", "operator": "Exists", "value": "x"}], "tolerations[0].value must be left out"),
        ("tolerations", [{"value": "x"}], "tolerations[0].operator must be Exists where there is no key"),
        ("nodeSelector", {"a": True}, "nodeSelector.a must be a text, got True"),
        ("restartPolicy", "Sometimes", "restartPolicy must be one of"),
        ("containers", [], "spec.containers is required"),
        ("volumes", [{"name": "scratch"}, {"name": "scratch"}], "volumes[1] has the same name as another"),
        ("securityContext", {"runAsUser": -1}, "securityContext.runAsUser must be at least 0, got -1"),
    ],
)
def test_a_pod_that_is_refused(field, value, refused):
    made = of("Pod")
    made["spec"][field] = value
    assert any(refused in found for found in said(made)), said(made)


@pytest.mark.parametrize(
    ("kind", "path", "value", "refused"),
    [
        ("Deployment", "selector", {"matchLabels": {"app": "other"}}, "must have what the selector wants: app=other"),
        ("Deployment", "replicas", -1, "spec.replicas must be at least 0, got -1"),
        ("Job", "completions", None, "spec.completions is required, because completionMode is Indexed"),
        ("CronJob", "schedule", "hourly", "spec.schedule must have five parts, as */5 * * * *, got 'hourly'"),
        (
            "Service",
            "ports",
            [{"port": 80}, {"port": 81}],
            "spec.ports[0].name is required where there are several ports",
        ),
        ("PodDisruptionBudget", "maxUnavailable", 1, "spec must have one of minAvailable and maxUnavailable"),
        ("HorizontalPodAutoscaler", "minReplicas", 9, "spec.maxReplicas must be at least minReplicas, 9, got 5"),
        ("NodePool", "weight", 101, "spec.weight must be at most 100, got 101"),
        ("NodePool", "replicas", 2, "spec is refused: "),
        ("EC2NodeClass", "amiSelectorTerms", [{"alias": "ubuntu@latest"}], "spec.amiSelectorTerms[0].alias is refused"),
        ("EC2NodeClass", "instanceProfile", "nodes", "spec is refused: must specify exactly one of"),
        ("EC2NodeClass", "metadataOptions", {"httpTokens": "must"}, "must be one of required, optional, got 'must'"),
    ],
)
def test_another_object_that_is_refused(kind, path, value, refused):
    made = of(kind)
    made["spec"][path] = value
    assert any(refused in found for found in said(made)), said(made)


ODD = (None, [None], {1: 2}, {"": ""}, [[]], {"a": None}, float("inf"), 10**400, "\0", "-" * 5000, "1e999999", True)


@pytest.mark.parametrize("made", RICH, ids=lambda made: f"{made['kind']}-{made['metadata']['name']}")
def test_no_value_at_any_place_is_a_crash(made):
    for path in places(made):
        for odd in ODD:
            changed = copy.deepcopy(made)
            holder: Any = changed
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = odd
            assert judged(changed)


def test_a_null_is_as_if_nothing_were_there():
    made = of("Deployment", "web")
    made["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] = None
    made["spec"]["template"]["spec"]["tolerations"] = None
    found = judged(made)
    assert found and found.refused == ()


TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists"}


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({}, []),
        ({"overhead": {"podFixed": {"cpu": "100m", "memory": "120Mi"}}}, []),
        ({"scheduling": {"nodeSelector": {"runtime": "kata"}, "tolerations": [TOLERATION]}}, []),
        ({"handler": ""}, ["handler must be at most 63 small letters, digits and '-', as my-name, got ''"]),
        ({"handler": "Kata"}, ["handler must be at most 63 small letters, digits and '-', as my-name, got 'Kata'"]),
        (
            {"overhead": {"podFixed": {"cpus": 1}}},
            ["overhead.podFixed.cpus is no resource of a container; nearest: cpu"],
        ),
        ({"overhead": {"podFixed": {"cpu": "-1"}}}, ["overhead.podFixed.cpu must be at least 0, got -1"]),
        (
            {"overhead": {"podFixed": {"hugepages-2Mi": "4Mi"}}},
            ["overhead.podFixed.hugepages-2Mi needs cpu or memory beside it"],
        ),
        ({"overhead": {"memory": "1Gi"}}, ["overhead.memory is no field of Overhead"]),
        (
            {"scheduling": {"tolerations": [TOLERATION, TOLERATION]}},
            ["scheduling.tolerations[1] is the same as another"],
        ),
        (
            {"scheduling": {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}},
            ["scheduling.tolerations[0].value must be left out, because the operator is Exists"],
        ),
    ],
)
def test_a_runtime_class(change, refused):
    made = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "kata"}, "handler": "kata"}
    assert said({**made, **change}) == refused
