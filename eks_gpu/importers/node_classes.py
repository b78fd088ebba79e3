"""Node classes: what Karpenter's EC2NodeClass and AWSNodeTemplate, and Auto Mode's NodeClass, say of nodes.

Source: Karpenter 1.15, CRDs; Karpenter's upgrade guides; EKS User Guide, "Create a Node Class for Amazon EKS".
"""

import re

from eks_gpu.importers.fields import Fields, Place
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.model import NodeClass
from eks_gpu.importers.units_and_names import has_placeholder
from eks_gpu.pods.quantities import gib
from eks_gpu_components.catalog import (
    CLUSTER_TAG,
    DISCOVERY_TAG,
    MAX_IOPS,
    MAX_THROUGHPUT_MIB_S,
    MIN_IOPS,
    MIN_THROUGHPUT_MIB_S,
)
from eks_gpu_components.catalog.image_families import DEFAULT_VOLUME_GIB
from eks_gpu_components.catalog.images import ROOT_DEVICE, data_device

_FAMILIES = {"AL2023": "al2023", "Bottlerocket": "bottlerocket"}
_ENDED = "Amazon Linux 2 (AL2), of which EKS makes no image since Kubernetes 1.33: AL2023 is taken"
_ROOTS = ("/dev/xvda", "/dev/xvdb")
_DEFAULT_TAGS = (DISCOVERY_TAG, "Name", CLUSTER_TAG)


def read_ec2_node_class(spec: Fields, findings: Findings, *, before_v1: bool = False) -> NodeClass:
    """`spec` of an EC2NodeClass, v1beta1 or v1."""
    image, version = _image(spec, findings, terms=spec.parts("amiSelectorTerms", required=not before_v1))
    disk, system, system_place = _disk(spec, findings, image)
    _metadata_options(spec.part("metadataOptions"), findings)
    clusters = [*_cluster_names(spec, "subnetSelectorTerms"), *_cluster_names(spec, "securityGroupSelectorTerms")]
    role = spec.text("role") or ""
    spec.replaced("instanceProfile", "instanceStorePolicy")  # the program has a role, and uses the nodes' own disks
    _tags(spec, findings)
    return NodeClass(
        image=image,
        image_version=version,
        disk_gib=disk,
        system_gib=system,
        system_place=system_place,
        reservation_ids=_reservation_ids(spec),
        cluster_name=next(iter(clusters), None) or _cluster_of_role(role),
    )


def read_node_template(spec: Fields, findings: Findings) -> NodeClass:
    """`spec` of an AWSNodeTemplate, and a Provisioner's own `provider`."""
    family = spec.text("amiFamily")
    if family in (None, "AL2"):
        message = f"an amiFamily of AL2, the default of the time, is {_ENDED}"
        findings.tell("node-images-are-current", spec.place("amiFamily"), message)
    elif family not in _FAMILIES:
        findings.lose(spec.place("amiFamily"), f"the program has nodes of {', '.join(_FAMILIES)}, not of {family}")
    if "amiSelector" in spec:
        spec.strings("amiSelector")
        findings.lose(spec.place("amiSelector"), "the program takes EKS's own images")
    disk, _, _ = _disk(spec, findings, "al2023")
    _metadata_options(spec.part("metadataOptions"), findings)
    clusters = []
    for key in ("subnetSelector", "securityGroupSelector"):
        clusters += _clusters_in(spec.strings(key))
    spec.replaced("instanceProfile", "apiVersion", "kind")
    _tags(spec, findings)
    return NodeClass(disk_gib=disk, cluster_name=next(iter(clusters), None))


def _reservation_ids(spec: Fields) -> tuple[str, ...]:
    ids = (term.text("id") for term in spec.parts("capacityReservationSelectorTerms"))
    return tuple(id_ for id_ in ids if id_)


def read_auto_mode_node_class(spec: Fields, findings: Findings) -> NodeClass:
    """`spec` of Auto Mode's NodeClass."""
    storage = spec.part("ephemeralStorage")
    size = storage.text("size")
    clusters = [*_cluster_names(spec, "subnetSelectorTerms"), *_cluster_names(spec, "securityGroupSelectorTerms")]
    role = spec.text("role") or ""
    spec.replaced("instanceProfile")
    for key, default in (("networkPolicy", "DefaultAllow"), ("snatPolicy", "Random")):
        if (value := spec.text(key)) not in (None, default):
            findings.lose(spec.place(key), f"a pool's settings leave {key} at {default}, not {value}")
    _tags(spec, findings)
    return NodeClass(
        disk_gib=_gib(storage, "size", size, findings),
        iops=storage.whole("iops", least=MIN_IOPS, most=MAX_IOPS),
        throughput_mib_s=storage.whole("throughput", least=MIN_THROUGHPUT_MIB_S, most=MAX_THROUGHPUT_MIB_S),
        reservation_ids=_reservation_ids(spec),
        cluster_name=next(iter(clusters), None) or _cluster_of_role(role),
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


def _disk(spec: Fields, findings: Findings, image: str) -> tuple[int | None, int | None, Place | None]:
    """GiB of the volume that images fill, Bottlerocket's second and everywhere else the first; then GiB and place of
    the one that holds Bottlerocket alone.
    """
    found: dict[str, int | None] = {}
    places: dict[str, Place] = {}
    for mapping in spec.parts("blockDeviceMappings"):
        device, ebs = mapping.text("deviceName") or "", mapping.part("ebs")
        mapping.replaced("rootVolume")
        size = ebs.quantity("volumeSize")
        found[device] = _gib(ebs, "volumeSize", size, findings)
        places[device] = ebs.place("volumeSize")
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
        if device not in _ROOTS:
            findings.lose(mapping.place("deviceName"), f"a node has its root and data volumes, and no {device}")
    if image != "bottlerocket":
        return found.get(ROOT_DEVICE) or next((size for size in found.values() if size), None), None, None
    data, system = data_device(image), found.get(ROOT_DEVICE)
    if system and system > DEFAULT_VOLUME_GIB and not found.get(data):
        message = (
            f"{system} GiB are on {ROOT_DEVICE}, where Bottlerocket alone is; images and pods fill {data}, which has "
            f"{DEFAULT_VOLUME_GIB}: {system} is taken for it"
        )
        findings.tell("disks-have-room", places[ROOT_DEVICE], message)
        return system, None, None
    return found.get(data), system, places.get(ROOT_DEVICE)


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
    options.replaced("httpEndpoint", "httpProtocolIPv6")


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
