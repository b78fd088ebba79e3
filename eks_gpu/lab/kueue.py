"""Kueue in the lab: jobs wait for quota as a whole, so that no half of a gang holds GPUs."""

import base64
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from eks_gpu.lab.aggregated import ensure_service, on_port
from eks_gpu.lab.certificates import AUTHORITY, CERTIFICATE, KEY
from eks_gpu.lab.cluster_api import ApiRefusal, ClusterApi
from eks_gpu.lab.control_plane import READY_S, remove_crds, run, wait_for, wait_for_crds
from eks_gpu.lab.ports import LOOPBACK, free_ports
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.programs import Program
from eks_gpu.lab.scraped import Way, expose
from eks_gpu.lab.state import Lab
from eks_gpu.lab.toolchain import module_folder, toolchain
from eks_gpu_components.catalog.metrics import KUEUE_METRICS

NAME = "kueue"
NAMESPACE = "kueue-system"
GROUP = "kueue.x-k8s.io"
SERVICE, SECRET = "kueue-webhook-service", "kueue-webhook-server-cert"
FRAMEWORKS = (
    "batch/job",
    "jobset.x-k8s.io/jobset",
    "leaderworkerset.x-k8s.io/leaderworkerset",
    "trainer.kubeflow.org/trainjob",
    "pod",
)
"""Kinds that it queues where nobody says otherwise."""
_SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
_PATHS = {
    "Namespace": "/api/v1/namespaces",
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "Secret": _SECRETS,
    "MutatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
}
"""What is installed of its own manifests, in this order. The lab runs it as an administrator, outside the cluster."""


def start_kueue(lab: Lab, given: Mapping[str, Any] | None = None) -> Lab:
    """Starts Kueue and returns when it works; the lab with it. It is built if need be.

    `given` is its Configuration as a program has it; addresses and certificates are the lab's. Kinds that it queues
    must be there before it: it looks for them at the start, and then with growing pauses. Raises LabProblem.
    """
    tools, api = toolchain([NAME]), ClusterApi(lab)
    ports = free_ports(("webhook", "health", "metrics"))
    manifests = list(_manifests(toolchain(["kubectl"])["kubectl"]))
    for kind, path in _PATHS.items():
        for manifest in manifests:
            if manifest["kind"] == kind:
                api.ensure(path, on_port(manifest, ports["webhook"]))
    ensure_service(api, NAMESPACE, SERVICE)
    folder = lab.folder / NAME
    program = Program(
        NAME,
        (str(tools[NAME]), f"--config={_configuration(folder, given or {}, ports)}"),
        f"http://{LOOPBACK}:{ports['health']}/readyz",
        {"KUBECONFIG": str(lab.kubeconfig)},
    )
    lab = run(lab, program)
    _hand_over_certificate(api, folder)
    wait_for(lab, program)
    wait_for_crds(api)
    expose(lab, KUEUE_METRICS.job, ports["metrics"], Way.SECRET)
    return lab


def remove_kueue(api: ClusterApi) -> None:
    """What its chart would take with it, while it is still at work: its webhooks, those for pods too, refuse whatever
    they are not asked about.
    """
    remove_crds(api, GROUP)
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        for found in api.list(_PATHS[kind]):
            if found["metadata"]["name"].startswith(f"{NAME}-"):
                api.delete(f"{_PATHS[kind]}/{found['metadata']['name']}")


def _manifests(kubectl: Path) -> Iterator[dict[str, Any]]:
    """Its own, of the module, as Kustomize puts them together."""
    folder = module_folder("batch", "sigs.k8s.io/kueue") / "config" / "default"
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True)
    if done.returncode:
        raise LabProblem(f"kubectl kustomize {folder}: {done.stderr.strip()}")
    yield from filter(None, yaml.load_all(done.stdout, yaml.CSafeLoader))


def _configuration(folder: Path, given: Mapping[str, Any], ports: Mapping[str, int]) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "config.yaml"
    told = {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "integrations": {"frameworks": list(FRAMEWORKS)},
        **given,
        "namespace": NAMESPACE,
        "health": {"healthProbeBindAddress": f"{LOOPBACK}:{ports['health']}"},
        "internalCertManagement": {"enable": True, "webhookServiceName": SERVICE, "webhookSecretName": SECRET},
        "leaderElection": {"leaderElect": False},
        "metrics": {**given.get("metrics", {}), "bindAddress": f"{LOOPBACK}:{ports['metrics']}"},
        "webhook": {"host": LOOPBACK, "port": ports["webhook"], "certDir": str(folder)},
        # Its view of what waits is an API of its own, whose certificate it would write to a folder of its image.
        "featureGates": {**given.get("featureGates", {}), "VisibilityOnDemand": False},
    }
    file.write_text(yaml.safe_dump(told), encoding="utf-8")
    return file


def _hand_over_certificate(api: ClusterApi, folder: Path) -> None:
    """Kueue puts its certificate into a Secret and waits for it as files, which are a kubelet's work."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        try:
            found: dict[str, str] = api.get(f"{_SECRETS}/{SECRET}").get("data", {})
        except ApiRefusal as refusal:
            if refusal.status != 404:
                raise
            found = {}
        if found.keys() >= {AUTHORITY, CERTIFICATE, KEY}:
            for name in (AUTHORITY, CERTIFICATE, KEY):
                (folder / name).touch(mode=0o600)
                (folder / name).write_bytes(base64.b64decode(found[name]))
            return
        time.sleep(0.1)
    raise LabProblem(f"{NAME} made no certificate within {READY_S} s")
