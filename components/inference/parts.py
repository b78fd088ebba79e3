"""Parts of the Kubernetes objects of every inference service, as plain data."""

from typing import Any

from .. import catalog
from .load_balancer import READINESS_GATE_LABELS, LoadBalancer

HEALTHY_S = 180
"""The load balancer's first health checks."""
NO_PRIVILEGE = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}

_DNS = {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}
_POD_IDENTITY_AGENT = "169.254.170.23/32"  # Source: EKS User Guide, "EKS Pod Identity restrictions"


def workload_labels(app: str, name: str) -> dict[str, str]:
    """On everything, and what the Service selects. app: the kind of service, such as resnet-inference."""
    return {"app.kubernetes.io/name": app, "app.kubernetes.io/instance": name}


def namespace(name: str, balancer: LoadBalancer | None) -> dict[str, Any]:
    """A Namespace that allows only unprivileged pods, which become ready when the load balancer, if there is one, finds
    them healthy.
    """
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    if balancer:
        labels[READINESS_GATE_LABELS[balancer.controller]] = "enabled"
    return {"metadata": {"name": name, "labels": labels}}


def service_account(name: str, namespace: str) -> dict[str, Any]:
    """The ServiceAccount that gets the role which may read the model."""
    return {"metadata": {"name": name, "namespace": namespace}, "automount_service_account_token": False}


def rolling_update(spare: int) -> dict[str, Any]:
    """A new pod before an old one goes, where the pool has GPUs to spare for it; else it would wait for ever."""
    update = {"maxSurge": 1, "maxUnavailable": 0} if spare > 0 else {"maxSurge": 0, "maxUnavailable": 1}
    return {"type": "RollingUpdate", "rollingUpdate": update}


def spread(labels: dict[str, str]) -> list[dict[str, Any]]:
    """Over zones, as far as those have GPUs."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": catalog.ZONE_LABEL,
            "whenUnsatisfiable": "ScheduleAnyway",  # a zone may have no GPU to sell
            "labelSelector": {"matchLabels": labels},
        }
    ]


def unprivileged(user: int, group: int) -> dict[str, Any]:
    """The pod's user, who is not root."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": group,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def http_probe(path: str, port: str) -> dict[str, Any]:
    """Asks the server for a path."""
    return {"httpGet": {"path": path, "port": port}, "timeoutSeconds": 5}


def disruption_budget(name: str, namespace: str, labels: dict[str, str]) -> dict[str, Any]:
    """A budget that lets one pod be evicted at a time. With a minimum of available pods, a single pod would block its
    node forever.
    """
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}},
    }


def network_policy(
    name: str, namespace: str, labels: dict[str, str], port: int, clients: list[dict[str, Any]], reads_s3: bool
) -> dict[str, Any]:
    """Ingress: the server's port, from the clients. Egress: nothing, or what reading a model from S3 needs."""
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "podSelector": {"matchLabels": labels},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": clients, "ports": [{"protocol": "TCP", "port": port}]}],
            "egress": _to_s3() if reads_s3 else [],
        },
    }


def among_themselves(policy: dict[str, Any]) -> dict[str, Any]:
    """The NetworkPolicy, with which its pods reach each other on every port, and find each other's addresses."""
    spec = policy["spec"]
    fellows = [{"podSelector": spec["podSelector"]}]
    egress = [*spec["egress"], *([] if _DNS in spec["egress"] else [_DNS]), {"to": fellows}]
    return {**policy, "spec": {**spec, "ingress": [*spec["ingress"], {"from": fellows}], "egress": egress}}


def from_ranges(cidrs: tuple[str, ...]) -> list[dict[str, Any]]:
    """Clients of a NetworkPolicy: those that come from the ranges."""
    return [{"ipBlock": {"cidr": cidr}} for cidr in cidrs]


def _to_s3() -> list[dict[str, Any]]:
    return [
        _DNS,
        {"ports": [{"protocol": "TCP", "port": 443}]},
        {"to": [{"ipBlock": {"cidr": _POD_IDENTITY_AGENT}}], "ports": [{"protocol": "TCP", "port": 80}]},
    ]


def s3_place(uri: str) -> tuple[str, str]:
    """Bucket and prefix of a folder in S3."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return bucket, prefix.rstrip("/")


def read_policy(uri: str, region: str) -> dict[str, Any]:
    """The IAM policy: it may read and list only objects under the folder in S3."""
    bucket, prefix = s3_place(uri)
    arn = f"arn:{catalog.partition(region)}:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{arn}/{prefix}/*"},
            {
                "Sid": "List",
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": arn,
                "Condition": {"StringLike": {"s3:prefix": f"{prefix}/*"}},
            },
        ],
    }
