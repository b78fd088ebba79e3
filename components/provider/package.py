"""What the package says of itself to the registries and tools of other languages."""

from importlib.metadata import version
from typing import Any

NAME = "eks-gpu-components"
NAMESPACE = "eks-gpu"
"""The npm scope and its like in other languages; without one the CLI takes the owner of the repository, who may change.
"""
DESCRIPTION = (
    "GPU and Spot capacity on Amazon EKS that costs nothing while idle, as Pulumi components, "
    "with a plan that proves it offline"
)
HOMEPAGE = "https://eks-gpu-components.example/docs"
LICENSE = "Apache-2.0"
KEYWORDS = ("pulumi", "category/cloud", "kind/component", "aws", "eks", "gpu", "karpenter", "spot")


def installed_version() -> str:
    """The version of the library that runs, which is the package's in every language."""
    return version(NAME)


def about() -> dict[str, Any]:
    """The parts of the schema that describe the package."""
    return {
        "displayName": "EKS GPU components",
        "description": DESCRIPTION,
        "homepage": HOMEPAGE,
        "license": LICENSE,
        "keywords": list(KEYWORDS),
    }
