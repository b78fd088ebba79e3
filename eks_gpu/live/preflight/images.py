"""Machine images: each one that nodes start from is there, available, and not deprecated."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from eks_gpu.checks import Finding
from eks_gpu.karpenter.objects import part
from eks_gpu.live.preflight.inquiry import Inquiry, Refused, fails, holds, named, unjudged
from eks_gpu.live.preflight.needs import NODE_GROUP
from eks_gpu.pools.pool import KARPENTER, Pool
from eks_gpu_components.catalog import EC2_NODE_CLASS_TYPE
from eks_gpu_components.catalog.images import AMI_TYPES, ssm_parameter

CHECK = "images-are-there"
PARAMETER = "aws:ssm/getParameter:getParameter"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
_NEWEST = "latest"


def findings(inquiry: Inquiry) -> Iterator[Finding]:
    parameters: dict[tuple[str, str], list[str]] = {}
    for (region, name), user in _parameters(inquiry):
        users = parameters.setdefault((region, name), [])
        users.extend([user] if user not in users else [])
    images: dict[tuple[str, str], list[str]] = {}
    for (region, name), users in parameters.items():
        about = f"the image that {name} names"
        answer = inquiry.ask(region, "ssm", "get_parameter", about, "nodes", Name=name)
        if not isinstance(answer, Refused):
            value = str(answer["Parameter"]["Value"])
            if value.startswith("ami-"):
                images.setdefault((region, value), []).append(name)
            else:
                yield holds(CHECK, name, f"it names release {value}, for {named(users)}")
        elif answer.missing:
            says = f"{named(users)} starts from the image that this parameter names, and {region} does not have it"
            yield fails(CHECK, name, says, "name a release, a Kubernetes version or a family that EKS has an image of")
        else:
            yield unjudged(CHECK, name, answer.why)
    for region, id_, user in _literal(inquiry):
        images.setdefault((region, id_), []).append(user)
    for (region, id_), users in images.items():
        yield _image(inquiry, region, id_, named(users, 1))


def _parameters(inquiry: Inquiry) -> Iterator[tuple[tuple[str, str], str]]:
    """Parameters that the program looks up, and those that EKS and Karpenter find an image by."""
    for each in inquiry.plan.look_ups:
        name = str(each.args.get("name") or "")
        if each.token == PARAMETER and name.startswith("/aws/service/"):
            region = each.region if each.region in inquiry.accounts else inquiry.home
            yield (region, name), "the program"
    for group in inquiry.plan.graph.of(NODE_GROUP):
        ami = AMI_TYPES.get(str(group.inputs.get("amiType") or ""))
        version = str(group.inputs.get("version") or _kubernetes(inquiry, str(group.inputs.get("clusterName") or "")))
        if ami and version and "FIPS" not in ami.name:
            name = ssm_parameter(ami.family, version, ami.architecture, ami.accelerator)
            yield (inquiry.region_of(group), name), f"node group {group.name}"
    for resource in inquiry.plan.graph.of(EC2_NODE_CLASS_TYPE):
        for pool in inquiry.pools:
            if pool.backend == KARPENTER and _uses(inquiry, pool, resource.inputs):
                for name in _of_class(part(resource.inputs, "spec"), pool, _kubernetes(inquiry, pool.cluster)):
                    yield (pool.region, name), f"pool {pool.name}"


def _uses(inquiry: Inquiry, pool: Pool, node_class: Mapping[str, Any]) -> bool:
    """Whether a node pool names the node class."""
    made = inquiry.plan.graph.get(pool.urn)
    spec = part(made.inputs, "spec") if made else {}
    reference = part(part(part(spec, "template"), "spec"), "nodeClassRef")
    return reference.get("name") == part(node_class, "metadata").get("name")


def _kubernetes(inquiry: Inquiry, cluster: str) -> str:
    """Version of a cluster: the plan's, else the running one's; empty if nobody tells."""
    for each in inquiry.clusters:
        if each.name == cluster or not cluster:
            return each.version
    if not cluster:
        return ""
    about = f"Kubernetes version of cluster {cluster}"
    answer = inquiry.ask(inquiry.home, "eks", "describe_cluster", about, name=cluster)
    return "" if isinstance(answer, Refused) else str(answer["cluster"].get("version", ""))


def _of_class(spec: Mapping[str, Any], pool: Pool, kubernetes: str) -> Iterator[str]:
    """Names of the parameters that Karpenter asks for an alias. Source: Karpenter 1.15, package amifamily."""
    for term in spec.get("amiSelectorTerms") or ():
        if named_by := str(term.get("ssmParameter") or ""):
            yield named_by
        family, _, release = str(term.get("alias") or "").partition("@")
        if family not in ("al2023", "bottlerocket") or not kubernetes or not release:
            continue
        for row in pool.types:
            kind = row.accelerator.kind if row.accelerator else None
            variant = kind if kind in ("nvidia", "neuron") and (family, kind) != ("bottlerocket", "neuron") else None
            newest = ssm_parameter(family, kubernetes, row.architecture, variant)
            yield newest if release == _NEWEST else _pinned(newest, family, release, kubernetes)


def _pinned(newest: str, family: str, release: str, kubernetes: str) -> str:
    if family == "bottlerocket":
        return newest.replace(f"/{_NEWEST}/", f"/{release.removeprefix('v')}/")
    machine, variant = newest.split("/")[7:9]
    return newest.replace("/recommended/", f"/amazon-eks-node-al2023-{machine}-{variant}-{kubernetes}-{release}/")


def _literal(inquiry: Inquiry) -> Iterator[tuple[str, str, str]]:
    """Ids that the program writes itself; one that it looked up is a stand-in of the plan's."""
    looked_up = inquiry.plan.graph.looked_up or ()
    for template in inquiry.plan.graph.of(TEMPLATE, "aws:ec2/instance:Instance"):
        id_ = str(template.inputs.get("imageId") or template.inputs.get("ami") or "")
        if id_.startswith("ami-") and id_ not in looked_up:
            yield inquiry.region_of(template), id_, f"launch template {template.name}"
    for resource in inquiry.plan.graph.of(EC2_NODE_CLASS_TYPE):
        for term in part(resource.inputs, "spec").get("amiSelectorTerms") or ():
            if (id_ := str(term.get("id") or "")) and id_ not in looked_up:
                yield inquiry.home, id_, f"node class {resource.name}"


def _image(inquiry: Inquiry, region: str, id_: str, user: str) -> Finding:
    subject = f"{id_}, for {user}"
    found = inquiry.rows(region, "ec2", "describe_images", "Images", f"image {id_}", "nodes", ImageIds=[id_])
    if isinstance(found, Refused) and not found.missing:
        return unjudged(CHECK, subject, found.why)
    if isinstance(found, Refused) or not found:
        fix = "take an image that is in the region and shared with the account"
        return fails(CHECK, subject, f"{region} has no such image, or does not show it to this account", fix)
    image = found[0]
    owner = str(image.get("ImageOwnerAlias") or image.get("OwnerId") or "an unknown account")
    state = str(image.get("State") or "available")
    if state != "available":
        return fails(CHECK, subject, f"the image of {owner} is {state}", "take another image")
    if (ends := _time(image.get("DeprecationTime"))) and ends <= datetime.now(UTC):
        says = f"the image of {owner} is deprecated since {ends:%Y-%m-%d}"
        return fails(CHECK, subject, says, "take a newer release", "warning")
    return holds(CHECK, subject, f"it is available, and {owner}'s")


def _time(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
