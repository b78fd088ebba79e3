"""A page for each check, as people and SARIF link to it."""

import re

from eks_gpu.checks import CHECKS
from eks_gpu.checks.registry import Check
from tools.tables import table


def pages_of_checks() -> dict[str, str]:
    """Id -> the page."""
    return {id_: _page(check) for id_, check in CHECKS.items()}


def checks_linked(text: str) -> str:
    """The table of checks with a link from each id to its page."""
    return re.sub(r'^(\| <a id="([a-z0-9-]+)"></a>)`\2` ', r"\1[`\2`](checks/\2.md) ", text, flags=re.MULTILINE)


def _page(check: Check) -> str:
    rows = [
        ("Judges", check.subject),
        ("Pools", str(check.scope) or "all"),
        ("If it fails", _severity(check)),
        ("Asked of a running cluster", "no" if check.of_a_program else "yes"),
    ]
    parts = [
        "---\norphan: true\n---",
        f"# {check.id}",
        f"**What goes wrong without it:** {_text(f'{check.reason} {check.details}'.strip())}",
        f"**Fix:** {_text(check.fix_as_sentence)}",
        table(("", ""), rows),
    ]
    if check.sources:
        listed = "\n".join(f"- {_text(str(source))}" for source in check.sources)
        parts.append(f"Where the rule is from:\n\n{listed}")
    parts.append(
        "A failure that you accept is waived with a reason: [a stack that is not "
        f"perfect](../check.md#a-stack-that-is-not-perfect). [All checks](../checks.md#{check.id})."
    )
    return "\n\n".join(parts) + "\n"


def _severity(check: Check) -> str:
    return "an error: the exit code is 1" if check.severity == "error" else "a warning: the exit code stays 0"


def _text(text: str) -> str:
    """Without what Markdown takes for its own outside of code."""
    return re.sub(r"(`[^`]*`)|([<|*_\[\]{}])", lambda found: found[1] or f"\\{found[2]}", text)
