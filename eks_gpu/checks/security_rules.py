"""Rules of security groups: those of the group itself, and those that are resources of their own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.graph.graph import Graph, Resource

SECURITY_GROUP, DEFAULT_GROUP = (
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
)
_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
_INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
_ALL = ("-1", "all")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: it allows a protocol and ports, to or from ranges, groups or prefix lists."""

    egress: bool
    protocol: str
    first: int
    last: int
    cidrs: tuple[str, ...]
    others: tuple[str, ...]
    """Groups and prefix lists; `self` for the group itself."""

    @property
    def is_for_all(self) -> bool:
        """Whether it is for every protocol and port."""
        return self.protocol in _ALL

    def allows(self, port: int, protocol: str = "tcp") -> bool:
        """Whether it is for the port, whoever is at the other end."""
        return self.is_for_all or (
            self.protocol in (protocol, {"tcp": "6", "udp": "17"}[protocol]) and self.first <= port <= self.last
        )


def rules(group: Resource, graph: Graph) -> Iterator[Rule]:
    """All rules of a group."""
    for key in ("ingress", "egress"):
        for given in group.inputs.get(key) or ():
            yield _rule(given, key == "egress")
    for found in graph.of(_RULE):
        if found.inputs.get("securityGroupId") == group.id:
            yield _rule(found.inputs, found.inputs.get("type") == "egress")
    for found in graph.of(_INGRESS, _EGRESS):
        if found.inputs.get("securityGroupId") == group.id:
            yield _rule(found.inputs, found.type == _EGRESS)


def _rule(given: Mapping[str, Any], egress: bool) -> Rule:
    cidrs = [*_listed(given, "cidrBlocks", "ipv6CidrBlocks"), *_listed(given, "cidrIpv4", "cidrIpv6")]
    others = _listed(given, "securityGroups", "sourceSecurityGroupId", "referencedSecurityGroupId")
    others += _listed(given, "prefixListIds", "prefixListId")
    if given.get("self"):
        others.append("self")
    protocol = str(given.get("protocol") or given.get("ipProtocol") or "-1").lower()
    first, last = (_port(given.get(key)) for key in ("fromPort", "toPort"))
    return Rule(egress, protocol, first, last, tuple(cidrs), tuple(others))


def _listed(given: Mapping[str, Any], *keys: str) -> list[str]:
    values = (given.get(key) for key in keys)
    return [str(one) for value in values for one in (value if isinstance(value, list | tuple) else [value]) if one]


def _port(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def lets_in(group: Resource, graph: Graph, port: int) -> bool:
    """Whether anybody may connect to the port."""
    return any(not rule.egress and rule.allows(port) for rule in rules(group, graph))


def lets_out(group: Resource, graph: Graph, port: int, protocol: str = "tcp") -> bool:
    """Whether it lets anything out to the port."""
    return any(rule.egress and rule.allows(port, protocol) for rule in rules(group, graph))
