"""Selectors of workloads, and images that no node pulls."""

from dataclasses import replace

import pytest

from tests.whole_graphs import changed, failure, holds, serving

MATCH, PULL = "selectors-match-their-pods", "new-nodes-can-pull-images"
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
