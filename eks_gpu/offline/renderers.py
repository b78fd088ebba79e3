"""Charts and kustomizations, rendered by the programs on this machine: helm, and kubectl with its kustomize."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eks_gpu.offline.lab_programs import program as lab_program

_LIMIT_S = 120


class NotRendered(Exception):
    """Why something was not rendered, and what its user can do; both are clauses."""

    def __init__(self, why: str, how: str):
        super().__init__(why)
        self.why, self.how = why, how


@dataclass(frozen=True, kw_only=True)
class LocalChart:
    """A chart in a folder or an archive of this machine, as `helm template` is asked for it."""

    path: str
    release: str
    namespace: str
    values: Mapping[str, Any] = field(default_factory=dict)
    crds: bool = True
    hooks: bool = False
    kube_version: str = ""
    """Kubernetes version that the chart sees; empty for helm's own."""
    api_versions: Sequence[str] = ()
    """API versions that the chart sees beside helm's own."""


def rendered_chart(chart: LocalChart) -> str:
    """The YAML of a chart's objects. Raises NotRendered."""
    program = lab_program("helm", "helm")
    if program is None:
        how = "put helm on PATH, or build it with `python -m eks_gpu.lab.toolchain helm`"
        raise NotRendered("no helm is here to render the chart", how)
    command = [program, "template", chart.release, chart.path, "--namespace", chart.namespace, "--values", "-"]
    command += ["--include-crds"] if chart.crds else ["--skip-crds"]
    command += [] if chart.hooks else ["--no-hooks"]
    command += ["--kube-version", chart.kube_version] if chart.kube_version else []
    command += [part for version in chart.api_versions for part in ("--api-versions", version)]
    return _output(command, f"`helm template {chart.release} {chart.path}`", json.dumps(dict(chart.values)))


def rendered_kustomization(directory: str, *, any_file: bool) -> str:
    """The YAML of a kustomization's objects; `any_file` lets it name files outside its folder. Raises NotRendered."""
    # The package kubectl of the extra `lab` puts its program beside this Python.
    beside = str(Path(sys.executable).parent)
    program = shutil.which("kubectl", path=os.pathsep.join([os.environ.get("PATH", ""), beside]))
    if program is None:
        raise NotRendered("no kubectl is here to render the kustomization", "put kubectl on PATH")
    command = [program, "kustomize", directory]
    command += ["--load-restrictor", "LoadRestrictionsNone"] if any_file else []
    return _output(command, f"`kubectl kustomize {directory}`")


def _output(command: Sequence[str], name: str, given: str = "") -> str:
    """Standard output of a program that reads no cluster: it gets no kubeconfig. Raises NotRendered."""
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    try:
        ran = subprocess.run(
            command, input=given, capture_output=True, text=True, timeout=_LIMIT_S, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
        raise NotRendered(f"{name} failed: {error}", "run it yourself to see why") from None
    if ran.returncode:
        said = [line.strip() for line in ran.stderr.splitlines() if line.strip()]
        errors = [line for line in said if line.lower().startswith("error")]
        reason = (errors or said or [f"exit code {ran.returncode}"])[-1]
        raise NotRendered(
            f"{name} failed: {reason.removeprefix('Error: ').removeprefix('error: ')}", "run it to see why"
        )
    return ran.stdout
