"""The lab's control plane: its start, and its end with all data removed."""

import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from eks_gpu.io.problems import InputError
from eks_gpu.lab import processes, programs
from eks_gpu.lab.certificates import write_certificate
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.kubeconfig import write_kubeconfig
from eks_gpu.lab.ports import LOOPBACK, free_ports, open_loopback
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.processes import Process
from eks_gpu.lab.programs import Program
from eks_gpu.lab.shared_gpus import sharing_stage
from eks_gpu.lab.state import Lab, alone, lab_folder, lost_processes, recorded_lab
from eks_gpu.lab.toolchain import module_folder, toolchain

REGION = "us-west-2"
TOOLS = ("etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager", "kwok")
READY_S = 300
"""Seconds until a program that is not ready counts as broken; a loaded machine takes its time."""
DISK_GIB = 1.0
"""Disk space that a lab with some hundred nodes needs."""
STAGES = ("node/fast", "node/heartbeat-with-lease", "pod/fast")
"""How kwok plays nodes and pods: folders of its module."""
STAND_INS = Path(__file__).parent / "crds"
"""Definitions of kinds whose own ones are not to be had."""
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

# What a log says, and what to make of it.
_HINTS = {
    "address already in use": "another program took its port in the moment before it started: bring the lab up again",
    "no space left on device": "the disk is full: make room, then bring the lab up again",
}

Note = Callable[[str], None]
"""Hears what is being done."""


def up(region: str = REGION, note: Note = lambda _: None, account: str = "used") -> Lab:
    """Brings a lab up and returns when it can be used. `account` says whose quotas count: `new` or `used`.

    Raises InputError when one is up already, LabProblem when a process ends or does not get ready: then none is left.
    """
    folder = lab_folder()
    with _only_one_at_a_time(folder):
        _refuse_a_second(recorded_lab())
        note("looking for the tools")
        tools = toolchain(TOOLS)
        lab = _prepare(folder, region, account)
        try:
            lab = _start_all(lab, tools, note)
            lab = replace(lab, ready=True)
            lab.save()
        except OSError as error:
            _abandon()
            raise LabProblem(f"{error.filename or folder}: {error.strerror or error}") from None
        except BaseException:  # Ctrl-C too leaves nothing behind
            _abandon()
            raise
    return lab


def down(note: Note = lambda _: None) -> list[str]:
    """Ends every process of the lab and providers that outlived their engine, and names them; removes its data."""
    from eks_gpu.lab.interrupted import orphans  # which needs this module

    folder = lab_folder()
    if not folder.exists():
        return []
    with _only_one_at_a_time(folder):
        lab = recorded_lab()
        note("ending its processes")
        ended = processes.end([*(lab.processes if lab else ()), *orphans(folder)])
        shutil.rmtree(folder)
    return ended


def run(lab: Lab, program: Program) -> Lab:
    """Starts a program of the lab; the lab with it."""
    return lab.start(program.name, program.command, program.environment)


def wait_for(lab: Lab, *asked: Program, seconds: float = READY_S) -> None:
    """Returns when each is ready. Raises LabProblem when one ends before, or is not ready in time."""
    waiting = {program.name: program.ready for program in asked if program.ready}
    until = time.monotonic() + seconds
    names = {program.name for program in asked}
    while True:
        for process in lab.ended():
            if process.name in names:
                raise LabProblem(_why_it_ended(process))
        waiting = {name: url for name, url in waiting.items() if not _answers(url, lab.certificate)}
        if not waiting:
            return
        if time.monotonic() > until:
            stuck = [process for process in lab.processes if process.name in waiting]
            raise LabProblem(
                "\n".join(
                    f"{process.name} is not ready after {seconds:g} s; {processes.ending(process)}" for process in stuck
                )
            )
        time.sleep(0.1)


def _only_one_at_a_time(folder: Path):
    folder.parent.mkdir(parents=True, exist_ok=True)
    return alone(folder.parent, "another `eks-gpu lab up` or `down` is at work: wait until it is done")


def _refuse_a_second(lab: Lab | None) -> None:
    if lab is None or len(lab.ended()) == len(lab.processes):  # the machine was restarted, say
        return
    if lost := lost_processes(lab):
        raise InputError(f"a lab is up in {lab.folder}, but not whole: `eks-gpu lab down` first\n{lost}")
    if not lab.ready:
        raise InputError(f"an `eks-gpu lab up` was killed half-way and left {lab.folder}: `eks-gpu lab down` first")
    raise InputError(
        f"the lab is up already, kubeconfig {lab.kubeconfig}, AWS at {lab.aws_endpoint}: "
        "`eks-gpu lab status` shows it, `eks-gpu lab down` ends it"
    )


def _prepare(folder: Path, region: str, account: str) -> Lab:
    """An empty folder with what the programs read, and free ports for them."""
    free_gib = shutil.disk_usage(folder.parent).free / 2**30
    if free_gib < DISK_GIB:
        raise LabProblem(
            f"the lab takes up to {DISK_GIB:g} GiB and {folder.parent} has {free_gib:.1f} GiB free: "
            "make room, or set XDG_STATE_HOME to a folder on a larger disk"
        )
    shutil.rmtree(folder, ignore_errors=True)
    ports = free_ports(programs.PORTS)
    lab = Lab(
        folder=folder,
        region=region,
        token=secrets.token_hex(16),
        server=f"https://{LOOPBACK}:{ports['kube-apiserver']}",
        aws_endpoint=f"http://{LOOPBACK}:{ports['aws']}",
        ports=ports,
        account=account,
    )
    try:
        folder.mkdir(mode=0o700)
        lab.save()
        _write_secret(folder / "tokens.csv", f"{lab.token},admin,admin,system:masters\n".encode())
        _write_secret(folder / "service-account.key", _private_key())
        write_certificate(lab.front_proxy, owner=programs.FRONT_PROXY)
        (folder / "stages.yaml").write_text(stages(module_folder("kubernetes", "sigs.k8s.io/kwok")), encoding="utf-8")
    except OSError as error:
        raise LabProblem(f"{error.filename or folder}: {error.strerror}") from None
    return lab


# Stages of a pod that wait as long as the pod's annotation of this name says, and no time without one. By kwok's own
# files a Job's pod ends as soon as it runs.
_WAITING = {name: f"{name}.stage.kwok.x-k8s.io/delay" for name in ("pod-ready", "pod-complete")}


def stages(kwok_module: Path) -> str:
    """kwok's own stages, two of them with a delay that a pod may set by annotation, and the device plugin's part."""
    files = [
        file
        for folder in STAGES
        for file in sorted((kwok_module / "kustomize" / "stage" / folder).glob("*.yaml"))
        if file.name != "kustomization.yaml"
    ]
    found = (yaml.load_all(file.read_text(encoding="utf-8"), yaml.CSafeLoader) for file in files)
    own = [_waiting(stage) for several in found for stage in several if stage]
    return yaml.safe_dump_all([*own, sharing_stage()])


def _waiting(stage: dict[str, Any]) -> dict[str, Any]:
    annotation = _WAITING.get(str((stage.get("metadata") or {}).get("name")))
    if annotation:
        said = {"expressionFrom": f'.metadata.annotations["{annotation}"]'}
        stage["spec"]["delay"] = {"durationMilliseconds": 0, "durationFrom": said}
    return stage


def _start_all(lab: Lab, tools: Mapping[str, Path], note: Note) -> Lab:
    note("starting etcd and AWS")
    etcd, aws = programs.etcd(lab, tools["etcd"]), programs.aws(lab)
    lab = run(run(lab, etcd), aws)
    wait_for(lab, etcd)

    note("starting the API server")
    api_server = programs.kube_apiserver(lab, tools["kube-apiserver"])
    lab = run(lab, api_server)
    wait_for(lab, api_server)
    write_kubeconfig(lab)

    note("starting scheduler, controllers, kwok")
    controllers = (
        programs.kube_scheduler(lab, tools["kube-scheduler"]),
        programs.kube_controller_manager(lab, tools["kube-controller-manager"]),
        programs.kwok(lab, tools["kwok"]),
        programs.nodes(),
    )
    for program in controllers:
        lab = run(lab, program)
    api = ClusterApi(lab)
    _install_crds(api)
    wait_for(lab, aws, *controllers)
    wait_for_crds(api)
    return lab


def _install_crds(api: ClusterApi) -> None:
    """Karpenter's, so that a program's NodePool is known before Karpenter runs; and ours for what nobody publishes."""
    karpenter = module_folder("karpenter", "github.com/aws/karpenter-provider-aws") / "pkg" / "apis" / "crds"
    for file in (*sorted(karpenter.glob("*.yaml")), *sorted(STAND_INS.glob("*.yaml"))):
        api.ensure(_CRDS, file.read_text(encoding="utf-8"))


def wait_for_crds(api: ClusterApi) -> None:
    """Until objects of each kind can be made: the API server takes a moment after it took the CRD."""
    until = time.monotonic() + READY_S
    for crd in api.list(_CRDS):
        spec = crd["spec"]
        version = next(each["name"] for each in spec["versions"] if each["served"])
        while not api.serves(f"/apis/{spec['group']}/{version}/{spec['names']['plural']}"):
            if time.monotonic() > until:
                raise LabProblem(f"the API server does not serve {spec['names']['kind']} after {READY_S} s")
            time.sleep(0.05)


def remove_crds(api: ClusterApi, group: str) -> None:
    """Removes the kinds of this API group with their objects, as when a chart goes that has CRDs among its templates.

    Whoever has to agree, by a finalizer, must still be at work. Raises LabProblem.
    """
    until = time.monotonic() + READY_S
    while names := [crd["metadata"]["name"] for crd in api.list(_CRDS) if crd["spec"]["group"] == group]:
        if time.monotonic() > until:
            raise LabProblem(f"{', '.join(names)} did not go within {READY_S} s")
        for name in names:
            api.delete(f"{_CRDS}/{name}")
        time.sleep(0.1)


def _abandon() -> None:
    """Ends what has been started; the logs stay, for the message names them."""
    if lab := recorded_lab():
        processes.end(lab.processes)
        (lab.folder / "state.json").unlink()


def _why_it_ended(process: Process) -> str:
    told = processes.ending(process)
    hints = [hint for sign, hint in _HINTS.items() if sign in told.lower()]
    return "\n".join([f"{process.name} has ended; {told}", *hints])


def _answers(url: str, certificate: Path) -> bool:
    try:
        with open_loopback(url, timeout_s=2, certificate=certificate):
            return True
    except (OSError, HTTPException):  # nobody listens yet, or it says that it is not ready
        return False


def _private_key() -> bytes:
    """What service accounts' tokens are signed with."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _write_secret(file: Path, content: bytes) -> None:
    file.touch(mode=0o600)
    file.write_bytes(content)
