"""Queues that gangs wait in: jobs that are never admitted, and quotas that no pool can have."""

from eks_gpu.graph.graph import Resource

from .edits import EACH, Edit, Operator, gone, swapped, to, with_key
from .programs import Program

_KUEUE = "kubernetes:kueue.x-k8s.io/v1beta2:"
_SHARED, _LOCAL, _FLAVOR = ([f"{_KUEUE}{kind}"] for kind in ("ClusterQueue", "LocalQueue", "ResourceFlavor"))
_JOB_SET = ["kubernetes:jobset.x-k8s.io/v1alpha2:JobSet"]
_RELEASE = ["kubernetes:helm.sh/v3:Release"]
_GROUP = ("spec", "resourceGroups", EACH)
_GPUS = 0
"""Place of the accelerators in what a flavor covers."""


def _of_kueue(resource: Resource, program: Program) -> bool:
    return str(resource.inputs.get("chart", "")).endswith("/kueue")


OPERATORS: tuple[Operator, ...] = (
    Edit(
        "a quota above what the pool can have",
        "a part of a gang waits for nodes that never come",
        _SHARED,
        (*_GROUP, "flavors", EACH, "resources", _GPUS, "nominalQuota"),
        to("64"),
    ),
    Edit(
        "a quota below what a gang needs",
        "the gang is never admitted",
        _SHARED,
        (*_GROUP, "flavors", EACH, "resources", _GPUS, "nominalQuota"),
        to("1"),
    ),
    Edit("a queue for no namespace", "no job is admitted", _SHARED, ("spec", "namespaceSelector"), gone),
    Edit(
        "a queue of a flavor that there is not",
        "no job is admitted",
        _SHARED,
        (*_GROUP, "flavors", EACH, "name"),
        to("g"),
    ),
    Edit("a queue that leads nowhere", "no job is admitted", _LOCAL, ("spec", "clusterQueue"), to("other")),
    Edit("a flavor of no pool's nodes", "pods wait", _FLAVOR, ("spec", "nodeLabels"), with_key(pool="other")),
    Edit("a job beside the queue", "others find no room", _JOB_SET, ("metadata", "labels"), gone),
    Edit(
        "a job of a queue that there is not",
        "the job is never admitted",
        _JOB_SET,
        ("metadata", "labels"),
        with_key(**{"kueue.x-k8s.io/queue-name": "other"}),
    ),
    Edit(
        "a wait shorter than a cold start",
        "gangs are ended before their nodes are there",
        _RELEASE,
        ("values", "managerConfig", "controllerManagerConfigYaml"),
        swapped('"timeout": "1200s"', '"timeout": "60s"'),
        _of_kueue,
    ),
    Edit(
        "a queue for JobSets and not for Jobs",
        "each Job of a JobSet is refused",
        _RELEASE,
        ("values", "managerConfig", "controllerManagerConfigYaml"),
        swapped('"batch/job"', '"kubeflow.org/mpijob"'),
        _of_kueue,
    ),
)
