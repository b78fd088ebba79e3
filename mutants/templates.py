"""Launch templates: disks, metadata, and how nodes join."""

from eks_gpu_components.catalog import GPU_TAINT

from .edits import EACH, USER_DATA, Edit, gone, swapped, to
from .places import TEMPLATE, template_of_gpus, template_of_own, template_with_joining

_EBS = ("blockDeviceMappings", EACH, "ebs")

OPERATORS = (
    Edit("IMDSv1 is open", "pods get the node's role", [TEMPLATE], ("metadataOptions", "httpTokens"), to("optional")),
    Edit("a disk is not encrypted", "images and caches lie in the clear", [TEMPLATE], (*_EBS, "encrypted"), gone),
    Edit("nothing is said of disks", "20 GiB in the clear", [TEMPLATE], ("blockDeviceMappings",), gone),
    Edit(
        "a small disk",
        "an image with CUDA does not fit",
        [TEMPLATE],
        (*_EBS, "volumeSize"),
        to(20),
        template_of_gpus,
    ),
    Edit("a slow disk", "models load slowly", [TEMPLATE], (*_EBS, "volumeType"), to("gp2"), template_of_gpus),
    Edit(
        "no security group",
        "nodes never reach the cluster",
        [TEMPLATE],
        ("vpcSecurityGroupIds",),
        gone,
        template_of_own,
    ),
    Edit(
        "a fast network that the types lack",
        "EC2 refuses to start the nodes",
        [TEMPLATE],
        ("networkInterfaces",),
        to([{"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "efa"}]),
        template_of_gpus,
    ),
    Edit("no instance profile", "nodes never join", [TEMPLATE], ("iamInstanceProfile",), gone, template_of_own),
    Edit("no image", "EC2 refuses the group", [TEMPLATE], ("imageId",), gone, template_of_own),
    # User data.
    Edit(
        "nodes register no taint",
        "any pod lands there",
        [TEMPLATE],
        ("userData", USER_DATA),
        swapped(f"--register-with-taints={GPU_TAINT.for_kubelet()}", "--v=2"),
        template_of_own,
    ),
    Edit(
        "nodes register a soft taint",
        "any pod lands there",
        [TEMPLATE],
        ("userData", USER_DATA),
        swapped(f"{GPU_TAINT.value}:NoSchedule", f"{GPU_TAINT.value}:PreferNoSchedule"),
        template_with_joining,
    ),
    Edit(
        "nodes register another taint",
        "GPU pods stay away from GPU nodes",
        [TEMPLATE],
        ("userData", USER_DATA),
        swapped(f"{GPU_TAINT.key}={GPU_TAINT.value}:", "dedicated=gpu:"),
        template_with_joining,
    ),
    Edit(
        "nodes register another label",
        "pods that select it wait",
        [TEMPLATE],
        ("userData", USER_DATA),
        swapped("nvidia.com/gpu.present=true", "nvidia.com/gpu.present=yes"),
        template_of_own,
    ),
    Edit(
        "nodes join another cluster",
        "they are paid for and never join this one",
        [TEMPLATE],
        ("userData", USER_DATA),
        lambda text: text.replace('"name": "', '"name": "other-'),
        template_of_own,
    ),
)
