"""The user data of a node, in any of the formats that EKS images understand."""

import re
import shlex
import tomllib
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email import message_from_string
from functools import lru_cache
from typing import Any

from eks_gpu.io.documents import parse
from eks_gpu.io.problems import InputError
from eks_gpu_components.catalog import Taint


@dataclass(frozen=True)
class JoinedNode:
    """Labels and taints that a node registers with, and the cluster it joins."""

    image: str = ""
    """al2023, al2 or bottlerocket: whose format it is."""
    cluster: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    parallel_pull: bool = False
    """Whether it fetches the layers of an image side by side (SOCI)."""


def joined_node(user_data: Any) -> JoinedNode | None:
    """From a launch template's user data, base64 or not; None where it cannot be read."""
    text = decoded(user_data)
    return None if text is None else _joined(text)


@lru_cache(maxsize=1000)  # several readers of a plan ask for the same groups
def _joined(text: str) -> JoinedNode | None:
    found = list(_nodes(text))
    if not found:
        return None
    labels = {key: value for node in found for key, value in node.labels.items()}
    taints = tuple(dict.fromkeys(taint for node in found for taint in node.taints))
    cluster = next((node.cluster for node in found if node.cluster), "")
    return JoinedNode(found[0].image, cluster, labels, taints, any(node.parallel_pull for node in found))


def pods_on_one_gpu(user_data: Any) -> int:
    """How many pods share each GPU by Bottlerocket's own device plugin; 1 where nothing says so.

    Source: Bottlerocket settings reference, settings.kubelet-device-plugins.
    """
    try:
        settings = tomllib.loads(decoded(user_data) or "").get("settings") or {}
        plugin = settings["kubelet-device-plugins"]["nvidia"]
        strategy = plugin["device-sharing-strategy"]
        replicas = plugin[strategy]["replicas"]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError):
        return 1
    return replicas if isinstance(replicas, int) and replicas > 1 else 1


def decoded(user_data: Any) -> str | None:
    """User data as text; None for none."""
    if not isinstance(user_data, str) or not user_data:
        return None
    try:
        return b64decode(user_data, validate=True).decode()
    except ValueError:
        return user_data


def _nodes(text: str) -> Iterator[JoinedNode]:
    """Every part of the user data that speaks of the node."""
    if re.search(r"^content-type:\s*multipart/", text, re.IGNORECASE | re.MULTILINE):
        for part in message_from_string(text).walk():
            if not part.is_multipart():
                yield from _nodes(_payload(part))
    elif "node.eks.aws/" in text:
        yield from map(_of_node_config, _yaml_documents(text))
    elif "bootstrap.sh" in text:
        yield from _of_bootstrap_script(text)
    elif "settings" in text:
        yield from _of_bottlerocket(text)


def _payload(part: Any) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode(errors="replace") if isinstance(payload, bytes) else str(payload)


def _yaml_documents(text: str) -> list[Mapping[str, Any]]:
    try:
        documents = parse(text)
    except InputError:
        return []
    return [document for document in documents if isinstance(document, dict) and document.get("kind") == "NodeConfig"]


def _of_node_config(config: Mapping[str, Any]) -> JoinedNode:
    """AL2023. Source: amazon-eks-ami, nodeadm, NodeConfig v1alpha1."""
    spec = config.get("spec") or {}
    kubelet = spec.get("kubelet") or {}
    node = _of_flags(kubelet.get("flags") or ())
    registered = (kubelet.get("config") or {}).get("registerWithTaints") or ()
    structured = (_taint(f"{item.get('key')}={item.get('value') or ''}:{item.get('effect')}") for item in registered)
    taints = (*node.taints, *filter(None, structured))
    cluster = (spec.get("cluster") or {}).get("name", "")
    parallel = (spec.get("featureGates") or {}).get("FastImagePull") is True
    return JoinedNode("al2023", cluster, node.labels, taints, parallel)


def _of_bootstrap_script(text: str) -> Iterator[JoinedNode]:
    """Amazon Linux 2 and Ubuntu: `bootstrap.sh <cluster> --kubelet-extra-args '--node-labels=... ...'`."""
    for line in text.replace("\\\n", " ").splitlines():
        if "bootstrap.sh" not in line or line.lstrip().startswith("#"):
            continue
        try:
            words = shlex.split(line)
        except ValueError:
            continue
        called = next((index for index, word in enumerate(words) if word.endswith("bootstrap.sh")), len(words))
        after = words[called + 1 :]
        flags = [flag for word in _values_of(after, "--kubelet-extra-args") for flag in shlex.split(word)]
        node = _of_flags(flags)
        cluster = after[0] if after and not after[0].startswith("-") else ""
        yield JoinedNode("al2", cluster, node.labels, node.taints)


def _of_bottlerocket(text: str) -> Iterator[JoinedNode]:
    """Source: Bottlerocket settings reference, settings.kubernetes."""
    try:
        everything = tomllib.loads(text).get("settings", {})
    except tomllib.TOMLDecodeError:
        return
    settings = everything.get("kubernetes", {})
    snapshotter = everything.get("container-runtime-plugins", {}).get("soci-snapshotter", {})
    parallel = everything.get("container-runtime", {}).get("snapshotter") == "soci"
    parallel = parallel and snapshotter.get("pull-mode") == "parallel-pull-unpack"
    labels = {key: str(value) for key, value in settings.get("node-labels", {}).items()}
    taints = [
        taint
        for key, values in settings.get("node-taints", {}).items()
        for value in ([values] if isinstance(values, str) else values)
        if (taint := _taint(f"{key}={value}"))
    ]
    yield JoinedNode("bottlerocket", settings.get("cluster-name", ""), labels, tuple(taints), parallel)


def _of_flags(flags: Iterable[str]) -> JoinedNode:
    flags = list(flags)
    labels = dict(
        pair.split("=", 1) for value in _values_of(flags, "--node-labels") for pair in value.split(",") if "=" in pair
    )
    taints = [
        taint
        for value in _values_of(flags, "--register-with-taints")
        for text in value.split(",")
        if (taint := _taint(text))
    ]
    return JoinedNode(labels=labels, taints=tuple(taints))


def _values_of(words: list[str], flag: str) -> Iterator[str]:
    """Values of `--flag=value` and `--flag value`."""
    for index, word in enumerate(words):
        if word.startswith(f"{flag}="):
            yield word.partition("=")[2]
        elif word == flag and index + 1 < len(words):
            yield words[index + 1]


def _taint(text: str) -> Taint | None:
    """`key=value:Effect` or `key:Effect`, as kubelet reads it; None for what kubelet refuses."""
    left, _, effect = text.strip().rpartition(":")
    key, _, value = left.partition("=")
    try:
        return Taint(key, value, effect) if key else None
    except ValueError:
        return None
