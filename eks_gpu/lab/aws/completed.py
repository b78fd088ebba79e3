"""moto with what the lab's controllers and programs need and moto lacks: once a process, before moto's first use."""

import re
import threading
from pathlib import Path
from typing import Any

from moto.autoscaling.models import FakeAutoScalingGroup
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance
from moto.ec2.responses import EC2Response
from moto.ec2.responses.spot_instances import SpotInstances
from moto.eks import urls as eks_urls
from moto.eks.models import eks_backends
from moto.elb import urls as elb_urls
from moto.elbv2 import urls as elbv2_urls
from moto.events.models import Rule
from moto.iam.responses import IamResponse
from moto.ssm.models import Parameter, SimpleSystemManagerBackend

from eks_gpu.lab.aws import delivery, placement_groups
from eks_gpu.lab.aws.asked_before import answer_before
from eks_gpu.lab.aws.eks_api import LabEksResponse
from eks_gpu.lab.aws.eks_backend import LabEksBackend
from eks_gpu.lab.node_kind import node_name
from eks_gpu_components.catalog import AMI_RELEASE, instance_types, spot_price

MOTO = {
    "type": FakeAutoScalingGroup.instance_type,
    "spot": SpotInstances.describe_spot_price_history,
    "profiles": IamResponse.list_instance_profiles,
    "parameter": SimpleSystemManagerBackend.get_parameter,
}
"""moto's own, which ours build on."""

IMAGE_PARAMETER = re.compile(
    r"/aws/service/(?:"
    r"eks/optimized-ami/1\.\d\d/amazon-linux-2023/(?P<al2023>x86_64|arm64)/(?:standard|nvidia|neuron)/[^/]+/image_id"
    r"|bottlerocket/aws-k8s-1\.\d\d(?:-nvidia)?(?:-fips)?/(?P<bottlerocket>x86_64|arm64)/[^/]+/image_id"
    r"|canonical/ubuntu/eks/[\d.]+/1\.\d\d/stable/current/(?P<ubuntu>amd64|arm64)/hvm/ebs-[^/]+/ami-id)"
)
"""The public parameters in which AWS and Canonical name their newest image for EKS."""

RELEASE_PARAMETER = re.compile(
    r"/aws/service/(?:eks/optimized-ami/|bottlerocket/aws-k8s-)(?P<minor>1\.\d\d)\S*/(?:release_version|image_version)"
)
"""The public parameters in which AWS names the release of that image."""
RELEASE = AMI_RELEASE.removeprefix("v")

_registering = threading.Lock()


def complete_moto(endpoint: str = "", certificate: Path | None = None, closed: Path | None = None) -> None:
    """Completes moto with what its EKS, EC2, IAM, Auto Scaling, SSM and EventBridge lack.

    Every cluster is said to be at `endpoint`, with the certificate authority in the file `certificate`; those that only
    a private endpoint has are named in the file `closed`.
    """
    LabEksBackend.endpoint, LabEksBackend.certificate, LabEksBackend.closed = endpoint, certificate, closed
    eks_backends.backend = LabEksBackend
    eks_backends.clear()
    eks_urls.url_paths = dict.fromkeys(
        (
            *("{0}/clusters$", "{0}/clusters/(?P<rest>.+)$", "{0}/tags/(?P<rest>.+)$"),
            *("{0}/cluster-versions$", "{0}/addons/supported-versions$", "{0}/access-policies$"),
        ),
        LabEksResponse.dispatch,
    )
    elb_urls.url_paths = elbv2_urls.url_paths = dict.fromkeys(elb_urls.url_paths, _balancers)
    answer_before()
    for owner, name, ours in (
        (FakeAutoScalingGroup, "instance_type", property(_instance_type)),
        (Instance, "private_dns_name", property(_private_dns_name)),
        (SpotInstances, "describe_spot_price_history", _spot_prices),
        (IamResponse, "list_instance_profiles", _profiles_below_a_path),
        (SimpleSystemManagerBackend, "get_parameter", _parameter),
        (Rule, "send_to_targets", delivery.send_to_targets),
        (Rule, "_send_to_sqs_queue", delivery.send_to_queue),
        (EC2Response, "create_placement_group", placement_groups.create),
        (EC2Response, "describe_placement_groups", placement_groups.describe),
        (EC2Response, "delete_placement_group", placement_groups.delete),
    ):
        setattr(owner, name, ours)


def _instance_type(group: Any) -> str:
    """The first override of a mixed instances policy, which moto does not look at."""
    overrides = ((group.mixed_instances_policy or {}).get("LaunchTemplate") or {}).get("Overrides") or []
    types = [override["InstanceType"] for override in overrides if override.get("InstanceType")]
    return types[0] if types else MOTO["type"].fget(group)


def _balancers(request: Any, *given: Any, **named: Any) -> Any:
    """Keeps the body as it was signed: moto takes the form apart to tell the two services of load balancers apart."""
    request.get_data()
    return elb_urls.api_version_elb_backend(request, *given, **named)


def _private_dns_name(instance: Any) -> str:
    """The name of its node, by which controllers find one by the other; none once it has ended.

    Source: EC2 API, Instance, `privateDnsName`.
    """
    ended = instance.state in ("shutting-down", "terminated")
    return "" if ended else node_name(instance.id, instance.placement.zone)


def _spot_prices(response: Any) -> ActionResult:
    """The catalog's estimates; moto says 0.00001 for everything, with which no choice between types means anything."""
    prices = MOTO["spot"](response).result["SpotPriceHistory"]
    region, known = response.region, {row.name for row in instance_types()}
    priced = [(row, spot_price(row["InstanceType"], region)) for row in prices if row["InstanceType"] in known]
    return ActionResult(
        {"SpotPriceHistory": [{**row, "SpotPrice": f"{price.hourly:.5f}"} for row, price in priced if price]}
    )


def _profiles_below_a_path(response: Any) -> ActionResult:
    """By PathPrefix, which moto ignores: Karpenter would take every profile for one of its own, and delete it."""
    prefix = response._get_param("PathPrefix") or "/"
    profiles = MOTO["profiles"](response).result["InstanceProfiles"]
    return ActionResult({"InstanceProfiles": [profile for profile in profiles if profile.path.startswith(prefix)]})


def _parameter(backend: Any, name: str) -> Any:
    """An image of its own for each public parameter, of the right architecture; moto knows none of them."""
    if released := RELEASE_PARAMETER.fullmatch(name):
        value = f"{released['minor']}.0-{RELEASE}"
        return Parameter(backend.account_id, name, value, "String", None, None, None, utcnow(), 1, "text")
    found = IMAGE_PARAMETER.fullmatch(name)
    if found is None:
        return MOTO["parameter"](backend, name)
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    with _registering:
        image = next((image for image in ec2.amis.values() if image.name == name), None)
        if image is None:
            image = ec2.register_image(name, "Image that the lab's nodes are said to run")
            image.architecture = "arm64" if "arm64" in found.groups() else "x86_64"
    return Parameter(backend.account_id, name, image.id, "String", None, None, None, utcnow(), 1, "aws:ec2:image")
