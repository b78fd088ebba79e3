"""NvidiaDraDriver: makes the GPUs of a pool's nodes devices that pods claim, with product, memory and place (DRA)."""

from collections.abc import Iterable, Sequence
from typing import Any, NotRequired, Self

from pulumi import ComponentResource, Output, ResourceOptions
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from . import catalog
from .control_plane.charts import create_release
from .nodes.device_claims import claim_problems
from .nodes.plugin_tolerations import plugin_tolerations
from .values.eks_cluster import EksCluster
from .values.gpu_parts import CUTTABLE
from .values.gpu_pool import GpuPool
from .values.gpu_pool_args import GpuPoolArgs
from .values.value import Value, check

RELEASE = "dra-driver-nvidia-gpu"


class NvidiaDraDriverSettingsArgs(TypedDict):
    """Settings of the driver: what it makes of a GPU."""

    partitions: NotRequired[bool]
    """Whether pods may claim parts of a GPU (MIG devices), which the driver makes for a claim. An alpha feature of the
    driver; no controller starts a node for such a claim. Default no.
    """


class NvidiaDraDriverArgs(TypedDict):
    """The arguments of the driver, which a cluster needs once: the pools whose nodes it serves."""

    cluster: EksCluster
    """The cluster of the pools, with Kubernetes 1.34 or later."""
    pools: Sequence[GpuPoolArgs]
    """Every GPU pool of the cluster with `devices` claims on nodes of your own; others may be among them."""
    settings: NotRequired[NvidiaDraDriverSettingsArgs]
    """Settings of the driver: what it makes of a GPU."""
    namespace: NotRequired[str]
    """Namespace that is created for the driver. Default dra-driver-nvidia-gpu."""


class NvidiaDraDriverSettings(Value):
    """The settings, checked."""

    partitions: bool = False


class NvidiaDraDriverSpec(Value):
    """NvidiaDraDriverArgs as a checked value."""

    cluster: Any
    pools: tuple[GpuPool, ...]
    settings: NvidiaDraDriverSettings = Field(default_factory=NvidiaDraDriverSettings)
    namespace: str = RELEASE

    @property
    def served(self) -> tuple[GpuPool, ...]:
        """The pools whose pods claim their GPUs."""
        return tuple(pool for pool in self.pools if pool.claims)

    @model_validator(mode="after")
    def _fits_the_pools(self) -> Self:
        if not self.served:
            raise ValueError("no pool needs the DRA driver: none has devices claims")
        version = self.cluster["kubernetes_version"]
        problems = [problem for pool in self.served for problem in claim_problems(pool, version)]
        problems += [*_shared_unlike(self.served), *_partition_problems(self)]
        if problems:
            raise ValueError("\n".join(dict.fromkeys(problems)))
        return self

    @model_validator(mode="after")
    def _has_its_own_namespace(self) -> Self:
        if self.namespace == "default":
            raise ValueError("namespace must not be default, which the chart refuses")
        return self


def _shared_unlike(pools: Sequence[GpuPool]) -> Iterable[str]:
    """One DaemonSet serves all nodes, and it has one number of shares."""
    shares = {pool.sharing.replicas if pool.sharing else 1 for pool in pools}
    if len(shares) > 1:
        found = ", ".join(map(str, sorted(shares)))
        yield f"pools must share alike: the driver has one number of pods on a GPU for all nodes, got {found}"


def _partition_problems(spec: NvidiaDraDriverSpec) -> Iterable[str]:
    version = spec.cluster["kubernetes_version"]
    if not spec.settings.partitions:
        return
    if not any(pool.can_be_cut for pool in spec.served):
        yield f"settings.partitions: no pool with claims has a GPU that can be cut; these can: {CUTTABLE}"
    if isinstance(version, str) and catalog.minor_of(version) < catalog.SHARED_DRA_SINCE:
        yield f"settings.partitions: parts of a device need Kubernetes 1.36 or later, and the cluster has {version}"


class NvidiaDraDriver(ComponentResource):
    """The Helm chart of NVIDIA's DRA driver, which runs on the nodes of pools with claims; no device plugin does."""

    namespace: Output[str]
    """Namespace that the driver runs in."""

    def __init__(self, name: str, args: NvidiaDraDriverArgs, opts: ResourceOptions | None = None):
        """Installs the driver.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `NvidiaDraDriverArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(NvidiaDraDriverSpec, args)
        super().__init__("eks-gpu-components:index:NvidiaDraDriver", name, {**args}, opts)

        self.namespace = create_release(
            name,
            catalog.DRA_DRIVER_CHART,
            RELEASE,
            spec.namespace,
            chart_values(spec.served, spec.settings),
            self,
            opts,
        )
        self.register_outputs({"namespace": self.namespace})


def chart_values(pools: Sequence[GpuPool], settings: NvidiaDraDriverSettings) -> dict[str, Any]:
    """The values of the chart that differ from its defaults. Source: its chart 0.5.0, values.yaml; EKS User Guide."""
    gates, shares = {}, {pool.sharing.replicas for pool in pools if pool.sharing}
    if shares:
        gates["ConsumableShares"] = True
    if settings.partitions:
        gates["DynamicMIG"] = True
    return {
        # The chart's question whether the device plugin stays off these nodes: their label sees to it.
        "gpuResourcesEnabledOverride": True,
        # Channels between the nodes of an UltraServer, which no pool here has; without them there is no controller.
        "resources": {"computeDomains": {"enabled": False}},
        "kubeletPlugin": {
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": claiming_nodes()}},
            "tolerations": plugin_tolerations(catalog.DRA_DRIVER_TOLERATIONS, pools),
        },
        **({"featureGates": gates} if gates else {}),
        **({"consumableShares": str(shares.pop())} if shares else {}),
    }


def claiming_nodes() -> dict[str, Any]:
    """A node affinity for nodes of pools with claims. The label comes from the pools, so it works from zero nodes."""
    return {
        "nodeSelectorTerms": [
            {
                "matchExpressions": [
                    {"key": catalog.DRA_DRIVER_LABEL, "operator": "In", "values": ["true"]},
                    {"key": catalog.COMPUTE_TYPE_LABEL, "operator": "NotIn", "values": ["auto"]},
                ]
            }
        ]
    }
