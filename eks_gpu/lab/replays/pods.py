"""Pods as people write them, and as they get them wrong: made from a seed, so that every run tries the same ones.

Each is aimed at one machine. It starts as a pod that fits there; then features are put on it, in the form that still
fits or in the one that does not. What it does on other machines, nobody has arranged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from eks_gpu.lab.replays import pod_places as places
from eks_gpu.lab.replays import pod_resources as resources
from eks_gpu.lab.replays.machines import Machine
from eks_gpu.lab.replays.pod_draft import Draft, Feature
from eks_gpu.lab.replays.trial import PRIORITY_CLASS
from eks_gpu.pods.quantities import CPU, EPHEMERAL_STORAGE, MEMORY
from eks_gpu_components.catalog import ZONE_LABEL


@dataclass(frozen=True)
class TrialPod:
    """A manifest, and what it has that matters."""

    name: str
    features: tuple[str, ...]
    aimed_at: str
    """Name of a machine."""
    manifest: Mapping[str, Any]


def names_its_system(draft: Draft, right: bool) -> None:
    draft.spec["os"] = {"name": "linux"}


def has_a_host_port(draft: Draft, right: bool) -> None:
    draft.main["ports"] = [{"containerPort": 8080, "hostPort": 8080}]


def has_a_scheduling_gate(draft: Draft, right: bool) -> None:
    draft.spec["schedulingGates"] = [{"name": "example.com/quota"}]


def has_a_priority(draft: Draft, right: bool) -> None:
    draft.spec["priorityClassName"] = PRIORITY_CLASS


def spreads(draft: Draft, right: bool) -> None:
    constraint = {"maxSkew": 100, "topologyKey": ZONE_LABEL, "whenUnsatisfiable": "DoNotSchedule"}
    draft.spec["topologySpreadConstraints"] = [{**constraint, "labelSelector": {"matchLabels": {"app": "main"}}}]


def keeps_apart(draft: Draft, right: bool) -> None:
    rule = {"labelSelector": {"matchLabels": {"app": "another"}}, "topologyKey": ZONE_LABEL}
    wanted = {"requiredDuringSchedulingIgnoredDuringExecution": [rule]}
    draft.spec.setdefault("affinity", {})["podAntiAffinity"] = wanted


DECISIVE: Mapping[str, Feature] = {
    "toleration value": places.tolerates_the_value,
    "no toleration": places.tolerates_nothing,
    "toleration effect": places.tolerates_the_effect,
    "toleration without key": places.tolerates_every_key,
    "toleration key": places.tolerates_the_key,
    "node selector": places.selects,
    "zone": places.selects_the_zone,
    "architecture": places.selects_the_architecture,
    "capacity type": places.selects_the_capacity_type,
    "instance types": places.names_instance_types,
    "affinity In": places.requires("In"),
    "affinity NotIn": places.requires("NotIn"),
    "affinity Exists": places.requires("Exists"),
    "affinity DoesNotExist": places.requires("DoesNotExist"),
    "affinity Gt": places.requires("Gt"),
    "affinity Lt": places.requires("Lt"),
    "one of several terms": places.requires_one_of_several,
    "all of a term": places.requires_all_of_a_term,
    "empty term": places.requires_an_empty_term,
    "node name": places.requires_a_node,
    "selector and affinity": places.selects_and_requires,
    "CPU": resources.asks_for_all(CPU),
    "memory": resources.asks_for_all(MEMORY),
    "ephemeral storage": resources.asks_for_all(EPHEMERAL_STORAGE),
    "devices": resources.asks_for_devices,
    "other devices": resources.asks_for_other_devices,
    "huge pages": resources.asks_for_huge_pages,
    "limits alone": resources.has_limits_alone,
    "limits above requests": resources.has_limits_above_requests,
    "several containers": resources.has_several_containers,
    "init container": resources.has_an_init_container,
    "sidecar": resources.has_a_sidecar,
    "sidecar, then init container": resources.has_a_sidecar_before_an_init_container,
    "overhead": resources.has_overhead,
    "resources of the pod": resources.has_resources_of_its_own,
}
"""What decides where a pod runs, by name."""
INDIFFERENT: Mapping[str, Feature] = {
    "preference": places.prefers,
    "operating system": names_its_system,
    "host port": has_a_host_port,
    "scheduling gate": has_a_scheduling_gate,
    "priority": has_a_priority,
    "spread": spreads,
    "anti-affinity": keeps_apart,
}
"""What decides nothing there, and so must change nothing."""


def trial_pods(seed: int, count: int, machines: Sequence[Machine]) -> list[TrialPod]:
    """So many pods, each feature about as often in its right form as in its wrong one."""
    random = Random(seed)
    decisive, made = list(DECISIVE), []
    for number in range(count):
        main, right = decisive[number % len(decisive)], (number // len(decisive)) % 2 == 0
        draft = Draft(random, random.choice(_suiting(main, machines)))
        features = [main]
        if random.random() < 0.6:
            features.append(random.choice(list(INDIFFERENT)))
        for name in features:
            (DECISIVE.get(name) or INDIFFERENT[name])(draft, right)
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"pod-{number}"}, "spec": draft.spec}
        made.append(TrialPod(f"pod-{number}", tuple(features), draft.machine.name, pod))
    return made


def _suiting(feature: str, machines: Sequence[Machine]) -> list[Machine]:
    """Machines on which the feature can be got right and wrong."""
    if "toleration" in feature:
        return [machine for machine in machines if machine.taints]
    if feature in ("affinity Gt", "affinity Lt"):  # only these nodes have numbers in labels
        return [machine for machine in machines if machine.candidate.capacity_type]
    return list(machines)
