"""Kueue's objects, written by hand: a queue over the nodes of a group, and a job that waits in it."""

import json
from dataclasses import replace
from typing import Any

from eks_gpu.graph.graph import Resource
from tests.graphs import GPU_TOLERATION, gpu_group, kubernetes, pod, resource
from tests.graphs import healthy as healthy_stack

KUEUE = "kueue.x-k8s.io/v1beta2"
LABELS = {"nvidia.com/gpu.present": "true"}
PODS = {"cpu": 1, "memory": "1Gi", "nvidia.com/gpu": 1}


def flavor(labels: Any = LABELS, name: str = "gpu"):
    return kubernetes("ResourceFlavor", name, {"nodeLabels": labels}, KUEUE)


def cluster_queue(gpus: Any = 4, name: str = "all", **more: Any):
    quotas = {"cpu": 64, "memory": "256Gi", "nvidia.com/gpu": gpus}
    rows = [{"name": resource, "nominalQuota": amount} for resource, amount in quotas.items()]
    rows[-1] |= {key: more.pop(key) for key in ("borrowingLimit", "lendingLimit") if key in more}
    group = {"coveredResources": [*quotas], "flavors": [{"name": "gpu", "resources": rows}]}
    return kubernetes("ClusterQueue", name, {"namespaceSelector": {}, "resourceGroups": [group], **more}, KUEUE)


def local_queue(leads_to: str = "all", name: str = "training"):
    return kubernetes("LocalQueue", name, {"clusterQueue": leads_to}, KUEUE)


def job(pods: int = 4, queue: str = "training", name: str = "train", **requests: Any):
    template = {"spec": pod({**PODS, **requests}, tolerations=[GPU_TOLERATION], restartPolicy="Never")}
    spec = {"parallelism": pods, "completions": pods, "template": template}
    labels = {"kueue.x-k8s.io/queue-name": queue} if queue else {}
    return kubernetes("Job", name, spec, "batch/v1", labels=labels)


def release(**configuration: Any) -> Resource:
    given = {"managerConfig": {"controllerManagerConfigYaml": json.dumps(configuration)}} if configuration else {}
    return resource(
        "kubernetes:helm.sh/v3:Release",
        "kueue",
        {"chart": "kueue", "version": "0.17.0", "name": "kueue"} | {"values": given},
    )


def healthy() -> list[Resource]:
    """A stack in which a job of four pods waits for four GPUs."""
    kueue = release(waitForPodsReady={"timeout": "20m"}, integrations={"frameworks": ["batch/job"]})
    queue = [replace(each, dependencies=(kueue.urn,)) for each in (flavor(), cluster_queue(), local_queue())]
    return [*healthy_stack(gpu=gpu_group(maxSize=4), train=job()), kueue, *queue]
