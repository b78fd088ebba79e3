"""A whole stack with everything that decides whether nodes come and go: priorities, hooks, startup taints, budgets."""

from dataclasses import replace
from typing import Any

from eks_gpu.graph.graph import Resource
from tests import whole_graphs
from tests.graphs import GPU_TAGS, TEMPLATE, autoscaler, findings, gpu_group, kubernetes, resource, tags
from tests.whole_graphs import karpenter_release, reserved_pool

ENDPOINT, AUTHORITY, OWN_GROUP = "https://A1.gr7.us-west-2.eks.amazonaws.com", "Y2VydA==", "sg-shop"
NOT_READY = "example.com/not-ready"


def cluster(**inputs: Any) -> Resource:
    """As AWS answers for it."""
    made = whole_graphs.cluster(**inputs)
    network = {"clusterSecurityGroupId": OWN_GROUP, "vpcId": "vpc-1"}
    known = {"endpoint": ENDPOINT, "certificateAuthority": {"data": AUTHORITY}, "vpcConfig": network}
    return replace(made, outputs={**made.inputs, **known})


def flagged(**flags: Any) -> Resource:
    """The autoscaler with these flags, in which an underscore stands for a dash."""
    given = {"expander": "priority", **{key.replace("_", "-"): value for key, value in flags.items()}}
    return released(extraArgs=given)


def released(**values: Any) -> Resource:
    """The autoscaler with these values."""
    healthy: dict[str, Any] = {
        "rbac": {"serviceAccount": {"name": "ca"}},
        "extraArgs": {"expander": "priority"},
        "expanderPriorities": {"10": [".*"]},
        "resources": {"requests": {"cpu": "100m", "memory": "300Mi"}},
        "podDisruptionBudget": {"maxUnavailable": 1},
    }
    return autoscaler(**(healthy | values))


def karpenter(controller: Any = None, values: Any = None, **settings: Any) -> Resource:
    """Karpenter with these values of its chart."""
    made = karpenter_release(**settings)
    image = {"controller": {"image": {"tag": "1.15.0"}, **(controller or {})}}
    return replace(made, inputs={**made.inputs, "values": {**made.inputs["values"], **image, **(values or {})}})


def hook(name: str = "ready", **inputs: Any) -> Resource:
    """A lifecycle hook at the launch of the group's nodes, of which something hears."""
    healthy = {
        "autoscalingGroupName": "gpu",
        "lifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "defaultResult": "CONTINUE",
        "heartbeatTimeout": 60,
        "notificationTargetArn": "arn:aws:sqs:us-west-2:123456789012:ready",
    }
    return resource("aws:autoscaling/lifecycleHook:LifecycleHook", name, healthy | inputs)


def tainted_pool(**template: Any) -> Resource:
    """The node pool with a startup taint."""
    made = reserved_pool()
    spec = made.inputs["spec"]
    body = {**spec["template"]["spec"], "startupTaints": [{"key": NOT_READY, "effect": "NoSchedule"}], **template}
    changed = {**spec, "template": {**spec["template"], "spec": body}}
    return replace(made, inputs={**made.inputs, "spec": changed})


def disrupting_pool(**disruption: Any) -> Resource:
    """The node pool with these fields of its disruption."""
    made = tainted_pool()
    spec = made.inputs["spec"]
    changed = {**spec, "disruption": {**spec["disruption"], **disruption}}
    return replace(made, inputs={**made.inputs, "spec": changed})


def agent(**annotations: str) -> Resource:
    """A DaemonSet that takes the startup taint away, with annotations of its pods."""
    metadata = {"labels": {"app": "agent"}, "annotations": annotations}
    tolerations = [{"key": NOT_READY, "operator": "Exists"}, {"operator": "Exists"}]
    spec = {"containers": [{"name": "main", "image": "example/agent:1"}], "tolerations": tolerations}
    wanted = {"selector": {"matchLabels": {"app": "agent"}}, "template": {"metadata": metadata, "spec": spec}}
    return kubernetes("DaemonSet", "agent", wanted)


def optional(**options: str) -> Resource:
    """The group with options of the autoscaler in its tags."""
    told = {f"{TEMPLATE}/autoscaling-options/{key}": value for key, value in options.items()}
    return gpu_group(tags=tags({**GPU_TAGS, **told}))


def healthy(extra: Any = None, **instead: Any) -> list[Resource]:
    """The stack, in which every check holds; `instead` puts resources for others, by role, and `extra` adds some."""
    parts: dict[str, Any] = {
        "cluster": cluster(),
        "autoscaler": released(),
        "karpenter": karpenter(),
        "reserved": tainted_pool(),
        "node_class": whole_graphs.reserving_class(
            subnetSelectorTerms=[{"id": "subnet-a"}, {"id": "subnet-b"}],
            securityGroupSelectorTerms=[{"id": OWN_GROUP}],
        ),
    }
    own = {"hook": hook(), "agent": agent()}
    added = [instead.pop(name, made) for name, made in own.items()]
    rest = [*added, *(extra if isinstance(extra, list) else [extra])]
    return [*whole_graphs.healthy(**(parts | instead)), *(made for made in rest if made is not None)]


def failure(check: str, extra: Any = None, **instead: Any) -> tuple[str, str]:
    """The one subject that fails a check when one part of the stack is another, and what is said of it."""
    said = findings(check, *healthy(extra, **instead))
    ((subject, message),) = [(subject, message) for subject, (passed, message) in said.items() if not passed]
    return subject, message


def holds(check: str, extra: Any = None, **instead: Any) -> bool:
    """Whether a check holds of everything that it says something of, and says something."""
    said = findings(check, *healthy(extra, **instead))
    return bool(said) and all(passed for passed, _ in said.values())
