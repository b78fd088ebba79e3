"""Kueue: the names that its objects, and the jobs behind its queues, are written with.

Source: Kueue 0.17.0, apis/kueue/v1beta2, pkg/controller/constants and pkg/controller/jobs.
"""

from collections.abc import Mapping

KUEUE_GROUP = "kueue.x-k8s.io"
KUEUE_API_VERSION = f"{KUEUE_GROUP}/v1beta2"
"""Version of its objects that this library writes; 0.17 stores it."""
QUEUE_LABEL = f"{KUEUE_GROUP}/queue-name"
"""Label of a job: the LocalQueue of its namespace that it waits in."""
PRIORITY_LABEL = f"{KUEUE_GROUP}/priority-class"
"""Label of a job: its WorkloadPriorityClass."""
KUEUE_NAMESPACE = "kueue-system"
KUEUE_INTEGRATIONS: Mapping[str, str] = {
    "job": "batch/job",
    "jobset": "jobset.x-k8s.io/jobset",
    "trainjob": "trainer.kubeflow.org/trainjob",
    "leaderworkerset": "leaderworkerset.x-k8s.io/leaderworkerset",
    "mpijob": "kubeflow.org/mpijob",
    "pytorchjob": "kubeflow.org/pytorchjob",
    "raycluster": "ray.io/raycluster",
    "rayjob": "ray.io/rayjob",
    "deployment": "deployment",
    "statefulset": "statefulset",
    "pod": "pod",
}
"""Kinds that Kueue queues, in lower case, and what its configuration calls them."""
QUEUED_BY_PODS = frozenset({"leaderworkerset", "deployment", "statefulset"})
"""Kinds that are queued by their pods, which a webhook holds back: they need `pod` too."""
MAX_FLAVORS = 64
"""Flavors of a ClusterQueue."""
