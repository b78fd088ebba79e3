"""Controllers of gangs in the lab: JobSet and LeaderWorkerSet, each with its own admission webhooks."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from eks_gpu.lab.certificates import write_certificate
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.control_plane import run, wait_for, wait_for_crds
from eks_gpu.lab.ports import LOOPBACK, free_ports
from eks_gpu.lab.programs import Program
from eks_gpu.lab.state import Lab
from eks_gpu.lab.toolchain import module_folder, toolchain

CONTROLLERS = ("jobset", "lws")
"""The tools that are started, each of which is also the name of its chart."""
_GROUP = "gangs"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/{}webhookconfigurations"


@dataclass(frozen=True, slots=True)
class Controller:
    """Where a controller's module has what it is installed with."""

    module: str
    crds: str
    webhooks: str
    group: str
    """API group of its configuration."""


_OF = {
    "jobset": Controller(
        "sigs.k8s.io/jobset",
        "config/components/crd/bases",
        "config/components/webhook/manifests.yaml",
        "config.jobset.x-k8s.io",
    ),
    "lws": Controller(
        "sigs.k8s.io/lws",
        "config/crd/bases",
        "config/webhook/manifests.yaml",
        "config.lws.x-k8s.io",
    ),
}


def start_gang_controllers(lab: Lab) -> Lab:
    """Starts both controllers and returns when they work; the lab with them."""
    for name in CONTROLLERS:
        lab = start_gang_controller(lab, name)
    return lab


def start_gang_controller(lab: Lab, name: str) -> Lab:
    """Starts the controller and returns when it works; the lab with it. It is built if need be.

    The API server asks its webhooks on loopback, by a certificate made here. Raises LabProblem.
    """
    tool, api = toolchain([name])[name], ClusterApi(lab)
    source = module_folder(_GROUP, _OF[name].module)
    for file in sorted((source / _OF[name].crds).glob("*.yaml")):
        for definition in _objects(file):
            api.ensure(_CRDS, definition)
    wait_for_crds(api)
    ports = free_ports(("webhook", "health"))
    folder = lab.folder / name
    authority = write_certificate(folder)
    program = Program(
        name,
        (str(tool), f"--config={_configuration(folder, _OF[name], ports)}"),
        f"http://{LOOPBACK}:{ports['health']}/readyz",
        {"KUBECONFIG": str(lab.kubeconfig)},
    )
    lab = run(lab, program)
    wait_for(lab, program)
    for path, configuration in _webhooks(name, source / _OF[name].webhooks, ports["webhook"], authority):
        api.ensure(path, configuration)
    return lab


def end_gang_webhooks(api: ClusterApi, name: str) -> None:
    """A webhook whose controller has ended refuses what it is asked for."""
    for kind in ("mutating", "validating"):
        api.delete(f"{_WEBHOOKS.format(kind)}/{name}-{kind}")


def _objects(file: Path) -> Iterator[dict[str, Any]]:
    yield from (found for found in yaml.safe_load_all(file.read_text(encoding="utf-8")) if found)


def _configuration(folder: Path, controller: Controller, ports: Mapping[str, int]) -> Path:
    """All on loopback, and the certificate from the folder."""
    file = folder / "config.yaml"
    given = {
        "apiVersion": f"{controller.group}/v1alpha1",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": f"{LOOPBACK}:{ports['health']}"},
        "internalCertManagement": {"enable": False},
        "leaderElection": {"leaderElect": False},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": LOOPBACK, "port": ports["webhook"], "certDir": str(folder)},
    }
    file.write_text(yaml.safe_dump(given), encoding="utf-8")
    return file


def _webhooks(name: str, file: Path, port: int, authority: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """The controller's configurations of webhooks, which name a Service; here they name an address."""
    for configuration in _objects(file):
        kind = configuration["kind"].removesuffix("WebhookConfiguration").lower()
        configuration["metadata"]["name"] = f"{name}-{kind}"
        for webhook in configuration["webhooks"]:
            path = webhook["clientConfig"]["service"]["path"]
            webhook["clientConfig"] = {
                "url": f"https://{LOOPBACK}:{port}{path}",
                "caBundle": base64.b64encode(authority).decode(),
            }
        yield _WEBHOOKS.format(kind), configuration
