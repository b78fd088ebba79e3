"""Controllers of gangs in the lab: JobSet, LeaderWorkerSet and Kubeflow Trainer, each with its admission webhooks."""

import base64
from collections.abc import Callable, Iterator, Mapping
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
"""Those that need no other."""
TRAINER = "trainer"
"""Makes JobSets of TrainJobs, so it needs the controller of JobSets."""
_RUNTIMES = "/apis/trainer.kubeflow.org/v1alpha1/clustertrainingruntimes"
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
    tools: str = "gangs"
    """Group of tools that it is built with."""
    certificates: str = ""
    """Folder of its certificates, below its own."""
    own: Callable[[Path, Mapping[str, int]], Mapping[str, Any]] = lambda folder, ports: {
        "internalCertManagement": {"enable": False},
        "webhook": {"host": LOOPBACK, "port": ports["webhook"], "certDir": str(folder)},
    }
    """What its configuration calls as no other does."""
    runtimes: tuple[str, ...] = ()
    """Objects that it comes with, by file."""


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
    TRAINER: Controller(
        "github.com/kubeflow/trainer/v2",
        "manifests/base/crds",
        "manifests/base/webhook/manifests.yaml",
        "config.trainer.kubeflow.org",
        tools="batch",
        certificates="k8s-webhook-server/serving-certs",  # below $TMPDIR, which nothing changes
        own=lambda _, ports: {
            "certManagement": {"enable": False},
            "statusServer": {"port": ports["status"]},
            "webhook": {"host": LOOPBACK, "port": ports["webhook"]},
        },
        runtimes=("manifests/base/runtimes/torch_distributed.yaml",),
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
    tool, api, controller = toolchain([name])[name], ClusterApi(lab), _OF[name]
    source = module_folder(controller.tools, controller.module)
    for file in sorted((source / controller.crds).glob("*.yaml")):
        for definition in _objects(file):
            if definition["kind"] == "CustomResourceDefinition":
                api.ensure(_CRDS, definition)
    wait_for_crds(api)
    ports = free_ports(("webhook", "health", "status"))
    folder = lab.folder / name
    authority = write_certificate(folder / controller.certificates)
    program = Program(
        name,
        (str(tool), f"--config={_configuration(folder, controller, ports)}"),
        f"http://{LOOPBACK}:{ports['health']}/readyz",
        {"KUBECONFIG": str(lab.kubeconfig), "TMPDIR": str(folder)},
    )
    lab = run(lab, program)
    wait_for(lab, program)
    for path, configuration in _webhooks(name, source / controller.webhooks, ports["webhook"], authority):
        api.ensure(path, configuration)
    for file in controller.runtimes:
        for runtime in _objects(source / file):
            api.ensure(_RUNTIMES, runtime)
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
        "leaderElection": {"leaderElect": False},
        "metrics": {"bindAddress": "0"},
        **controller.own(folder, ports),
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
