"""The component Cluster, as its tests make it."""

from typing import Any

import pytest

from components.cluster import Cluster
from components.values.value import BadInput
from tests.engine import run
from tests.given import subnets

ADDON = "aws:eks/addon:Addon"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
CONTROL_PLANE = "eks:index:Cluster"
WORLD = ["0.0.0.0/0"]
OPEN = {"public": True, "public_cidrs": ["192.88.99.0/24"]}


def args(**settings: Any) -> Any:
    return {
        "region": "us-west-2",
        "vpc_id": "vpc-1",
        "subnets": subnets("abc"),
        "settings": {"name": "gaia", **settings},
    }


def cluster(preview: bool = False, **settings: Any):
    return run(lambda: Cluster("main", args(**settings)), preview=preview)


def control_plane(**settings: Any) -> Any:
    return cluster(**settings).one(CONTROL_PLANE).inputs


def refusal(given: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        run(lambda: Cluster("main", given))
    return refused.value.problems
