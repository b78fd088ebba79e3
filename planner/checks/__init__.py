"""Checks: what holds in every healthy stack, each named by what it guarantees.

A module holds one family; importing it registers its checks, and `docs/checks.md` lists them.
"""

from . import autoscaler, budget, device_plugin, from_zero, groups, nodes, workloads
from .registry import CHECKS, Context, Finding, check, findings

__all__ = [
    "CHECKS",
    "Context",
    "Finding",
    "autoscaler",
    "budget",
    "check",
    "device_plugin",
    "findings",
    "from_zero",
    "groups",
    "nodes",
    "workloads",
]
