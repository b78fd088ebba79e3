"""What the self-managed groups of pulumi-eks have in common: security group, key, image, disks and user data."""

from dataclasses import dataclass
from typing import Any

from eks_gpu.graph.graph import Graph
from eks_gpu.offline.account import Properties
from eks_gpu.offline.registered import Made
from eks_gpu.offline.remote.construction import Construction
from eks_gpu.offline.remote.core import Core, subnets_of
from eks_gpu.offline.remote.images import AL2, operating_system
from eks_gpu.offline.remote.security_groups import node_security_group
from eks_gpu.offline.remote.worker_subnets import worker_subnets
from eks_gpu.offline.wire import clear, items, opened, part

DEFAULT_TYPE = "t3.medium"
DESIRED, MIN, MAX = 2, 1, 2


@dataclass(frozen=True)
class SecurityGroups:
    """The security groups of a group's nodes."""

    own: Made | None
    """The group of these nodes alone; None where only an id is given."""
    own_id: Any
    extra: list[Any]
    """Values of `extraNodeSecurityGroups`."""
    ids: list[Any]
    needs: tuple[Made, ...]

    @property
    def outputs(self) -> Properties:
        """Outputs that every kind of self-managed group has."""
        return {
            "nodeSecurityGroup": self.own.reference if self.own else None,
            "nodeSecurityGroupId": self.own_id,
            "extraNodeSecurityGroups": self.extra,
        }


def security_groups(it: Construction, args: Properties, core: Core) -> SecurityGroups:
    """Those that the arguments name, else one that is made for the group."""
    extra = items(args.get("extraNodeSecurityGroups"))
    extra_ids = [id_ for group in extra if (id_ := it.property_of(group, "id"))]
    given = args.get("nodeSecurityGroup")
    if given is not None or args.get("nodeSecurityGroupId") is not None:
        own = it.find(given)
        own_id = it.property_of(given, "id") if given is not None else args["nodeSecurityGroupId"]
        return SecurityGroups(own, own_id, extra, [own_id, *extra_ids], (own,) if own else ())
    tags = {**part(core.data, "nodeSecurityGroupTags"), **part(core.data, "tags")}
    group, rule = node_security_group(it, core.of_cluster("name"), core.cluster_group_id, core.data.get("vpcId"), tags)
    return SecurityGroups(group, group.id, extra, [group.id, *extra_ids], (group, rule))


def key_name(it: Construction, args: Properties) -> Any:
    """The name of the SSH key, which is made of a public key where one is given."""
    if args.get("nodePublicKey") is None:
        return args.get("keyName")
    return it.make("aws:ec2/keyPair:KeyPair", f"{it.name}-keyPair", {"publicKey": args["nodePublicKey"]})["keyName"]


def instance_profile(it: Construction, args: Properties, core: Core) -> Any:
    """The name of the instance profile: the group's own, else the cluster's."""
    for options in (args, part(core.data, "nodeGroupOptions")):
        if options.get("instanceProfile") is not None:
            return it.property_of(options["instanceProfile"], "name")
        if options.get("instanceProfileName") is not None:
            return options["instanceProfileName"]
    return None


def size(args: Properties, name: str, default: int) -> Any:
    """A number of nodes, the default where nobody says."""
    given = args.get(name)
    return default if given is None else given


def public_address(args: Properties) -> Any:
    """Whether nodes get a public address; they do where nobody says."""
    given = args.get("nodeAssociatePublicIpAddress")
    return True if given is None else given


def disk(args: Properties) -> Properties:
    """The settings of the nodes' disk. With Amazon Linux 2 there are defaults, else the image's hold."""
    old = operating_system(args) == AL2

    def value(name: str, default: Any) -> Any:
        given = args.get(name)
        return default if given is None and old else given

    return {
        "encrypted": value("nodeRootVolumeEncrypted", False),
        "volumeSize": value("nodeRootVolumeSize", 20),
        "volumeType": value("nodeRootVolumeType", "gp2"),
        "iops": args.get("nodeRootVolumeIops"),
        "throughput": args.get("nodeRootVolumeThroughput"),
        "deleteOnTermination": value("nodeRootVolumeDeleteOnTermination", True),
    }


def subnets(args: Properties, core: Core) -> tuple[list[Any], bool]:
    """The nodes' subnets, and whether the private ones are still to be chosen among them."""
    if opened(args.get("nodeSubnetIds")) is not None:
        return items(args["nodeSubnetIds"]), False
    named = subnets_of(core, "privateSubnetIds", "publicSubnetIds")
    return (named, False) if named is not None else (subnets_of(core, "subnetIds") or [], True)


def choose_later(it: Construction, urn: str, key: str, subnet_ids: list[Any]) -> None:
    """Sets a list of subnets once every route of the stack is known: a route may be registered after its user."""
    ids = clear(subnet_ids)

    def change(graph: Graph) -> dict[str, Properties]:
        return {urn: {key: worker_subnets(graph, ids)}}

    it.engine.when_all_is_there(change)
