"""What an upgrade of Kubernetes does with the nodes of each kind of pool."""

from dataclasses import replace
from typing import Any

import pytest

from eks_gpu.graph.graph import Graph
from eks_gpu.pools.pool import Upgrade
from eks_gpu.pools.readers import pools
from eks_gpu.pools.upgrade import sentences
from tests.graphs import cluster, gpu_group, healthy, launch_template, managed_group
from tests.karpenter_graphs import (
    auto_mode_cluster,
    auto_mode_node_class,
    auto_mode_pool,
    healthy_auto_mode,
    node_class,
    node_pool,
)
from tests.karpenter_graphs import healthy as on_karpenter
from tests.programs import PROGRAMS, plan_of

NEWEST = frozenset({"ami-newest", "1.35.0-newest"})
SLOW = "a pod that cannot be evicted for 15 minutes ends the update"
HOW = {"drained", "drift", "refresh", "stays", "unknown"}


def upgrade(*resources: Any, looked_up: Any = NEWEST) -> Upgrade:
    (found,) = pools(Graph(resources, looked_up=looked_up), "us-west-2")
    return found.upgrade


def group(**inputs: Any) -> Any:
    """A managed group of cluster shop, which is at 1.35, without a launch template."""
    return managed_group(launchTemplate=None, **inputs)


# --- managed node groups ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "how", "why"),
    [
        (
            {"version": "1.35", "releaseVersion": "1.35.0-newest"},
            "drained",
            f"1 at a time, and {SLOW}; a newer image does the same",
        ),
        (
            {"version": "1.35", "releaseVersion": "1.35.0-newest", "updateConfig": {"maxUnavailable": 3}},
            "drained",
            f"3 at a time, and {SLOW}; a newer image does the same",
        ),
        (
            {"version": "1.35", "updateConfig": {"maxUnavailablePercentage": 20}, "forceUpdateVersion": True},
            "drained",
            "20 % at a time, and pods that may not be evicted are ended; a newer image alone replaces none",
        ),
        (
            {"version": "1.35", "releaseVersion": "1.35.2-20260714"},
            "stays",
            f"release 1.35.2-20260714 is pinned; a new pin drains them, 1 at a time, and {SLOW}",
        ),
        ({"version": "1.34"}, "stays", "its version is 1.34, not the cluster's 1.35"),
        ({}, "stays", "it has no version; its nodes fail once they are more than 3 minors behind"),
        (
            {"releaseVersion": "1.35.0-newest"},
            "stays",
            "it has no version; its nodes fail once they are more than 3 minors behind",
        ),
    ],
)
def test_a_managed_group_follows_by_its_version_and_release(inputs, how, why):
    assert upgrade(cluster(), group(**inputs)) == Upgrade(how, why)


def test_of_a_managed_group_in_a_state_nobody_knows_whether_its_release_is_pinned():
    found = upgrade(cluster(), group(version="1.35", releaseVersion="1.35.2-20260714"), looked_up=None)
    assert found == Upgrade("unknown", f"a pinned release keeps them, a newer one drains them, 1 at a time, and {SLOW}")


def test_a_version_that_a_preview_does_not_know_is_a_version():
    unknown = replace(group(), property_dependencies={"version": frozenset({cluster().urn})})
    assert upgrade(cluster(), unknown).how == "drained"


@pytest.mark.parametrize(
    ("image", "looked_up", "how", "why"),
    [
        ("ami-1", NEWEST, "stays", "image ami-1 of its launch template is pinned"),
        ("ami-newest", NEWEST, "drained", f"its launch template gets the new image; 1 at a time, and {SLOW}"),
        (
            "ami-1",
            None,
            "unknown",
            "a pinned image keeps them; if the image moves, its launch template gets the new image; 1 at a time, and "
            f"{SLOW}",
        ),
    ],
)
def test_an_image_in_the_launch_template_decides_for_a_managed_group(image, looked_up, how, why):
    template = launch_template("lt-system", imageId=image)
    assert upgrade(cluster(), template, managed_group(), looked_up=looked_up) == Upgrade(how, why)


# --- self-managed groups ---------------------------------------------------------------------------------------------

ENDED = "and ends the others without a drain, unless something hears of it"


@pytest.mark.parametrize(
    ("image", "looked_up", "version", "refresh", "how", "why"),
    [
        (
            "ami-newest",
            NEWEST,
            "7",
            {},
            "stays",
            "running nodes keep their image, because the group has no instance refresh",
        ),
        ("ami-newest", NEWEST, "7", {"strategy": "Rolling"}, "refresh", f"EC2 keeps 90 % of them in service {ENDED}"),
        (
            "ami-newest",
            NEWEST,
            "7",
            {"strategy": "Rolling", "preferences": {"minHealthyPercentage": 50}},
            "refresh",
            f"EC2 keeps 50 % of them in service {ENDED}",
        ),
        ("ami-1", NEWEST, "7", {"strategy": "Rolling"}, "stays", "image ami-1 of its launch template is pinned"),
        (
            "ami-1",
            None,
            "7",
            {"strategy": "Rolling"},
            "unknown",
            f"a pinned image keeps them; if the image moves, EC2 keeps 90 % of them in service {ENDED}",
        ),
        (
            "ami-newest",
            NEWEST,
            "$Latest",
            {"strategy": "Rolling"},
            "stays",
            "its template's version $Latest does not change, so nothing is refreshed",
        ),
    ],
)
def test_a_self_managed_group_keeps_its_nodes_unless_it_refreshes_them(image, looked_up, version, refresh, how, why):
    plain = {"mixedInstancesPolicy": None, "launchTemplate": {"id": "lt-gpu", "version": version}}
    made = gpu_group(**plain, instanceRefresh=refresh)
    template = launch_template(imageId=image, instanceType="g5.xlarge")
    assert upgrade(cluster(), template, made, looked_up=looked_up) == Upgrade(how, why)


def test_a_template_of_another_stack_leaves_open_what_is_refreshed():
    found = upgrade(gpu_group(instanceRefresh={"strategy": "Rolling"}))
    assert found == Upgrade(
        "unknown", f"its launch template is not of this stack; EC2 keeps 90 % of them in service {ENDED}"
    )


# --- Karpenter and Auto Mode -----------------------------------------------------------------------------------------

DRIFTED = {"nodes": "10%", "reasons": ["Drifted"]}
EMPTY = {"nodes": "0", "reasons": ["Empty"]}
NIGHT = {"nodes": "0", "schedule": "0 8 * * *", "duration": "10h"}


@pytest.mark.parametrize(
    ("alias", "budgets", "template", "how", "why"),
    [
        (
            "al2023@v20260714",
            [DRIFTED, EMPTY],
            {"terminationGracePeriod": "24h"},
            "drift",
            "10% at a time; a pod that may not be disrupted waits 24h at most; a newer image than v20260714 does not",
        ),
        (
            "bottlerocket@latest",
            [{"nodes": "2"}],
            {},
            "drift",
            "2 at a time; a pod that may not be disrupted holds its node; a newer image does the same",
        ),
        (
            "al2023@latest",
            [{"nodes": "1"}, NIGHT],
            {"expireAfter": "Never"},
            "drift",
            "1 at a time, fewer while a scheduled budget holds; a pod that may not be disrupted holds its node; a "
            "newer image does the same",
        ),
        (
            "al2023@latest",
            [{"nodes": "0%"}],
            {"expireAfter": "168h"},
            "stays",
            "a disruption budget of 0 keeps them until they expire after 168h",
        ),
        (
            "al2023@latest",
            [{"nodes": "0", "reasons": ["Drifted"]}],
            {"expireAfter": "Never"},
            "stays",
            "a disruption budget of 0 keeps them for good",
        ),
    ],
)
def test_karpenter_replaces_nodes_within_budgets(alias, budgets, template, how, why):
    disruption = {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "5m", "budgets": budgets}
    made = node_pool(template=template, disruption=disruption)
    assert upgrade(node_class(amiSelectorTerms=[{"alias": alias}]), made) == Upgrade(how, why)


@pytest.mark.parametrize(
    ("terms", "by"),
    [
        ([{"id": "ami-1"}, {"id": "ami-2"}], "id"),
        ([{"name": "ours-1.35-*"}, {"id": "ami-2"}], "name, tag or parameter"),
        ([{"tags": {"team": "ml"}}], "name, tag or parameter"),
    ],
)
def test_images_that_are_not_an_alias_stay_with_the_minor_they_are_for(terms, by):
    said = f"its images are selected by {by}; other images there replace them by drift"
    assert upgrade(node_class(amiSelectorTerms=terms), node_pool()) == Upgrade("stays", said)


def test_a_node_class_of_another_stack_leaves_it_open():
    assert upgrade(node_pool()) == Upgrade("unknown", "its node class is not of this stack")


def test_auto_mode_replaces_nodes_of_its_own_pools_and_of_others():
    made = pools(Graph([auto_mode_cluster("system"), auto_mode_node_class(), auto_mode_pool()]), "us-west-2")
    image = "EKS does the same for every new image, and after 336h in any case"
    assert {pool.name: pool.upgrade for pool in made} == {
        "system": Upgrade("drift", f"10% at a time; a pod that may not be disrupted waits 24h at most; {image}"),
        "gpu": Upgrade("drift", f"100% at a time; a pod that may not be disrupted waits 24h at most; {image}"),
    }


# --- every pool ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stack", [healthy(), on_karpenter(), healthy_auto_mode()])
def test_no_pool_of_a_graph_is_without_an_answer(stack):
    found = pools(Graph(stack), "us-west-2")
    assert found
    for pool in found:
        assert pool.upgrade.how in HOW and pool.upgrade.why


@pytest.mark.parametrize(("folder", "stack"), PROGRAMS)
def test_of_every_pool_of_a_plan_it_is_known_what_an_upgrade_does(folder, stack):
    for pool in plan_of(folder, stack).analysis.pools:
        assert pool.as_json()["upgrade"] == {"how": pool.upgrade.how, "why": pool.upgrade.why}
        assert pool.upgrade.how in HOW - {"unknown"}


def test_pools_with_the_same_answer_share_a_sentence():
    told = [
        ("a", "shop", {"how": "drift", "why": "10% at a time"}),
        ("b", "shop", {"how": "stays", "why": "10% at a time"}),
        ("c", "shop", {"how": "drift", "why": "10% at a time"}),
        ("d", "shop", {"how": "unknown", "why": "nobody says"}),
        ("e", "shop", {"how": "drained", "why": "1 at a time"}),
        ("f", "shop", {"how": "refresh", "why": "EC2 does"}),
    ]
    assert list(sentences(told)) == [
        "replace a, c by drift: 10% at a time",
        "leave b: 10% at a time",
        "perhaps replace d: nobody says",
        "drain and replace e: 1 at a time",
        "refresh f: EC2 does",
    ]


def test_pools_of_two_clusters_are_told_apart():
    drift = {"how": "drift", "why": "10% at a time"}
    told = [("gpu", "north", drift), ("gpu", "south", drift), ("cpu", "", drift)]
    assert list(sentences(told)) == ["replace gpu in north, gpu in south, cpu by drift: 10% at a time"]
