"""Container images: for which architectures they are built, where their reference or their makers say so."""

import re
from collections.abc import Mapping

# A word in a repository, tag or name, such as `app:1.2-arm64` or `amd64/python`.
_WORDS = re.compile(r"(?<![a-z0-9])(?:(?P<amd64>amd64|x86[_-]64)|(?P<arm64>arm64(?:v8)?|aarch64))(?![a-z0-9])")

ONE_ARCHITECTURE: Mapping[str, str] = {
    "ghcr.io/huggingface/text-generation-inference": "amd64",  # huggingface/text-generation-inference issue 2332
    "xprobe/xinference": "amd64",  # xorbitsai/inference issue 4256
}
"""Repository of images that are built for one architecture alone, without registry where that is Docker Hub."""


def image_architecture(reference: str) -> str | None:
    """The only architecture that an image is for, amd64 or arm64; None if it has several or nothing says it."""
    name, _, _ = reference.partition("@")
    found = {kind for match in _WORDS.finditer(name.lower()) for kind, word in match.groupdict().items() if word}
    if len(found) == 1:
        return found.pop()
    tag = name.rpartition(":")
    repository = tag[0] if tag[1] and "/" not in tag[2] else name
    return None if found else ONE_ARCHITECTURE.get(repository.removeprefix("docker.io/"))
