"""LeaderWorkerSetController: runs groups of a leader and its workers, as for a model that needs several nodes."""

from collections.abc import Mapping
from typing import Any, NotRequired

from pulumi import ComponentResource, Output, ResourceOptions
from pydantic import Field
from typing_extensions import TypedDict

from . import catalog
from .control_plane.charts import create_release
from .values.value import Value, check

RELEASE = "lws"
NAMESPACE = "lws-system"


class LeaderWorkerSetControllerArgs(TypedDict):
    """The arguments of the controller, which a cluster needs once."""

    replicas: NotRequired[int]
    """Number of pods. One does the work, and all answer the webhooks. Default 2: without an answer no pod of a
    LeaderWorkerSet can be created.
    """
    node_labels: NotRequired[Mapping[str, str]]
    """Labels of the nodes that its pods run on. Default eks-gpu-components/role=system, the label of `Cluster`'s system
    nodes.
    """
    namespace: NotRequired[str]
    """Namespace that is created for the controller. Default lws-system."""


class LeaderWorkerSetControllerSpec(Value):
    """LeaderWorkerSetControllerArgs as a checked value."""

    replicas: int = Field(default=2, ge=1)
    node_labels: Mapping[str, str] = catalog.SYSTEM_NODE_LABELS
    namespace: str = NAMESPACE


class LeaderWorkerSetController(ComponentResource):
    """The controller's Helm chart, which brings the kind LeaderWorkerSet. Let such objects depend on it."""

    namespace: Output[str]
    """Namespace that the controller runs in."""

    def __init__(self, name: str, args: LeaderWorkerSetControllerArgs, opts: ResourceOptions | None = None):
        """Installs the controller.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `LeaderWorkerSetControllerArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(LeaderWorkerSetControllerSpec, args)
        super().__init__("eks-gpu-components:index:LeaderWorkerSetController", name, args, opts)

        self.namespace = create_release(
            name, catalog.LEADER_WORKER_SET_CHART, RELEASE, spec.namespace, chart_values(spec), self, opts
        )
        self.register_outputs({"namespace": self.namespace})


def chart_values(spec: LeaderWorkerSetControllerSpec) -> dict[str, Any]:
    """The values of the chart that differ from its defaults. Source: chart 0.8.0, values.yaml."""
    return {
        "fullnameOverride": RELEASE,
        "replicaCount": spec.replicas,
        "nodeSelector": dict(spec.node_labels),
        "tolerations": catalog.SYSTEM_TOLERATIONS,
        # The chart's own request is a core and a GiB for each pod.
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
    }
