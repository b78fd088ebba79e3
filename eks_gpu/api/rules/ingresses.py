"""Rules of Ingresses and of their classes."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.api import names
from eks_gpu.api.rules.common import refused
from eks_gpu.api.rules.registry import judges, rule
from eks_gpu.api.said import Finding, Refused, Unjudged, maps
from eks_gpu_components.catalog import INGRESS_CLASS_ANNOTATION

judges("networking.v1.Ingress", "metadata spec", "spec")
judges("networking.v1.IngressSpec", "defaultBackend ingressClassName~subdomain rules tls")
judges("networking.v1.IngressRule", "host http")
judges("networking.v1.HTTPIngressRuleValue", "paths", "paths")
judges(
    "networking.v1.HTTPIngressPath",
    "backend path pathType:Exact|Prefix|ImplementationSpecific",
    "backend pathType",
)
judges("networking.v1.IngressBackend", "resource service")
judges("networking.v1.IngressServiceBackend", "name port", "name")
judges("networking.v1.ServiceBackendPort", "name~port_name number")
judges("networking.v1.IngressTLS", "hosts secretName~subdomain")
judges("core.v1.TypedLocalObjectReference", "apiGroup kind name")
judges("networking.v1.IngressClass", "metadata spec", "spec")
judges("networking.v1.IngressClassSpec", "controller parameters", "controller")
judges(
    "networking.v1.IngressClassParametersReference",
    "apiGroup~subdomain kind~path_segment name~path_segment namespace scope:Cluster|Namespace",
    "kind name",
)

_NOWHERE, _ENDS = ("//", "/./", "/../", "%2f", "%2F"), ("/..", "/.")
_ADDRESS = re.compile(r"(\d+)\.(\d+)\.(\d+)\.(\d+)")
_CONTROLLER = re.compile(r"[-A-Za-z0-9/._~%!$&'()*+,;=:]+")
_MOST_OF_CONTROLLER = 250


@rule("networking.v1.Ingress")
def _ingress(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    annotations = (given.get("metadata") or {}).get("annotations") or {}
    named = (given.get("spec") or {}).get("ingressClassName")
    if (
        annotations.get(INGRESS_CLASS_ANNOTATION) is not None
        and named is not None
        and annotations[INGRESS_CLASS_ANNOTATION] != named
    ):
        yield Refused(f"metadata.annotations.{INGRESS_CLASS_ANNOTATION}", f"must be the ingressClassName, {named}")


@rule("networking.v1.IngressSpec")
def _spec(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if not given.get("rules") and given.get("defaultBackend") is None:
        yield Refused(path, "must have rules or a defaultBackend")
    if given.get("ingressClassName") == "":
        yield Refused(f"{path}.ingressClassName", names.subdomain(""))
    for index, each in enumerate(maps(given.get("tls"))):
        for number, host in enumerate(each.get("hosts") or ()):
            yield from refused(f"{path}.tls[{index}].hosts[{number}]", _no_host(host))


@rule("networking.v1.IngressRule")
def _rule(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    host = given.get("host")
    if not host:
        return
    yield from refused(f"{path}.host", _no_host(host))
    found = _ADDRESS.fullmatch(host)
    if found and all(int(part) < 256 for part in found.groups()):
        yield Refused(f"{path}.host", f"must be a name of DNS, got the address {host!r}")


def _no_host(host: str) -> str:
    """Why it is no name of DNS, whose first part may be '*'."""
    if "*" not in host:
        return names.subdomain(host)
    good = host.startswith("*.") and not names.subdomain(host.removeprefix("*.")) and len(host) <= 253
    return "" if good else f"must have '*' as its whole first part alone, as *.my.name, got {host!r}"


@rule("networking.v1.HTTPIngressPath")
def _path(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    where, kind = given.get("path") or "", given.get("pathType")
    if kind not in ("Exact", "Prefix", "ImplementationSpecific"):
        return
    if (where or kind != "ImplementationSpecific") and not where.startswith("/"):
        yield Refused(f"{path}.path", f"must begin with '/', got {where!r}")
    elif kind != "ImplementationSpecific":
        for part in _NOWHERE:
            if part in where:
                yield Refused(f"{path}.path", f"must be without {part!r}, got {where!r}")
        for end in _ENDS:
            if where.endswith(end):
                yield Refused(f"{path}.path", f"must not end with {end!r}, got {where!r}")


@rule("networking.v1.IngressBackend")
def _backend(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    service, resource = given.get("service"), given.get("resource")
    if (service is None) == (resource is None):
        yield Refused(path, "must have one of resource and service")
    elif resource is not None:
        yield from _resource(resource, f"{path}.resource")
    elif service is not None:
        port = service.get("port") or {}
        if not port.get("name") and not port.get("number"):
            yield Refused(f"{path}.service.port", "is required, a name or a number")


def _resource(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("apiGroup") is not None:
        yield from refused(f"{path}.apiGroup", names.subdomain(given["apiGroup"]))
    for key in ("kind", "name"):
        if not given.get(key):
            yield Refused(f"{path}.{key}", "is required")
        else:
            yield from refused(f"{path}.{key}", names.path_segment(given[key]))


@rule("networking.v1.IngressServiceBackend")
def _service(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    name = given.get("name") or ""
    if name[:1].isdigit() and not names.dns_label(name):
        yield Unjudged(f"{path}.name")  # taken from some version on
    elif name:
        yield from refused(f"{path}.name", names.dns_1035(name))


@rule("networking.v1.ServiceBackendPort")
def _port(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    number = given.get("number") or 0
    if given.get("name") and number:
        yield Refused(path, "must have one of name and number")
    elif not 0 <= number <= 65535:
        yield Refused(f"{path}.number", f"must be 1 to 65535, got {number}")


@rule("networking.v1.IngressClassSpec")
def _class(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    controller = given.get("controller") or ""
    domain, _, rest = controller.partition("/")
    if controller and (names.subdomain(domain) or not _CONTROLLER.fullmatch(rest)):
        yield Refused(
            f"{path}.controller", f"must be a domain, '/' and a path, as ingress.k8s.aws/alb, got {controller!r}"
        )
    elif len(controller) > _MOST_OF_CONTROLLER:
        yield Refused(f"{path}.controller", f"must have at most {_MOST_OF_CONTROLLER} characters")


@rule("networking.v1.IngressClassParametersReference")
def _parameters(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    scope, namespace = given.get("scope") or "Cluster", given.get("namespace")
    if given.get("apiGroup") == "":
        yield Refused(f"{path}.apiGroup", names.subdomain(""))
    if scope == "Namespace" and namespace is None:
        yield Refused(f"{path}.namespace", "is required, because the scope is Namespace")
    elif scope == "Namespace":
        yield from refused(f"{path}.namespace", names.dns_label(namespace or ""))
    elif scope == "Cluster" and namespace is not None:
        yield Refused(f"{path}.namespace", "must be left out, because the scope is Cluster")
