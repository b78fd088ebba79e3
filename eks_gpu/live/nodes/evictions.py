"""Which pods nobody may evict: PodDisruptionBudgets as the API server counts them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eks_gpu.karpenter.objects import part
from eks_gpu.live.cluster import Manifest
from eks_gpu.live.nodes.causes import Keeper
from eks_gpu.live.nodes.seen_nodes import SeenPod
from eks_gpu_components.catalog import requirement_holds


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes the labels: an empty one takes all, none at all takes nothing."""
    if selector is None:
        return False
    equal = all(labels.get(key) == value for key, value in part(selector, "matchLabels").items())
    return equal and all(
        requirement_holds(each["operator"], each.get("values") or (), labels.get(each["key"]))
        for each in selector.get("matchExpressions") or ()
    )


class DisruptionBudgets:
    """PodDisruptionBudgets of a cluster, by the pods that they select."""

    def __init__(self, budgets: Iterable[Manifest]):
        self._in: dict[str, list[Manifest]] = {}
        for each in budgets:
            self._in.setdefault(each["metadata"]["namespace"], []).append(each)
        self._of: dict[tuple[str, frozenset[tuple[str, str]]], list[Manifest]] = {}

    def of(self, pod: SeenPod) -> list[Manifest]:
        """Those that select the pod; pods with the same labels are looked at once."""
        if pod.namespace not in self._in:
            return []
        key = pod.namespace, frozenset(pod.labels.items())
        if key not in self._of:
            rows = self._in[pod.namespace]
            self._of[key] = [each for each in rows if matches(part(each, "spec").get("selector"), pod.labels)]
        return self._of[key]


def blocking(pod: SeenPod, budgets: DisruptionBudgets) -> Iterator[Keeper]:
    """Budgets by which the API server refuses to evict the pod now."""
    found = budgets.of(pod)
    if len(found) > 1:
        names = ", ".join(_name(each) for each in found)
        yield Keeper("PodDisruptionBudget", names, f"select pod {pod.name} all, and no pod of two budgets is evicted")
        return
    for each in found:
        spec, status = part(each, "spec"), part(each, "status")
        if spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow" and not _is_ready(pod):
            continue
        if not status.get("disruptionsAllowed"):
            healthy = f"{status.get('currentHealthy', 0)} of {status.get('expectedPods', 0)} pods are healthy"
            rule = f"allows no disruption of pod {pod.name}: {_wish(spec)}, {healthy}"
            yield Keeper("PodDisruptionBudget", _name(each), rule)


def _wish(spec: Mapping[str, Any]) -> str:
    key = "maxUnavailable" if spec.get("maxUnavailable") is not None else "minAvailable"
    return f"{key} is {spec.get(key)}"


def _name(manifest: Manifest) -> str:
    return f"{manifest['metadata']['namespace']}/{manifest['metadata']['name']}"


def _is_ready(pod: SeenPod) -> bool:
    rows = part(pod.manifest, "status").get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in rows)
