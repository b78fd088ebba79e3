"""What a request to moto is about: the actions that it needs, each with the ARNs of what it acts on.

Source: the Service Authorization Reference, for what the lab's controllers call. Of another operation that changes
something the ARN is not known, and its action is judged alone.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from moto.autoscaling.models import autoscaling_backends
from moto.ec2.models import ec2_backends
from moto.eks.models import eks_backends
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends

from eks_gpu.graph.iam import Call

Given = Mapping[str, Any]

ABOUT_ALL = ("autoscaling:Describe", "ec2:Describe", "ec2:Get", "iam:ListInstanceProfiles")
"""How actions begin that act on no single resource, so that only `*` allows them."""


@dataclass(frozen=True)
class Place:
    """An account's part of a region."""

    partition: str
    region: str
    account: str

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    @property
    def iam(self) -> Any:
        return iam_backends[self.account][self.partition]

    @property
    def eks(self) -> Any:
        return eks_backends[self.account][self.region]

    @property
    def ec2(self) -> Any:
        return ec2_backends[self.account][self.region]

    @property
    def autoscaling(self) -> Any:
        return autoscaling_backends[self.account][self.region]


def needed(place: Place, action: str, given: Given) -> list[Call]:
    """What the caller must be allowed, all of it. `given` are the operation's parameters."""
    if action.startswith(ABOUT_ALL):
        return [Call(action, "*")]
    of_service = RESOURCES.get(action.partition(":")[0])
    found = list(of_service(place, given)) if of_service else []
    needs = [Call(action, resource) for resource in found or [None]]
    if action == "iam:AddRoleToInstanceProfile":
        needs.append(Call("iam:PassRole", _role(place, given["RoleName"])))  # whoever uses the profile has the role
    return needs


def _autoscaling(place: Place, given: Given) -> Iterable[str]:
    for group in place.autoscaling.autoscaling_groups.values():
        instances = [each.instance.id for each in group.instance_states]
        if group.name == given.get("AutoScalingGroupName") or given.get("InstanceId") in instances:
            yield group.arn


def _eks(place: Place, given: Given) -> Iterable[str]:
    name, group = given.get("clusterName") or given.get("name"), given.get("nodegroupName")
    if name and group:
        cluster = place.eks.clusters.get(name)
        known = cluster.nodegroups.get(group) if cluster else None
        yield known.arn if known else place.arn("eks", f"nodegroup/{name}/{group}/")
    elif name:
        yield place.arn("eks", f"cluster/{name}")


def _iam(place: Place, given: Given) -> Iterable[str]:
    if profile := given.get("InstanceProfileName"):
        yield _profile(place, profile, given.get("Path") or "/")
    elif role := given.get("RoleName"):
        yield _role(place, role)


def _profile(place: Place, name: str, path: str) -> str:
    try:
        return place.iam.get_instance_profile(name).arn
    except NotFoundException:
        return f"arn:{place.partition}:iam::{place.account}:instance-profile{path}{name}"


def _role(place: Place, name: str) -> str:
    try:
        return place.iam.get_role(name).arn
    except NotFoundException:
        return f"arn:{place.partition}:iam::{place.account}:role/{name}"


def _sqs(place: Place, given: Given) -> Iterable[str]:
    if name := given.get("QueueName") or str(given.get("QueueUrl", "")).rpartition("/")[2]:
        yield place.arn("sqs", name)


def _ssm(place: Place, given: Given) -> Iterable[str]:
    for name in (*given.get("Names", []), *filter(None, [given.get("Name")])):
        # AWS's own parameters belong to no account
        of = replace(place, account="") if name.startswith("/aws/") else place
        yield of.arn("ssm", f"parameter/{name.removeprefix('/')}")


RESOURCES: Mapping[str, Callable[[Place, Given], Iterable[str]]] = {
    "autoscaling": _autoscaling,
    "eks": _eks,
    "iam": _iam,
    "sqs": _sqs,
    "ssm": _ssm,
}
"""ARNs that an operation's parameters name, by service."""
