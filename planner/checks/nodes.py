"""Nodes: their metadata service and their disks."""

from collections.abc import Iterator

from .registry import Context, Said, check, verdict


@check("nodes-require-imdsv2")
def imds_v2(context: Context) -> Iterator[Said]:
    """Version 1 hands the node's role to anyone who can make it fetch an address."""
    for pool in context.pools:
        problem = (
            ""
            if pool.imds_v2
            else 'its launch template leaves IMDSv1 open: set metadata_options http_tokens="required"'
            if pool.imds_v2 is False
            else 'nothing in the stack requires IMDSv2: give it a launch template with http_tokens="required"'
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
            problem = f'its disk of {sizes} is not encrypted: set encrypted="true" in the launch template'
        yield verdict(pool.name, problem, "every disk is encrypted")
