"""Volumes that keep a pod from a node: claims that nothing binds, and volumes in a zone where no pool has nodes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from eks_gpu.cost.admission import Room
from eks_gpu.live.cluster import Kind, Manifest
from eks_gpu.live.observed import Observed
from eks_gpu.live.why.causes import Cause, Id
from eks_gpu.live.why.refused_launches import newest, shortened
from eks_gpu.live.why.said import Events, Said, called
from eks_gpu.live.why.waiting_pods import Waiting
from eks_gpu.pods.pod import Pod, Term, node_selector_terms
from eks_gpu_components.catalog import ZONE_LABEL

CLAIM, VOLUME = Kind("", "PersistentVolumeClaim"), Kind("", "PersistentVolume")
CLASS = Kind("storage.k8s.io", "StorageClass")
_ON_FIRST_POD = "WaitForFirstConsumer"
Found = tuple[Cause, tuple[Said, ...]]


@dataclass(frozen=True)
class Volumes:
    """Volumes of a cluster."""

    observed: Observed
    events: Events

    def problem(self, waiting: Waiting, pod: Pod, rooms: Sequence[Room]) -> Found | None:
        """The first of the pod's volumes that keeps it from every node."""
        for name in claims_of(waiting.manifest):
            if found := self._of_claim(waiting, pod, rooms, name):
                return found
        return None

    def _of_claim(self, waiting: Waiting, pod: Pod, rooms: Sequence[Room], name: str) -> Found | None:
        if not self.observed.is_read(CLAIM):
            return None
        claim = self._claims.get((waiting.namespace, name))
        if claim is None:
            message = f"it needs PersistentVolumeClaim {name}, which is not there"
            return Cause(Id.VOLUME, message, f"make PersistentVolumeClaim {name} in namespace {waiting.namespace}"), ()
        phase = str((claim.get("status") or {}).get("phase"))
        if phase == "Bound":
            return self._elsewhere(pod, rooms, name, str((claim.get("spec") or {}).get("volumeName") or ""))
        return self._unbound(waiting, claim, phase)

    @cached_property
    def _claims(self) -> dict[tuple[str, str], Manifest]:
        return {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in self.observed.of(CLAIM)}

    def _unbound(self, waiting: Waiting, claim: Manifest, phase: str) -> Found | None:
        name = claim["metadata"]["name"]
        wanted = (claim.get("spec") or {}).get("storageClassName")
        classes = {each["metadata"]["name"]: each for each in self.observed.of(CLASS)}
        said = newest(
            self.events.of(called("PersistentVolumeClaim", name, waiting.namespace), claim["metadata"]["uid"])
        )
        told = (said,) if said else ()
        if wanted and wanted not in classes and self.observed.is_read(CLASS):
            message = f"PersistentVolumeClaim {name} names StorageClass {wanted}, which is not there"
            known = f"; there are: {', '.join(sorted(classes))}" if classes else ""
            return Cause(Id.VOLUME, message, f"set spec.storageClassName to one that is there{known}"), told
        if phase == "Lost":
            return Cause(Id.VOLUME, f"the volume of PersistentVolumeClaim {name} is gone", "make the claim anew"), told
        waits = wanted in classes and classes[wanted].get("volumeBindingMode") == _ON_FIRST_POD
        failed = said is not None and said.reason == "ProvisioningFailed"
        if waits and not failed:
            return None
        why = f": {shortened(said.message)}" if said else ""
        fix = "look at the pods of the driver that its StorageClass names"
        if wanted is None or wanted == "":
            fix = "set spec.storageClassName, mark a StorageClass as the default one, or make a volume that fits"
        return Cause(Id.VOLUME, f"PersistentVolumeClaim {name} is not bound{why}", fix), told

    def _elsewhere(self, pod: Pod, rooms: Sequence[Room], name: str, volume: str) -> Found | None:
        """A bound volume is in one zone: pools that take the pod have no node there."""
        terms = self._terms.get(volume, ())
        takers = [room for room in rooms if room.verdict(pod).admits]
        if not terms or not takers:
            return None
        there = replace(pod, node_affinity=_both(pod.node_affinity, terms))
        if any(room.verdict(there).admits for room in takers):
            return None
        zones = sorted({v for term in terms for each in term.expressions if _is_zone(each.key) for v in each.values})
        if not zones:
            return None
        pools = ", ".join(room.pool.name for room in takers)
        message = (
            f"the volume of PersistentVolumeClaim {name} is in {', '.join(zones)}, where pool {pools} has no nodes"
        )
        return Cause(Id.VOLUME, message, f"give pool {pools} a subnet in {', '.join(zones)}, or move the volume"), ()

    @cached_property
    def _terms(self) -> dict[str, tuple[Term, ...]]:
        found: dict[str, tuple[Term, ...]] = {}
        for each in self.observed.of(VOLUME):
            required = ((each.get("spec") or {}).get("nodeAffinity") or {}).get("required")
            if required:
                found[each["metadata"]["name"]] = tuple(map(_zonal, node_selector_terms(required)))
        return found


def _is_zone(key: str) -> bool:
    return key == ZONE_LABEL or key.endswith("/zone")


def _zonal(term: Term) -> Term:
    """A driver's own label of the zone is the node's zone."""
    return Term(
        tuple(replace(each, key=ZONE_LABEL) for each in term.expressions if _is_zone(each.key)),
    )


def _both(given: tuple[Term, ...] | None, terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """Terms that hold where one of the given and one of the others does."""
    own = given or (Term(),)
    return tuple(Term((*a.expressions, *b.expressions), (*a.fields, *b.fields)) for a in own for b in terms)


def claims_of(pod: Manifest) -> Iterator[str]:
    """Names of a pod's claims, those that it makes itself too."""
    for volume in (pod.get("spec") or {}).get("volumes") or ():
        named: Any = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if named:
            yield str(named)
        elif volume.get("ephemeral"):
            yield f"{pod['metadata']['name']}-{volume.get('name')}"
