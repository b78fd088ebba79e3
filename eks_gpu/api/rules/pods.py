"""Rules of a pod as a whole: its containers beside each other, its claims, its hosts."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.api import names
from eks_gpu.api.rules.common import one_of, refused, twice
from eks_gpu.api.rules.registry import judges, rule
from eks_gpu.api.said import Finding, Refused, Unjudged, joined, maps
from eks_gpu_components.catalog.nearest import hint

judges("core.v1.Pod", "metadata spec", "spec")
judges("core.v1.PodTemplateSpec", "metadata spec", "spec")
judges(
    "core.v1.PodSpec",
    "activeDeadlineSeconds=1..2147483647 affinity automountServiceAccountToken containers "
    "dnsPolicy:|ClusterFirstWithHostNet|ClusterFirst|Default|None enableServiceLinks hostIPC hostNetwork hostPID "
    "hostname~dns_label imagePullSecrets initContainers nodeName~subdomain nodeSelector "
    "priorityClassName~subdomain resourceClaims restartPolicy:|Always|OnFailure|Never runtimeClassName~subdomain "
    "schedulerName~subdomain securityContext serviceAccountName~subdomain setHostnameAsFQDN shareProcessNamespace "
    "subdomain~dns_label terminationGracePeriodSeconds tolerations topologySpreadConstraints volumes",
    "containers",
)
judges("core.v1.LocalObjectReference", "name~subdomain")
judges(
    "core.v1.PodResourceClaim",
    "name~dns_label resourceClaimName~subdomain resourceClaimTemplateName~subdomain",
    "name",
)
judges(
    "core.v1.PodSecurityContext",
    "fsGroup=0..2147483647 fsGroupChangePolicy:OnRootMismatch|Always runAsGroup=0..2147483647 runAsNonRoot "
    "runAsUser=0..2147483647 seccompProfile supplementalGroups",
)


@rule("core.v1.PodSpec")
def _pod(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    containers, first = maps(given.get("containers")), maps(given.get("initContainers"))
    yield from twice([one.get("name") for one in (*containers, *first)], f"{path}.containers", "container names")
    volumes = {volume.get("name"): volume for volume in maps(given.get("volumes"))}
    claims = [str(claim.get("name")) for claim in maps(given.get("resourceClaims"))]
    for kind, group in (("containers", containers), ("initContainers", first)):
        for index, container in enumerate(group):
            at = joined(joined(path, kind), index)
            for number, mount in enumerate(maps(container.get("volumeMounts"))):
                if mount.get("name") and mount["name"] not in volumes:
                    place = joined(joined(at, "volumeMounts"), number)
                    known = [str(name) for name in volumes]
                    yield Refused(
                        f"{place}.name", f"is no volume of the pod: {mount['name']}{hint(mount['name'], known)}"
                    )
            for number, claim in enumerate(maps((container.get("resources") or {}).get("claims"))):
                if claim.get("name") and claim["name"] not in claims:
                    place = f"{at}.resources.claims[{number}].name"
                    yield Refused(place, f"is no claim of the pod: {claim['name']}{hint(claim['name'], claims)}")
            yield from _started(container, at, kind, bool(given.get("hostNetwork")))
            yield from _sleeping(container, at, given.get("terminationGracePeriodSeconds"))
    yield from _host_ports(containers, path)
    for key, value in (given.get("nodeSelector") or {}).items():
        yield from refused(f"{path}.nodeSelector.{key}", names.key(key) or names.label_value(value or ""))
    if given.get("shareProcessNamespace") and given.get("hostPID"):
        yield Refused(f"{path}.shareProcessNamespace", "must not be true beside hostPID")
    if given.get("dnsPolicy") == "None":
        yield Refused(f"{path}.dnsConfig.nameservers", "is required, because dnsPolicy is None")
    if given.get("runtimeClassName") == "":
        yield Refused(f"{path}.runtimeClassName", names.subdomain(""))


def _started(container: Mapping[str, Any], path: str, kind: str, host_network: bool) -> Iterator[Finding]:
    sidecar = container.get("restartPolicy") == "Always"
    if kind == "initContainers" and not sidecar:
        for key in ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle"):
            if container.get(key) is not None:
                yield Refused(f"{path}.{key}", "must be left out of an init container that does not restart Always")
    if container.get("restartPolicy") is not None and (kind == "containers" or not sidecar):
        yield Unjudged(f"{path}.restartPolicy")
    for key in ("livenessProbe", "startupProbe"):
        probe = container.get(key) or {}
        if probe.get("successThreshold") not in (None, 0, 1):
            yield Refused(f"{path}.{key}.successThreshold", f"must be 1, got {probe['successThreshold']}")
    readiness = container.get("readinessProbe") or {}
    if readiness.get("terminationGracePeriodSeconds") is not None:
        yield Refused(f"{path}.readinessProbe.terminationGracePeriodSeconds", "must be left out of a readiness probe")
    for index, port in enumerate(maps(container.get("ports"))):
        if host_network and port.get("hostPort") not in (None, 0, port.get("containerPort")):
            yield Refused(f"{path}.ports[{index}].hostPort", "must be the containerPort, because of hostNetwork")


def _sleeping(container: Mapping[str, Any], path: str, grace: int | None) -> Iterator[Finding]:
    most = 30 if grace is None else max(grace, 1)
    for kind, handler in (container.get("lifecycle") or {}).items():
        seconds = ((handler or {}).get("sleep") or {}).get("seconds") or 0
        if seconds > most:
            at = f"{path}.lifecycle.{kind}.sleep.seconds"
            yield Refused(at, f"must be at most terminationGracePeriodSeconds, {most}, got {seconds}")


def _host_ports(containers: list[Mapping[str, Any]], path: str) -> Iterator[Finding]:
    ports = [
        (port.get("protocol") or "TCP", port.get("hostIP") or "", port["hostPort"])
        for container in containers
        for port in maps(container.get("ports"))
        if port.get("hostPort")
    ]
    yield from twice(ports, f"{path}.containers", "host ports")


@rule("core.v1.PodResourceClaim")
def _claim(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from one_of(given, path, "resourceClaimName resourceClaimTemplateName")
    for key in ("resourceClaimName", "resourceClaimTemplateName"):
        if given.get(key) == "":
            yield Refused(f"{path}.{key}", names.subdomain(""))


@rule("core.v1.Pod")
def _images(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """In a template, an image with spaces is taken, and its pods are refused."""
    spec = given.get("spec") or {}
    for kind in ("containers", "initContainers"):
        for index, container in enumerate(maps(spec.get(kind))):
            image = container.get("image") or ""
            if image != image.strip():
                yield Refused(f"spec.{kind}[{index}].image", "must have no spaces around it")


@rule("core.v1.PodSecurityContext")
def _groups(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    for index, group in enumerate(given.get("supplementalGroups") or ()):
        if not 0 <= group < 2**31:
            yield Refused(f"{path}.supplementalGroups[{index}]", f"must be 0 to {2**31 - 1}, got {group}")
