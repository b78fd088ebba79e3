"""What a server of vLLM does before it answers: it loads its model's weights and compiles, read from the pod's spec."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from eks_gpu.pods.vllm import ServedModel, served_models

S3, VOLUME, FOLDER, HUB = "S3", "a volume", "a folder", "Hugging Face"
_KEPT = ("persistentVolumeClaim", "nfs")
"""Volumes that outlast a pod, and are on the next node too."""


@dataclass(frozen=True, slots=True)
class VllmStart:
    """The start of one server."""

    model: str
    weights_mib: float
    place: str
    """Where the weights are: one of the words of this module."""
    compiles: bool = True
    """Whether it compiles at all: not with `--enforce-eager`."""
    cached: bool = False
    """Whether what it compiles is kept on a volume."""


def vllm_start(spec: Mapping[str, Any]) -> VllmStart | None:
    """Of the container with the most weights; None where no container runs vLLM with a model that is known."""
    return max(_starts(spec), key=lambda start: start.weights_mib, default=None)


def _starts(spec: Mapping[str, Any]) -> Iterator[VllmStart]:
    for served in served_models(spec):
        if served.model is None:
            continue
        container = spec["containers"][served.index]
        format = served.serving.format if served.serving else None
        yield VllmStart(
            model=served.model.name,
            weights_mib=served.model.weight_bytes(format) / 2**20,
            place=_place(spec, container, served),
            compiles=not served.eager,
            cached=_on_kept_volume(spec, container, _cache_root(container)),
        )


def _place(spec: Mapping[str, Any], container: Mapping[str, Any], served: ServedModel) -> str:
    if served.name.startswith("s3://"):
        return S3
    if not served.name.startswith("/"):
        return HUB
    return VOLUME if _on_kept_volume(spec, container, served.name) else FOLDER


def _cache_root(container: Mapping[str, Any]) -> str:
    """Source: vLLM 0.28, vllm/envs.py."""
    env = {each.get("name"): str(each.get("value") or "") for each in container.get("env") or ()}
    home = env.get("XDG_CACHE_HOME") or f"{env.get('HOME') or '/root'}/.cache"
    return env.get("VLLM_CACHE_ROOT") or f"{home}/vllm"


def _on_kept_volume(spec: Mapping[str, Any], container: Mapping[str, Any], path: str) -> bool:
    mounts = {PurePosixPath(str(each.get("mountPath"))): each for each in container.get("volumeMounts") or ()}
    around = [each for each in mounts if PurePosixPath(path).is_relative_to(each)]
    if not around:
        return False
    name = mounts[max(around, key=lambda each: len(each.parts))].get("name")
    volumes = [each for each in spec.get("volumes") or () if each.get("name") == name]
    return any(each.get(kind) for each in volumes for kind in _KEPT)
