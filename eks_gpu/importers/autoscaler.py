"""The cluster autoscaler's Deployment: its flags as settings, and what it watches."""

from math import ceil
from typing import Any

from eks_gpu.importers.fields import Fields, Place
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.model import Described, Workload
from eks_gpu.pods.durations import seconds
from eks_gpu_components.catalog import AUTOSCALER_ENABLED_TAG, AUTOSCALER_TAG, DEFAULT_KUBERNETES, KUBERNETES

_RULE = "autoscaler-watches-this-cluster-only"
_EXPANDERS = ("least-waste", "most-pods", "random")
_SECONDS = {
    "scale-down-unneeded-time": "scale_down_unneeded_s",
    "scale-down-delay-after-add": "scale_down_delay_after_add_s",
}
# What the program's chart says or leaves at the autoscaler's own default.
_OWN = (
    *("alsologtostderr", "aws-use-static-instance-list", "cloud-provider", "cluster-name", "logtostderr", "namespace"),
    *("skip-nodes-with-local-storage", "skip-nodes-with-system-pods", "stderrthreshold", "v"),
)


def read_autoscaler(workload: Workload, document: Fields, described: Described, findings: Findings) -> None:
    """Flags of its container, in `command` or `args`."""
    settings: dict[str, Any] = {**(described.autoscaler or {})}
    spec = document.part("spec")
    if (replicas := spec.whole("replicas", least=0, most=10)) and replicas > 1:
        settings["replicas"] = replicas
    for container in spec.part("template").part("spec").parts("containers"):
        for key in ("command", "args"):
            for index, flag in enumerate(container.texts(key)):
                if flag.startswith("--"):
                    _flag(flag, container.place(key, index), settings, described, findings)
    _image(workload, described, findings)
    described.autoscaler = settings


def _flag(flag: str, place: Place, settings: dict[str, Any], described: Described, findings: Findings) -> None:
    name, _, value = flag.removeprefix("--").partition("=")
    match name:
        case "node-group-auto-discovery":
            _discovery(value, place, described, findings)
        case "expander" if value in _EXPANDERS:
            settings["expander"] = value
        case "balance-similar-node-groups" if value in ("", "true"):
            settings["spread_over_zones"] = True
        case "balance-similar-node-groups":
            pass
        case "scale-down-gpu-utilization-threshold" if _share(value) is not None:
            settings["gpu_utilization_threshold"] = _share(value)
        case _ if name in _SECONDS:
            _patience(name, value, place, settings, findings)
        case _ if name in _OWN:
            pass
        case "expander":
            findings.lose(place, f"the settings have expanders {', '.join(_EXPANDERS)}, and not {value}")
        case _:
            findings.lose(place, f"the settings of the cluster autoscaler have no --{name}")


def _patience(name: str, value: str, place: Place, settings: dict[str, Any], findings: Findings) -> None:
    least = 30 if name == "scale-down-unneeded-time" else 0
    try:
        found = ceil(seconds(value))
    except ValueError as error:
        findings.lose(place, f"--{name} {error}")
        return
    if found < least:
        message = f"{value} lets nodes go and come without end: {least}s is taken"
        findings.tell("lifetimes-are-in-bounds", place, message)
    settings[_SECONDS[name]] = max(found, least)


def _share(text: str) -> float | None:
    try:
        found = float(text[:10])
    except ValueError:
        return None
    return found if 0 <= found <= 1 else None


def _discovery(value: str, place: Place, described: Described, findings: Findings) -> None:
    keys = [part.partition("=")[0] for part in value.removeprefix("asg:tag=").split(",")]
    of_clusters = [key for key in keys if key.startswith(AUTOSCALER_TAG) and key != AUTOSCALER_ENABLED_TAG]
    own = f"{AUTOSCALER_TAG}{described.cluster.name or '<cluster>'}"
    if not of_clusters:
        message = f"it takes the groups of every cluster that have {', '.join(keys)}: add {own}, as the program does"
        findings.tell(_RULE, place, message)
    elif described.cluster.name and own not in of_clusters:
        message = f"it watches {', '.join(of_clusters)}, and this cluster's groups have {own}"
        findings.tell(_RULE, place, message)


def _image(workload: Workload, described: Described, findings: Findings) -> None:
    for image in workload.images:
        name, _, tag = image.name.partition("@")[0].rpartition(":")
        if not name.endswith("cluster-autoscaler"):
            continue
        minor = ".".join(tag.removeprefix("v").split(".")[:2])
        cluster = described.cluster.settings.get("kubernetes_version", DEFAULT_KUBERNETES)
        if minor != cluster:
            ours = KUBERNETES[cluster].autoscaler_image_tag
            message = (
                f"{tag or 'this'} simulates the scheduler of another minor than {cluster}: the program runs {ours}"
            )
            findings.tell("autoscaler-matches-kubernetes-minor", image.place, message)
