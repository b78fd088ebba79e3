"""The Pulumi engine as a process: what it is told of the world, and how it is stopped."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from eks_gpu.lab.aws.commands import UPDATE_FROM, write_commands
from eks_gpu.lab.karpenter import ANY_CREDENTIALS
from eks_gpu.lab.ports import LOOPBACK
from eks_gpu.lab.state import Lab
from eks_gpu.lab.toolchain import toolchain


def backend(lab: Lab) -> Path:
    """Where the engine keeps its state."""
    return lab.folder / "pulumi" / "state"


def variables(lab: Lab, update_from: str = "inside") -> dict[str, str]:
    """What the engine and its providers need to know of the lab, and nothing that leads out of it."""
    tools = toolchain(["pulumi", "pulumi-resource-kubernetes"])
    commands = write_commands(lab.folder / "commands", lab.token, lab.closed)
    scratch = lab.folder / "scratch"
    for folder in (backend(lab), scratch):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folders = [commands, *(tool.parent for tool in tools.values())]
    return {
        "AWS_ENDPOINT_URL": lab.aws_endpoint,
        "AWS_REGION": lab.region,
        UPDATE_FROM: update_from,
        **ANY_CREDENTIALS,
        "KUBECONFIG": str(lab.kubeconfig),
        "NO_PROXY": LOOPBACK,
        "no_proxy": LOOPBACK,
        "PATH": os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)]),
        "PULUMI_BACKEND_URL": f"file://{backend(lab)}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_HOME": str(backend(lab).parent / "home"),
        "PULUMI_K8S_CLIENT_TIMEOUT": "300",  # 32 s by default, after which a busy API server counts as none
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "TMPDIR": str(scratch),  # where the Kubernetes provider leaves a kubeconfig for each release
    }


@contextmanager
def ctrl_c_for_the_engine() -> Iterator[None]:
    """Ctrl-C reaches the engine, which finishes what it is at, and not the process that waits for it."""
    if threading.current_thread() is not threading.main_thread():  # where no signal arrives
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    """Tells the engine that this process runs to stop as soon as it can, as Ctrl-C does."""
    for child in psutil.Process().children():
        if child.name() == "pulumi":
            child.send_signal(signal.SIGINT)
