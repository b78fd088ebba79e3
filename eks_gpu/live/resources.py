"""The objects of a running cluster as resources of the graph, where whatever judges a stack judges them too."""

from collections.abc import Iterator

from eks_gpu.graph.graph import Resource
from eks_gpu.live.cluster import Manifest
from eks_gpu.live.kinds import EVENT, NODE, NODE_CLAIM
from eks_gpu.live.observed import Observed

_NOT_WISHED = (NODE, NODE_CLAIM, EVENT)
"""What controllers make of the rest: seen, and no part of what a cluster is told to be."""


def object_resources(observed: Observed) -> Iterator[Resource]:
    """What somebody wished for: an object that has no controller, or whose controller is not read."""
    known = {each["metadata"].get("uid") for objects in observed.objects.values() for each in objects}
    for kind, objects in observed.objects.items():
        if kind not in _NOT_WISHED:
            yield from (_resource(each) for each in objects if _controller(each) not in known)


def _controller(manifest: Manifest) -> str:
    """The uid of what makes the object; empty for one that stands for itself."""
    owners = manifest["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller")), "")


def _resource(manifest: Manifest) -> Resource:
    version, kind, metadata = manifest["apiVersion"], manifest["kind"], manifest["metadata"]
    type_ = f"kubernetes:{version if '/' in version else f'core/{version}'}:{kind}"
    name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
    inputs = {key: value for key, value in manifest.items() if key != "status"}
    return Resource(f"urn:pulumi:live::cluster::{type_}::{name}", type_, metadata["name"], inputs=inputs, id=name)
