"""Checks of a stack, each named by what it guarantees.

A module holds one family; importing it registers its checks, and `docs/checks.md` lists them.
"""

from eks_gpu.checks import (
    access,
    addons,
    auto_mode,
    autoscaler,
    budget,
    choice,
    controllers,
    device_plugin,
    from_zero,
    groups,
    hardware,
    karpenter,
    network,
    node_pools,
    nodes,
    order,
    services,
    waivers,
    workloads,
)
from eks_gpu.checks.registry import CHECKS, Check, Context, Finding, check, findings
from eks_gpu.checks.waiver import Waiver

__all__ = [
    "CHECKS",
    "Check",
    "Context",
    "Finding",
    "Waiver",
    "access",
    "addons",
    "auto_mode",
    "autoscaler",
    "budget",
    "check",
    "choice",
    "controllers",
    "device_plugin",
    "findings",
    "from_zero",
    "groups",
    "hardware",
    "karpenter",
    "network",
    "node_pools",
    "nodes",
    "order",
    "services",
    "waivers",
    "workloads",
]
