"""Node classes: what Karpenter's EC2NodeClass and AWSNodeTemplate, and Auto Mode's NodeClass, say of nodes.

Source: Karpenter 1.15, CRDs; Karpenter's upgrade guides; EKS User Guide, "Create a Node Class for Amazon EKS".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eks_gpu.importers.fields import Fields, Place
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.model import NodeClass, Stated
from eks_gpu.importers.units_and_names import has_placeholder
from eks_gpu.pods.quantities import gib
from eks_gpu.pools.user_data import pods_on_one_gpu
from eks_gpu_components.catalog import (
    CLUSTER_TAG,
    DISCOVERY_TAG,
)
from eks_gpu_components.catalog.image_families import DEFAULT_VOLUME_GIB
from eks_gpu_components.catalog.images import ROOT_DEVICE, data_device

_FAMILIES = {"AL2023": "al2023", "Bottlerocket": "bottlerocket"}
_ENDED = "Amazon Linux 2 (AL2), of which EKS makes no image since Kubernetes 1.33: AL2023 is taken"
_AUTO_MODE_DEFAULTS = {"networkPolicy": "DefaultAllow", "networkPolicyEventLogs": "Disabled", "snatPolicy": "Random"}
_SPEED = {
    "iops": "iops",
    "throughput": "throughput_mib_s",
    "snapshotID": "snapshot_id",
    "volumeInitializationRate": "initialization_mib_s",
}
"""Field of a volume -> that of a pool's `storage`."""
_OF_EFA = ("efa", "efa-only")
_MOST = 10**6
_DEFAULT_TAGS = (DISCOVERY_TAG, "Name", CLUSTER_TAG)


def read_ec2_node_class(spec: Fields, *, before_v1: bool = False) -> NodeClass:
    """`spec` of an EC2NodeClass, v1beta1 or v1."""
    findings = Findings()
    image, version = _image(spec, findings, terms=spec.parts("amiSelectorTerms", required=not before_v1))
    volumes = _volumes(spec, findings, _written_family(spec) or image)
    _metadata_options(spec.part("metadataOptions"), findings)
    clusters = [*_cluster_names(spec, "subnetSelectorTerms"), *_cluster_names(spec, "securityGroupSelectorTerms")]
    role = spec.text("role") or ""
    spec.replaced("instanceProfile", "instanceStorePolicy")  # the program has a role, and uses the nodes' own disks
    spec.off("associatePublicIPAddress", "detailedMonitoring")
    _tags(spec, findings)
    ids, reservations = _reservations(spec, "ownerID", findings)
    return NodeClass(
        image=image,
        image_version=version,
        disk_gib=volumes.disk_gib,
        system_gib=volumes.system_gib,
        system_place=volumes.system_place,
        speed=volumes.speed,
        efa_interfaces=_efa(spec),
        placement_group=_placement_group(spec),
        reservation_ids=ids,
        reservations=reservations,
        reservations_place=spec.place("capacityReservationSelectorTerms"),
        cluster_name=next(iter(clusters), None) or _cluster_of_role(role),
        findings=findings,
        disk_problems=volumes.problems,
        shares=_shares(spec, findings),
    )


def read_node_template(spec: Fields) -> NodeClass:
    """`spec` of an AWSNodeTemplate, and a Provisioner's own `provider`."""
    findings = Findings()
    family = spec.text("amiFamily")
    if family in (None, "AL2"):
        message = f"an amiFamily of AL2, the default of the time, is {_ENDED}"
        findings.tell("node-images-are-current", spec.place("amiFamily"), message)
    elif family not in _FAMILIES:
        findings.lose(spec.place("amiFamily"), f"the program has nodes of {', '.join(_FAMILIES)}, not of {family}")
    if "amiSelector" in spec:
        spec.strings("amiSelector")
        findings.lose(spec.place("amiSelector"), "the program takes EKS's own images")
    volumes = _volumes(spec, findings, "al2023")
    _metadata_options(spec.part("metadataOptions"), findings)
    clusters = []
    for key in ("subnetSelector", "securityGroupSelector"):
        clusters += _clusters_in(spec.strings(key))
    spec.replaced("instanceProfile", "apiVersion", "kind")
    spec.off("associatePublicIPAddress", "detailedMonitoring")
    _tags(spec, findings)
    return NodeClass(
        disk_gib=volumes.disk_gib,
        speed=volumes.speed,
        cluster_name=next(iter(clusters), None),
        findings=findings,
        disk_problems=volumes.problems,
        shares=_shares(spec, findings),
    )


def _reservations(
    spec: Fields, owner_key: str, findings: Findings
) -> tuple[tuple[str, ...], tuple[Mapping[str, Any], ...]]:
    """The ids of reservations, and what selects others by tags. What a term says besides is lost."""
    ids, selected = list[str](), list[Mapping[str, Any]]()
    for term in spec.parts("capacityReservationSelectorTerms"):
        id_, tags, owner = term.text("id"), term.strings("tags"), term.text(owner_key)
        if id_:
            ids.append(id_)
        for key, given in (("tags", tags), (owner_key, owner)):
            if given and id_:
                findings.lose(
                    term.place(key), f"a reservation that has an id is selected by nothing else, not by {key}"
                )
        if owner and not id_ and not re.fullmatch(r"[0-9]{12}", owner, re.ASCII):
            findings.lose(term.place(owner_key), f"must be an account, of 12 digits, got {owner[:100]}")
            owner = None
        elif owner and not id_ and not tags:
            message = "a pool's reservations are selected by id or tags, and by their owner only beside tags"
            findings.lose(term.place(owner_key), message)
        if tags and not id_:
            selected.append({"tags": tags, **({"owner_id": owner} if owner else {})})
    return tuple(ids), tuple(selected)


def _efa(spec: Fields) -> Stated | None:
    """How many interfaces are of EFA, if the class names any; the program lays them out itself."""
    kinds = []
    for interface in spec.parts("networkInterfaces"):
        kinds.append(interface.text("interfaceType") or "")
        interface.whole("networkCardIndex")
        interface.whole("deviceIndex")
    return Stated(sum(kind in _OF_EFA for kind in kinds), spec.place("networkInterfaces")) if kinds else None


def _placement_group(spec: Fields) -> Place | None:
    """Where the class names a placement group; the program makes one of its own for EFA."""
    group = spec.part("placementGroupSelector")
    return group.place() if group.text("id") or group.text("name") else None


def read_auto_mode_node_class(spec: Fields) -> NodeClass:
    """`spec` of Auto Mode's NodeClass."""
    findings = Findings()
    storage = spec.part("ephemeralStorage")
    size = storage.text("size")
    clusters = [*_cluster_names(spec, "subnetSelectorTerms"), *_cluster_names(spec, "securityGroupSelectorTerms")]
    role = spec.text("role") or ""
    spec.replaced("instanceProfile")
    spec.part("advancedSecurity").off("fips")
    spec.part("advancedNetworking").off("associatePublicIPAddress")
    for key, default in _AUTO_MODE_DEFAULTS.items():
        if (value := spec.text(key)) not in (None, default):
            findings.lose(spec.place(key), f"a pool's settings leave {key} at {default}, not {value}")
    _tags(spec, findings)
    ids, reservations = _reservations(spec, "owner", findings)
    return NodeClass(
        disk_gib=_gib(storage, "size", size, findings),
        speed=_speed(storage, "iops", "throughput"),
        reservation_ids=ids,
        reservations=reservations,
        reservations_place=spec.place("capacityReservationSelectorTerms"),
        cluster_name=next(iter(clusters), None) or _cluster_of_role(role),
        findings=findings,
    )


def _image(spec: Fields, findings: Findings, terms: list[Fields]) -> tuple[str, str | None]:
    """Family and pinned release."""
    family = spec.text("amiFamily")
    aliases = [(term, alias) for term in terms if (alias := term.text("alias"))]
    for term in terms:
        if "alias" not in term:
            findings.lose(term.place(), "the program takes EKS's own images, by family and release")
            term.replaced(*term)
    if aliases:
        term, alias = aliases[0]
        return _aliased(term, alias, findings)
    if family == "AL2":
        findings.tell("node-images-are-current", spec.place("amiFamily"), f"this is {_ENDED}")
    elif family and family not in _FAMILIES:
        findings.lose(spec.place("amiFamily"), f"the program has nodes of {', '.join(_FAMILIES)}, not of {family}")
    elif family == "Bottlerocket":
        _unpinned(spec, "amiFamily", findings)
    return "al2023", None


def _written_family(spec: Fields) -> str | None:
    """The family whose disks the class describes, though the settings may take another: bottlerocket or None."""
    words = [spec.text("amiFamily") or "", *(term.text("alias") or "" for term in spec.parts("amiSelectorTerms"))]
    return "bottlerocket" if any(word.lower().startswith("bottlerocket") for word in words) else None


def _aliased(term: Fields, alias: str, findings: Findings) -> tuple[str, str | None]:
    family, _, version = alias.partition("@")
    if family == "al2":
        findings.tell("node-images-are-current", term.place("alias"), f"this is {_ENDED}")
        return "al2023", None
    if family not in _FAMILIES.values():
        findings.lose(term.place("alias"), f"the program has nodes of al2023 and bottlerocket, not of {family}")
        return "al2023", None
    if re.fullmatch(r"v[0-9][0-9.]*", version, re.ASCII):
        return family, version
    if family == "bottlerocket":
        _unpinned(term, "alias", findings)
    else:
        message = f"{alias} replaces nodes whenever a release comes: the program pins one"
        findings.tell("node-images-are-pinned", term.place("alias"), message)
    return "al2023", None


def _unpinned(fields: Fields, key: str, findings: Findings) -> None:
    message = (
        "Bottlerocket needs a release, as bottlerocket@v1.46.0, or its nodes change without notice: AL2023 is taken"
    )
    findings.tell("node-images-are-pinned", fields.place(key), message)


@dataclass(frozen=True, slots=True)
class _Volumes:
    """What a class says of its nodes' volumes."""

    disk_gib: int | None
    """Of the volume that images fill: Bottlerocket's second, and everywhere else the first."""
    problems: tuple[tuple[Place, str], ...] = ()
    """What is wrong with the volumes of nodes with accelerators."""
    system_gib: int | None = None
    """Of the volume that holds Bottlerocket alone."""
    system_place: Place | None = None
    speed: Mapping[str, Stated] = field(default_factory=dict)
    """Of the volume that images fill, by the field of a pool's `storage`."""


def _speed(volume: Fields, *keys: str) -> dict[str, Stated]:
    """What a volume says of its speed and its snapshot, by the field of a pool's `storage`."""
    found: dict[str, Stated] = {}
    for key in keys or _SPEED:
        value = volume.text(key) if key == "snapshotID" else volume.whole(key, most=_MOST)
        if value is not None:
            found[_SPEED[key]] = Stated(value, volume.place(key))
    return found


def _volumes(spec: Fields, findings: Findings, image: str) -> _Volumes:
    found: dict[str, int | None] = {}
    places: dict[str, Place] = {}
    speeds: dict[str, dict[str, Stated]] = {}
    data = data_device(image)
    for mapping in spec.parts("blockDeviceMappings"):
        device, ebs = mapping.text("deviceName") or "", mapping.part("ebs")
        if mapping.flag("rootVolume") and device not in (data, ROOT_DEVICE):
            findings.lose(mapping.place("rootVolume"), f"the root volume of the program's nodes is {ROOT_DEVICE}")
        size = ebs.quantity("volumeSize")
        found[device], places[device] = _gib(ebs, "volumeSize", size, findings), ebs.place("volumeSize")
        speeds[device] = _speed(ebs)
        kind = ebs.text("volumeType")
        if kind in ("gp2", "standard"):
            message = f"{kind} is slower and costs more than gp3, which is taken"
            findings.tell("disks-are-gp3", ebs.place("volumeType"), message)
        elif kind not in (None, "gp3"):
            findings.lose(ebs.place("volumeType"), f"every disk of the program is gp3, not {kind}")
        if ebs.flag("encrypted") is False:
            message = "images, caches and emptyDir volumes would lie on the disk in the clear: it is encrypted"
            findings.tell("node-disks-are-encrypted", ebs.place("encrypted"), message)
        if ebs.flag("deleteOnTermination") is False:
            findings.lose(ebs.place("deleteOnTermination"), "a node's disk goes with the node")
        if device not in (ROOT_DEVICE, data):
            findings.lose(mapping.place("deviceName"), f"a node has its root and data volumes, and no {device}")
        elif device != data:
            for stated in speeds[device].values():
                message = f"a pool's storage is that of {data}, which images fill, and this is of {device}"
                findings.lose(stated.place, message)
    speed = speeds.get(data, {})
    if image != "bottlerocket":
        size = found.get(ROOT_DEVICE) or next((size for size in found.values() if size), None)
        return _Volumes(size, speed=speed)
    system = found.get(ROOT_DEVICE)
    if system and system > DEFAULT_VOLUME_GIB and not found.get(data):
        message = (
            f"{system} GiB are on {ROOT_DEVICE}, where Bottlerocket alone is; images and pods fill {data}, which has "
            f"{DEFAULT_VOLUME_GIB}: {system} is taken for it"
        )
        return _Volumes(system, ((places[ROOT_DEVICE], message),), speed=speed)
    return _Volumes(found.get(data), (), system, places.get(ROOT_DEVICE), speed)


def _shares(spec: Fields, findings: Findings) -> int:
    """Pods on one GPU, by the user data, for which the settings have no place."""
    if (text := spec.text("userData")) is None:
        return 1
    shares = pods_on_one_gpu(text)
    shared = f", and nodes then offer each GPU once, not {shares} times" if shares > 1 else ""
    findings.lose(spec.place("userData"), f"the settings have no place for userData{shared}")
    return shares


def _gib(fields: Fields, key: str, size: str | None, findings: Findings) -> int | None:
    if size is None:
        return None
    try:
        return gib(size)
    except ValueError as error:
        findings.lose(fields.place(key), str(error))
        return None


def _metadata_options(options: Fields, findings: Findings) -> None:
    if options.text("httpTokens") == "optional":
        message = "whoever makes a node fetch an address gets the node's role: IMDSv2 is required"
        findings.tell("nodes-require-imdsv2", options.place("httpTokens"), message)
    hops = options.whole("httpPutResponseHopLimit", least=1, most=64)
    if hops and hops > 1:
        message = "the hop limit is 1: pods get a role by Pod Identity, and not the node's"
        findings.tell("nodes-require-imdsv2", options.place("httpPutResponseHopLimit"), message)
    for key, default in (("httpEndpoint", "enabled"), ("httpProtocolIPv6", "disabled")):
        if (value := options.text(key)) not in (None, default):
            findings.lose(options.place(key), f"the program leaves {key} {default}, and not {value}")


def _tags(spec: Fields, findings: Findings) -> None:
    for key in spec.strings("tags"):
        if not key.startswith(_DEFAULT_TAGS):
            findings.lose(spec.below("tags", key), "a pool's settings have no tags")


def _cluster_names(spec: Fields, key: str) -> list[str]:
    """What selectors' tags tell of the cluster; the program selects subnets and security group by id."""
    found = []
    for term in spec.parts(key):
        found += _clusters_in(term.strings("tags"))
        term.replaced("id", "name")
    return found


def _clusters_in(tags: dict[str, str]) -> list[str]:
    names = []
    for key, value in tags.items():
        name = value if key in (DISCOVERY_TAG, "aws:eks:cluster-name") else ""
        name = key.removeprefix(CLUSTER_TAG) if key.startswith(CLUSTER_TAG) else name
        if re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}", name, re.ASCII):
            names.append(name)
    return names


def _cluster_of_role(role: str) -> str | None:
    """Karpenter's own guide names the role so."""
    name = role.rpartition("/")[2].removeprefix("KarpenterNodeRole-")
    fits = re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}", name, re.ASCII) and not has_placeholder(name)
    return name if fits and name != role.rpartition("/")[2] else None
