"""A mirror: one registry that has every image and chart that the stack asks for."""

import re
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

import pulumi

from ..catalog.chart_images import CHART_IMAGES, CHART_REGISTRIES, CHARTS_WITHOUT_IMAGES
from .value import BadInput

DOCKER_HUB = "docker.io"
_RELEASE, _CHART = "kubernetes:helm.sh/v3:Release", "kubernetes:helm.sh/v4:Chart"
_REGISTRY = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d+)?(/[a-z0-9]+([._/-][a-z0-9]+)*)?")
_SDK = "pulumi_kubernetes."
_CONTAINERS = ("containers", "initContainers", "init_containers")


def use_mirror(registry: str) -> None:
    """Makes every chart and image of the program come from one registry. Call it before the first resource.

    registry: host and path of it, such as 123456789012.dkr.ecr.us-west-2.amazonaws.com/mirror. An image or chart
    keeps its whole address behind that: registry.k8s.io/a/b:1 is REGISTRY/registry.k8s.io/a/b:1. An image without a
    host is of docker.io. A chart of a repository of charts is REGISTRY/HOST/PATH/CHART, as an OCI artefact.
    Raises BadInput for what is no registry.
    """
    if not _REGISTRY.fullmatch(registry) or "." not in registry.partition("/")[0]:
        raise BadInput([f"mirror must be a registry as registry.example.com/path, without a scheme, got {registry!r}"])

    def moved(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ in (_RELEASE, _CHART):
            return pulumi.ResourceTransformationResult(_chart(args, registry), args.opts)
        if args.type_.startswith("kubernetes:"):
            return pulumi.ResourceTransformationResult(with_images(args.props, registry), args.opts)
        return None

    pulumi.runtime.register_stack_transformation(moved)


def mirrored(address: str, registry: str) -> str:
    """The address of an image or a chart in the mirror; one that is there already stays."""
    host, slash, _ = address.partition("/")
    if address.startswith(f"{registry}/"):
        return address
    named = bool(slash) and ("." in host or ":" in host or host == "localhost")
    official = "" if slash else "library/"
    return f"{registry}/{address}" if named else f"{registry}/{DOCKER_HUB}/{official}{address}"


def with_images(value: Any, registry: str) -> Any:
    """Data in which every container's image is in the mirror. What only an update tells stays as it is."""
    if isinstance(value, Mapping):
        return {
            key: _containers(item, registry) if key in _CONTAINERS else with_images(item, registry)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [with_images(item, registry) for item in value]
    return _copied(value, registry, lambda name: _containers if name in _CONTAINERS else with_images)


def _containers(value: Any, registry: str) -> Any:
    return [_container(each, registry) for each in value] if isinstance(value, list | tuple) else value


def _container(value: Any, registry: str) -> Any:
    if isinstance(value, Mapping):
        return {**value, "image": _image(value["image"], registry)} if "image" in value else value
    return _copied(value, registry, lambda name: _image if name == "image" else _as_it_is)


def _image(value: Any, registry: str) -> Any:
    return mirrored(value, registry) if isinstance(value, str) else value


def _as_it_is(value: Any, registry: str) -> Any:
    return value


def _copied(value: Any, registry: str, change: Callable[[str], Callable[[Any, str], Any]]) -> Any:
    """An object of the Kubernetes SDK, such as ContainerArgs, each of its fields changed; else the value itself."""
    if not type(value).__module__.startswith(_SDK):
        return value
    made = copy(value)
    for name, field in vars(type(value)).items():
        given = getattr(value, name) if isinstance(field, property) and field.fset else None
        if given is not None:
            setattr(made, name, change(name)(given, registry))
    return made


def _chart(args: pulumi.ResourceTransformationArgs, registry: str) -> dict[str, Any]:
    props = {**args.props}
    options = props.pop("repository_opts", None) or {}
    name, repository = props["chart"], options.get("repo") if isinstance(options, Mapping) else None
    if not isinstance(name, str) or (repository is None and not name.startswith("oci://")):
        return dict(args.props)  # a folder has no registry
    address = name.removeprefix("oci://") if repository is None else f"{_path(str(repository))}/{name}"
    short = name.rpartition("/")[2]
    props["chart"] = f"oci://{mirrored(address, registry)}"
    values = props.get("values") or {}
    if short in CHART_IMAGES and isinstance(values, Mapping):
        path, own = CHART_IMAGES[short]
        props["values"] = _with_repository(values, path, lambda given: mirrored(given or own, registry))
    elif short in CHART_REGISTRIES and isinstance(values, Mapping):
        path, own = CHART_REGISTRIES[short]
        props["values"] = _with_repository(values, path, lambda given: f"{registry}/{given or own}")
    elif short not in CHARTS_WITHOUT_IMAGES:
        pulumi.log.warn(f"{args.name}: the images of chart {short} are not moved to the mirror; set them in its values")
    return props


def _path(repository: str) -> str:
    return re.sub(r"^[a-z]+://", "", repository).rstrip("/")


def _with_repository(values: Mapping[str, Any], path: tuple[str, ...], moved: Callable[[Any], str]) -> dict[str, Any]:
    key, *rest = path
    given = values.get(key)
    return {**values, key: _with_repository(given or {}, tuple(rest), moved) if rest else moved(given)}
