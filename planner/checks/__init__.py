"""Checks: what holds in every healthy stack, each named by what it guarantees.

A module holds one family; importing it registers its checks, and `docs/checks.md` lists them.
"""

from . import (
    auto_mode,
    autoscaler,
    budget,
    device_plugin,
    from_zero,
    groups,
    karpenter,
    node_pools,
    nodes,
    services,
    workloads,
)
from .registry import CHECKS, Context, Finding, check, findings

__all__ = [
    "CHECKS",
    "Context",
    "Finding",
    "auto_mode",
    "autoscaler",
    "budget",
    "check",
    "device_plugin",
    "findings",
    "from_zero",
    "groups",
    "karpenter",
    "node_pools",
    "nodes",
    "services",
    "workloads",
]
