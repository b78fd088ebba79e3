"""A pod as the scheduler sees it, read from any manifest that holds one."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .quantities import amount


@dataclass(frozen=True, slots=True)
class Toleration:
    """An empty `key` with Exists tolerates every taint; an empty `effect` every effect."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


@dataclass(frozen=True, slots=True)
class Expression:
    """One requirement for a label or, in `fields`, for the node's name."""

    key: str
    operator: str
    """In, NotIn, Exists, DoesNotExist, Gt or Lt; in a NodePool also Gte or Lte."""
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        values = f" [{', '.join(self.values)}]" if self.values else ""
        return f"{self.key} {self.operator}{values}"


@dataclass(frozen=True, slots=True)
class Term:
    """All of it must hold; a term without any requirement holds nowhere."""

    expressions: tuple[Expression, ...] = ()
    fields: tuple[Expression, ...] = ()


@dataclass(frozen=True)
class Pod:
    """What decides where a pod can run."""

    requests: Mapping[str, int] = field(default_factory=dict)
    """CPU in millicores, memory and storage in MiB, extended resources in ones."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    node_affinity: tuple[Term, ...] | None = None
    """Required terms, of which one must hold; None without any."""
    tolerations: tuple[Toleration, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    topology_spread: tuple[Mapping[str, Any], ...] = ()
    node_name: str = ""
    images: tuple[str, ...] = ()

    def requests_any(self, resources: Iterable[str]) -> bool:
        """Whether the pod asks for one or more of any of these."""
        return any(self.requests.get(resource, 0) > 0 for resource in resources)


def pod_from_template(template: Mapping[str, Any], where: str = "") -> Pod:
    """From a Pod or a pod template: `metadata` and `spec`. Raises ValueError with the path of a bad quantity."""
    spec = template.get("spec") or {}
    path = f"{where}spec"
    containers = spec.get("containers") or []
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return Pod(
        requests=_requests(spec, path),
        node_selector={str(key): str(value) for key, value in sorted((spec.get("nodeSelector") or {}).items())},
        node_affinity=node_selector_terms(required) if required else None,
        tolerations=tuple(map(toleration, spec.get("tolerations") or ())),
        labels=dict((template.get("metadata") or {}).get("labels") or {}),
        topology_spread=tuple(spec.get("topologySpreadConstraints") or ()),
        node_name=spec.get("nodeName") or "",
        images=tuple(str(container.get("image", "")) for container in containers),
    )


def toleration(data: Mapping[str, Any]) -> Toleration:
    """From a pod's or a chart's values."""
    return Toleration(
        key=data.get("key") or "",
        operator=data.get("operator") or "Equal",
        value=str(data.get("value") or ""),
        effect=data.get("effect") or "",
    )


def node_selector_terms(required: Mapping[str, Any]) -> tuple[Term, ...]:
    """From `nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`."""
    return tuple(
        Term(_expressions(term.get("matchExpressions")), _expressions(term.get("matchFields")))
        for term in required.get("nodeSelectorTerms") or ()
    )


def _expressions(data: Iterable[Mapping[str, Any]] | None) -> tuple[Expression, ...]:
    return tuple(
        Expression(item["key"], item["operator"], tuple(str(value) for value in item.get("values") or ()))
        for item in data or ()
    )


def _requests(spec: Mapping[str, Any], path: str) -> dict[str, int]:
    """What the scheduler reserves: containers and sidecars together, or one init container where that is more.

    Sidecars (init containers that restart Always) stay, so each later init container runs beside those before it.
    Source: Kubernetes documentation, "Sidecar Containers", resource sharing within containers.
    """
    containers = spec.get("containers") or []
    running: Counter[str] = Counter()
    for index, container in enumerate(containers):
        running.update(_of_container(container, f"{path}.containers[{index}]"))

    sidecars: Counter[str] = Counter()
    starting: Counter[str] = Counter()
    for index, container in enumerate(spec.get("initContainers") or []):
        needs = Counter(_of_container(container, f"{path}.initContainers[{index}]"))
        if container.get("restartPolicy") == "Always":
            sidecars.update(needs)
            starting |= sidecars
        else:
            starting |= sidecars + needs
    total = (running + sidecars) | starting
    overhead = spec.get("overhead") or {}
    total.update({name: _amount(name, value, f"{path}.overhead") for name, value in overhead.items()})
    return {name: value for name, value in sorted(total.items()) if value}


def _of_container(container: Mapping[str, Any], path: str) -> dict[str, int]:
    """Requests, and limits where a resource has no request: what the API server fills in."""
    resources = container.get("resources") or {}
    asked = {
        name: _amount(name, value, f"{path}.resources.{kind}")
        for kind in ("limits", "requests")
        for name, value in (resources.get(kind) or {}).items()
    }
    return {name: value for name, value in asked.items() if value}


def _amount(resource: str, text: Any, path: str) -> int:
    try:
        return amount(resource, text)
    except ValueError as error:
        raise ValueError(f"{path}.{resource} {error}") from None
