"""Who makes pods of OpenKruise's own kinds; those with Kubernetes' names make them as Kubernetes' do.

Source: OpenKruise 1.9.0, apis/apps (v1alpha1, v1beta1) and its defaults, read 2026-11-30.
"""

from collections.abc import Iterator

from eks_gpu.pods.batch_makers import of_a_job
from eks_gpu.pods.made_pods import NONE, UNKNOWN, Manifest, PodTemplate, exactly

_OF_UNITED = ("statefulSetTemplate", "advancedStatefulSetTemplate", "cloneSetTemplate", "deploymentTemplate")


def united_deployment(found: Manifest) -> Iterator[PodTemplate]:
    """So many pods, one unless given, over workloads of one template; each subset chooses its nodes."""
    count = exactly(found.whole("spec", "replicas", default=1))
    subsets = ("subsets of the topology",) if found.at("spec", "topology", "subsets") else ()
    for key in _OF_UNITED:
        if found.map("spec", "template", key):
            yield found.template("spec", "template", key, "spec", "template", count=count, not_judged=subsets)


def advanced_cron_job(found: Manifest) -> Iterator[PodTemplate]:
    """Jobs by a schedule; those of BroadcastJob have a pod on each node, so that nobody knows how many."""
    stopped = found.is_true("spec", "paused")
    base = ("spec", "template", "jobTemplate", "spec")
    if found.map(*base):
        yield found.template(*base, "template", count=NONE if stopped else of_a_job(found, base).later)
    base = ("spec", "template", "broadcastJobTemplate", "spec")
    if found.map(*base):
        yield found.template(*base, "template", count=NONE if stopped else UNKNOWN)
