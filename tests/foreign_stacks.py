"""A real preview and a real state of one program, and what `eks-gpu check` says of such files.

tests/recorded has what CLI 3.259 printed for examples/spot-autoscaling-groups.
"""

import json
from datetime import date
from typing import Any

import typer
from typer.testing import CliRunner

from eks_gpu.commands import check as command
from tests.programs import ROOT

RECORDED = ROOT / "tests" / "recorded"
PREVIEW = RECORDED / "spot-autoscaling-groups.preview.json"
STATE = RECORDED / "spot-autoscaling-groups.state.json"
ANY = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
DAY = date(2026, 11, 24)
GROUP = "aws:autoscaling/group:Group"
SINCE = {"spot-groups-are-drained"}
"""What the recorded program did not have yet."""


def step(data: dict[str, Any], name: str, type_: str) -> dict[str, Any]:
    return next(
        each["newState"]
        for each in data["steps"]
        if each["newState"]["type"] == type_ and each["urn"].endswith(f"::{name}")
    )


def preview() -> dict[str, Any]:
    return json.loads(PREVIEW.read_text())


def mix_gpu_counts(data: dict[str, Any]) -> None:
    """In one group, types with one GPU and one with four."""
    inputs = step(data, "gpu-spot-us-west-2a-spot", GROUP)["inputs"]
    inputs["mixedInstancesPolicy"]["launchTemplate"]["overrides"].append({"instanceType": "g5.12xlarge"})


def check(*arguments: str, text: str | None = None) -> Any:
    """What `eks-gpu check` does with these arguments, and `text` on stdin."""
    app = typer.Typer()
    app.command()(command.check)
    return CliRunner().invoke(app, list(arguments), input=text)
