"""Small stacks written by hand, as another program would register them: not by our components."""

import base64
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from eks_gpu.checks import CHECKS
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.plan.analysis import Analysis, analyse

TODAY = date(2026, 11, 24)
CA = "k8s.io/cluster-autoscaler"
TEMPLATE = f"{CA}/node-template"
GPU_TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


def resource(type_: str, name: str, inputs: Mapping[str, Any], id_: str = "", **more: Any) -> Resource:
    return Resource(f"urn:pulumi:dev::shop::{type_}::{name}", type_, name, id=id_, inputs=inputs, **more)


def analysed(
    *resources: Resource,
    budget: float | None = None,
    region: str = "us-west-2",
    on: date = TODAY,
    cold_start_budget_s: int | None = None,
) -> Analysis:
    return analyse(Graph(resources), region, on, budget, cold_start_budget_s=cold_start_budget_s)


def findings(check: str, *resources: Resource, **more: Any) -> dict[str, tuple[Any, str]]:
    """What one check says: subject -> (passed, message), with the fix where the subject has one of its own."""
    said = [found for found in analysed(*resources, **more).findings if found.id == check]
    own = {found.subject: "" if found.fix == CHECKS[check].fix else found.fix for found in said}
    return {
        found.subject: (found.passed, ": ".join(filter(None, (found.message, own[found.subject])))) for found in said
    }


def cluster(name: str = "shop", version: str = "1.35") -> Resource:
    private = {"endpointPrivateAccess": True, "endpointPublicAccess": False}
    return resource("aws:eks/cluster:Cluster", name, {"name": name, "version": version, "vpcConfig": private})


def subnet(letter: str) -> Resource:
    zone = {"availabilityZone": f"us-west-2{letter}"}
    return resource("aws:ec2/subnet:Subnet", f"private-{letter}", zone, id_=f"subnet-{letter}")


NODE_LABELS = "nvidia.com/gpu.present=true,k8s.amazonaws.com/accelerator=nvidia"


def user_data(labels: str = NODE_LABELS, taints: str = "nvidia.com/gpu=true:NoSchedule") -> str:
    flags = [f"--node-labels={labels}", f"--register-with-taints={taints}"]
    config = {
        "apiVersion": "node.eks.aws/v1alpha1",
        "kind": "NodeConfig",
        "spec": {"cluster": {"name": "shop"}, "kubelet": {"flags": flags}},
    }
    return base64.b64encode(json.dumps(config).encode()).decode()


def launch_template(id_: str = "lt-gpu", **inputs: Any) -> Resource:
    healthy = {
        "imageId": "ami-1",
        "iamInstanceProfile": {"name": "shop-node"},
        "vpcSecurityGroupIds": ["sg-shop"],
        "userData": user_data(),
        "metadataOptions": {"httpTokens": "required"},
        "blockDeviceMappings": [
            {"deviceName": "/dev/xvda", "ebs": {"volumeSize": 100, "volumeType": "gp3", "encrypted": "true"}}
        ],
    }
    return resource("aws:ec2/launchTemplate:LaunchTemplate", id_, healthy | inputs, id_=id_)


def managed_template(id_: str = "lt-system", **inputs: Any) -> Resource:
    """A launch template of a managed group, whose image and role EKS decides."""
    kept = ("vpcSecurityGroupIds", "metadataOptions", "blockDeviceMappings")
    own = {key: value for key, value in launch_template().inputs.items() if key in kept}
    return resource("aws:ec2/launchTemplate:LaunchTemplate", id_, own | inputs, id_=id_)


GPU_TAGS = {
    f"{CA}/enabled": "true",
    f"{CA}/shop": "owned",
    f"{TEMPLATE}/label/nvidia.com/gpu.present": "true",
    f"{TEMPLATE}/label/k8s.amazonaws.com/accelerator": "nvidia",
    f"{TEMPLATE}/taint/nvidia.com/gpu": "true:NoSchedule",
    f"{TEMPLATE}/resources/nvidia.com/gpu": "1",
}


def tags(pairs: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value, "propagateAtLaunch": False} for key, value in pairs.items()]


def overrides(*types: str, template: str = "lt-gpu", **distribution: Any) -> dict[str, Any]:
    """A mixed instances policy, Spot alone unless the distribution says otherwise."""
    return {
        "instancesDistribution": {
            "onDemandPercentageAboveBaseCapacity": 0,
            "spotAllocationStrategy": "price-capacity-optimized",
            **distribution,
        },
        "launchTemplate": {
            "launchTemplateSpecification": {"launchTemplateId": template},
            "overrides": [{"instanceType": name} for name in types],
        },
    }


def gpu_group(name: str = "gpu", ignore: tuple[str, ...] = ("desiredCapacity",), **inputs: Any) -> Resource:
    healthy = {
        "minSize": 0,
        "desiredCapacity": 0,
        "maxSize": 4,
        "vpcZoneIdentifiers": ["subnet-a"],
        "suspendedProcesses": ["AZRebalance"],
        "mixedInstancesPolicy": overrides("g4dn.xlarge", "g5.xlarge"),
        "tags": tags(GPU_TAGS),
    }
    return resource(
        "aws:autoscaling/group:Group",
        name,
        healthy | inputs,
        id_=name,
        outputs={"name": name},
        options={"ignoreChanges": list(ignore)},
    )


def managed_group(name: str = "system", ignore: tuple[str, ...] = (), **inputs: Any) -> Resource:
    """Two m7i.large on demand, always."""
    healthy = {
        "clusterName": "shop",
        "nodeGroupName": name,
        "amiType": "AL2023_x86_64_STANDARD",
        "capacityType": "ON_DEMAND",
        "instanceTypes": ["m7i.large"],
        "subnetIds": ["subnet-a", "subnet-b"],
        "scalingConfig": {"minSize": 2, "desiredSize": 2, "maxSize": 2},
        "labels": {"role": "system"},
        "launchTemplate": {"id": "lt-system", "version": "1"},
    }
    return resource(
        "aws:eks/nodeGroup:NodeGroup",
        name,
        healthy | inputs,
        outputs={"resources": [{"autoscalingGroups": [{"name": f"eks-{name}"}]}]},
        options={"ignoreChanges": list(ignore)},
    )


def release(chart: str, **values: Any) -> Resource:
    inputs = {"name": chart, "chart": chart, "version": "1.0.0", "namespace": "kube-system", "values": values}
    return resource("kubernetes:helm.sh/v3:Release", chart, inputs)


def autoscaler(**values: Any) -> Resource:
    healthy = {"autoDiscovery": {"clusterName": "shop"}, "awsRegion": "us-west-2", "image": {"tag": "v1.35.2"}}
    return release("cluster-autoscaler", **(healthy | values))


def device_plugin(**values: Any) -> Resource:
    return release("nvidia-device-plugin", **values)


def pod(requests: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    devices = {name: amount for name, amount in requests.items() if "/" in name}
    resources = {"requests": dict(requests), "limits": devices}
    container = {"name": "main", "image": "example/app:1", "resources": resources}
    return {"containers": [container], **spec}


def kubernetes(kind: str, name: str, spec: Mapping[str, Any], group: str = "apps/v1", **metadata: Any) -> Resource:
    inputs = {"apiVersion": group.removeprefix("core/"), "kind": kind, "metadata": {"name": name, **metadata}}
    return resource(f"kubernetes:{group}:{kind}", name, {**inputs, "spec": spec})


def deployment(name: str, template: Mapping[str, Any], **spec: Any) -> Resource:
    labels = {"app": name}
    made = {"metadata": {"labels": labels}, "spec": template}
    return kubernetes("Deployment", name, {"selector": {"matchLabels": labels}, "template": made, **spec})


def gpu_work(name: str = "train", replicas: int = 2, gpus: int = 1, **spec: Any) -> Resource:
    needs = {"nvidia.com/gpu": gpus, "cpu": "500m", "memory": "1Gi"}
    return deployment(name, pod(needs, **{"tolerations": [GPU_TOLERATION], **spec}), replicas=replicas)


def cpu_work(name: str = "web", replicas: int = 1, **spec: Any) -> Resource:
    return deployment(name, pod({"cpu": "500m", "memory": "1Gi"}, **spec), replicas=replicas)


def healthy(**instead: Resource) -> list[Resource]:
    """A stack in which every check holds; `instead` puts one resource for another, by its role."""
    parts = {
        "cluster": cluster(),
        "subnet_a": subnet("a"),
        "subnet_b": subnet("b"),
        "gpu_template": launch_template(),
        "system_template": managed_template(),
        "gpu": gpu_group(),
        "system": managed_group(),
        "autoscaler": autoscaler(),
        "device_plugin": device_plugin(),
        "handler": release("aws-node-termination-handler"),
        "train": gpu_work(),
        "web": cpu_work(),
    }
    assert instead.keys() <= parts.keys()
    return list((parts | instead).values())


def failure(check: str, **instead: Resource) -> tuple[str, str]:
    """The one subject that fails a check when one part of the healthy stack is another, and what is said of it."""
    said = findings(check, *healthy(**instead))
    ((subject, message),) = [(subject, message) for subject, (passed, message) in said.items() if not passed]
    return subject, message


def without(key: str) -> list[dict[str, Any]]:
    """The GPU group's tags but one."""
    return tags({name: value for name, value in GPU_TAGS.items() if name != key})
