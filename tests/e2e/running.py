"""A cluster that runs in the lab, as somebody with a kubeconfig and AWS credentials asks about it."""

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from eks_gpu.commands import main as cli
from eks_gpu.io.problems import InputError
from eks_gpu.lab.aws import LAB_KEYS
from eks_gpu.lab.state import Lab
from tests.e2e.lives import COMMAND


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def asking(lab: Lab, **credentials: str) -> dict[str, str]:
    """The environment of who asks: the lab's administrator, unless other credentials are given."""
    keys = {key.upper(): value for key, value in {**LAB_KEYS, **credentials}.items()}
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": lab.aws_endpoint,
        "AWS_REGION": lab.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "KUBECONFIG": str(lab.kubeconfig),
        **keys,
    }


def ask(lab: Lab, *arguments: str, **credentials: str) -> Answer:
    """Runs `eks-gpu` with these arguments against the lab."""
    done = subprocess.run(
        [str(COMMAND), *arguments], env=asking(lab, **credentials), capture_output=True, text=True, check=False
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def ask_within(lab: Lab, *arguments: str, **credentials: str) -> Answer:
    """The same without a process of its own, whose start takes longer than most answers.

    The kubeconfig is named: Kubernetes' client looks for KUBECONFIG once in a process.
    """
    where = () if "--kubeconfig" in arguments else ("--kubeconfig", str(lab.kubeconfig))
    ran = CliRunner().invoke(cli.app, [*arguments, *where], env=asking(lab, **credentials))
    if isinstance(ran.exception, InputError):
        return Answer(2, ran.stdout, "".join(f"error: {problem}\n" for problem in ran.exception.problems))
    if ran.exception and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return Answer(ran.exit_code, ran.stdout, ran.stderr)
