"""eksctl's ClusterConfig, the cluster's part of it. Source: eksctl 0.230, schema of eksctl.io/v1alpha5."""

import re
from datetime import date
from typing import Any

from eks_gpu.importers.access import map_identities, read_access
from eks_gpu.importers.eksctl_groups import read_group
from eks_gpu.importers.fields import Fields
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.model import MANAGED, MAX_POOLS, SELF_MANAGED, Described
from eks_gpu.importers.units_and_names import has_placeholder, network, whole
from eks_gpu.pools.ranges import much_of_the_internet, too_wide
from eks_gpu_components.catalog import (
    CLUSTER_ADDONS,
    DEFAULT_KUBERNETES,
    DISCOVERY_TAG,
    KARPENTER_CHART,
    SUPPORTED,
    kubernetes_version,
    never_public,
    regions,
)
from eks_gpu_components.catalog import zones as zones_of
from eks_gpu_components.catalog.auto_mode import BUILT_IN_POOLS
from eks_gpu_components.catalog.log_groups import RETENTION_DAYS
from eks_gpu_components.catalog.nearest import nearest

API_VERSION = "eksctl.io/v1alpha5"
LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
_NAT = {"Disable": "none", "Single": "single", "HighlyAvailable": "per-zone"}
_PREFIXES = range(16, 23)  # from the largest VPC of AWS to one whose smallest subnet AWS still makes
_OF_AWS = re.compile(r"arn:[\w-]+:iam::aws:policy/", re.ASCII)
_WORLD = "0.0.0.0/0"
_ACCESS_ENTRIES_SINCE = 23
"""Minor of Kubernetes 1. Source: Amazon EKS User Guide, "Grant IAM users access with EKS access entries"."""


def read_cluster_config(config: Fields, described: Described, findings: Findings, on: date) -> None:
    """A whole ClusterConfig."""
    described.cluster.described = True
    _metadata(config.part("metadata", required=True), described, findings, on)
    _zones(config, described, findings)
    _iam(config.part("iam"), findings)
    read_access(config, described.cluster.settings, findings, _minor(described) < _ACCESS_ENTRIES_SINCE)
    _network(config, described, findings)
    _control_plane(config, described, findings)
    _add_ons(config, described, findings)
    _auto_mode(config.part("autoModeConfig"), described, findings)
    _karpenter(config, described, findings)
    for key, backend in (("nodeGroups", SELF_MANAGED), ("managedNodeGroups", MANAGED)):
        for group in config.parts(key)[: MAX_POOLS + 1]:
            read_group(group, backend, described)
    map_identities(config.parts("iamIdentityMappings"), described.cluster.settings, findings)


def _metadata(metadata: Fields, described: Described, findings: Findings, on: date) -> None:
    cluster = described.cluster
    cluster.name, cluster.name_place = metadata.text("name", required=True), metadata.place("name")
    region = metadata.text("region", required=True)
    if region and has_placeholder(region):
        message = f"{region} must be filled in: an environment's file holds values"
        findings.tell("placeholders-are-filled-in", metadata.place("region"), message)
    elif region and region not in regions():
        taken = nearest(region, regions())
        cluster.region = taken or cluster.region
        message = f"the catalog has no region {region}" + (f"; nearest: {taken}, which is taken" if taken else "")
        findings.tell("regions-and-zones-exist", metadata.place("region"), message)
    else:
        cluster.region = region
    _version(metadata, described, findings, on)
    for key in metadata.strings("tags"):
        if key != DISCOVERY_TAG:  # the program tags what Karpenter looks for
            findings.lose(metadata.below("tags", key), "the settings give the cluster's resources no tags")


def _version(metadata: Fields, described: Described, findings: Findings, on: date) -> None:
    minor = metadata.text("version")
    if not minor or minor in ("latest", "auto", "default"):
        return
    described.cluster.minor = minor
    place = metadata.place("version")
    if minor not in SUPPORTED:
        known = ", ".join(SUPPORTED)
        message = f"Kubernetes {minor} is none of {known}, which this program supports: {DEFAULT_KUBERNETES} is taken"
        findings.tell("kubernetes-version-is-supported", place, message)
        return
    described.cluster.settings["kubernetes_version"] = minor
    if (support := kubernetes_version(minor).support(on)) != "standard":
        message = f"Kubernetes {minor} is in {support} support, which costs more: take {DEFAULT_KUBERNETES}"
        findings.tell("kubernetes-version-is-supported", place, message)


def _minor(described: Described) -> int:
    major, _, minor = (described.cluster.minor or "").partition(".")
    number = whole(minor) if major == "1" else None
    return _ACCESS_ENTRIES_SINCE if number is None else number


def _zones(config: Fields, described: Described, findings: Findings) -> None:
    cluster, names = described.cluster, config.texts("availabilityZones")
    cluster.zones_place = config.place("availabilityZones")
    if not cluster.region:
        cluster.zones = tuple(names)
        return
    usable = {zone.name: zone.control_plane for zone in zones_of(cluster.region)}
    for index, name in enumerate(names):
        if not usable.get(name):
            reason = "takes no control plane" if name in usable else f"is none of {cluster.region}'s"
            message = f"{name} {reason}; nearest: {', '.join(zone for zone, takes in usable.items() if takes)}"
            findings.tell("regions-and-zones-exist", config.place("availabilityZones", index), message)
    cluster.zones = tuple(name for name in dict.fromkeys(names) if usable.get(name))


def _iam(iam: Fields, findings: Findings) -> None:
    iam.replaced("withOIDC", "vpcResourceControllerPolicy", "autoCreatePodIdentityAssociations")
    for key in ("serviceAccounts", "podIdentityAssociations"):
        if key in iam:
            iam.raw(key)
            message = "the settings make no roles for pods of yours; the program's controllers have Pod Identity"
            findings.lose(iam.place(key), message)


def _network(config: Fields, described: Described, findings: Findings) -> None:
    vpc, found = config.part("vpc"), described.cluster.network
    if cidr := vpc.text("cidr"):
        found |= _blocks(cidr, vpc, findings)
    gateway, alone = vpc.part("nat"), config.part("privateCluster")
    nat, private = gateway.text("gateway", of=_NAT), alone.flag("enabled")
    if nat:
        found["nat"] = _NAT[nat]
    if private or nat == "Disable":
        found["interface_endpoints"] = True
        if nat in (None, "Disable"):
            found["nat"] = "single"
        place = alone.place("enabled") if private else gateway.place("gateway")
        findings.lose(place, "nodes get a way out: images such as the device plugin are in public registries")
    _endpoint(vpc, bool(private), described.cluster.settings, findings)
    if vpc_id := vpc.text("id"):
        existing = _subnets(vpc.part("subnets"), findings)
        zones = tuple(dict.fromkeys(subnet["zone"] for subnet in existing.get("private_subnets", ())))
        if len(zones) > 1:
            described.cluster.network = {"existing": {"vpc_id": vpc_id, **existing}}
            described.cluster.zones = described.cluster.zones or zones
        else:
            message = f"{vpc_id} needs private subnets by id in two zones or more: a network is made instead"
            findings.lose(vpc.place("id"), message)


def _blocks(cidr: str, vpc: Fields, findings: Findings) -> dict[str, Any]:
    """The VPC's block; in a small one the subnets are an eighth and a 64th of it."""
    block = network(cidr)
    if block is None or not _PREFIXES.start <= block.prefixlen < _PREFIXES.stop:
        message = (
            f"the program's network has room in blocks from /{_PREFIXES.start} to /{_PREFIXES.stop - 1}, got {cidr}"
        )
        findings.lose(vpc.place("cidr"), f"{message}: 10.0.0.0/16 is taken")
        return {}
    small = block.prefixlen > _PREFIXES.start
    sizes = {"private_prefix": block.prefixlen + 3, "public_prefix": block.prefixlen + 6} if small else {}
    return {"cidr": cidr, **sizes}


def _subnets(subnets: Fields, findings: Findings) -> dict[str, Any]:
    found: dict[str, list[Any]] = {"private_subnets": [], "public_subnet_ids": []}
    for kind in ("private", "public"):
        zones = subnets.part(kind)
        for name in zones:
            subnet = zones.part(name)
            id_, zone = subnet.text("id"), subnet.text("az") or name
            subnet.replaced("cidr")
            if not id_:
                findings.lose(zones.place(name), "a subnet is known by its id, and this one names none")
            elif kind == "private":
                found["private_subnets"].append({"zone": zone, "subnet_id": id_})
            else:
                found["public_subnet_ids"].append(id_)
    return {key: value for key, value in found.items() if value}


def _endpoint(vpc: Fields, private: bool, settings: dict[str, Any], findings: Findings) -> None:
    cidrs = vpc.texts("publicAccessCIDRs")
    access = vpc.part("clusterEndpoints")
    public, inside = access.flag("publicAccess"), access.flag("privateAccess")
    narrow = []
    for index, cidr in enumerate(cidrs):
        block = network(cidr)
        if block is None:
            findings.lose(vpc.place("publicAccessCIDRs", index), f"must be a block of IPv4 addresses, got {cidr}")
        elif why := never_public(block):
            findings.lose(vpc.place("publicAccessCIDRs", index), f"EKS refuses a block that is {why}, got {cidr}")
        elif cidr != _WORLD:
            narrow.append(cidr)
    narrow = [] if too_wide(narrow) else narrow
    if public is False or private:
        settings["endpoint"] = {"private": True}
    elif narrow:
        settings["endpoint"] = {"private": inside is not False, "public": True, "public_cidrs": narrow}
    if inside is False and settings.get("endpoint", {}).get("private") is not False:
        findings.lose(access.place("privateAccess"), "the API stays open to the VPC, where nodes reach it")
    if too_wide(cidrs) or (public and not cidrs):
        place = vpc.place("publicAccessCIDRs") if cidrs else access.place("publicAccess")
        whence = much_of_the_internet(cidrs)
        message = f"the API is open to {whence}: it stays private, until endpoint names your own addresses"
        findings.tell("api-is-private-or-restricted", place, message)


def _control_plane(config: Fields, described: Described, findings: Findings) -> None:
    settings = described.cluster.settings
    logging = config.part("cloudWatch").part("clusterLogging")
    wanted = logging.texts("enableTypes")
    everything = {"*", "all"} & {*wanted}
    for index, name in enumerate(wanted):
        if name not in (*LOG_TYPES, "*", "all"):
            findings.lose(logging.place("enableTypes", index), f"EKS has no log type {name}: {', '.join(LOG_TYPES)}")
    if logs := [name for name in LOG_TYPES if everything or name in wanted]:
        settings["log_types"] = logs
    days = logging.whole("logRetentionInDays")
    if days in RETENTION_DAYS and logs:
        settings["log_retention_days"] = days
    elif days is not None:
        why = "CloudWatch keeps records for no such time" if logs else "no log is enabled"
        findings.lose(logging.place("logRetentionInDays"), f"{why}, got {days} days")
    if key := config.part("secretsEncryption").text("keyARN"):
        settings["kms_key_arn"] = key
    if support := config.part("upgradePolicy").text("supportType", of=("STANDARD", "EXTENDED")):
        settings["support"] = support
    network = config.part("kubernetesNetworkConfig")
    if network.text("ipFamily") not in (None, "IPv4"):
        findings.lose(network.place("ipFamily"), "the program's network has IPv4 addresses alone")


def _add_ons(config: Fields, described: Described, findings: Findings) -> None:
    versions = {}
    for addon in config.parts("addons"):
        name, version = addon.text("name", required=True), addon.text("version")
        addon.replaced("useDefaultPodIdentityAssociations", "wellKnownPolicies", "resolveConflicts")
        for index, arn in enumerate(addon.texts("attachPolicyARNs")):
            if not _OF_AWS.match(arn):
                message = f"the program gives each add-on AWS's own policy, and none of yours, such as {arn}"
                findings.lose(addon.place("attachPolicyARNs", index), message)
        if name and name not in CLUSTER_ADDONS:
            message = f"the program's cluster has no add-on {name}; it has {', '.join(CLUSTER_ADDONS)}"
            findings.lose(addon.place("name"), message)
        elif name and version and version not in ("latest", "auto", "default"):
            versions[name] = version
    defaults = config.part("addonsConfig")
    defaults.replaced("autoApplyPodIdentityAssociations")
    if defaults.flag("disableDefaultAddons"):
        message = f"the program's cluster always has {', '.join(CLUSTER_ADDONS)}"
        findings.lose(defaults.place("disableDefaultAddons"), message)
    if versions:
        described.cluster.settings["addon_versions"] = versions


def _auto_mode(auto_mode: Fields, described: Described, findings: Findings) -> None:
    described.cluster.auto_mode = bool(auto_mode.flag("enabled"))
    pools = auto_mode.texts("nodePools") if "nodePools" in auto_mode else list(BUILT_IN_POOLS)
    for index, name in enumerate(pools):
        if name not in BUILT_IN_POOLS:
            message = f"Auto Mode has no pool {name}; it has {', '.join(BUILT_IN_POOLS)}"
            findings.lose(auto_mode.place("nodePools", index), message)
    if not described.cluster.auto_mode:
        return
    settings = described.cluster.settings
    settings["auto_mode"] = {"built_in_pools": [name for name in dict.fromkeys(pools) if name in BUILT_IN_POOLS]}
    for name in settings.pop("addon_versions", {}):
        findings.lose(auto_mode.place("enabled"), f"Auto Mode keeps add-on {name} current, or does its work itself")


def _karpenter(config: Fields, described: Described, findings: Findings) -> None:
    if "karpenter" not in config:
        return
    karpenter = config.part("karpenter")
    described.karpenter = config.place("karpenter")
    # The program makes account, profile and queue itself, always.
    karpenter.replaced("createServiceAccount", "defaultInstanceProfile", "withSpotInterruptionQueue")
    version = (karpenter.text("version", required=True) or "").removeprefix("v")
    ours = KARPENTER_CHART.version
    if version and _numbers(version) < _numbers(ours):
        message = f"Karpenter {version} is old: the program installs {ours}"
        findings.tell("karpenter-is-current", karpenter.place("version"), message)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(number for part in version.split(".") if (number := whole(part)) is not None)
