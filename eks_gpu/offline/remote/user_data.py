"""User data that pulumi-eks writes for nodes: the cluster they join, their labels and their taints."""

import ipaddress
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.io.yaml_text import dump
from eks_gpu.offline.account import Properties
from eks_gpu.offline.registered import Made
from eks_gpu.offline.remote.images import AL2, BOTTLEROCKET
from eks_gpu.offline.wire import clear, items, opened, part

NODE_CONFIG = {"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig"}
SCRIPT = 'text/x-shellscript; charset="us-ascii"'
CUSTOM = ("bootstrapExtraArgs", "kubeletExtraArgs", "bottlerocketSettings", "nodeadmExtraOptions")
"""Arguments of a managed node group that only user data can carry."""


def user_data(os: str, cluster: Made, args: Properties, signal: str = "") -> str:
    """The text for a node group's arguments. `signal` is the command that tells CloudFormation of a node."""
    override = opened(args.get("nodeUserDataOverride")) or opened(args.get("userData"))
    if override:
        return str(override)
    if os == BOTTLEROCKET:
        return _bottlerocket(cluster, args)
    return _bootstrap_script(cluster, args, signal) if os == AL2 else _node_configs(cluster, args, signal)


def encoded(text: str) -> str:
    """As a launch template takes it."""
    return b64encode(text.encode()).decode()


def _node_configs(cluster: Made, args: Properties, signal: str) -> str:
    joined = {
        "name": clear(cluster["name"]),
        "apiServerEndpoint": clear(cluster["endpoint"]),
        "certificateAuthority": part(cluster.state, "certificateAuthority").get("data"),
        "cidr": _service_cidr(cluster),
    }
    parts = [("application/node.eks.aws", f"---\n{dump({**NODE_CONFIG, 'spec': {'cluster': joined}})}")]
    if flags := list(_kubelet_flags(args)):
        parts.append(
            ("application/node.eks.aws", f"---\n{dump({**NODE_CONFIG, 'spec': {'kubelet': {'flags': flags}}})}")
        )
    for option in items(args.get("nodeadmExtraOptions")):
        given = part(option)
        parts.append((str(opened(given.get("contentType"))), str(opened(given.get("content")))))
    if extra := opened(args.get("nodeUserData")):
        parts.append((SCRIPT, str(extra)))
    if signal:
        parts.append((SCRIPT, f"#!/bin/bash\n\n{signal}\n"))
    bodies = "".join(f"--BOUNDARY\nContent-Type: {kind}\n\n{content}\n" for kind, content in parts)
    head = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="BOUNDARY"\n\n'
    return f"{head}{bodies}--BOUNDARY--\n"


def _bootstrap_script(cluster: Made, args: Properties, signal: str) -> str:
    data = part(cluster.state, "certificateAuthority").get("data")
    call = f'/etc/eks/bootstrap.sh --apiserver-endpoint "{clear(cluster["endpoint"])}" --b64-cluster-ca "{data}"'
    line = f'{call} "{clear(cluster["name"])}"'
    if flags := " ".join(_kubelet_flags(args)):
        line += f" --kubelet-extra-args '{flags}'"
    if extra := opened(args.get("bootstrapExtraArgs")):
        line += f" {extra}"
    return "\n".join(filter(None, ("#!/bin/bash", "", line, str(opened(args.get("nodeUserData")) or ""), signal, "")))


def _bottlerocket(cluster: Made, args: Properties) -> str:
    cidr = _service_cidr(cluster)
    settings = {
        "cluster-name": clear(cluster["name"]),
        "api-server": clear(cluster["endpoint"]),
        "cluster-certificate": part(cluster.state, "certificateAuthority").get("data"),
        "cluster-dns-ip": str(ipaddress.ip_network(cidr).network_address + 10) if cidr else None,
    }
    if labels := part(args, "labels"):
        settings["node-labels"] = clear(labels)
    if taints := _taints(args):
        settings["node-taints"] = {key: f"{value}:{effect}" for key, value, effect in taints}
    given = clear(part(args, "bottlerocketSettings", "settings"))
    kubernetes = {**settings, **(given.get("kubernetes") or {})}
    return "\n".join(_toml("settings", {**given, "kubernetes": kubernetes}))


def _toml(path: str, values: Mapping[str, Any]) -> Iterator[str]:
    """A table and the tables in it. Strings, numbers and lists are written alike in JSON and in TOML."""
    yield f"[{path}]"
    tables = {key: value for key, value in values.items() if isinstance(value, Mapping)}
    for key in sorted(values.keys() - tables.keys()):
        if values[key] is not None:
            yield f"{json.dumps(key)} = {json.dumps(values[key])}"
    for key in sorted(tables):
        yield from _toml(f"{path}.{json.dumps(key)}", tables[key])


def _kubelet_flags(args: Properties) -> Iterator[str]:
    yield from str(opened(args.get("kubeletExtraArgs")) or "").split()
    labels = [f"{key}={clear(value)}" for key, value in part(args, "labels").items()]
    if labels:
        yield f"--node-labels={','.join(labels)}"
    taints = [f"{key}={value}:{effect}" if value else f"{key}:{effect}" for key, value, effect in _taints(args)]
    if taints:
        yield f"--register-with-taints={','.join(taints)}"


def _taints(args: Properties) -> list[tuple[str, str, str]]:
    """Key, value and effect of a self-managed group's taints, a map, or of a managed one's, a list."""
    given = opened(args.get("taints"))
    if isinstance(given, list):
        pairs = [(str(opened(part(item).get("key"))), part(item)) for item in given]
    else:
        pairs = [(key, part(value)) for key, value in part(args, "taints").items()]
    return [(key, str(clear(taint.get("value")) or ""), _effect(taint)) for key, taint in pairs]


def _effect(taint: Properties) -> str:
    """Kubernetes' spelling of it."""
    effect = str(opened(taint.get("effect")))
    return "".join(word.capitalize() for word in effect.split("_")) if "_" in effect else effect


def _service_cidr(cluster: Made) -> str | None:
    network = part(cluster.state, "kubernetesNetworkConfig")
    cidr = network.get("serviceIpv6Cidr" if network.get("ipFamily") == "ipv6" else "serviceIpv4Cidr")
    return str(opened(cidr)) if cidr else None
