"""Rules of what lets traffic to pods: Service and NetworkPolicy."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.api.rules.common import is_cidr, is_port, labels_hold, twice
from eks_gpu.api.rules.registry import judges, rule
from eks_gpu.api.said import Finding, Refused, Unjudged, maps

judges("core.v1.Service", "metadata spec", "spec")
judges(
    "core.v1.ServiceSpec",
    "allocateLoadBalancerNodePorts clusterIP externalTrafficPolicy:|Cluster|Local loadBalancerClass~key "
    "loadBalancerSourceRanges ports publishNotReadyAddresses selector sessionAffinity:|None|ClientIP "
    "type:|ClusterIP|NodePort|LoadBalancer",
)
judges("core.v1.ServicePort", "name~dns_label port=1..65535 protocol:|TCP|UDP|SCTP targetPort", "port")
judges("networking.v1.NetworkPolicy", "metadata spec")
judges("networking.v1.NetworkPolicySpec", "egress ingress podSelector policyTypes")
judges("networking.v1.NetworkPolicyIngressRule", "from ports")
judges("networking.v1.NetworkPolicyEgressRule", "to ports")
judges("networking.v1.NetworkPolicyPort", "port protocol:TCP|UDP|SCTP")
judges("networking.v1.NetworkPolicyPeer", "ipBlock namespaceSelector podSelector")
judges("networking.v1.IPBlock", "cidr except", "cidr")


@rule("core.v1.ServiceSpec")
def _service(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    kind, ports = given.get("type") or "ClusterIP", maps(given.get("ports"))
    headless = given.get("clusterIP") == "None"
    if given.get("clusterIP") not in (None, "", "None"):
        yield Unjudged(f"{path}.clusterIP")
    if headless and kind != "ClusterIP":
        yield Refused(f"{path}.clusterIP", f"must not be None, because the type is {kind}")
    if not ports and not headless:
        yield Refused(f"{path}.ports", "is required")
    for index, port in enumerate(ports):
        if len(ports) > 1 and not port.get("name"):
            yield Refused(f"{path}.ports[{index}].name", "is required where there are several ports")
        if port.get("targetPort") not in (None, 0, ""):
            yield from is_port(port["targetPort"], f"{path}.ports[{index}].targetPort")
    yield from twice([port.get("name") for port in ports], f"{path}.ports", "ports of the name")
    yield from labels_hold(given.get("selector"), f"{path}.selector")
    if kind == "ClusterIP" and given.get("externalTrafficPolicy"):
        yield Refused(f"{path}.externalTrafficPolicy", "is for the types NodePort and LoadBalancer alone")
    if kind != "LoadBalancer" and given.get("allocateLoadBalancerNodePorts") is not None:
        yield Refused(f"{path}.allocateLoadBalancerNodePorts", "is for the type LoadBalancer alone")
    if given.get("loadBalancerClass") == "":
        yield Refused(f"{path}.loadBalancerClass", "must not be empty")
    if kind != "LoadBalancer" and given.get("loadBalancerClass") is not None:
        yield Refused(f"{path}.loadBalancerClass", "is for the type LoadBalancer alone")
    if given.get("loadBalancerSourceRanges") and kind != "LoadBalancer":
        yield Refused(f"{path}.loadBalancerSourceRanges", "is for the type LoadBalancer alone")
    for index, cidr in enumerate(given.get("loadBalancerSourceRanges") or ()):
        yield from is_cidr(cidr.strip(), f"{path}.loadBalancerSourceRanges[{index}]")


@rule("networking.v1.NetworkPolicySpec")
def _policy(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    kinds = given.get("policyTypes") or ()
    for index, kind in enumerate(kinds):
        if kind not in ("Ingress", "Egress"):
            yield Refused(f"{path}.policyTypes[{index}]", f"must be Ingress or Egress, got {kind!r}")
    if len(kinds) > 2:
        yield Refused(f"{path}.policyTypes", "must have at most two items")


@rule("networking.v1.NetworkPolicyPort")
def _policy_port(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("port") is not None:
        yield from is_port(given["port"], f"{path}.port")


@rule("networking.v1.NetworkPolicyPeer")
def _peer(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if not given:
        yield Refused(path, "must have one of ipBlock, namespaceSelector and podSelector")
    if given.get("ipBlock") is not None and len(given) > 1:
        yield Refused(path, "must have nothing beside ipBlock")


@rule("networking.v1.IPBlock")
def _block(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("cidr"):
        yield from is_cidr(given["cidr"], f"{path}.cidr")
    if given.get("except"):
        yield Unjudged(f"{path}.except")
