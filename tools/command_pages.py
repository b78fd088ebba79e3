"""A page for each command of `eks-gpu`, in docs/commands/, from what the command says of itself."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import typer

from eks_gpu.commands import main as command_line
from tools.tables import table

DOCS = Path(__file__).parent.parent / "docs"
MORE = {
    "plan": ("how_the_plan_decides.md", "report.md"),
    "why": ("pod-is-pending.md", "gpu-node-does-not-go.md"),
    "prices": ("cost.md",),
    "cost": ("check_cluster.md",),
    "check": ("check.md", "check_cluster.md"),
    "lab": ("lab.md", "lab_faults.md"),
}
"""Command -> pages that say more; another command has the page of its own name, if there is one."""
FILES = {"HTML", "JSON", "JUNIT", "MARKDOWN", "PICTURE", "SARIF"}
"""Options that are named after the form of the file that they write."""


@cache
def commands() -> Mapping[str, Any]:
    """The commands of every room by name; those that the process itself offers stay as they are."""
    app = command_line.app
    kept = list(app.registered_commands), list(app.registered_groups)
    try:
        command_line.add_rooms(None)
        group: Any = typer.main.get_command(app)
    finally:
        app.registered_commands, app.registered_groups = kept
    return {name: group.commands[name] for name in sorted(group.commands)}


def pages() -> dict[str, str]:
    """File -> the page of a command."""
    return {f"docs/commands/{name}.md": _page(name, command) for name, command in commands().items()}


def listed() -> str:
    """The list of the commands, each with its page."""
    return "\n".join(
        f"- [eks-gpu {name}](commands/{name}.md): {_first(command)}" for name, command in commands().items()
    )


def _page(name: str, command: Any) -> str:
    parts = [f"# eks-gpu {name}", _says(command)]
    parts += [f"More: {links}."] if (links := ", ".join(_links(name))) else []
    if inner := getattr(command, "commands", None):
        if any(not _hidden(parameter) for parameter in command.params):
            parts += _use(f"eks-gpu {name}", command)
        for word in inner:
            parts += [f"## eks-gpu {name} {word}", _says(inner[word]), *_use(f"eks-gpu {name} {word}", inner[word])]
    else:
        parts += _use(f"eks-gpu {name}", command)
    return "\n\n".join(parts) + "\n"


def _use(words: str, command: Any) -> Iterator[str]:
    """How the command is called, its arguments and options, and its examples."""
    shown = [parameter for parameter in command.params if not _hidden(parameter)]
    arguments = [_placeholder(parameter) for parameter in shown if not parameter.opts[0].startswith("-")]
    yield f"```text\n{' '.join([words, '[OPTIONS]', *arguments])}\n```"
    rows = [(_spelled(each), each.help or "", _default(each)) for each in shown]
    rows.append(("`-h`, `--help`", "Show the options and exit.", ""))
    yield table(("Option", "Meaning", "Default"), rows)
    if command.epilog:
        head, _, examples = command.epilog.partition(":")
        listed = "\n".join(" ".join(line.split()) for line in examples.split("·"))
        yield f"{head}:\n\n```text\n{listed}\n```"


def _spelled(parameter: Any) -> str:
    words = [*parameter.opts, *parameter.secondary_opts]
    if not words[0].startswith("-"):
        return f"`{_placeholder(parameter)}`"
    value = "" if _is_flag(parameter) else f" {parameter.metavar or _value(parameter)}"
    return ", ".join(f"`{word}{value}`" for word in words)


def _placeholder(parameter: Any) -> str:
    given = parameter.metavar or parameter.name.upper()
    return given if parameter.required or given.startswith("[") else f"[{given}]"


def _value(parameter: Any) -> str:
    """What stands for the value: the last word of the option, but for files and folders, which have many names."""
    word = parameter.opts[0].rpartition("-")[2].upper()
    return {"MANIFESTS": "FOLDER"}.get(word, "FILE" if word in FILES else word)


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    shown = "" if parameter.default is None or _is_flag(parameter) else str(parameter.default)
    return f"`{shown}`" if shown else ""


def _is_flag(parameter: Any) -> bool:
    return bool(getattr(parameter, "is_flag", False))


def _hidden(parameter: Any) -> bool:
    return bool(getattr(parameter, "hidden", False)) or parameter.name in ("help", "install_completion")


def _says(command: Any) -> str:
    return " ".join((command.help or "").split())


def _first(command: Any) -> str:
    """Its first sentence."""
    return f"{_says(command).partition('. ')[0].removesuffix('.')}."


def _links(name: str) -> Iterator[str]:
    for page in MORE.get(name, (f"{name}.md",)):
        if (DOCS / page).exists():
            title = (DOCS / page).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
            yield f"[{title}](../{page})"
