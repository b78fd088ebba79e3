"""EKS Auto Mode in the lab: Karpenter runs its NodePools, for AWS's own controller is not to be had.

`python -m eks_gpu.lab.auto_mode`, for as long as AWS has a cluster with Auto Mode: it makes what EKS makes by itself,
the built-in pools, and for each NodeClass the EC2NodeClass that Karpenter understands.
"""

import json
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from eks_gpu.lab.auto_mode_terms import EC2_NODE_CLASS, NODE_CLASS, Translation
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.control_plane import run
from eks_gpu.lab.karpenter import start_karpenter
from eks_gpu.lab.load_balancers import AUTO_MODE_CLASSES, player
from eks_gpu.lab.nodes import aws_client
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.programs import Program, own
from eks_gpu.lab.state import Lab, recorded_lab
from eks_gpu_components.catalog import (
    ARCH_LABEL,
    AUTO_MODE_GROUP,
    AUTO_MODE_MAX_AGE_H,
    CAPACITY_TYPE_LABEL,
    KARPENTER_API_VERSION,
    KARPENTER_GROUP,
    CapacityType,
    instance_label,
)
from eks_gpu_components.catalog.auto_mode import (
    BUILT_IN_CATEGORIES,
    BUILT_IN_GENERATION,
    BUILT_IN_NODE_CLASS,
    BUILT_IN_POOLS,
    BuiltInPool,
)

EVERY_S = 0.5
PATIENCE_S = 300
"""Seconds for the nodes of the built-in pools to go with their cluster."""

NODE_CLASSES = f"/apis/{AUTO_MODE_GROUP}/v1/nodeclasses"
EC2_NODE_CLASSES = f"/apis/{KARPENTER_GROUP}/v1/ec2nodeclasses"
NODE_POOLS = f"/apis/{KARPENTER_API_VERSION}/nodepools"

FINALIZER = f"{AUTO_MODE_GROUP}/termination"
"""Holds a NodeClass until Karpenter has given back what it made for it: an instance profile with the nodes' role."""
READY = "Ready"
"""Type of the condition that `pulumi up` waits for."""
MADE_LABEL = "eks-gpu-lab/made-for"
WANTED_ANNOTATION = "eks-gpu-lab/wanted"
"""The `spec` as it was asked for; the API server adds defaults to it."""


def auto_mode_clusters(eks: Any) -> list[dict[str, Any]]:
    """Those that have it, as EKS describes them."""
    found = []
    for name in eks.list_clusters()["clusters"]:
        with suppress(eks.exceptions.ResourceNotFoundException):  # deleted in this moment
            found.append(eks.describe_cluster(name=name)["cluster"])
    return [cluster for cluster in found if (cluster.get("computeConfig") or {}).get("enabled")]


def start_auto_mode(lab: Lab, cluster: str, network: Mapping[str, Any]) -> Lab:
    """Karpenter for its pools, with credentials of the lab's own: Auto Mode's controller needs no role of a program.

    `network` is the cluster's `kubernetesNetworkConfig`, which says whether Auto Mode makes load balancers.
    """
    lab = run(lab, Program("auto-mode", own("auto_mode")))
    if (network.get("elasticLoadBalancing") or {}).get("enabled"):
        lab = run(lab, player("auto-mode-load-balancers", AUTO_MODE_CLASSES))
    return start_karpenter(lab, cluster)


def settle(lab: Lab) -> None:
    """Returns when what EKS made by itself has gone with its cluster. Raises LabProblem for what stays."""
    api, until = ClusterApi(lab), time.monotonic() + PATIENCE_S
    while left := [*_made(api, NODE_POOLS), *_made(api, EC2_NODE_CLASSES)]:
        if time.monotonic() > until:
            raise LabProblem(f"Auto Mode's {', '.join(left)} did not go within {PATIENCE_S} s of the cluster's end")
        time.sleep(EVERY_S)


def built_in_pools(cluster: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """`spec` by name of the NodePools that EKS makes in it, in Karpenter's words."""
    names = cluster["computeConfig"].get("nodePools") or []
    return {name: Translation().spec(_built_in_pool(BUILT_IN_POOLS[name])) for name in names}


def _built_in_pool(required: BuiltInPool) -> dict[str, Any]:
    requirements = {
        CAPACITY_TYPE_LABEL: ("In", [CapacityType.ON_DEMAND.value]),
        ARCH_LABEL: ("In", list(required.architectures)),
        instance_label("category", AUTO_MODE_GROUP): ("In", list(BUILT_IN_CATEGORIES)),
        instance_label("generation", AUTO_MODE_GROUP): ("Gt", [str(BUILT_IN_GENERATION - 1)]),
    }
    return {
        "template": {
            "spec": {
                "nodeClassRef": {"group": AUTO_MODE_GROUP, "kind": NODE_CLASS, "name": BUILT_IN_NODE_CLASS},
                "requirements": [
                    {"key": key, "operator": operator, "values": values}
                    for key, (operator, values) in requirements.items()
                ],
                "taints": [taint.for_kubernetes() for taint in required.taints],
                "expireAfter": f"{AUTO_MODE_MAX_AGE_H}h",
                "terminationGracePeriod": "24h",
            },
        },
        "disruption": {
            "consolidationPolicy": "WhenEmptyOrUnderutilized",
            "consolidateAfter": "30s",
            "budgets": [{"nodes": "10%"}],
        },
    }


def built_in_node_class(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """`spec` of the one that the built-in pools use. A role would be held by a profile when EKS's own end takes it."""
    network = cluster["resourcesVpcConfig"]
    return {
        "instanceProfile": f"eks-{cluster['name']}-auto-mode",
        "subnetSelectorTerms": [{"id": subnet} for subnet in network["subnetIds"]],
        "securityGroupSelectorTerms": [{"id": network["clusterSecurityGroupId"]}],
    }


def reconcile(api: ClusterApi, clusters: list[dict[str, Any]]) -> None:
    """Makes, changes and takes away what Karpenter is to see, so that it follows clusters and NodeClasses."""
    pools = {name: spec for cluster in clusters for name, spec in built_in_pools(cluster).items()}
    with_own = [cluster for cluster in clusters if cluster["computeConfig"].get("nodePools")]
    node_classes = dict.fromkeys([BUILT_IN_NODE_CLASS], built_in_node_class(with_own[0])) if with_own else {}
    found = api.list(NODE_CLASSES)
    for each in found:
        if "deletionTimestamp" not in each["metadata"]:
            _hold(api, each)
            node_classes[each["metadata"]["name"]] = each["spec"]
    wanted = {name: Translation().node_class(spec) for name, spec in node_classes.items()}
    _bring(api, NODE_POOLS, KARPENTER_API_VERSION, "NodePool", pools)
    _bring(api, EC2_NODE_CLASSES, f"{KARPENTER_GROUP}/v1", EC2_NODE_CLASS, wanted)
    there = _made(api, EC2_NODE_CLASSES)
    for each in found:
        made = there.get(each["metadata"]["name"])
        if "deletionTimestamp" not in each["metadata"]:
            _report(api, each, made)
        elif made is None:
            _release(api, each)


def _report(api: ClusterApi, node_class: dict[str, Any], made: Mapping[str, Any] | None) -> None:
    """Says of a NodeClass whether it is ready, as Karpenter says it of the EC2NodeClass that stands for it."""
    told = ((made or {}).get("status") or {}).get("conditions") or []
    conditions = [condition for condition in told if condition["type"] == READY]
    if conditions and conditions != (node_class.get("status") or {}).get("conditions"):
        path = f"{NODE_CLASSES}/{node_class['metadata']['name']}/status"
        api.patch(path, {"status": {"conditions": conditions}})


def _made(api: ClusterApi, path: str) -> dict[str, dict[str, Any]]:
    """By name, those that the lab made."""
    return {each["metadata"]["name"]: each for each in api.list(f"{path}?labelSelector={MADE_LABEL}")}


def _bring(api: ClusterApi, path: str, version: str, kind: str, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    there = _made(api, path)
    for name, spec in wanted.items():
        text = json.dumps(spec, sort_keys=True)
        if name not in there:
            labels, annotations = {MADE_LABEL: "auto-mode"}, {WANTED_ANNOTATION: text}
            metadata = {"name": name, "labels": labels, "annotations": annotations}
            api.ensure(path, {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
        elif there[name]["metadata"]["annotations"][WANTED_ANNOTATION] != text:
            changed = {**there[name], "apiVersion": version, "kind": kind, "spec": spec}
            changed["metadata"]["annotations"][WANTED_ANNOTATION] = text
            api.replace(f"{path}/{name}", changed)
    for name in there.keys() - wanted.keys():
        api.delete(f"{path}/{name}")


def _hold(api: ClusterApi, node_class: dict[str, Any]) -> None:
    held = node_class["metadata"].get("finalizers", [])
    if FINALIZER not in held:
        _set_finalizers(api, node_class, [*held, FINALIZER])


def _release(api: ClusterApi, node_class: dict[str, Any]) -> None:
    held = node_class["metadata"].get("finalizers", [])
    if FINALIZER in held:
        _set_finalizers(api, node_class, [each for each in held if each != FINALIZER])


def _set_finalizers(api: ClusterApi, node_class: dict[str, Any], finalizers: list[str]) -> None:
    metadata = {**node_class["metadata"], "finalizers": finalizers}
    changed = {**node_class, "apiVersion": f"{AUTO_MODE_GROUP}/v1", "kind": NODE_CLASS, "metadata": metadata}
    api.replace(f"{NODE_CLASSES}/{metadata['name']}", changed)


def main() -> None:
    lab = recorded_lab()
    if lab is None:
        sys.exit("no lab is up")
    api, eks, said = ClusterApi(lab), aws_client(lab, "eks"), ""
    while True:
        try:
            reconcile(api, auto_mode_clusters(eks))
        # An object changed meanwhile, or AWS or the API server is busy: the next round sees it.
        except (OSError, BotoCoreError, ClientError, LabProblem) as problem:
            if str(problem) != said:
                print(problem, flush=True)
            said = str(problem)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
