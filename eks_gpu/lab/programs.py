"""The programs of the control plane: what each is started with, and where it says that it is ready."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from eks_gpu.lab.aws import SERVICE_CIDR, SETTLES_S, THROTTLED_EVERY
from eks_gpu.lab.certificates import AUTHORITY, CERTIFICATE, KEY
from eks_gpu.lab.ports import LOOPBACK
from eks_gpu.lab.state import Lab

FRONT_PROXY = "front-proxy-client"
"""Whom an aggregated API believes who its caller is."""
PORTS = ("etcd", "etcd-peers", "kube-apiserver", "kube-scheduler", "kube-controller-manager", "kwok", "aws")


@dataclass(frozen=True)
class Program:
    """A process of the lab before it runs."""

    name: str
    command: tuple[str, ...]
    ready: str = ""
    """URL that answers 200 from when it can be used; empty for a program that serves nobody."""
    environment: Mapping[str, str] = field(default_factory=dict)


def own(module: str, *arguments: str) -> tuple[str, ...]:
    """A module of this package as a command."""
    return (sys.executable, "-m", f"eks_gpu.lab.{module}", *arguments)


def etcd(lab: Lab, tool: Path) -> Program:
    clients, peers = (f"http://{LOOPBACK}:{lab.ports[name]}" for name in ("etcd", "etcd-peers"))
    return Program(
        "etcd",
        (
            str(tool),
            f"--data-dir={lab.folder / 'etcd'}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",  # nothing is worth keeping over a crash
            "--log-level=warn",
        ),
        f"{clients}/health",
    )


def aws(lab: Lab) -> Program:
    arguments = (
        f"--port={lab.ports['aws']}",
        f"--region={lab.region}",
        f"--account={lab.account}",
        f"--outages={lab.outages}",
        f"--reservations={lab.reservations}",
        f"--quotas={lab.quotas}",
        f"--refused={lab.refused}",
        f"--closed={lab.closed}",
        f"--throttled-every={THROTTLED_EVERY}",
        f"--settles-s={SETTLES_S}",
        f"--endpoint={lab.server}",
    )
    return Program(
        "aws", own("aws", *arguments, f"--certificate-authority={lab.certificate}"), f"{lab.aws_endpoint}/moto-api/"
    )


def kube_apiserver(lab: Lab, tool: Path) -> Program:
    return Program(
        "kube-apiserver",
        (
            str(tool),
            f"--etcd-servers=http://{LOOPBACK}:{lab.ports['etcd']}",
            f"--secure-port={lab.ports['kube-apiserver']}",
            f"--bind-address={LOOPBACK}",
            f"--advertise-address={LOOPBACK}",
            "--endpoint-reconciler-type=none",  # a loopback address is no endpoint for pods
            f"--cert-dir={lab.certificate.parent}",  # where it puts a certificate that it makes
            f"--service-account-key-file={lab.folder / 'service-account.key'}",
            f"--service-account-signing-key-file={lab.folder / 'service-account.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--token-auth-file={lab.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            # Pods would wait for their token; kwok's containers read none.
            "--disable-admission-plugins=ServiceAccount",
            "--allow-privileged=true",  # as on EKS: device plugins ask for it
            *_front_proxy(lab.front_proxy),
            "--profiling=false",
        ),
        f"{lab.server}/readyz",
    )


def _front_proxy(folder: Path) -> tuple[str, ...]:
    """How an API that another program serves hears who asks. Source: Kubernetes, the aggregation layer."""
    return (
        f"--requestheader-client-ca-file={folder / AUTHORITY}",
        f"--requestheader-allowed-names={FRONT_PROXY}",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={folder / CERTIFICATE}",
        f"--proxy-client-key-file={folder / KEY}",
    )


def kube_scheduler(lab: Lab, tool: Path) -> Program:
    return _controller(lab, tool, lab.ports["kube-scheduler"])


def kube_controller_manager(lab: Lab, tool: Path) -> Program:
    key = f"--service-account-private-key-file={lab.folder / 'service-account.key'}"
    return _controller(lab, tool, lab.ports["kube-controller-manager"], key)


def _controller(lab: Lab, tool: Path, port: int, *more: str) -> Program:
    return Program(
        tool.name,
        (
            str(tool),
            f"--kubeconfig={lab.kubeconfig}",
            "--leader-elect=false",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={port}",
            f"--tls-cert-file={lab.certificate}",
            f"--tls-private-key-file={lab.key}",
            "--profiling=false",
            *more,
        ),
        f"https://{LOOPBACK}:{port}/healthz",
    )


def kwok(lab: Lab, tool: Path) -> Program:
    return Program(
        "kwok",
        (
            str(tool),
            f"--kubeconfig={lab.kubeconfig}",
            f"--config={lab.folder / 'stages.yaml'}",
            "--manage-all-nodes",
            "--node-lease-duration-seconds=40",
            f"--server-address={LOOPBACK}:{lab.ports['kwok']}",
        ),
        f"http://{LOOPBACK}:{lab.ports['kwok']}/healthz",
    )


def nodes() -> Program:
    """What makes Kubernetes nodes of EC2 instances that auto scaling groups have."""
    return Program("nodes", own("nodes"))
