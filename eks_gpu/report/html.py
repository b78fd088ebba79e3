"""The page: one file with its style, script and drawings, and a content security policy that loads nothing."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from eks_gpu.cost.money import usd
from eks_gpu.graph.secrets import redacted_page
from eks_gpu.io.visible import visible
from eks_gpu.plan.changes import Changes
from eks_gpu.plan.plan import Plan
from eks_gpu.plan.render_changes import signed
from eks_gpu.pools.upgrade import UPGRADE
from eks_gpu.report.palette import stylesheet
from eks_gpu.report.view import view
from eks_gpu.report.words import accelerators, count, nodes, replicas

_FOLDER = Path(__file__).parent


def page(
    plans: Sequence[Plan], changes: Mapping[str, Changes] | None = None, now: Mapping[str, Any] | None = None
) -> str:
    """All stacks of one project, one after the other. `changes` are by stack; `now` is what `now.html.j2` says of the
    cluster that runs.
    """
    style = f"{stylesheet()}\n{_FOLDER.joinpath('page.css').read_text(encoding='utf-8')}"
    script = _FOLDER.joinpath("page.js").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    words = {"accelerators": accelerators, "count": count, "nodes": nodes, "replicas": replicas}
    environment.globals |= {**words, "signed": signed, "usd": usd, "drawn": Markup, "upgrade": UPGRADE}
    made = environment.get_template("page.html.j2").render(
        project=plans[0].project,
        now=now,
        stacks=[view(plan, (changes or {}).get(plan.stack)) for plan in plans],
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
    )
    return redacted_page(made, [text for plan in plans for text in plan.secrets])


def _shown(value: Any) -> Any:
    """What a template prints: of strangers' text nothing that cannot be seen."""
    return type(value)(visible(value)) if isinstance(value, str) else value


def _policy(style: str, script: str) -> str:
    """Runs this style and this script, whose hashes it names, and loads nothing from anywhere."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
