"""Charts of controllers: Karpenter, the cluster autoscaler, the load balancer controller, the termination handler."""

from eks_gpu.graph.graph import Resource
from eks_gpu.pools.pool import AUTO_MODE

from .edits import Edit, Option, Unordered, Without, gone, to, with_key
from .places import RELEASE, chart
from .programs import Program

_RELEASES, _VALUES = [RELEASE], ("values",)
_KARPENTER, _CRDS, _AUTOSCALER = chart("karpenter"), chart("karpenter-crd"), chart("cluster-autoscaler")
_BALANCER, _HANDLER = chart("aws-load-balancer-controller"), chart("aws-node-termination-handler")
_CONTROLLERS = ("karpenter", "cluster-autoscaler", "aws-load-balancer-controller", "aws-node-termination-handler")


def _controller(resource: Resource, program: Program) -> bool:
    return any(chart(name)(resource, program) for name in _CONTROLLERS)


def _has_spot(resource: Resource, program: Program) -> bool:
    spot = [pool for pool in program.pools.values() if pool.backend == "karpenter" and "spot" in pool.capacity_types]
    return _KARPENTER(resource, program) and bool(spot)


def _on_tainted_nodes(resource: Resource, program: Program) -> bool:
    """A controller whose only standing nodes have a taint."""
    standing = [pool for pool in program.pools.values() if pool.min_nodes or pool.backend == AUTO_MODE]
    return _controller(resource, program) and all(pool.hard_taints for pool in standing)


OPERATORS = (
    # Karpenter.
    Edit(
        "the queue is not named",
        "Spot nodes go without a drain",
        _RELEASES,
        (*_VALUES, "settings", "interruptionQueue"),
        gone,
        _has_spot,
    ),
    Edit(
        "the queue has the key of an older chart",
        "Spot nodes go without a drain",
        _RELEASES,
        (*_VALUES, "settings"),
        lambda settings: {
            **{k: v for k, v in settings.items() if k != "interruptionQueue"},
            "interruptionQueueName": settings.get("interruptionQueue"),
        },
        _has_spot,
    ),
    Edit(
        "another queue",
        "Spot nodes go without a drain",
        _RELEASES,
        (*_VALUES, "settings", "interruptionQueue"),
        to("other"),
        _has_spot,
    ),
    Edit(
        "Karpenter of another cluster",
        "no node comes",
        _RELEASES,
        (*_VALUES, "settings", "clusterName"),
        to("other"),
        _KARPENTER,
    ),
    Edit(
        "Karpenter of no cluster",
        "its chart refuses",
        _RELEASES,
        (*_VALUES, "settings", "clusterName"),
        gone,
        _KARPENTER,
    ),
    Edit(
        "claims of devices are seen and ignored",
        "Helm refuses the chart",
        _RELEASES,
        (*_VALUES, "settings"),
        with_key(enableDRA=True, ignoreDRARequests=True),
        _KARPENTER,
    ),
    Edit("an old Karpenter", "it does not know the cluster's API", _RELEASES, ("version",), to("1.2.0"), _KARPENTER),
    Edit(
        "definitions of another version",
        "fields of the controller are lost",
        _RELEASES,
        ("version",),
        to("1.9.0"),
        _CRDS,
    ),
    Without("no definitions", "the next version's fields are lost", _RELEASES, _CRDS),
    Edit(
        "more pods of Karpenter than nodes",
        "the release waits for a node and fails",
        _RELEASES,
        (*_VALUES, "replicas"),
        to(9),
        _KARPENTER,
    ),
    Edit(
        "a chart's version that there is not",
        "the release fails",
        _RELEASES,
        ("version",),
        to("0.0.1"),
        _BALANCER,
    ),
    Without("no Karpenter", "no node ever comes", _RELEASES, _KARPENTER),
    Unordered("nothing waits for Karpenter", "a destroy hangs and its nodes stay", "karpenter"),
    Unordered("nothing waits for the definitions", "the first update fails", "karpenter-crd"),
    Option("Karpenter is retained", "what it makes is never ended", _RELEASES, "retainOnDelete", True, _KARPENTER),
    # The cluster autoscaler.
    Edit(
        "an autoscaler of another minor",
        "it simulates another scheduler",
        _RELEASES,
        (*_VALUES, "image", "tag"),
        to("v1.30.0"),
        _AUTOSCALER,
    ),
    Edit(
        "the autoscaler watches another cluster",
        "no node comes",
        _RELEASES,
        (*_VALUES, "autoDiscovery", "clusterName"),
        to("other"),
        _AUTOSCALER,
    ),
    Edit(
        "the autoscaler watches no cluster",
        "the chart renders no Deployment",
        _RELEASES,
        (*_VALUES, "autoDiscovery", "clusterName"),
        gone,
        _AUTOSCALER,
    ),
    Edit(
        "the key of the cluster's name is another",
        "the chart renders no Deployment",
        _RELEASES,
        (*_VALUES, "autoDiscovery"),
        lambda found: {"cluster": found["clusterName"]},
        _AUTOSCALER,
    ),
    Edit(
        "the autoscaler watches every cluster's groups",
        "it ends another cluster's nodes",
        _RELEASES,
        (*_VALUES, "autoDiscovery", "tags"),
        to(["k8s.io/cluster-autoscaler/enabled"]),
        _AUTOSCALER,
    ),
    Edit(
        "the autoscaler of another region",
        "it finds no group",
        _RELEASES,
        (*_VALUES, "awsRegion"),
        to("eu-west-1"),
        _AUTOSCALER,
    ),
    Edit(
        "the autoscaler of the chart's region",
        "it finds no group",
        _RELEASES,
        (*_VALUES, "awsRegion"),
        gone,
        _AUTOSCALER,
    ),
    Edit(
        "no node ever goes",
        "idle nodes cost",
        _RELEASES,
        (*_VALUES, "extraArgs", "scale-down-enabled"),
        to("false"),
        _AUTOSCALER,
    ),
    Without("no autoscaler", "no node ever comes", _RELEASES, _AUTOSCALER),
    # The load balancer controller.
    Edit(
        "load balancers of another cluster",
        "none is made",
        _RELEASES,
        (*_VALUES, "clusterName"),
        to("other"),
        _BALANCER,
    ),
    Edit(
        "load balancers of another region", "none is made", _RELEASES, (*_VALUES, "region"), to("us-east-1"), _BALANCER
    ),
    Without("no load balancer controller", "no load balancer is made", _RELEASES, _BALANCER),
    Unordered(
        "nothing waits for the load balancer controller",
        "load balancers stay, and the network with them",
        "aws-load-balancer-controller",
    ),
    # The termination handler.
    Without("no termination handler", "self-managed nodes go without a drain", _RELEASES, _HANDLER),
    Edit(
        "the termination handler is told no queue",
        "self-managed nodes go without a drain",
        _RELEASES,
        (*_VALUES, "queueURL"),
        gone,
        _HANDLER,
    ),
    Edit(
        "the termination handler looks at its own node alone",
        "self-managed nodes go without a drain",
        _RELEASES,
        (*_VALUES, "enableSqsTerminationDraining"),
        gone,
        _HANDLER,
    ),
    Edit(
        "the termination handler drains nodes of another tag",
        "self-managed nodes go without a drain",
        _RELEASES,
        (*_VALUES, "managedTag"),
        to("aws-node-termination-handler/managed"),
        _HANDLER,
    ),
    Edit(
        "the termination handler only cordons",
        "self-managed nodes go without a drain",
        _RELEASES,
        (*_VALUES, "cordonOnly"),
        to(True),
        _HANDLER,
    ),
    Edit(
        "the termination handler takes longer than hooks hold",
        "nodes go in the middle of their drain",
        _RELEASES,
        (*_VALUES, "nodeTerminationGracePeriod"),
        to(3600),
        _HANDLER,
    ),
    Edit(
        "the termination handler of another region",
        "its queue is not there",
        _RELEASES,
        (*_VALUES, "awsRegion"),
        to("eu-west-1"),
        _HANDLER,
    ),
    # All four.
    Edit(
        "a controller selects nodes that there are not",
        "it waits for a node",
        _RELEASES,
        (*_VALUES, "nodeSelector"),
        to({"role": "core"}),
        _controller,
    ),
    Edit(
        "a controller tolerates nothing",
        "it waits for a node",
        _RELEASES,
        (*_VALUES, "tolerations"),
        to([{"key": "other", "operator": "Exists"}]),
        _on_tainted_nodes,
    ),
    Edit(
        "a controller has another service account",
        "AWS refuses what it asks for",
        _RELEASES,
        _VALUES,
        lambda values: {
            **{key: value for key, value in values.items() if key not in ("rbac", "serviceAccount")},
            "rbac": {"serviceAccount": {"name": "other"}},
            "serviceAccount": {"name": "other"},
        },
        _controller,
    ),
)
