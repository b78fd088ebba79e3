"""What EKS refuses: endpoints, zones, versions, and fields beside a launch template."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_network
from typing import Any

from moto.ec2.exceptions import EC2ClientError

from eks_gpu.lab.aws.pace import role_is_new
from eks_gpu.lab.aws.refusal import Blanks, Refusal, Request, by_moto
from eks_gpu_components.catalog import KUBERNETES
from eks_gpu_components.catalog.regions import NO_CONTROL_PLANE

ROLE_NOT_YET = (
    "Role with arn: {role}, could not be assumed because it does not exist or the trusted entity is not correct"
)
INVALID = "InvalidParameterException"
GUIDE = "https://docs.aws.amazon.com/eks/latest/userguide"


def _network(request: Request) -> Mapping[str, Any]:
    return request.given.get("resourcesVpcConfig") or {}


def closed_ranges(request: Request) -> Blanks:
    """Ranges of the public endpoint that nobody on the internet has."""
    bad = [text for text in _network(request).get("publicAccessCidrs") or () if not _public(text)]
    return {"ranges": ", ".join(bad)} if bad else None


def _public(text: str) -> bool:
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        return False
    return found.version == 4 and found.is_global and not (found.is_multicast or found.is_reserved)


def _zones(request: Request) -> dict[str, str]:
    """Name by id of the zones in which the control plane's subnets are."""
    ids = _network(request).get("subnetIds") or ()
    found = [by_id[id_] for by_id in request.place.ec2.subnets.values() for id_ in ids if id_ in by_id]
    return {subnet.availability_zone_id: subnet.availability_zone for subnet in found}


def one_zone(request: Request) -> Blanks:
    return {} if len(_zones(request)) == 1 else None


def full_zone(request: Request) -> Blanks:
    found, region = _zones(request), request.place.region
    full = sorted(name for id_, name in found.items() if id_ in NO_CONTROL_PLANE)
    if not full:
        return None
    others = [zone.name for zone in request.place.ec2.describe_availability_zones([], None, None)]
    free = [name for name in sorted(set(others)) if name not in full and name.startswith(region)]
    return {"cluster": request.given.get("name"), "zone": full[0], "others": ", ".join(free)}


def unknown_version(request: Request) -> Blanks:
    asked = request.given.get("version")
    return {"version": asked} if asked and asked not in KUBERNETES else None


def version_step(request: Request) -> Blanks:
    """Every step but one up, and one back after an upgrade."""
    cluster = request.place.eks.clusters.get(request.given.get("name"))
    asked = request.given.get("version")
    if cluster is None or asked not in KUBERNETES:
        return None
    step = _minor(asked) - _minor(cluster.version)
    back = step == -1 and getattr(cluster, "upgraded_from", None) == asked
    return None if step in (0, 1) or back else {"old": cluster.version, "new": asked}


def _minor(version: str) -> int:
    return int(version.partition(".")[2])


def _template(request: Request) -> Mapping[str, Any]:
    """Data of the launch template that the request, or the node group by now, names; empty without one."""
    given = request.given.get("launchTemplate") or _current_template(request)
    if not given:
        return {}
    with suppress(EC2ClientError):  # that there is none, moto says itself
        ec2 = request.place.ec2
        id_, name = given.get("id"), given.get("name")
        template = ec2.get_launch_template(id_) if id_ else ec2.get_launch_template_by_name(name)
        return template.get_version(given.get("version") or "$Default").data
    return {}


def _current_template(request: Request) -> Mapping[str, Any]:
    cluster = request.place.eks.clusters.get(request.given.get("clusterName"))
    group = cluster.nodegroups.get(request.given.get("nodegroupName")) if cluster else None
    return (group.launch_template if group else None) or {}


def _beside_template(key: str, inside: str) -> Any:
    def blanks(request: Request) -> Blanks:
        return {} if request.given.get(key) and _template(request).get(inside) else None

    return blanks


def disk_beside_template(request: Request) -> Blanks:
    return {} if request.given.get("diskSize") and request.given.get("launchTemplate") else None


def image_type_beside_image(request: Request) -> Blanks:
    own = request.given.get("amiType") not in (None, "CUSTOM")
    return {} if own and _template(request).get("ImageId") else None


FORBIDDEN_IN_TEMPLATES = ("IamInstanceProfile", "InstanceMarketOptions", "HibernationOptions")


def forbidden_in_template(request: Request) -> Blanks:
    found: Iterable[str] = [key for key in FORBIDDEN_IN_TEMPLATES if _template(request).get(key)]
    return {"fields": ", ".join(found)} if found else None


def sizes_out_of_order(request: Request) -> Blanks:
    sizes = request.given.get("scalingConfig") or {}
    for low, high in (("minSize", "desiredSize"), ("desiredSize", "maxSize"), ("minSize", "maxSize")):
        if low in sizes and high in sizes and sizes[low] > sizes[high]:
            return {"low": low, "high": high}
    return None


def minimum_over_what_is_wanted(request: Request) -> Blanks:
    """The minimum alone is changed, and the group's desired size, which an autoscaler moves, is below it."""
    sizes = request.given.get("scalingConfig") or {}
    cluster = request.place.eks.clusters.get(request.given.get("clusterName"))
    group = cluster.nodegroups.get(request.given.get("nodegroupName")) if cluster else None
    wanted = sizes.get("desiredSize", group.scaling_config["desiredSize"] if group else None)
    low = sizes.get("minSize")
    over = low is not None and wanted is not None and low > wanted
    return {"low": low, "wanted": wanted} if over else None


CLUSTER = ("eks:CreateCluster", "eks:UpdateClusterConfig")
GROUP = ("eks:CreateNodegroup", "eks:UpdateNodegroupVersion")

EKS_REFUSALS = (
    Refusal(
        CLUSTER,
        "a range for the public endpoint that is private, for documentation, reserved or IPv6",
        INVALID,
        "The following CIDRs are invalid in publicAccessCidrs: [{ranges}]",
        f"{GUIDE}/cluster-endpoint.html",
        closed_ranges,
    ),
    Refusal(
        CLUSTER,
        "subnets in a single zone",
        INVALID,
        "Subnets specified must be in at least two different AZs",
        "awsdocs/amazon-eks-user-guide#795",
        one_zone,
    ),
    Refusal(
        CLUSTER,
        f"a subnet in one of the zones {', '.join(sorted(NO_CONTROL_PLANE))}",
        "UnsupportedAvailabilityZoneException",
        "Cannot create cluster '{cluster}' because {zone}, the targeted availability zone, does not currently have "
        "sufficient capacity to support the cluster. Retry and choose from these availability zones: {others}",
        f"{GUIDE}/network-reqs.html; words: eksctl-io/eksctl#817",
        full_zone,
    ),
    Refusal(
        ("eks:CreateCluster", "eks:UpdateClusterVersion"),
        "a Kubernetes version that EKS does not have",
        INVALID,
        "unsupported Kubernetes version {version}",
        "terraform-aws-modules/terraform-aws-eks#3164",
        unknown_version,
    ),
    Refusal(
        ("eks:UpdateClusterVersion",),
        "a version that skips a minor, or goes back by more than the upgrade before",
        INVALID,
        "Unsupported Kubernetes minor version update from {old} to {new}",
        f"rancher/rancher#28939; one step back: {GUIDE}/rollback-cluster.html",
        version_step,
    ),
    Refusal(
        ("eks:CreateCluster",),
        "a role made a moment ago, until IAM has spread it; providers try again",
        INVALID,
        ROLE_NOT_YET,
        "pulumi/pulumi-eks#758",
        role_is_new,
    ),
    Refusal(
        ("eks:CreateCluster",),
        "a cluster that exists",
        "ResourceInUseException",
        "Cluster already exists with name: {name}",
        "botocore, eks",
        by_moto,
        409,
    ),
    Refusal(
        ("eks:CreateNodegroup",),
        "`instanceTypes` beside a launch template that has one",
        "InvalidRequestException",
        "Cannot specify instance types in launch template and API request",
        "terraform-aws-modules/terraform-aws-eks#1386",
        _beside_template("instanceTypes", "InstanceType"),
    ),
    Refusal(
        ("eks:CreateNodegroup",),
        "`diskSize` beside a launch template",
        INVALID,
        "Disk size must be specified within the launch template.",
        "crossplane-contrib/provider-upjet-aws#866",
        disk_beside_template,
    ),
    Refusal(
        GROUP,
        "`version` beside a launch template with an image",
        INVALID,
        "You cannot specify a kubernetes version to use when specifying an image id to use within the launch template.",
        "pulumi/pulumi-eks#1283",
        _beside_template("version", "ImageId"),
    ),
    Refusal(
        GROUP,
        "`releaseVersion` beside a launch template with an image",
        INVALID,
        "You cannot specify a release version when specifying an image id to use within the launch template.",
        f"{GUIDE}/launch-templates.html; the words are the lab's",
        _beside_template("releaseVersion", "ImageId"),
    ),
    Refusal(
        ("eks:CreateNodegroup",),
        "`amiType` beside a launch template with an image",
        INVALID,
        "You cannot specify an AMI Type other than CUSTOM, when specifying an image id in your launch template.",
        "pulumi/pulumi-eks#1463",
        image_type_beside_image,
    ),
    Refusal(
        GROUP,
        "an instance profile, market options or hibernation in the launch template",
        INVALID,
        "Launch template must not specify {fields} in a managed node group",
        f"{GUIDE}/launch-templates.html; the words are the lab's",
        forbidden_in_template,
    ),
    Refusal(
        ("eks:CreateNodegroup",),
        "sizes that are not in the order minimum, desired, maximum",
        INVALID,
        "{low} can't be greater than {high}",
        "sassoftware/viya4-iac-aws#298",
        sizes_out_of_order,
    ),
    Refusal(
        ("eks:UpdateNodegroupConfig",),
        "a minimum above the desired size",
        INVALID,
        "Minimum capacity {low} can't be greater than desired size {wanted}",
        "terraform-aws-modules/terraform-aws-eks#3306",
        minimum_over_what_is_wanted,
    ),
)
