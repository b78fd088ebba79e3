"""A pod as the scheduler sees it, read from any manifest that holds one."""

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from eks_gpu.graph.unknown import Told, listening
from eks_gpu.pods.claims import DEVICES, Claim
from eks_gpu.pods.claims import devices as devices_of
from eks_gpu.pods.quantities import CPU, HUGE_PAGES, MEMORY, in_units, kept
from eks_gpu.pods.shape import misshapen
from eks_gpu_components.catalog.scheduling import device_of


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
    """A term: all of its requirements must hold; an empty term matches no node."""

    expressions: tuple[Expression, ...] = ()
    fields: tuple[Expression, ...] = ()


@dataclass(frozen=True)
class Pod:
    """The parts of a pod that decide where it can run."""

    requests: Mapping[str, int] = field(default_factory=dict)
    """CPU in millicores, memory and storage in MiB, extended resources in ones."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    node_affinity: tuple[Term, ...] | None = None
    """Required terms, of which at least one must hold; None without terms."""
    tolerations: tuple[Toleration, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    node_name: str = ""
    images: tuple[str, ...] = ()
    namespace: str = "default"
    daemon: bool = False
    """Whether a DaemonSet makes it, for a node that is there."""
    claims: tuple[Claim, ...] = ()
    """Devices that it claims (DRA). Whole GPUs among them are in its requests too."""
    of_the_host: tuple[str, ...] = ()
    """What it has of its node that no other pod beside it could have, as `hostNetwork`, `privileged`."""

    @cached_property
    def shape(self) -> Hashable:
        """What decides which nodes fit: pods of one shape fit the same. Labels, spread and images do not count."""
        requests, selector = sorted(self.requests.items()), sorted(self.node_selector.items())
        return tuple(requests), tuple(selector), self.node_affinity, self.tolerations, self.node_name, self.claims

    def with_claims(self, found: tuple[Claim, ...]) -> "Pod":
        """The same pod with these claims."""
        counted = {DEVICES: count} if (count := devices_of(found)) else {}
        return replace(self, claims=found, requests={**self.requests, **counted})

    def without_claims(self) -> "Pod":
        """The same pod as if it claimed nothing."""
        left = {name: amount for name, amount in self.requests.items() if name != DEVICES}
        return replace(self, claims=(), requests=left)

    def requests_any(self, resources: Iterable[str]) -> bool:
        """Whether the pod asks for one or more of any of these, or for a share or slice of one."""
        asked = {name for name, amount in self.requests.items() if amount > 0}
        return not {*asked, *map(device_of, asked)}.isdisjoint(resources)


def pod_from_template(template: Mapping[str, Any], path: str = "spec") -> Pod:
    """From a Pod or a pod template: `metadata` and `spec`, which stands at the path. Raises ValueError with the path of
    a bad quantity and of what is no map or no list where it must be one.
    """
    with listening(alone=True):  # a look at the shape asks for no value
        problems = list(misshapen(template, path))
    if problems:
        raise ValueError("; ".join(problems))
    spec = template.get("spec") or {}
    containers = spec.get("containers") or []
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return Pod(
        requests=_requests(spec, path),
        node_selector=dict(sorted((str(key), str(value)) for key, value in (spec.get("nodeSelector") or {}).items())),
        node_affinity=node_selector_terms(required) if required else None,
        tolerations=tuple(map(toleration, spec.get("tolerations") or ())),
        labels={str(key): value for key, value in ((template.get("metadata") or {}).get("labels") or {}).items()},
        node_name=str(spec.get("nodeName") or ""),
        images=tuple(str(container.get("image", "")) for container in containers),
        namespace=str((template.get("metadata") or {}).get("namespace") or "default"),
        of_the_host=tuple(dict.fromkeys(_of_the_host(spec))),
    )


def _of_the_host(spec: Mapping[str, Any]) -> Iterator[str]:
    yield from (key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key))
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        if (container.get("securityContext") or {}).get("privileged"):
            yield "privileged"
        yield from ("hostPort" for port in container.get("ports") or () if port.get("hostPort"))


def toleration(data: Mapping[str, Any]) -> Toleration:
    """From a pod's or a chart's values."""
    return Toleration(
        key=str(data.get("key") or ""),
        operator=str(data.get("operator") or "Equal"),
        value=str(data.get("value") or ""),
        effect=str(data.get("effect") or ""),
    )


def node_selector_terms(required: Mapping[str, Any]) -> tuple[Term, ...]:
    """From `nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`."""
    return tuple(
        Term(_expressions(term.get("matchExpressions")), _expressions(term.get("matchFields")))
        for term in required.get("nodeSelectorTerms") or ()
    )


def _expressions(data: Iterable[Mapping[str, Any]] | None) -> tuple[Expression, ...]:
    return tuple(
        Expression(
            str(item.get("key")), str(item.get("operator")), tuple(str(value) for value in item.get("values") or ())
        )
        for item in data or ()
        if not (isinstance(item, Told) and item.unknown.keys() & {"key", "operator"})  # nobody knows what it asks for
    )


Quantities = dict[str, Fraction]
"""By resource, in whole cores, bytes or ones: memory is rounded to MiB when it is summed, not each part of it."""

_OF_WHOLE_PODS = (CPU, MEMORY, HUGE_PAGES)
"""What the names of resources start with that a pod's own `resources` decide."""


def _requests(spec: Mapping[str, Any], path: str) -> dict[str, int]:
    """What the scheduler reserves: what containers need, or the pod as a whole where it says so, and its overhead.

    Source: Kubernetes 1.36, component-helpers, resource.PodRequests; defaults.go, defaultPodRequests.
    """
    needed = _of_containers(spec, path)
    own = _of_resources(spec, path, unless=needed)
    needed |= {name: value for name, value in own.items() if name.startswith(_OF_WHOLE_PODS)}
    total = _sum(needed, _quantities(spec.get("overhead"), f"{path}.overhead"))
    return {name: amount for name, value in sorted(total.items()) if (amount := in_units(name, value))}


def _of_containers(spec: Mapping[str, Any], path: str) -> Quantities:
    """Containers and sidecars together, or one init container where that is more.

    Sidecars (init containers that restart Always) stay, so each later init container runs beside those before it.
    Source: Kubernetes documentation, "Sidecar Containers", resource sharing within containers.
    """
    running: Quantities = {}
    for index, container in enumerate(spec.get("containers") or ()):
        running = _sum(running, _of_resources(container, f"{path}.containers[{index}]"))

    sidecars: Quantities = {}
    starting: Quantities = {}
    for index, container in enumerate(spec.get("initContainers") or ()):
        beside = _sum(sidecars, _of_resources(container, f"{path}.initContainers[{index}]"))
        starting = _most(starting, beside)
        if container.get("restartPolicy") == "Always":
            sidecars = beside
    return _most(_sum(running, sidecars), starting)


def _of_resources(owner: Mapping[str, Any], path: str, unless: Collection[str] = ()) -> Quantities:
    """Requests of a container or a pod, and limits where a resource has no request: what the API server fills in.

    It fills in none of those in `unless`.
    """
    resources = owner.get("resources") or {}
    limits, requests = (_quantities(resources.get(kind), f"{path}.resources.{kind}") for kind in ("limits", "requests"))
    return {name: value for name, value in limits.items() if name not in unless} | requests


def _quantities(given: Mapping[str, Any] | None, path: str) -> Quantities:
    """As the API server keeps them: rounded up to thousandths."""
    found: Quantities = {}
    for resource, text in (given or {}).items():
        try:
            found[str(resource)] = kept(text)
        except ValueError as error:
            raise ValueError(f"{path}.{resource} {error}") from None
    return found


def _sum(one: Quantities, other: Quantities) -> Quantities:
    return {name: one.get(name, Fraction()) + other.get(name, Fraction()) for name in {**one, **other}}


def _most(one: Quantities, other: Quantities) -> Quantities:
    return {name: max(one.get(name, Fraction()), other.get(name, Fraction())) for name in {**one, **other}}
