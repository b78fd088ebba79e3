"""EKS Auto Mode for a cluster: AWS runs nodes, network, DNS, disks and load balancers."""

from collections.abc import Sequence
from typing import Any, NotRequired

from pydantic import field_validator
from typing_extensions import TypedDict

from .. import catalog
from ..catalog.auto_mode import NETWORK_POLICY_CONFIG, NETWORK_POLICY_KEY, NETWORK_POLICY_NAMESPACE
from ..values.arg_words import BuiltInPoolArg
from ..values.value import Value
from ..values.words import BuiltInPool
from .addons import AFTER_NODES, AddOn


class AutoModeArgs(TypedDict):
    """How AWS runs the nodes."""

    built_in_pools: NotRequired[Sequence[BuiltInPoolArg]]
    """Node pools that AWS provides; set an empty list if every node comes from your own pools. Default general-purpose,
    system.
    """


class AutoMode(Value):
    """How AWS runs the nodes, checked."""

    built_in_pools: tuple[BuiltInPool, ...] = ("general-purpose", "system")

    @field_validator("built_in_pools")
    @classmethod
    def _once_each(cls, pools: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(pools)) < len(pools):
            raise ValueError(f"must have none of them twice, got {', '.join(pools)}")
        return pools

    @property
    def add_ons(self) -> tuple[AddOn, ...]:
        """Add-ons that we must install and that can run on the built-in pools."""
        if not self.built_in_pools:
            return ()  # without a node they stay DEGRADED until EKS gives up
        configuration: dict[str, Any] = {}
        if "system" in self.built_in_pools:
            configuration = {
                "nodeSelector": {catalog.NODE_POOL_LABEL: "system"},
                "tolerations": [catalog.SYSTEM_TAINT.toleration()],
            }
        return tuple(
            AddOn(addon.name, configuration) for addon in AFTER_NODES if addon.name not in catalog.AUTO_MODE_ADDONS
        )


def auto_mode_options(auto_mode: AutoMode) -> dict[str, Any]:
    """Arguments of `pulumi_eks.Cluster` for Auto Mode. Without built-in pools EKS refuses a node role."""
    return {
        "enabled": True,
        "compute_config": {"node_pools": list(auto_mode.built_in_pools)},
        "create_node_role": bool(auto_mode.built_in_pools),
    }


def network_policy_config() -> dict[str, Any]:
    """The ConfigMap that makes Auto Mode's nodes enforce NetworkPolicies."""
    return {
        "metadata": {"name": NETWORK_POLICY_CONFIG, "namespace": NETWORK_POLICY_NAMESPACE},
        "data": {NETWORK_POLICY_KEY: "true"},
    }
