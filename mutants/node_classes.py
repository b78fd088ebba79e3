"""Node classes of Karpenter and of EKS Auto Mode."""

from .edits import EACH, Edit, Option, gone, to, with_key
from .places import EC2_NODE_CLASS, NODE_CLASS

_CLASSES = [EC2_NODE_CLASS, NODE_CLASS]
_EBS = ("spec", "blockDeviceMappings", EACH, "ebs")

OPERATORS = (
    Edit(
        "the role is an ARN",
        "Auto Mode finds no role of that name",
        [NODE_CLASS],
        ("spec", "role"),
        lambda role: f"arn:aws:iam::123456789012:role/{role}",
    ),
    Edit("no role", "the API server refuses it", _CLASSES, ("spec", "role"), gone),
    Edit("no subnet", "the API server refuses it", _CLASSES, ("spec", "subnetSelectorTerms"), to([])),
    Edit(
        "a discovery tag that no subnet has",
        "Karpenter finds no subnet",
        _CLASSES,
        ("spec", "subnetSelectorTerms"),
        to([{"tags": {"karpenter.sh/discovery": "other"}}]),
    ),
    Edit("no security group", "the API server refuses it", _CLASSES, ("spec", "securityGroupSelectorTerms"), to([])),
    Edit("no image", "the API server refuses it", [EC2_NODE_CLASS], ("spec", "amiSelectorTerms"), gone),
    Edit("a misspelt field", "the API server drops it", _CLASSES, ("spec",), with_key(subnetSelectorTerm=[])),
    Edit("a field of an older version", "the API server drops it", _CLASSES, ("spec",), with_key(subnetSelector={})),
    Edit("user data on Auto Mode", "the API server refuses it", [NODE_CLASS], ("spec",), with_key(userData="x")),
    Edit("a class named default", "Auto Mode has one already", [NODE_CLASS], ("metadata", "name"), to("default")),
    Edit(
        "IMDSv1 is open",
        "pods get the node's role",
        [EC2_NODE_CLASS],
        ("spec", "metadataOptions", "httpTokens"),
        to("optional"),
    ),
    Edit("a disk is not encrypted", "caches lie in the clear", [EC2_NODE_CLASS], (*_EBS, "encrypted"), to(False)),
    Edit("a slow disk", "models load slowly", [EC2_NODE_CLASS], (*_EBS, "volumeType"), to("gp2")),
    Edit(
        "a small disk",
        "an image with CUDA does not fit",
        [EC2_NODE_CLASS],
        ("spec",),
        lambda spec: {
            **{key: value for key, value in spec.items() if key != "instanceStorePolicy"},
            "blockDeviceMappings": [
                {"deviceName": "/dev/xvda", "ebs": {"volumeSize": "20Gi", "volumeType": "gp3", "encrypted": True}}
            ],
        },
    ),
    Edit(
        "a root volume smaller than its image",
        "EC2 refuses the volume",
        [EC2_NODE_CLASS],
        ("spec", "blockDeviceMappings"),
        to([{"deviceName": "/dev/xvda", "ebs": {"volumeSize": "1Gi", "volumeType": "gp3", "encrypted": True}}]),
    ),
    Edit(
        "one pod a node",
        "DaemonSets take it",
        [EC2_NODE_CLASS],
        ("spec",),
        with_key(kubelet={"maxPods": 1}),
    ),
    Edit(
        "a small disk on Auto Mode",
        "an image with CUDA does not fit",
        [NODE_CLASS],
        ("spec", "ephemeralStorage", "size"),
        to("20Gi"),
    ),
    Edit(
        "reservations that no pool wants",
        "what is reserved stays unused",
        _CLASSES,
        ("spec",),
        with_key(capacityReservationSelectorTerms=[{"id": "cr-1"}]),
        lambda resource, program: "capacityReservationSelectorTerms" not in resource.inputs["spec"],
    ),
    Option("a node class is retained", "Karpenter's profile stays", _CLASSES, "retainOnDelete", True),
)
