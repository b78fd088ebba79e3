"""Pods that have a node and do not run: what their containers wait for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eks_gpu.live.why.causes import Cause, Id
from eks_gpu.live.why.refused_launches import shortened
from eks_gpu.live.why.said import Said
from eks_gpu.live.why.waiting_pods import Waiting

_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"})
_CONFIG = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError"})
_CRASHES = "CrashLoopBackOff"
_VOLUME = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")
_SANDBOX = "FailedCreatePodSandBox"


def on_node(waiting: Waiting, told: Sequence[Said]) -> Cause | None:
    """The cause that the pod's status or kubelet tells; None where nothing is wrong yet."""
    states = list(_waiting_containers(waiting.manifest.get("status") or {}))
    for name, image, state in states:
        reason, message = str(state.get("reason")), str(state.get("message") or "")
        if reason in _IMAGE:
            return _image(waiting, name, image, message or _said(told, "Failed") or reason)
        if reason in _CONFIG:
            why = f"container {name}: {reason}: {shortened(message)}"
            return Cause(Id.CONTAINER, why, f"make what it names, or change container {name} of {_where(waiting)}")
        if reason == _CRASHES:
            fix = f"kubectl logs -n {waiting.namespace} {waiting.name} -c {name} --previous"
            return Cause(Id.CONTAINER, f"container {name} ends again and again: {shortened(message)}", fix)
    if any(each.reason in ("Failed", "BackOff") and "image" in each.message for each in told):
        return _image(waiting, "", "", _said(told, "Failed") or _said(told, "BackOff"))
    for reason in _VOLUME:
        if said := _said(told, reason):
            return Cause(Id.VOLUME, f"node {waiting.node}: {shortened(said)}", "make or free the volume that it names")
    if said := _said(told, _SANDBOX):
        fix = "if it names an address, the node's subnet or interfaces are full; if a runtime, the node lacks it"
        return Cause(Id.CONTAINER, f"node {waiting.node} cannot begin the pod: {shortened(said)}", fix)
    return None


def _waiting_containers(status: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for key in ("initContainerStatuses", "containerStatuses"):
        for each in status.get(key) or ():
            if state := (each.get("state") or {}).get("waiting"):
                yield str(each.get("name")), str(each.get("image") or ""), state


def _image(waiting: Waiting, name: str, image: str, message: str) -> Cause:
    what = f"image {image} of container {name}" if name else "an image"
    text = message.lower()
    fix = f"correct the image of {_where(waiting)}; the node must reach its registry"
    if any(each in text for each in ("401", "403", "denied", "unauthorized", "no basic auth")):
        fix = f"let the node's role read the repository, or give {_where(waiting)} an imagePullSecret"
    elif any(each in text for each in ("timeout", "no such host", "dial tcp", "connection")):
        fix = "let the node's subnets reach the registry: a NAT gateway, or endpoints for ECR and S3"
    elif "no space left" in text or "disk" in text:
        fix = "give the nodes a larger volume for images"
    return Cause(Id.IMAGE, f"node {waiting.node} cannot pull {what}: {shortened(message)}", fix)


def _where(waiting: Waiting) -> str:
    return waiting.owner or f"pod {waiting.name}"


def _said(told: Sequence[Said], reason: str) -> str:
    return next((each.message for each in reversed(told) if each.reason == reason), "")
