"""The page: one file with its style, script and drawings, and a content security policy that loads nothing."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from eks_gpu.cost.money import Marks, share, usd
from eks_gpu.graph.secrets import redacted_page
from eks_gpu.io.visible import visible
from eks_gpu.plan.changes import Changes
from eks_gpu.plan.plan import Plan
from eks_gpu.plan.render_changes import signed
from eks_gpu.pools.upgrade import UPGRADE
from eks_gpu.report.made import Made
from eks_gpu.report.palette import stylesheet
from eks_gpu.report.view import view, whole
from eks_gpu.report.words import accelerators, count, nodes, replicas

_FOLDER = Path(__file__).parent


def page(
    plans: Sequence[Plan],
    changes: Mapping[str, Changes] | None = None,
    now: Mapping[str, Any] | None = None,
    made: Made | None = None,
) -> str:
    """All stacks of one project, one after the other. `changes` are by stack; `now` is what `now.html.j2` says of the
    cluster that runs.
    """
    style = "\n".join((stylesheet(), _read("page.css"), *_cards(_read("cards.css")), _read("paper.css")))
    script = _read("page.js")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    words = {"accelerators": accelerators, "count": count, "nodes": nodes, "replicas": replicas}
    money = {"signed": signed, "usd": usd, "share": share, "exact": Marks()}
    environment.globals |= {**words, **money, "drawn": Markup, "upgrade": UPGRADE}
    stacks = [view(plan, (changes or {}).get(plan.stack)) for plan in plans]
    written = environment.get_template("page.html.j2").render(
        project=plans[0].project,
        now=now,
        made=made or Made(),
        stacks=stacks,
        verdict=whole(stacks),
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
    )
    return redacted_page(written, [text for plan in plans for text in plan.secrets])


def _read(name: str) -> str:
    return _FOLDER.joinpath(name).read_text(encoding="utf-8")


def _cards(rules: str) -> tuple[str, str]:
    """Tables whose rows are cards: those that are at any width, and those that are on a phone."""
    return rules, f"@media (max-width: 44rem) {{\n{rules.replace('.cards', '.narrow-cards')}}}"


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
