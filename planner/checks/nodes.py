"""Nodes: their metadata service and their disks."""

from collections.abc import Iterator

from ..pools import KARPENTER, Pool
from .registry import Context, Said, check, verdict

TEMPLATE, NODE_CLASS = "launch template", "EC2NodeClass"
_IMDS_V2 = {
    TEMPLATE: 'metadata_options http_tokens="required"',
    NODE_CLASS: "metadataOptions.httpTokens: required",
}


def _source(pool: Pool) -> str:
    """What says how the pool's nodes start. Auto Mode's always start safely."""
    return NODE_CLASS if pool.backend == KARPENTER else TEMPLATE


@check("nodes-require-imdsv2")
def imds_v2(context: Context) -> Iterator[Said]:
    """Version 1 hands the node's role to anyone who can make it fetch an address."""
    for pool in context.pools:
        problem = (
            ""
            if pool.imds_v2
            else f"its {_source(pool)} leaves IMDSv1 open: set {_IMDS_V2[_source(pool)]}"
            if pool.imds_v2 is False
            else f"nothing in the stack requires IMDSv2: give it a {_source(pool)} with {_IMDS_V2[_source(pool)]}"
        )
        yield verdict(pool.name, problem, "metadata needs a session token")


@check("node-disks-are-encrypted")
def encrypted(context: Context) -> Iterator[Said]:
    """Container images, caches and emptyDir volumes lie there."""
    for pool in context.pools:
        plain = [disk for disk in pool.disks or () if not disk.encrypted]
        problem = ""
        if pool.disks is None:
            problem = "nothing in the stack says that its disks are encrypted: give it block device mappings that do"
        elif plain:
            sizes = ", ".join(f"{disk.gib} GiB" for disk in plain)
            setting = "encrypted: true" if pool.backend == KARPENTER else 'encrypted="true"'
            problem = f"its disk of {sizes} is not encrypted: set {setting} in the {_source(pool)}"
        yield verdict(pool.name, problem, "every disk is encrypted")
