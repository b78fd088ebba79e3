"""The cluster as a checked value."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from .. import catalog
from ..catalog.api_addresses import WORLD
from ..catalog.nearest import hint
from ..nodes.node_release import release_problems
from ..nodes.system_nodes import SYSTEM_NODE_IMAGE, SystemNodes
from ..values.api_addresses import ApiClient, ApiRange, address_is_required, common_addresses
from ..values.validation_messages import refused
from ..values.value import Value, one_of
from ..values.words import ControlPlaneLog, VersionSupport
from ..vpc.network_layout import Region, RetentionDays
from .auto_mode import AutoMode


def _supported(minor: str) -> str:
    catalog.kubernetes_version(minor)
    return minor


def _access_policy(policy: str) -> str:
    if policy not in catalog.ACCESS_POLICIES:
        raise refused(f"must be one of {', '.join(catalog.ACCESS_POLICIES)}", known=catalog.ACCESS_POLICIES)
    return policy


def _cluster_name(name: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}", name):
        raise refused("must be 1 to 100 letters, digits, '-' and '_', the first no sign")
    return name


def _reason_to_have_none(addon: str) -> str:
    if addon in catalog.AUTO_MODE_ADDONS:
        return "EKS does its work itself, and a second one is in the way"
    return "it has no node to run on without built_in_pools"


def _principal_arn(arn: str) -> str:
    if not re.fullmatch(r"arn:[\w-]+:iam::\d{12}:(user|role)/\S+", arn):
        raise refused("must be the ARN of an IAM user or role")
    return arn


def _phase(given: Any) -> Any:
    if given is True:
        raise refused("must be false, or a map as {public_cidrs: [ADDRESS/32]}")
    return None if given is False else given


class Endpoint(Value):
    """From where the Kubernetes API can be reached."""

    private: bool = True
    clients: tuple[ApiClient, ...] = ()
    public: bool = False
    public_cidrs: tuple[ApiRange, ...] = ()
    open_to_world: bool = False

    @property
    def api_cidrs(self) -> list[str]:
        """Ranges that may reach the API from the internet: those of the endpoint, else those of the stack."""
        return [str(cidr) for cidr in self.public_cidrs] or (common_addresses() if self.public else [])

    @model_validator(mode="after")
    def _can_be_reached_by_those_meant(self) -> Self:
        if not (self.private or self.public):
            raise ValueError("private or public must be true: nobody could reach the API")
        if self.clients and not self.private:
            raise ValueError("clients has no effect where private is false")
        if len(set(self.clients)) < len(self.clients):
            raise ValueError(f"clients must have none of them twice, got {', '.join(self.clients)}")
        if self.public and not self.api_cidrs:
            raise ValueError(f"public_cidrs is required where public is true: {address_is_required('public_cidrs')}")
        if self.public_cidrs and not self.public:
            raise ValueError("public_cidrs has no effect where public is false")
        if WORLD in self.public_cidrs and not self.open_to_world:
            raise ValueError("public_cidrs holds 0.0.0.0/0: narrow it, or say open_to_world: true")
        return self


class Bootstrap(Value):
    """How the first update of a private cluster reaches it from the internet."""

    public_cidrs: tuple[ApiRange, ...] = ()

    @property
    def api_cidrs(self) -> list[str]:
        """Ranges that may reach the cluster during the bootstrap: those of the setting, else those of the stack."""
        return [str(cidr) for cidr in self.public_cidrs] or common_addresses()

    @model_validator(mode="after")
    def _lets_somebody_in(self) -> Self:
        if not self.api_cidrs:
            raise ValueError(f"public_cidrs is required for the first update: {address_is_required('public_cidrs')}")
        if WORLD in self.public_cidrs:
            raise ValueError("public_cidrs holds 0.0.0.0/0: narrow it to the addresses of the first update")
        return self


class AccessEntry(Value):
    """A person, or a role that people take, with a permission in the cluster."""

    principal_arn: Annotated[str, AfterValidator(_principal_arn)]
    policy: Annotated[str, AfterValidator(_access_policy), WithJsonSchema(one_of(catalog.ACCESS_POLICIES))]
    namespaces: tuple[str, ...] = ()


_PHASE = BeforeValidator(_phase, json_schema_input_type=Bootstrap | Literal[False])


class ClusterSettings(Value):
    """The settings that differ between environments, checked."""

    name: Annotated[str, AfterValidator(_cluster_name)]
    kubernetes_version: Annotated[str, AfterValidator(_supported), WithJsonSchema(one_of(catalog.SUPPORTED))] = (
        catalog.DEFAULT_KUBERNETES
    )
    endpoint: Endpoint = Field(default_factory=Endpoint)
    bootstrap: Annotated[Bootstrap | None, BeforeValidator(_phase, json_schema_input_type=Bootstrap | bool | None)] = (
        None
    )
    log_types: tuple[ControlPlaneLog, ...] = ()
    log_retention_days: RetentionDays = 90
    kms_key_arn: str | None = None
    create_kms_key: bool = False
    deletion_protection: bool = True
    support: VersionSupport = "STANDARD"
    access_entries: Mapping[str, AccessEntry] = Field(default_factory=dict)
    addon_versions: Mapping[str, str] = Field(default_factory=dict)
    system_nodes: SystemNodes = Field(default_factory=SystemNodes)
    auto_mode: AutoMode | None = None

    @property
    def public_ranges(self) -> list[str]:
        """Ranges that may reach the API from the internet with the current settings; none if the endpoint is only
        private.
        """
        return (self.bootstrap or self.endpoint).api_cidrs

    @model_validator(mode="after")
    def _bootstraps_a_private_cluster(self) -> Self:
        if self.bootstrap and self.endpoint.public:
            raise ValueError("bootstrap has no effect where endpoint.public is true: leave it out")
        return self

    @field_validator("addon_versions")
    @classmethod
    def _are_of_our_addons(cls, versions: Mapping[str, str]) -> Mapping[str, str]:
        unknown = [name for name in versions if name not in catalog.CLUSTER_ADDONS]
        if unknown:
            raise ValueError(
                "\n".join(f"the cluster has no add-on {name}{hint(name, catalog.CLUSTER_ADDONS)}" for name in unknown)
            )
        return versions

    @model_validator(mode="after")
    def _keeps_logs_that_there_are(self) -> Self:
        if "log_retention_days" in self.model_fields_set and not self.log_types:
            raise ValueError("log_retention_days has no effect without log_types")
        return self

    @model_validator(mode="after")
    def _has_one_key(self) -> Self:
        if self.kms_key_arn and self.create_kms_key:
            raise ValueError("kms_key_arn and create_kms_key exclude each other")
        return self

    @model_validator(mode="after")
    def _nodes_are_of_its_version(self) -> Self:
        release = self.system_nodes.release_version
        if release and (found := release_problems(release, SYSTEM_NODE_IMAGE, self.kubernetes_version)):
            raise ValueError("\n".join(f"system_nodes.{problem}" for problem in found))
        return self

    @model_validator(mode="after")
    def _leaves_to_auto_mode_what_it_does_itself(self) -> Self:
        if not self.auto_mode:
            return self
        problems = []
        if "system_nodes" in self.model_fields_set:
            problems.append("system_nodes and auto_mode exclude each other: AWS runs the nodes for controllers too")
        made = {addon.name for addon in self.auto_mode.add_ons}
        problems += [
            f"addon_versions.{name}: under auto_mode {_reason_to_have_none(name)}, so leave it out"
            for name in self.addon_versions
            if name not in made
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return self


class Subnet(Value):
    """A NodeSubnet, whose id another resource may decide."""

    zone: str
    zone_id: str
    subnet_id: Any


class ClusterSpec(Value):
    """ClusterArgs as a checked value."""

    region: Region
    vpc_id: Any
    subnets: tuple[Subnet, ...]
    settings: ClusterSettings

    @property
    def control_plane_subnets(self) -> tuple[Subnet, ...]:
        """The subnets in zones where EKS runs control planes; nodes may use the others too."""
        takers = {zone.id for zone in catalog.zones(self.region) if zone.control_plane}
        return tuple(subnet for subnet in self.subnets if subnet.zone_id in takers)

    @model_validator(mode="after")
    def _zones_take_cluster_and_system_nodes(self) -> Self:
        problems = []
        if len({subnet.zone_id for subnet in self.control_plane_subnets}) < 2:
            shown = ", ".join(f"{subnet.zone} {subnet.zone_id}" for subnet in self.subnets) or "none"
            problems.append(f"subnets must lie in 2 zones or more where EKS runs control planes, got {shown}")
        types = () if self.settings.auto_mode else self.settings.system_nodes.instance_types
        offering = {zone.id for name in types for zone in catalog.zones_offering(name, self.region)}
        problems += [
            f"settings.system_nodes.instance_types must have a type that {subnet.zone} offers, got {', '.join(types)}"
            for subnet in self.subnets
            if types and subnet.zone_id not in offering
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return self
