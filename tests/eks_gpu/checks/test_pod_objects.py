"""What pods belong to and what they name."""

from dataclasses import replace

import pytest

from tests.graphs import analysed, findings, kubernetes, release, resource
from tests.graphs import cluster as a_cluster
from tests.whole_graphs import changed, failure, holds, serving

MATCH, PULL, NAMES = "selectors-match-their-pods", "new-nodes-can-pull-images", "pods-find-what-they-name"
API = "Deployment serving/api"


def selecting(**selector):
    made = serving()
    return replace(made, inputs={**made.inputs, "spec": {**made.inputs["spec"], "selector": selector}})


def expression(operator: str, *values: str, key: str = "app"):
    return selecting(matchExpressions=[{"key": key, "operator": operator, "values": list(values)}])


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (selecting(matchLabels={"app": "web"}), "app=web"),
        (selecting(matchLabels={"app": "api", "tier": "front"}), "tier=front"),
        (expression("In", "web", "db"), "app In web, db"),
        (expression("Exists", key="tier"), "tier Exists"),
        (expression("NotIn", "api"), "app NotIn api"),
    ],
)
def test_a_selector_that_its_own_pods_do_not_match(made, said):
    assert failure(MATCH, serving=made) == (API, f"it selects {said}, which its pods do not have")


@pytest.mark.parametrize("made", [expression("In", "api", "web"), expression("DoesNotExist", key="tier"), selecting()])
def test_selectors_that_match(made):
    assert holds(MATCH, serving=made)


def test_an_image_that_nobody_pulls():
    never = changed(serving(), imagePullPolicy="Never")
    assert failure(PULL, serving=never) == (API, "imagePullPolicy of api is Never")
    assert holds(PULL, serving=changed(serving(), imagePullPolicy="Always"))


def said_of(made, *more) -> tuple:
    return findings(NAMES, a_cluster(), made, *more)[API]


def env(**source):
    return changed(serving(), env=[{"name": "A", "valueFrom": source}])


def volume(**source):
    return serving(volumes=[{"name": "v", **source}])


@pytest.mark.parametrize(
    ("made", "missing"),
    [
        (serving(serviceAccountName="runner"), "ServiceAccount runner"),
        (serving(priorityClassName="first"), "PriorityClass first"),
        (serving(runtimeClassName="nvidia"), "RuntimeClass nvidia"),
        (serving(imagePullSecrets=[{"name": "registry"}]), "Secret registry"),
        (volume(persistentVolumeClaim={"claimName": "models"}), "PersistentVolumeClaim models"),
        (volume(configMap={"name": "settings"}), "ConfigMap settings"),
        (volume(secret={"secretName": "tls"}), "Secret tls"),
        (env(secretKeyRef={"name": "hub", "key": "token"}), "Secret hub"),
        (changed(serving(), envFrom=[{"configMapRef": {"name": "settings"}}]), "ConfigMap settings"),
    ],
)
def test_what_a_pod_names_and_the_stack_does_not_have(made, missing):
    assert said_of(made) == (False, f"the stack has no {missing}")
    kind, name = missing.split()
    place = {} if kind.endswith("Class") else {"namespace": "serving"}
    assert said_of(made, kubernetes(kind, name, {}, group="core/v1", **place))[0]
    assert findings(NAMES, made) == {}  # without a cluster it may be there


@pytest.mark.parametrize(
    "made",
    [
        serving(serviceAccountName="default"),
        serving(priorityClassName="system-node-critical"),
        env(secretKeyRef={"name": "hub", "key": "token", "optional": True}),
        volume(configMap={"name": "settings", "optional": True}),
        volume(emptyDir={}),
    ],
)
def test_what_is_always_there_or_need_not_be(made):
    assert said_of(made)[0]


def test_what_an_unknown_chart_or_an_operator_may_bring_is_not_missing():
    made = serving(imagePullSecrets=[{"name": "registry"}])
    assert said_of(made, release("my-platform"))[0]
    assert not said_of(made, release("karpenter"))[0]
    secret = resource("kubernetes:external-secrets.io/v1:ExternalSecret", "registry", {"kind": "ExternalSecret"})
    assert said_of(made, secret)[0]


def test_a_missing_object_is_a_warning():
    found = analysed(a_cluster(), serving(serviceAccountName="runner")).findings
    assert {one.severity for one in found if one.id == NAMES} == {"warning"}
