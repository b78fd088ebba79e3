"""Write the generated parts of the pages anew: `make pages`, or `python -m tools.pages`.

A part stands between `<!-- generated: NAME WORD... -->` and `<!-- end -->`. NAME picks the function in PARTS, which
gets the words. A file that is generated as a whole, such as a picture, is one more entry of what `generated` returns.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import get_args, get_origin

import yaml

from eks_gpu.checks import CHECKS
from eks_gpu.importers.findings import RULES
from eks_gpu.lab.aws.refusals import REFUSALS
from eks_gpu.live import cluster_role, permissions
from eks_gpu.live.audit import left_behind
from eks_gpu.live.preflight import permissions as preflight
from eks_gpu_components.catalog import versions
from eks_gpu_components.values.shapes import arms
from tools import command_pages, licences, pictures, rooms, settings_schema
from tools.arguments import Argument, all_args, arguments
from tools.tables import table

ROOT = Path(__file__).parent.parent
PART = re.compile(r"(<!-- generated: (?P<name>\S+)(?P<words>[^>]*) -->\n).*?(<!-- end -->)", re.DOTALL)


def generated() -> dict[str, str]:
    """File -> the text that it should have."""
    pages = {page: filled((ROOT / page).read_text(encoding="utf-8")) for page in _pages()}
    return {**pages, **command_pages.pages(), **pictures.drawn(), settings_schema.FILE: settings_schema.text()}


def filled(page: str) -> str:
    """A page with its generated parts written anew. Raises KeyError for a part that nothing generates."""
    return PART.sub(lambda part: f"{part[1]}{PARTS[part['name']](*part['words'].split())}\n{part[4]}", page)


def checks() -> str:
    """The table of checks, each with an anchor of its own id."""
    rows = [
        (
            f'<a id="{id_}"></a>`{id_}`',
            check.severity,
            check.subject,
            str(check.scope),
            f"{check.reason} {check.details}".strip(),
            check.fix_as_sentence,
            "; ".join(map(str, check.sources)),
        )
        for id_, check in sorted(CHECKS.items())
    ]
    return table(("Check", "Severity", "Subject", "Pools", "What goes wrong without it", "Fix", "Source"), rows)


def charts() -> str:
    """The table of the charts that components install."""
    found = [value for value in vars(versions).values() if isinstance(value, versions.Chart)]
    rows = [(f"`{chart.name.rpartition('/')[2]}`", chart.version, chart.repository or chart.name) for chart in found]
    return table(("Chart", "Version", "Source"), sorted(rows))


def import_rules() -> str:
    """The table of the rules that `eks-gpu import` judges by."""
    rows = [(f"`{id_}`", rule.kind, str(rule.scope), rule.reason) for id_, rule in sorted(RULES.items())]
    return table(("Rule", "Kind", "Pools", "What goes wrong without it"), rows)


def licence_rows() -> str:
    """The table of the packages that users install along, with their licences."""
    return table(
        ("Package", "Licence", "Comes with"), [(f"`{name}`", text, extra) for name, text, extra in licences.rows()]
    )


def lab_refusals() -> str:
    """The table of what the lab's AWS refuses."""
    rows = [
        (", ".join(f"`{operation}`" for operation in row.operations), row.refuses, f"`{row.code}`", _shown(row.source))
        for row in sorted(REFUSALS, key=lambda row: row.operations)
    ]
    return table(("Operation", "Refused", "Code", "Source"), rows)


def preflight_permissions() -> str:
    """The table of permissions that preflight needs."""
    rows = [(for_, _actions(actions)) for for_, actions in preflight.PERMISSIONS.items()]
    return table(("To read", "it needs"), rows)


def audit_permissions() -> str:
    """The table of permissions that an audit needs."""
    rows = [(f"{kind.what}s", _actions(left_behind.actions(kind))) for kind in left_behind.KINDS]
    return table(("To look for", "it needs"), rows)


def _actions(found: Iterable[str]) -> str:
    return ", ".join(f"`{action}`" for action in found)


def _shown(source: str) -> str:
    """A source with links in place of addresses and of issues on GitHub."""
    linked = re.sub(r"https://\S+?([^/;\s]+)\.html", r"[\1](\g<0>)", source)
    return re.sub(r"([\w.-]+/[\w.-]+)#(\d+)", r"[\g<0>](https://github.com/\1/issues/\2)", linked)


def arguments_of(name: str) -> str:
    """The table of a TypedDict's keys; those of a TypedDict inside it follow, unless it has a table of its own."""
    return table(("Argument", "Meaning", "Default"), _argument_rows(all_args()[name], ""))


def floors_of(house: str) -> str:
    """The table of the floors of `components` or `eks_gpu`."""
    return table(("Layer", "Package", "What is in it"), rooms.floor_rows(house))


def iam_policy(of: str) -> str:
    """The policy of who reads a cluster, or runs preflight or audit, for `aws iam create-policy`."""
    found = {"cluster": permissions.policy, "preflight": preflight.policy, "audit": left_behind.policy}[of]()
    return f"```json\n{json.dumps(found, indent=2)}\n```"


def iam_permissions() -> str:
    """What stays unread without each action."""
    rows = (
        (f"`{each.action}`", each.subject, each.what, permissions.commands(each))
        for each in permissions.ALL
        if each not in permissions.WAY_IN
    )
    return table(("Without", "not read", "and so not known", "asked by"), rows)


def cluster_role_block() -> str:
    """The ClusterRoles of a reader, to be applied."""
    return f"```yaml\n{cluster_role.written()}```"


def checks_of_a_program() -> str:
    """The checks that a running cluster is not asked about."""
    names = sorted(id_ for id_, check in CHECKS.items() if check.of_a_program)
    return ", ".join(f"[{id_}](checks.md#{id_})" for id_ in names)


def settings() -> str:
    """The table of every setting of a stack."""
    return table(("Setting", "Takes", "Default", "Meaning"), settings_schema.rows())


def action(kind: str) -> str:
    """The table of the `inputs` or `outputs` of action.yml."""
    told = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))[kind]
    if kind == "outputs":
        return table(("Output", "Value"), [(f"`{name}`", each["description"]) for name, each in told.items()])
    rows = [(f"`{name}`", each["description"], _given_by_default(each["default"])) for name, each in told.items()]
    return table(("Input", "Meaning", "Default"), rows)


def _given_by_default(value: str) -> str:
    """The value, or what GitHub has of it: `github.token`."""
    return f"`{value.removeprefix('${{ ').removesuffix(' }}')}`" if value else ""


PARTS: dict[str, Callable[..., str]] = {
    "action": action,
    "arguments": arguments_of,
    "audit-permissions": audit_permissions,
    "charts": charts,
    "checks": checks,
    "checks-of-a-program": checks_of_a_program,
    "commands": command_pages.listed,
    "cluster-role": cluster_role_block,
    "floors": floors_of,
    "iam-permissions": iam_permissions,
    "iam-policy": iam_policy,
    "import-rules": import_rules,
    "lab-refusals": lab_refusals,
    "licences": licence_rows,
    "preflight-permissions": preflight_permissions,
    "settings": settings,
    "tree": rooms.tree,
}


def _argument_rows(args: type, path: str) -> Iterator[tuple[str, str, str]]:
    for argument in arguments(args):
        at = f"{path}{argument.name}"
        home = argument.nested and _homes().get(argument.nested.__name__)
        link = f" See [{argument.nested.__name__}]({home})." if argument.nested and home else ""
        default = "required" if argument.required else argument.default or "as below"
        yield f"`{at}`", f"{argument.says}{link}".strip(), default
        if argument.nested and not home:
            yield from _argument_rows(argument.nested, f"{at}{_step(argument)}")


def _step(argument: Argument) -> str:
    """How the path to an argument goes on: into the value, into each item of a list, or of a map by its name."""
    containers = {get_origin(arm) for arm in arms(argument.shape) if get_args(arm)}
    if any(issubclass(container, dict) or hasattr(container, "items") for container in containers):
        return ".<name>."
    return "[]." if containers else "."


@cache
def _pages() -> list[str]:
    """Pages with a generated part."""
    found = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
    return [page.relative_to(ROOT).as_posix() for page in found if PART.search(page.read_text(encoding="utf-8"))]


@cache
def _homes() -> dict[str, str]:
    """TypedDict -> the page, beside which all pages lie, with the table of its keys."""
    return {
        part["words"].strip(): Path(page).name
        for page in _pages()
        for part in PART.finditer((ROOT / page).read_text(encoding="utf-8"))
        if part["name"] == "arguments"
    }


def main() -> None:
    for file, text in generated().items():
        target = ROOT / file
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8")
            print(file)


if __name__ == "__main__":
    main()
