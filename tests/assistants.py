"""`eks-gpu mcp` as an assistant has it: the SDK's own client, over stdio, with the server in a process of its own."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import CallToolResult, TextContent, Tool

EKS_GPU = str(Path(sys.executable).parent / "eks-gpu")
PATIENCE_S = 300
"""Seconds for a server to answer all its calls, beside others that work."""
POD = """\
kind: Pod
apiVersion: v1
metadata: {name: train}
spec:
  tolerations: [{key: nvidia.com/gpu, operator: Exists}]
  containers: [{name: a, image: a, resources: {limits: {nvidia.com/gpu: 1}}}]
"""

Call = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Asked:
    """What one server said."""

    instructions: str
    tools: list[Tool]
    answers: list[tuple[bool, str]]
    """Whether each call is an error, and its text."""


def ask(*calls: Call, words: Sequence[str] = (), cwd: Path | None = None) -> Asked:
    """Starts a server and asks it one call after the other."""

    async def asked() -> Asked:
        known = {name: value for name, value in os.environ.items() if name.startswith(("EKS_GPU_", "PATH"))}
        server = StdioServerParameters(command=EKS_GPU, args=["mcp", *words], cwd=cwd, env=known)
        with anyio.fail_after(PATIENCE_S):
            async with Client(stdio_client(server)) as client:
                tools = (await client.list_tools()).tools
                answers = [_said(await client.call_tool(tool, dict(arguments))) for tool, arguments in calls]
                return Asked(client.instructions or "", tools, answers)

    return anyio.run(asked)


def _said(result: CallToolResult) -> tuple[bool, str]:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return bool(result.is_error), content.text


def project(folder: Path, program: str, config: str = "aws:region: us-west-2") -> str:
    """A project with this program."""
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(f"name: {folder.name}\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").write_text(f"config: {{{config}}}\n")
    (folder / "__main__.py").write_text(program)
    return str(folder)
