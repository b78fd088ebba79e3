"""GpuOperator: NVIDIA's software for GPU nodes, except for what the node image already contains."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, NotRequired, Self

import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, Output, ResourceOptions
from pydantic import Field, WithJsonSchema, model_validator
from typing_extensions import TypedDict

from . import catalog
from .control_plane.disposable import disposable
from .nodes.gpu_sharing import WITHOUT_SHARING, sharing_configurations
from .nodes.plugin_tolerations import plugin_tolerations
from .values.arg_words import MigStrategyArg, OperatorImageArg
from .values.gpu_parts import CUTTABLE
from .values.gpu_pool import GpuPool
from .values.gpu_pool_args import GpuPoolArgs
from .values.value import Value, check, one_of
from .values.words import MigStrategy

RELEASE = "gpu-operator"
DEVICE_PLUGIN_CONFIG_MAP = "nvidia-device-plugin"

DRIVER_IN_IMAGE = {"eks-nvidia": True, "ubuntu": False}
"""Node images that the operator can serve, and whether driver and container toolkit are in them."""
REFUSED_IMAGES = {
    "bottlerocket": "brings driver, toolkit and device plugin, and lets nobody replace them: it needs no operator",
    "auto-mode": "brings driver, toolkit and device plugin, and a second one breaks them: it needs no operator",
}
MIXED: MigStrategy = "mixed"
"""The strategy with which slices have resources of their own, as nvidia.com/mig-1g.10gb."""


class GpuOperatorSettingsArgs(TypedDict):
    """Settings of the operator: what it installs on GPU nodes."""

    node_image: NotRequired[OperatorImageArg]
    """Image of the nodes: eks-nvidia contains driver and container toolkit; on ubuntu the operator installs both.
    Default eks-nvidia.
    """
    dcgm_exporter: NotRequired[bool]
    """Whether each GPU node exposes metrics of its GPUs for Prometheus. Default yes."""
    mig_strategy: NotRequired[MigStrategyArg]
    """How Kubernetes names the MIG devices of a GPU that the node's label nvidia.com/mig.config divides: none, single
    or mixed. Default mixed if a pool has `mig`, else none.
    """
    node_labels: NotRequired[Mapping[str, str]]
    """Labels of the nodes that its controllers run on.
    Default eks-gpu-components/role=system, the label of `Cluster`'s system nodes."""


class GpuOperatorArgs(TypedDict):
    """The arguments of the operator, which a cluster needs once: the pools whose nodes it serves."""

    pools: Sequence[GpuPoolArgs]
    """Every NVIDIA pool of the cluster."""
    settings: NotRequired[GpuOperatorSettingsArgs]
    """Settings of the operator: what it installs on GPU nodes."""
    namespace: NotRequired[str]
    """Namespace that is created for the operator. Default gpu-operator."""


class GpuOperatorSettings(Value):
    """The settings, checked."""

    node_image: Annotated[str, WithJsonSchema(one_of(DRIVER_IN_IMAGE))] = "eks-nvidia"
    dcgm_exporter: bool = True
    mig_strategy: MigStrategy | None = None
    node_labels: Mapping[str, str] = catalog.SYSTEM_NODE_LABELS

    @model_validator(mode="after")
    def _serves_the_image(self) -> Self:
        if reason := REFUSED_IMAGES.get(self.node_image):
            raise ValueError(f"node_image: {self.node_image} {reason}")
        if self.node_image not in DRIVER_IN_IMAGE:
            raise ValueError(f"node_image must be one of {', '.join(DRIVER_IN_IMAGE)}, got {self.node_image!r}")
        return self


class GpuOperatorSpec(Value):
    """GpuOperatorArgs as a checked value."""

    pools: tuple[GpuPool, ...]
    settings: GpuOperatorSettings = Field(default_factory=GpuOperatorSettings)
    namespace: str = RELEASE

    @model_validator(mode="after")
    def _fits_the_pools(self) -> Self:
        if not self.pools:
            raise ValueError("pools must name one or more: the operator has nothing to serve")
        problems = [
            f"pools[{number}]: {reason}" for number, pool in enumerate(self.pools) for reason in _unserved(pool)
        ]
        if (strategy := mig_strategy(self.pools, self.settings)) != "none":
            problems += _mig_problems(strategy, self.pools)
        if strategy != MIXED:
            rule = "pods ask for its slices by their profile, which needs settings.mig_strategy mixed"
            problems += [
                f"pools[{number}].mig: {rule}, got {strategy}" for number, pool in enumerate(self.pools) if pool.mig
            ]
        if problems:
            raise ValueError("\n".join(problems))
        return self


def mig_strategy(pools: Sequence[GpuPool], settings: GpuOperatorSettings) -> MigStrategy:
    """The strategy that is set, else that which the pools need."""
    if settings.mig_strategy:
        return settings.mig_strategy
    return MIXED if any(pool.mig for pool in pools) else "none"


def _unserved(pool: GpuPool) -> Iterable[str]:
    if pool.accelerator != "nvidia":
        yield f"the operator is for NVIDIA GPUs, and {pool.instance_types[0].name} has {pool.accelerator} devices"
    if reason := REFUSED_IMAGES.get(pool.node_image):
        yield f"{pool.node_image} {reason}"


def _mig_problems(strategy: str, pools: Sequence[GpuPool]) -> Iterable[str]:
    if not any(pool.can_be_cut for pool in pools):
        yield f"settings.mig_strategy {strategy}: no pool has a GPU that can be cut; these can: {CUTTABLE}"
    rule = "settings.mig_strategy must be none where pods share whole GPUs"
    yield from (f"pools[{number}].sharing: {rule}, got {strategy}" for number, pool in enumerate(pools) if pool.sharing)


class GpuOperator(ComponentResource):
    """The operator's Helm chart with node feature discovery, in a namespace that allows privileged pods."""

    namespace: Output[str]
    """Namespace that the operator runs in."""

    def __init__(self, name: str, args: GpuOperatorArgs, opts: ResourceOptions | None = None):
        """Installs the operator.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `GpuOperatorArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(GpuOperatorSpec, args)
        super().__init__("eks-gpu-components:index:GpuOperator", name, args, opts)

        namespace = kubernetes.core.v1.Namespace(
            name, **privileged_namespace(spec.namespace), opts=disposable(self, opts)
        )
        kubernetes.helm.v3.Release(
            name,
            name=RELEASE,
            namespace=namespace.metadata.name,
            **catalog.GPU_OPERATOR_CHART.for_helm(),
            values=chart_values(spec.pools, spec.settings),
            opts=disposable(self, opts),
        )

        self.namespace = namespace.metadata.name
        self.register_outputs({"namespace": self.namespace})


def privileged_namespace(name: str) -> dict[str, Any]:
    """The operator's Namespace. Its pods load drivers and read devices, which only the privileged level allows."""
    levels = ("enforce", "audit", "warn")
    labels = {f"pod-security.kubernetes.io/{level}": "privileged" for level in levels}
    return {"metadata": {"name": name, "labels": labels}}


def chart_values(pools: Sequence[GpuPool], settings: GpuOperatorSettings) -> dict[str, Any]:
    """Values of the chart where they differ from its own."""
    tolerations = plugin_tolerations(catalog.GPU_OPERATOR_TOLERATIONS, pools)
    controllers = {"nodeSelector": dict(settings.node_labels), "tolerations": catalog.SYSTEM_TOLERATIONS}
    strategy = mig_strategy(pools, settings)
    installs = not DRIVER_IN_IMAGE[settings.node_image]
    values: dict[str, Any] = {
        "operator": controllers,
        "node-feature-discovery": {
            "master": controllers,
            "gc": controllers,
            # It must reach every GPU node: where it has not been, the operator sets the pool's own label
            # nvidia.com/gpu.present to false, and pods that select by it never start.
            "worker": {"tolerations": tolerations},
        },
        "daemonsets": {"tolerations": tolerations},
        "driver": {"enabled": installs},
        "toolkit": {"enabled": installs},
        "dcgmExporter": {"enabled": settings.dcgm_exporter},
        "mig": {"strategy": strategy},
        "migManager": {"enabled": strategy != "none"},
    }
    if configurations := sharing_configurations(pool.sharing for pool in pools if not pool.claims):
        values["devicePlugin"] = {
            "config": {
                "create": True,
                "name": DEVICE_PLUGIN_CONFIG_MAP,
                "default": WITHOUT_SHARING,
                "data": configurations,
            }
        }
    return values
