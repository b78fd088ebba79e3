"""Huge pages that the image of a node sets aside where the node has EFA interfaces."""

_BOTTLEROCKET_MIB_A_VCPU = 220
"""Two endpoints of 110 MiB. Source: bottlerocket-core-kit, corndog, compute_hugepages_for_efa, since October 2024."""
_AL2023_MIB = 5128 * 2
"""Source: EKS User Guide, "Run machine learning training on Amazon EKS with Elastic Fabric Adapter", 5,128 of 2 MiB."""


def efa_huge_pages_mib(image: str, vcpus: int) -> int | None:
    """MiB of huge pages of 2 MiB on a node with EFA and that many vCPUs; None for an image of which nobody says it."""
    return {"bottlerocket": _BOTTLEROCKET_MIB_A_VCPU * vcpus, "al2023": _AL2023_MIB}.get(image)
