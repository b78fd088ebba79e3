"""Container images: how large they are, and for which architectures they are built, where somebody says so."""

import re
from collections.abc import Mapping

# A word in a repository, tag or name, such as `app:1.2-arm64` or `amd64/python`.
_WORDS = re.compile(r"(?<![a-z0-9])(?:(?P<amd64>amd64|x86[_-]64)|(?P<arm64>arm64(?:v8)?|aarch64))(?![a-z0-9])")

ONE_ARCHITECTURE: Mapping[str, str] = {
    "ghcr.io/huggingface/text-generation-inference": "amd64",  # huggingface/text-generation-inference issue 2332
    "xprobe/xinference": "amd64",  # xorbitsai/inference issue 4256
}
"""Repository of images that are built for one architecture alone, without registry where that is Docker Hub."""


IMAGE_GB: Mapping[str, float] = {
    "amazon/aws-cli": 0.129,
    "nvcr.io/nvidia/tritonserver": 15.5,  # triton-inference-server/server issue 7474
    "public.ecr.aws/amazonlinux/amazonlinux:2023-minimal": 0.0374,
    "public.ecr.aws/aws-cli/aws-cli": 0.129,
}
"""Size of an image in GB: of a repository, or of one tag where others differ. Source: what kubelets tell of pulls."""
PAUSE_GB = 0.00032
"""Size of the pause image 3.10, whose other tags and copies are as small. Source: what kubelets tell of pulls."""
PAUSE_NAME = re.compile(r"(?:.*/)?(?:mirrored-)?pause(?:-(?:amd64|arm64))?(?:[:@].*)?")
"""Names of the pause image, which does nothing, in any registry."""


def image_gb(reference: str) -> float | None:
    """Size of an image in GB, in its own registry or in a mirror; None if it is not known."""
    if PAUSE_NAME.fullmatch(reference):
        return PAUSE_GB
    tagged = reference.partition("@")[0]
    for name in (tagged, repository(tagged)):
        for known, size in IMAGE_GB.items():
            if name.removeprefix("docker.io/") == known or name.endswith(f"/{known}"):
                return size
    return None


def repository(reference: str) -> str:
    """An image's name without tag and digest."""
    name = reference.partition("@")[0]
    front, colon, tag = name.rpartition(":")
    return front if colon and "/" not in tag else name


def image_architecture(reference: str) -> str | None:
    """The only architecture that an image is for, amd64 or arm64; None if it has several or nothing says it."""
    name, _, _ = reference.partition("@")
    found = {kind for match in _WORDS.finditer(name.lower()) for kind, word in match.groupdict().items() if word}
    if len(found) == 1:
        return found.pop()
    return None if found else ONE_ARCHITECTURE.get(repository(name).removeprefix("docker.io/"))
