"""Small stacks with Karpenter and with EKS Auto Mode, written by hand as another program would register them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.pools.pool import Pool
from tests.graphs import (
    analysed,
    cluster,
    cpu_work,
    device_plugin,
    findings,
    gpu_work,
    kubernetes,
    managed_group,
    managed_template,
    resource,
)
from tests.graphs import subnet as plain_subnet

PREFIX = "karpenter.k8s.aws/instance"
"""Of the labels that Karpenter gives a node for its type."""
QUEUE_ARN = "arn:aws:sqs:us-west-2:123456789012:shop"
ROLE_ARN = "arn:aws:iam::123456789012:role/shop-node"
EVENTS = {
    "health": ("aws.health", "AWS Health Event"),
    "spot": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "state": ("aws.ec2", "EC2 Instance State-change Notification"),
    "reservation": ("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
}


def requirement(key: str, *values: str, operator: str = "In", **more: Any) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values), **more}


ARCH = requirement("kubernetes.io/arch", "amd64")
SPOT_FIRST = requirement("karpenter.sh/capacity-type", "spot", "on-demand")
ON_DEMAND = requirement("karpenter.sh/capacity-type", "on-demand")
THREE_TYPES = requirement("node.kubernetes.io/instance-type", "g4dn.xlarge", "g5.xlarge", "g6.xlarge")
KARPENTER = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"}
AUTO_MODE = {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "gpu"}
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}


def types(*names: str) -> dict[str, Any]:
    return requirement("node.kubernetes.io/instance-type", *names)


def subnet(letter: str) -> Resource:
    made = plain_subnet(letter)
    return resource(made.type, made.name, {**made.inputs, "tags": {"karpenter.sh/discovery": "shop"}}, id_=made.id)


def node_pool(
    *requirements: Mapping[str, Any],
    name: str = "gpu",
    template: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    **spec: Any,
) -> Resource:
    """Three GPU types, Spot first, at most four GPUs; requirements replace those three."""
    healthy: dict[str, Any] = {
        "template": {
            "metadata": {"labels": {"nvidia.com/gpu.present": "true"} if labels is None else dict(labels)},
            "spec": {
                "nodeClassRef": KARPENTER,
                "requirements": list(requirements or (ARCH, SPOT_FIRST, THREE_TYPES)),
                "taints": [GPU_TAINT],
                "expireAfter": "720h",
                **(template or {}),
            },
        },
        "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "600s", "budgets": [{"nodes": "100%"}]},
        "limits": {"nvidia.com/gpu": "4"},
    }
    return after_karpenter(kubernetes("NodePool", name, healthy | spec, group="karpenter.sh/v1"))


def pool(*resources: Resource) -> Pool:
    """The one pool of a stack with subnets in two zones."""
    (found,) = analysed(subnet("a"), subnet("b"), *resources).pools
    return found


def node_class(name: str = "gpu", **spec: Any) -> Resource:
    selected = [{"tags": {"karpenter.sh/discovery": "shop"}}]
    healthy = {
        "role": "shop-node",
        "amiSelectorTerms": [{"alias": "al2023@v20260714"}],
        "subnetSelectorTerms": selected,
        "securityGroupSelectorTerms": selected,
        "blockDeviceMappings": [
            {"deviceName": "/dev/xvda", "ebs": {"volumeSize": "100Gi", "volumeType": "gp3", "encrypted": True}}
        ],
    }
    return after_karpenter(kubernetes("EC2NodeClass", name, healthy | spec, group="karpenter.k8s.aws/v1"))


def after_karpenter(made: Resource) -> Resource:
    """It waits for both releases, as `depends_on` makes it."""
    return replace(made, dependencies=frozenset(karpenter(chart).urn for chart in ("karpenter", "karpenter-crd")))


def karpenter(chart: str = "karpenter", version: str = "1.15.0", **settings: Any) -> Resource:
    values = {"settings": {"clusterName": "shop", "interruptionQueue": "shop", **settings}}
    inputs = {"name": chart, "chart": f"oci://public.ecr.aws/karpenter/{chart}", "version": version, "values": values}
    return resource("kubernetes:helm.sh/v3:Release", chart, inputs)


def node_overlay(name: str = "shares", *requirements: Mapping[str, Any], **spec: Any) -> Resource:
    given = {"requirements": list(requirements), **spec}
    return after_karpenter(kubernetes("NodeOverlay", name, given, group="karpenter.sh/v1alpha1"))


def queue(**inputs: Any) -> Resource:
    return resource("aws:sqs/queue:Queue", "interruption", {"name": "shop"} | inputs, outputs={"arn": QUEUE_ARN})


def allow(action: Any, resource_: Any = "*", **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource_, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def queue_policy(service: str = "events.amazonaws.com") -> Resource:
    document = allow("sqs:SendMessage", QUEUE_ARN, Principal={"Service": [service, "sqs.amazonaws.com"]})
    inputs = {"queueUrl": "https://sqs.us-west-2.amazonaws.com/123456789012/shop", "policy": document}
    return resource("aws:sqs/queuePolicy:QueuePolicy", "interruption", inputs)


def controller_policy(actions: Any = ("sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage")) -> Resource:
    document = allow(list(actions), QUEUE_ARN)
    return resource("aws:iam/rolePolicy:RolePolicy", "interruption", {"role": "karpenter", "policy": document})


def rules(**changes: Any) -> list[Resource]:
    """Five rules, each with its target; a change is by the rule's name, None to leave the rule out."""
    made = []
    for name, (source, kind) in EVENTS.items():
        changed = changes.get(name, {})
        if changed is not None:
            pattern = json.dumps({"source": [source], "detail-type": [kind]})
            inputs = {"name": name, "eventPattern": pattern} | changed
            made.append(resource("aws:cloudwatch/eventRule:EventRule", name, inputs))
            target = {"rule": name, "arn": QUEUE_ARN}
            made.append(resource("aws:cloudwatch/eventTarget:EventTarget", name, target))
    return made


def service(name: str = "web", annotations: Mapping[str, str] | None = None, **spec: Any) -> Resource:
    healthy = {"type": "LoadBalancer", "loadBalancerClass": "service.k8s.aws/nlb", "selector": {"app": name}}
    healthy["ports"] = [{"port": 80}]
    made = kubernetes("Service", name, healthy | spec, group="core/v1", annotations=dict(annotations or {}))
    return replace(made, dependencies=frozenset({balancer().urn}))


def balancer() -> Resource:
    """The controller that makes load balancers."""
    inputs = {"name": "lbc", "chart": "aws-load-balancer-controller", "namespace": "kube-system", "version": "3.5.0"}
    # The webhook would take Services that name no class.
    values = {"clusterName": "shop", "enableServiceMutatorWebhook": False}
    return resource("kubernetes:helm.sh/v3:Release", "lbc", {**inputs, "values": values})


def work_with_a_security_group() -> list[Resource]:
    """Work that asks for a branch interface, and the setting of the network plugin that hands them out."""
    work = gpu_work()
    (container,) = work.inputs["spec"]["template"]["spec"]["containers"]
    container["resources"]["limits"]["vpc.amazonaws.com/pod-eni"] = "1"
    settings = {"addonName": "vpc-cni", "clusterName": "shop"}
    settings |= {"configurationValues": '{"env": {"ENABLE_POD_ENI": "true"}}'}
    return [resource("aws:eks/addon:Addon", "vpc-cni", settings), work]


def healthy(**instead: Any) -> list[Resource]:
    """A stack with Karpenter in which every check holds; `instead` puts resources for others, by role."""
    parts: dict[str, Any] = {
        "cluster": cluster(),
        "subnets": [subnet("a"), subnet("b")],
        "system_template": managed_template(),
        "system": managed_group(),
        "crds": karpenter("karpenter-crd"),
        "karpenter": karpenter(),
        "queue": queue(),
        "queue_policy": queue_policy(),
        "rules": rules(),
        "policy": controller_policy(),
        "node_class": node_class(),
        "gpu": node_pool(),
        "device_plugin": device_plugin(),
        "train": gpu_work(),
        "web": cpu_work(),
        "service": service(),
        "balancer": balancer(),
    }
    assert instead.keys() <= parts.keys()
    return _flat(parts | instead)


def _flat(parts: Mapping[str, Any]) -> list[Resource]:
    lists = (part if isinstance(part, list) else [part] for part in parts.values())
    return [resource for part in lists for resource in part if resource is not None]


def auto_mode_cluster(*built_in: str, version: str = "1.35") -> Resource:
    compute = {"enabled": True, "nodePools": list(built_in), "nodeRoleArn": "arn:aws:iam::123456789012:role/built-in"}
    network = {"subnetIds": ["subnet-a", "subnet-b"], "endpointPrivateAccess": True, "endpointPublicAccess": False}
    inputs = {"name": "shop", "version": version, "computeConfig": compute, "vpcConfig": network}
    return resource("aws:eks/cluster:Cluster", "shop", inputs)


def auto_mode_node_class(name: str = "gpu", **spec: Any) -> Resource:
    selected = [{"tags": {"karpenter.sh/discovery": "shop"}}]
    healthy = {
        "role": "shop-node",
        "subnetSelectorTerms": selected,
        "securityGroupSelectorTerms": selected,
        "ephemeralStorage": {"size": "80Gi", "iops": 3000, "throughput": 125},
    }
    return kubernetes("NodeClass", name, healthy | spec, group="eks.amazonaws.com/v1")


def access_entry(**inputs: Any) -> Resource:
    healthy = {"clusterName": "shop", "principalArn": ROLE_ARN, "type": "EC2"}
    return resource("aws:eks/accessEntry:AccessEntry", "nodes", healthy | inputs)


def access_policy(**inputs: Any) -> Resource:
    healthy = {
        "clusterName": "shop",
        "principalArn": ROLE_ARN,
        "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAutoNodePolicy",
        "accessScope": {"type": "cluster"},
    }
    return resource("aws:eks/accessPolicyAssociation:AccessPolicyAssociation", "nodes", healthy | inputs)


def auto_mode_pool(
    *requirements: Mapping[str, Any], template: Mapping[str, Any] | None = None, **spec: Any
) -> Resource:
    given = requirements or (ARCH, ON_DEMAND, THREE_TYPES)
    return node_pool(*given, template={"nodeClassRef": AUTO_MODE, "expireAfter": "336h", **(template or {})}, **spec)


def healthy_auto_mode(**instead: Any) -> list[Resource]:
    """A stack with EKS Auto Mode in which every check holds."""
    parts: dict[str, Any] = {
        "cluster": auto_mode_cluster("general-purpose", "system"),
        "subnets": [subnet("a"), subnet("b")],
        "node_class": auto_mode_node_class(),
        "access_entry": access_entry(),
        "access_policy": access_policy(),
        "gpu": auto_mode_pool(),
        "train": gpu_work(),
        "web": cpu_work(),
    }
    assert instead.keys() <= parts.keys()
    return _flat(parts | instead)


def failure(check: str, **instead: Any) -> tuple[str, str]:
    """The one subject that fails a check when one part of the healthy Karpenter stack is another, and why."""
    return _failure(check, healthy(**instead))


def auto_mode_failure(check: str, **instead: Any) -> tuple[str, str]:
    """The same of the healthy stack with Auto Mode."""
    return _failure(check, healthy_auto_mode(**instead))


def _failure(check: str, stack: list[Resource]) -> tuple[str, str]:
    said = findings(check, *stack)
    ((subject, message),) = [(subject, message) for subject, (passed, message) in said.items() if not passed]
    return subject, message
