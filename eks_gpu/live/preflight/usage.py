"""What an account uses of its quotas, and how much of that is the stack's own, where it is up."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eks_gpu.live.preflight.inquiry import Inquiry, Refused
from eks_gpu.live.preflight.needs import EIP, FARGATE_PROFILE, NODE_GROUP, Need
from eks_gpu_components.catalog import CLUSTER_NAME_TAGS, CLUSTER_TAG, CapacityType, UnknownInstanceType, instance_type
from eks_gpu_components.catalog import quotas as of
from eks_gpu_components.catalog.quotas import VCPU_QUOTAS, Quota, quota

RUNNING = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
CLUSTER_TAGS = (CLUSTER_TAG, *CLUSTER_NAME_TAGS)


@dataclass(frozen=True, slots=True)
class Used:
    """What counts against a quota now."""

    usage: int | None
    """None if nobody can tell."""
    own: int = 0
    """How much of it is of the plan's clusters that are there, so that an update does not add it again."""
    why: str = ""
    """Why the usage is not known; a clause."""


class Usage:
    """What one account uses; each question is asked once."""

    def __init__(self, inquiry: Inquiry):
        self._inquiry = inquiry
        self._answers: dict[tuple[str, str, str], Any] = {}

    def of(self, need: Need) -> Used:
        if need.quota in VCPU_QUOTAS:
            return self._vcpus(need)
        count = _COUNTS.get(need.quota)
        return count(self, need) if count else Used(None, why="no operation of AWS tells how much of it is used")

    def _rows(self, region: str, service: str, operation: str, key: str, **arguments: Any) -> list[Any] | Refused:
        asked = (region, operation, str(sorted(arguments.items())))
        if asked not in self._answers:
            self._answers[asked] = self._inquiry.rows(
                region, service, operation, key, f"usage of quotas in {region}", **arguments
            )
        return self._answers[asked]

    # vCPUs

    def _instances(self, region: str) -> list[Any] | Refused:
        found = self._rows(region, "ec2", "describe_instances", "Reservations", Filters=RUNNING)
        if isinstance(found, Refused):
            return found
        return [instance for reservation in found for instance in reservation["Instances"]]

    def _vcpus(self, need: Need) -> Used:
        instances = self._instances(need.region)
        if isinstance(instances, Refused):
            return Used(None, why=instances.why)
        spot = need.capacity_type == CapacityType.SPOT
        usage = own = 0
        for instance in instances:
            if (instance.get("InstanceLifecycle") == "spot") != spot:
                continue
            try:
                row = instance_type(instance["InstanceType"])
            except UnknownInstanceType:
                return Used(None, why=f"the catalog does not know {instance['InstanceType']}, which runs there")
            if quota(row, spot=spot) == need.quota:
                usage += row.vcpus
                own += row.vcpus if self._is_own(instance.get("Tags") or ()) else 0
        return Used(usage, own)

    def _is_own(self, tags: Any) -> bool:
        """Whether an instance is of one of the plan's clusters."""
        names = {cluster.name for cluster in self._inquiry.clusters}
        told = {str(tag.get("Key", "")): str(tag.get("Value", "")) for tag in tags}
        return any(
            told.get(tag) in names or any(f"{tag}{name}" in told for name in names if tag.endswith("/"))
            for tag in CLUSTER_TAGS
        )

    # Things

    def _count(
        self, need: Need, service: str, operation: str, key: str, own: Callable[[Any], bool], **arguments: Any
    ) -> Used:
        found = self._rows(need.region, service, operation, key, **arguments)
        if isinstance(found, Refused):
            return Used(None, why=found.why)
        return Used(len(found), sum(map(own, found)))

    def _in_own_vpc(self, row: Any) -> bool:
        return row.get("VpcId") in self._inquiry.own_vpcs

    def vpcs(self, need: Need) -> Used:
        return self._count(need, "ec2", "describe_vpcs", "Vpcs", self._in_own_vpc)

    def addresses(self, need: Need) -> Used:
        gateways = self._rows(need.region, "ec2", "describe_nat_gateways", "NatGateways")
        rows = [] if isinstance(gateways, Refused) else gateways
        own = {
            address.get("AllocationId")
            for gateway in rows
            if self._in_own_vpc(gateway)
            for address in gateway.get("NatGatewayAddresses") or ()
        }
        makes = bool(self._inquiry.in_region(need.region, EIP))
        return self._count(
            need, "ec2", "describe_addresses", "Addresses", lambda row: makes and row.get("AllocationId") in own
        )

    def internet_gateways(self, need: Need) -> Used:
        def own(row: Any) -> bool:
            return any(self._in_own_vpc(attached) for attached in row.get("Attachments") or ())

        return self._count(need, "ec2", "describe_internet_gateways", "InternetGateways", own)

    def nat_gateways(self, need: Need) -> Used:
        if not need.where:
            return Used(None, why="the plan does not tell the zone of the gateway's subnet")
        subnets = self._rows(need.region, "ec2", "describe_subnets", "Subnets")
        gateways = self._rows(need.region, "ec2", "describe_nat_gateways", "NatGateways")
        for refused in (subnets, gateways):
            if isinstance(refused, Refused):
                return Used(None, why=refused.why)
        assert isinstance(subnets, list) and isinstance(gateways, list)
        zone = {subnet["SubnetId"]: subnet["AvailabilityZone"] for subnet in subnets}
        here = [
            gateway
            for gateway in gateways
            if gateway.get("State") not in ("deleted", "failed") and zone.get(gateway.get("SubnetId")) == need.where
        ]
        return Used(len(here), sum(map(self._in_own_vpc, here)))

    def security_groups(self, need: Need) -> Used:
        return self._count(need, "ec2", "describe_security_groups", "SecurityGroups", self._in_own_vpc)

    def gateway_endpoints(self, need: Need) -> Used:
        only = [{"Name": "vpc-endpoint-type", "Values": ["Gateway"]}]
        return self._count(need, "ec2", "describe_vpc_endpoints", "VpcEndpoints", self._in_own_vpc, Filters=only)

    def clusters(self, need: Need) -> Used:
        names = {cluster.name for cluster in self._inquiry.clusters}
        return self._count(need, "eks", "list_clusters", "clusters", lambda name: name in names)

    def of_a_cluster(self, need: Need) -> Used:
        """Of a cluster that is not there yet nothing is used."""
        profiles = need.quota == of.FARGATE_PROFILES_OF_A_CLUSTER
        standing = self._inquiry.standing.get(need.where)
        if isinstance(standing, Refused):
            return Used(None, why=standing.why)
        if standing is None and need.where in {cluster.name for cluster in self._inquiry.clusters}:
            return Used(0)
        type_, name = (FARGATE_PROFILE, "fargateProfileName") if profiles else (NODE_GROUP, "nodeGroupName")
        made = {str(each[name]) for each in self._inquiry.in_region(need.region, type_)}
        operation, key = (
            ("list_fargate_profiles", "fargateProfileNames") if profiles else ("list_nodegroups", "nodegroups")
        )
        return self._count(
            need,
            "eks",
            operation,
            key,
            lambda found: found.rpartition("-")[0] in made or found in made,
            clusterName=need.where,
        )

    def of_a_group(self, _: Need) -> Used:
        return Used(0)

    def auto_scaling_groups(self, need: Need) -> Used:
        return self._count(
            need,
            "autoscaling",
            "describe_auto_scaling_groups",
            "AutoScalingGroups",
            lambda group: self._is_own(group.get("Tags") or ()),
        )

    def load_balancers(self, need: Need) -> Used:
        kind = "network" if need.quota == of.NETWORK_LOAD_BALANCERS else "application"
        found = self._rows(need.region, "elbv2", "describe_load_balancers", "LoadBalancers")
        if isinstance(found, Refused):
            return Used(None, why=found.why)
        here = [row for row in found if row.get("Type") == kind]
        return Used(len(here), sum(map(self._in_own_vpc, here)))

    # IAM

    @cached_property
    def summary(self) -> Mapping[str, int] | Refused:
        """IAM's own count of what an account has and may have."""
        about = "usage of IAM's quotas"
        found = self._inquiry.ask(self._inquiry.home, "iam", "get_account_summary", about)
        return found if isinstance(found, Refused) else found["SummaryMap"]

    def of_iam(self, need: Need) -> Used:
        if isinstance(self.summary, Refused):
            return Used(None, why=self.summary.why)
        key = SUMMARY[need.quota]
        return Used(self.summary.get(key)) if key in self.summary else Used(None, why=f"IAM does not count {key}")

    def identity_providers(self, need: Need) -> Used:
        arguments = (need.region, "iam", "list_open_id_connect_providers", "OpenIDConnectProviderList")
        found = self._rows(*arguments)
        if isinstance(found, Refused):
            return Used(None, why=found.why)
        standing = [each for each in self._inquiry.standing.values() if isinstance(each, dict)]
        issuers = Counter(str(((each.get("identity") or {}).get("oidc") or {}).get("issuer", "")) for each in standing)
        own = {issuer.removeprefix("https://") for issuer in issuers if issuer}
        return Used(len(found), sum(row["Arn"].partition("oidc-provider/")[2] in own for row in found))


SUMMARY = {of.ROLES: "Roles", of.POLICIES: "Policies", of.INSTANCE_PROFILES: "InstanceProfiles"}
"""Quotas of IAM that its summary counts, by its word; its word and `Quota` is the quota's value."""

_COUNTS: Mapping[Quota, Callable[[Usage, Need], Used]] = {
    of.VPCS: Usage.vpcs,
    of.ELASTIC_IPS: Usage.addresses,
    of.INTERNET_GATEWAYS: Usage.internet_gateways,
    of.NAT_GATEWAYS: Usage.nat_gateways,
    of.SECURITY_GROUPS: Usage.security_groups,
    of.GATEWAY_ENDPOINTS: Usage.gateway_endpoints,
    of.CLUSTERS: Usage.clusters,
    of.NODE_GROUPS_OF_A_CLUSTER: Usage.of_a_cluster,
    of.FARGATE_PROFILES_OF_A_CLUSTER: Usage.of_a_cluster,
    of.NODES_OF_A_GROUP: Usage.of_a_group,
    of.AUTO_SCALING_GROUPS: Usage.auto_scaling_groups,
    of.NETWORK_LOAD_BALANCERS: Usage.load_balancers,
    of.APPLICATION_LOAD_BALANCERS: Usage.load_balancers,
    of.ROLES: Usage.of_iam,
    of.POLICIES: Usage.of_iam,
    of.INSTANCE_PROFILES: Usage.of_iam,
    of.IDENTITY_PROVIDERS: Usage.identity_providers,
}
