"""The commands that a run of the real Pulumi finds on its PATH: stand-in providers, and `aws` for the kubeconfig."""

import json
import shlex
import signal
import sys
from pathlib import Path

PROVIDERS = {
    "pulumi-resource-aws": "eks_gpu.lab.aws.provider",
    "pulumi-resource-eks": "eks_gpu.lab.aws.eks_provider",
    "pulumi-resource-eks-gpu-components": "eks_gpu_components.provider",  # for programs that are not in Python
}


UPDATE_FROM = "EKS_GPU_LAB_FROM"
"""Variable that says where an update comes from: `inside` a cluster's VPC, or `outside` of it."""
UNREACHABLE = "has a private endpoint alone, and this update comes from outside of its VPC"


def write_commands(folder: Path, token: str, closed: Path | None = None) -> Path:
    """Writes them into `folder`, readable by you alone, and returns it. `token` is what the API server takes.

    From outside `aws` gives it for no cluster that is named in the file `closed`: there the connection would time out.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, module in PROVIDERS.items():
        _write(folder / name, f'exec {shlex.quote(sys.executable)} -W ignore -m {module} "$@"')
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "kind": "ExecCredential",
        "status": {"token": token},
    }
    _write(folder / "aws", f"{_asked(closed)}echo {shlex.quote(json.dumps(credential))}")
    return folder


def end_at_once() -> None:
    """Makes an interrupt end this process without a farewell: a provider keeps nothing that it could lose.

    The engine gives all its providers five seconds together to end, then reports the others as broken and the update as
    failed. Python needs a second or more to end on a busy machine. Source: Pulumi 3.259, host.ReleaseContext.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _asked(closed: Path | None) -> str:
    """Lines that end the command for a cluster that is not reached."""
    if closed is None:
        return ""
    return f"""previous=; name=
for word; do [ "$previous" = --cluster-name ] && name=$word; previous=$word; done
if [ "${UPDATE_FROM}" = outside ] && grep -qxF "$name" {shlex.quote(str(closed))} 2>/dev/null; then
  echo "cluster $name {UNREACHABLE}: its API does not answer" >&2
  exit 1
fi
"""


def _write(file: Path, line: str) -> None:
    file.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    file.chmod(0o700)
