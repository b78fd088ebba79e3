"""`eks-gpu mcp`."""

import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from eks_gpu.io.terminal import complain

if find_spec("mcp") is None:  # looked for, not loaded: the list of commands needs no SDK
    raise ImportError("the SDK of the Model Context Protocol", name="mcp")

EXAMPLES = "Examples:  eks-gpu mcp, as an assistant starts it; docs/assistants.md has its configuration"


def run(
    timeout: Annotated[
        int, typer.Option(metavar="SECONDS", min=1, max=3600, help="How long a tool may take before it is ended.")
    ] = 330,
) -> None:
    """Serve plan, explain, types, check and import to an assistant, as read-only tools of the Model Context Protocol.

    The assistant starts it. No program runs unless the assistant names its folder.
    """
    from eks_gpu.assistants.server import serve

    if sys.stdin is not None and sys.stdin.isatty():
        complain("eks-gpu mcp speaks to an assistant over stdin and stdout; Ctrl-D ends it")
    serve(timeout)
