"""Nodes: their metadata service and their disks."""

from collections.abc import Iterator, Mapping

from eks_gpu.checks import sources
from eks_gpu.checks.access import template_of
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.graph.graph import Graph
from eks_gpu.karpenter.objects import NODE_POOL, node_pool, part
from eks_gpu.pods.quantities import CPU, MEMORY, PODS
from eks_gpu.pools.launch_template import BOTTLEROCKET_DATA_DEVICE, ROOT_DEVICES
from eks_gpu.pools.pool import KARPENTER, Pool
from eks_gpu.pools.scope import ACCELERATED
from eks_gpu.pools.user_data import joined_node

_LARGE_GIB = 40
_SLOW = frozenset({"gp2", "standard", "st1", "sc1"})
TEMPLATE, NODE_CLASS = "launch template", "EC2NodeClass"
_IMDS_V2 = {
    TEMPLATE: 'metadata_options http_tokens="required"',
    NODE_CLASS: "metadataOptions.httpTokens: required",
}


def _source(pool: Pool) -> str:
    """What says how the pool's nodes start. Auto Mode's always start safely."""
    return NODE_CLASS if pool.backend == KARPENTER else TEMPLATE


@check(
    "nodes-require-imdsv2",
    subject="pool",
    fix="require a token of the metadata service",
    sources=(
        sources.EC2_GUIDE,
        sources.NODE_IMAGES,
    ),
)
def imds_v2(context: Context) -> Iterator[Said]:
    """With IMDSv1, anyone who can make a pod request a URL gets the credentials of the node's role."""
    for pool in context.pools:
        problem = (
            None
            if pool.imds_v2
            else Problem(f"its {_source(pool)} leaves IMDSv1 open", f"set {_IMDS_V2[_source(pool)]}")
            if pool.imds_v2 is False
            else Problem(
                "nothing in the stack requires IMDSv2", f"give it a {_source(pool)} with {_IMDS_V2[_source(pool)]}"
            )
        )
        yield verdict(pool.name, problem, "metadata needs a session token")


@check("node-disks-are-encrypted", subject="pool", fix="encrypt every disk of the nodes", sources=(sources.EC2_GUIDE,))
def encrypted(context: Context) -> Iterator[Said]:
    """Container images, caches and emptyDir volumes are on the disk unencrypted."""
    for pool in context.pools:
        plain = [disk for disk in pool.disks or () if not disk.encrypted]
        problem = None
        if pool.disks is None:
            problem = Problem(
                "nothing in the stack says that its disks are encrypted", "give it block device mappings that do"
            )
        elif plain:
            sizes = ", ".join(f"{disk.gib} GiB" for disk in plain)
            setting = "encrypted: true" if pool.backend == KARPENTER else 'encrypted="true"'
            problem = Problem(f"its disk of {sizes} is not encrypted", f"set {setting} in the {_source(pool)}")
        elif pool.disks and (root := _root_left_out(pool, context.graph)):
            said = f"its {_source(pool)} names no {root}: the root disk is the image's own, which is not encrypted"
            problem = Problem(said, f"name the device {root}")
        yield verdict(pool.name, problem, "every disk is encrypted")


def _root_left_out(pool: Pool, graph: Graph) -> str:
    """The root device of the nodes if other devices are named and it is not; empty for what may be Bottlerocket."""
    template, made = template_of(pool, graph), graph.get(pool.urn)
    node_class = node_pool(made, graph).node_class if made and made.type == NODE_POOL else None
    inputs = part(node_class.inputs, "spec") if node_class else template.inputs if template else {}
    devices = [str(mapping.get("deviceName")) for mapping in inputs.get("blockDeviceMappings") or ()]
    if not devices or ROOT_DEVICES[0] in devices:
        return ""
    node = joined_node(inputs.get("userData"))
    images = [str(term.get("alias")) for term in inputs.get("amiSelectorTerms") or ()]
    images += [str(made.inputs.get("amiType")).lower()] if made else []
    is_al2023 = any(image.startswith("al2023") for image in images) or bool(node and node.image == "al2023")
    if is_al2023:
        return ROOT_DEVICES[0]
    # Bottlerocket's second disk may stand alone: its root is read-only.
    known = (*ROOT_DEVICES, BOTTLEROCKET_DATA_DEVICE)
    return "" if any(device in known for device in devices) else " or ".join(ROOT_DEVICES)


@check(
    "gpu-node-disks-hold-large-images",
    subject="GPU pool",
    severity="warning",
    fix=f"use gp3 of {_LARGE_GIB} GiB or more",
    scope=ACCELERATED,
    sources=(sources.LAB,),
)
def hold_images(context: Context) -> Iterator[Said]:
    """An image with CUDA and a model does not fit on the disk, or takes ten minutes or more to start."""
    for pool in context.gpu_pools:
        disks = pool.disks or ()
        filled = pool.images_disk
        if filled is None:
            continue
        problems = []
        if filled.gib < _LARGE_GIB and not pool.instance_store:
            where = f" {filled.device}" if (len(disks) > 1 or not filled.sized) and filled.device else ""
            said = f"its disk{where} has {filled.gib} GiB, and images with CUDA take several each"
            problems.append(Problem(said, f"give {filled.device} {_LARGE_GIB} GiB or more" if where else ""))
        if slow := sorted({disk.volume_type for disk in disks} & _SLOW):
            problems.append(Problem(f"volumes of type {', '.join(slow)} read an image slowly", "take gp3"))
        yield verdict(pool.name, problems, f"{filled.gib} GiB of {filled.volume_type}")


@check(
    "nodes-have-room-for-a-pod",
    subject="pool with accelerators",
    fix="let a node have more pods, or larger instance types",
    relies_on=("nodes",),
    sources=(sources.KARPENTER, sources.kubernetes("manage-resources-containers")),
    scope=ACCELERATED,
)
def have_room(context: Context) -> Iterator[Said]:
    """DaemonSets and add-ons take all that an empty node has, so no pod ever runs on one."""
    for room in context.rooms:
        nodes = [(node, room.left(node)) for node in room.pool.candidates]
        if not nodes or not room.pool.accelerator:
            continue
        full = [(node.instance_type.name, what) for node, left in nodes if (what := _used_up(left))]
        # EC2 chooses a group's type without looking at the pod; Karpenter takes one that has room.
        wrong = full if room.pool.chooses_node_itself or len(full) == len(nodes) else []
        problem = Problem(f"of an empty {wrong[0][0]}, DaemonSets take {wrong[0][1]}") if wrong else None
        yield verdict(room.pool.name, problem, "an empty node has room for a pod")


def _used_up(left: Mapping[str, int]) -> str:
    """What no pod can have of a node any more; empty if each resource is left."""
    said = {PODS: "every pod that it takes", CPU: "all CPU", MEMORY: "all memory"}
    return next((words for resource, words in said.items() if left.get(resource, 1) <= 0), "")
