"""What EKS has on offer: Kubernetes versions and how long they are supported, add-ons' versions, access policies."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from eks_gpu.checks import Finding
from eks_gpu.graph.graph import Resource
from eks_gpu.io.today import today
from eks_gpu.live.preflight.inquiry import Inquiry, Refused, fails, holds, named, unjudged
from eks_gpu.pools.clusters import Cluster
from eks_gpu_components.catalog.nearest import hint

KUBERNETES, ADDON = "kubernetes-version-is-on-offer", "add-on-versions-are-on-offer"
ACCESS_POLICY = "access-policies-exist"
ADDON_TYPE = "aws:eks/addon:Addon"
ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"


def findings(inquiry: Inquiry) -> Iterator[Finding]:
    offers: dict[str, list[Any] | Refused] = {}
    for cluster in inquiry.clusters:
        region = inquiry.region_of_cluster(cluster)
        if region not in offers:
            about = f"Kubernetes versions on offer in {region}"
            offers[region] = inquiry.rows(
                region, "eks", "describe_cluster_versions", "clusterVersions", about, includeAll=True
            )
        yield _kubernetes(inquiry, cluster, offers[region])
    yield from _addons(inquiry, offers)
    yield from _access_policies(inquiry)


def _kubernetes(inquiry: Inquiry, cluster: Cluster, offered: list[Any] | Refused) -> Finding:
    subject = f"cluster {cluster.name}"
    if isinstance(offered, Refused):
        return unjudged(KUBERNETES, subject, offered.why)
    if not cluster.version:
        return holds(KUBERNETES, subject, f"EKS takes its own default, {_default(offered) or 'which it does not name'}")
    found = next((row for row in offered if row.get("clusterVersion") == cluster.version), None)
    status = _status(found) if found else ""
    good = [row["clusterVersion"] for row in offered if _status(row) == "STANDARD_SUPPORT"]
    if found is None or status == "UNSUPPORTED":
        word = "does not offer" if found is None else "no longer supports"
        says = f"EKS {word} Kubernetes {cluster.version}, and has {named(good, 9) or 'no version in standard support'}"
        return fails(KUBERNETES, subject, says, f"set version to one of {named(good, 9)}")
    standard, extended = _day(found.get("endOfStandardSupportDate")), _day(found.get("endOfExtendedSupportDate"))
    if status == "EXTENDED_SUPPORT":
        says = (
            f"Kubernetes {cluster.version} is in extended support, at a surcharge, until {extended or 'a day not told'}"
        )
        return fails(KUBERNETES, subject, says, f"set version to one of {named(good, 9)}", "warning")
    left = (standard - today()).days if standard else None
    until = f"standard support until {standard}" if standard else "standard support"
    if left is not None and left < _SOON_DAYS:
        says = f"standard support of Kubernetes {cluster.version} ends on {standard}, in {left} days"
        return fails(KUBERNETES, subject, says, f"set version to a newer one of {named(good, 9)}", "warning")
    return holds(KUBERNETES, subject, f"EKS offers Kubernetes {cluster.version}, with {until}")


_SOON_DAYS = 60


def _status(row: Any) -> str:
    """`versionStatus`, which older answers call `status` and write otherwise."""
    return str(row.get("versionStatus") or row.get("status") or "").upper().replace("-", "_")


def _day(value: Any) -> date | None:
    return value.date() if isinstance(value, datetime) else None


def _default(offered: list[Any]) -> str:
    return next((f"Kubernetes {row['clusterVersion']}" for row in offered if row.get("defaultVersion")), "")


def _addons(inquiry: Inquiry, offers: dict[str, list[Any] | Refused]) -> Iterator[Finding]:
    known: dict[tuple[str, str, str], list[Any] | Refused] = {}
    for addon in inquiry.plan.graph.of(ADDON_TYPE):
        region, name = inquiry.region_of(addon), str(addon.inputs.get("addonName") or addon.name)
        version = _kubernetes_of(inquiry, addon, offers.get(region))
        key = region, name, version
        if key not in known:
            about = f"versions of add-on {name} on offer in {region}"
            asked: dict[str, Any] = {"addonName": name, **({"kubernetesVersion": version} if version else {})}
            known[key] = inquiry.rows(region, "eks", "describe_addon_versions", "addons", about, **asked)
        yield _addon(addon, name, version, known[key])


def _kubernetes_of(inquiry: Inquiry, addon: Resource, offered: list[Any] | Refused | None) -> str:
    """Version of the add-on's cluster: the plan's, else the running one's, else EKS's default."""
    name = str(addon.inputs.get("clusterName") or "")
    cluster = next((each for each in inquiry.clusters if each.name == name), None)
    if cluster is None and name:
        answer = inquiry.ask(
            inquiry.region_of(addon), "eks", "describe_cluster", f"Kubernetes version of cluster {name}", name=name
        )
        return "" if isinstance(answer, Refused) else str(answer["cluster"].get("version", ""))
    if cluster and not cluster.version and isinstance(offered, list):
        return _default(offered).removeprefix("Kubernetes ")
    return cluster.version if cluster else ""


def _addon(addon: Resource, name: str, kubernetes: str, offered: list[Any] | Refused) -> Finding:
    on = f" for Kubernetes {kubernetes}" if kubernetes else ""
    if isinstance(offered, Refused):
        if offered.missing:
            return fails(ADDON, name, f"EKS has no add-on {name}", "name one of EKS's add-ons")
        return unjudged(ADDON, name, offered.why)
    versions = [row["addonVersion"] for each in offered for row in each.get("addonVersions") or ()]
    wanted = str(addon.inputs.get("addonVersion") or "")
    if not versions:
        return fails(
            ADDON, name, f"EKS has no version of it on offer{on}", "leave the add-on out, or change the version"
        )
    if wanted and wanted not in versions:
        says = f"{wanted} is not on offer{on}; EKS has {named(versions)}"
        return fails(ADDON, name, f"{says}{hint(wanted, versions)}", "set addonVersion to one of them, or leave it out")
    return holds(ADDON, name, f"EKS offers {wanted or f'{len(versions)} versions'}{on}")


def _access_policies(inquiry: Inquiry) -> Iterator[Finding]:
    known: dict[str, list[Any] | Refused] = {}
    wanted: dict[tuple[str, str], list[str]] = {}
    for each in inquiry.plan.graph.of(ASSOCIATION):
        if arn := str(each.inputs.get("policyArn") or ""):
            wanted.setdefault((inquiry.region_of(each), arn), []).append(each.name)
    for (region, arn), users in wanted.items():
        if region not in known:
            about = f"access policies of EKS in {region}"
            known[region] = inquiry.rows(region, "eks", "list_access_policies", "accessPolicies", about)
        offered, name = known[region], arn.rpartition("/")[2]
        if isinstance(offered, Refused):
            yield unjudged(ACCESS_POLICY, name, offered.why)
            continue
        arns = [row["arn"] for row in offered]
        if arn in arns:
            yield holds(ACCESS_POLICY, name, f"EKS has it, for {named(users)}")
        else:
            names = [each.rpartition("/")[2] for each in arns]
            says = f"EKS has no access policy {name}{hint(name, names)}"
            yield fails(ACCESS_POLICY, name, says, f"name one of {named(names, 9)}")
