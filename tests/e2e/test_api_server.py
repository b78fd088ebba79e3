"""What is said of an object is what the API server does with it, asked as Pulumi's provider asks: server-side apply."""

import os
from typing import Any

import pytest

from eks_gpu.api.judged import judged
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.replays.manifests import StrictApi
from tests.e2e.mutated_objects import mutated
from tests.e2e.rich_objects import RICH
from tests.programs import PROGRAMS, plan_of

pytestmark = [pytest.mark.xdist_group("api_server"), pytest.mark.minutes(2)]

MUTATED = 500
SEEDS = [int(seed) for seed in os.environ.get("EKS_GPU_SEEDS", "7 8 9").split()]
"""Each draws other changes; `EKS_GPU_SEEDS="10 11"` asks with others."""
BUILT_HERE = ("eks.amazonaws.com/v1",)
"""Whose definition in the lab is a stand-in of ours."""
NOT_READ = (
    *("kueue.x-k8s.io/v1beta2", "jobset.x-k8s.io/v1alpha2", "keda.sh/v1alpha1", "autoscaling.x-k8s.io/v1beta1"),
    *("resource.k8s.io/v1", "v1/PodTemplate"),
)
"""Groups and kinds whose fields are not known here: nothing is said of them. Checks of their own judge them."""


@pytest.fixture(scope="module")
def server(lab, objects) -> StrictApi:
    """The lab's API server, with the namespaces that the objects are in."""
    found = StrictApi(ClusterApi(lab))
    found.make_namespaces(objects)
    return found


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    """Of every committed stack, and one of each other kind with many fields."""
    made = [manifest for program in PROGRAMS for _, manifest in kubernetes_objects(plan_of(*program).graph)]
    left_out = (*BUILT_HERE, *NOT_READ)
    return [
        each
        for each in (*made, *RICH)
        if each["apiVersion"] not in left_out and f"{each['apiVersion']}/{each['kind']}" not in left_out
    ]


def test_nothing_is_said_of_kinds_that_are_not_read():
    made = [manifest for program in PROGRAMS for _, manifest in kubernetes_objects(plan_of(*program).graph)]
    unread = {f"{each['apiVersion']}/{each['kind']}" for each in made if judged(each) is None}
    assert {each for each in unread if each not in NOT_READ and each.rpartition("/")[0] not in NOT_READ} == {
        "eks.amazonaws.com/v1/NodeClass"
    }


def test_every_object_is_taken_and_judged_to_the_last_field(server, objects):
    answers = compared(server, [(f"{made['kind']} {made['metadata']['name']}", made) for made in objects])
    assert answers == {"taken": len(objects), "refused": 0, "not judged": 0}
    print(f"objects: {len(objects)}, disagreements: 0")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_changed_object_is_refused_where_the_api_server_refuses_it(server, objects, seed):
    answers = compared(server, list(mutated(objects, MUTATED, seed)))
    print(f"changed objects: {answers}, disagreements: 0")
    assert answers["refused"] > MUTATED // 3
    assert answers["taken"] > MUTATED // 10
    assert answers["not judged"] < MUTATED // 10


def compared(server: StrictApi, asked: list[tuple[str, dict[str, Any]]]) -> dict[str, int]:
    """How many are taken, refused and not judged; fails where the API server does the other."""
    answers: dict[str, int] = dict.fromkeys(("taken", "refused", "not judged"), 0)
    differing = []
    for what, manifest in asked:
        ours, theirs = judged(manifest), server.applied(manifest)
        assert ours
        said = "refused" if ours.refused else "not judged" if ours.unjudged else "taken"
        answers[said] += 1
        if said != "not judged" and (said == "refused") != bool(theirs):
            differing.append(f"{what}: {'; '.join(map(str, ours.refused)) or 'taken'} | {theirs or 'taken'}")
    assert not differing, "\n".join([f"{len(differing)} of {len(asked)}", *differing])
    return answers
