"""What outside users call: public names, type tokens, URNs, settings, the command line and the keys of the plan's JSON.

`recorded/contract.json` holds each as it was promised. A new entry is recorded with `python -m tests.test_contract`;
one that is gone fails here, for a script or a stack of somebody's leans on it.
"""

import importlib
import json
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import typer.main

import components
from components.values.shapes import arms, fields
from settings import Settings
from tests import reports
from tests.committed import CHECKOUT
from tests.programs import PROGRAMS, plan_of

RECORD = CHECKOUT / "tests" / "recorded" / "contract.json"


def urns() -> dict[str, list[str]]:
    """Program and stack -> URNs that it registers."""
    return {" ".join(program): sorted(made.urn for made in plan_of(*program).graph) for program in PROGRAMS}


def settings(shape: Any = Settings, at: str = "") -> Iterator[str]:
    """Paths of the settings' keys; `*` stands for a name that the user gives, `[]` for the items of a list."""
    for arm in arms(shape):
        arguments = typing.get_args(arm)
        if known := fields(arm):
            for name, inner in known.items():
                yield f"{at}{name}"
                yield from settings(inner, f"{at}{name}.")
        elif typing.get_origin(arm) in (dict, Mapping):
            yield from settings(arguments[1], f"{at}*.")
        elif typing.get_origin(arm) in (list, Sequence):
            yield from settings(arguments[0], f"{at}[].")


def command_line() -> dict[str, list[str]]:
    """Command -> its options and arguments."""
    main = importlib.import_module("eks_gpu.commands.main")
    main.add_rooms(None)
    return dict(sorted(_commands(typer.main.get_command(main.app), "eks-gpu")))


def _commands(command: Any, name: str) -> Iterator[tuple[str, list[str]]]:
    if hasattr(command, "commands"):  # a group
        for word, inner in command.commands.items():
            yield from _commands(inner, f"{name} {word}")
    else:
        yield name, sorted(word for parameter in command.params for word in parameter.opts)


def keys(value: Any, at: str = "") -> Iterator[str]:
    """Paths of the keys of a plan; resources' own inputs and maps keyed by users are left out."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{at}{key}"
            if key not in ("inputs", "labels", "requests"):
                yield from keys(inner, f"{at}{key}.")
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner, f"{at}[].")


def plan_keys() -> list[str]:
    """Of every program's plan, and of a stack that is not all read, as none of the programs is."""
    plans = [*(plan_of(*program) for program in PROGRAMS), reports.partly_read()]
    return sorted({key for plan in plans for key in keys(plan.as_json())})


PUBLIC: list[str] = vars(components)["__all__"]
PROMISES = {
    "names": lambda: sorted(PUBLIC),
    "urns": urns,
    "settings": lambda: sorted(set(settings())),
    "commands": command_line,
    "plan": plan_keys,
}


@pytest.mark.parametrize("promise", ["names", "settings", "plan"])
def test_nothing_that_was_promised_is_gone_and_what_is_new_is_recorded(promise):
    assert PROMISES[promise]() == json.loads(RECORD.read_text())[promise]


def test_a_check_says_yes_no_or_nothing_and_a_plan_with_nodes_that_are_not_read_fails():
    plan = reports.with_findings(reports.partly_read(), reports.FAILING, reports.UNJUDGED)
    assert {check["passed"] for check in plan.as_json()["checks"]} == {True, False, None}
    assert plan.failed
    assert {row["what"] for row in plan.as_json()["unread"]} == {"nodes"}
    assert all(bill["at_least"] for name, bill in plan.as_json()["cost"].items() if isinstance(bill, dict))


def test_no_command_or_option_is_gone_and_what_is_new_is_recorded():
    assert command_line() == json.loads(RECORD.read_text())["commands"]


@pytest.mark.parametrize("program", [f"{folder} {stack}" for folder, stack in PROGRAMS])
def test_no_urn_is_gone_and_what_is_new_is_recorded(program):
    folder, stack = program.split()
    found = sorted(made.urn for made in plan_of(folder, stack).graph)
    assert found == json.loads(RECORD.read_text())["urns"][program]


def test_only_what_a_remote_component_is_made_of_names_a_component():
    rows = plan_of(".", "dev").as_json()["resources"]
    components = [row["urn"] for row in rows if row["type"] == "eks:index:Cluster"]
    assert {row.get("expanded_from") for row in rows} == {None, *components}
    assert all(row["urn"].startswith(f"{components[0].rpartition('::')[0]}$") for row in rows if "expanded_from" in row)


def test_the_record_has_something_of_each_promise():
    record = json.loads(RECORD.read_text())
    assert all(len(record[promise]) > 5 for promise in PROMISES)


if __name__ == "__main__":
    RECORD.write_text(json.dumps({promise: find() for promise, find in PROMISES.items()}, indent=1) + "\n")
