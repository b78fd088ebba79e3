"""What the API server refuses, by kinds of fault; `make e2e` holds the same against the API server itself."""

import copy
from typing import Any

import pytest

from eks_gpu.api.judged import judged
from tests.e2e.mutated_objects import places
from tests.e2e.rich_objects import RICH
from tests.eks_gpu.api.asked import of, said


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
