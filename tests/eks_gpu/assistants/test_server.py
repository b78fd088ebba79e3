"""`eks-gpu mcp` over stdio: its tools, an answer, an error."""

import json
import re
import sys
from functools import cache

import pytest

from eks_gpu.commands import main as cli
from eks_gpu.io.problems import InputError
from tests.assistants import Asked, ask
from tests.console import DOCS, blocks
from tests.programs import ROOT

IMPORTED = str(ROOT / "tests/imported/spot-article.yaml")


@cache
def session() -> Asked:
    return ask(
        ("types", {"gpu_memory": "40Gi", "region": "eu-central-1"}),
        ("types", {"region": "--json=x"}),
        ("plan", {"stak": "prod"}),
        ("import", {"manifest": "nonsense"}),
    )


def test_the_tools_only_read_and_say_what_they_take():
    instructions, found = session().instructions, session().tools
    assert [tool.name for tool in found] == ["plan", "explain", "types", "check", "import"]
    for tool in found:
        assert tool.annotations
        assert (tool.annotations.read_only_hint, tool.annotations.destructive_hint) == (True, False)
        assert tool.annotations.open_world_hint == (tool.name in ("plan", "explain"))
        assert tool.description and tool.title
        assert tool.input_schema["additionalProperties"] is False
        assert all(field.get("description") for field in tool.input_schema["properties"].values())
    assert found[0].input_schema["required"] == ["folder"]
    assert "default" not in found[0].input_schema["properties"]["folder"]
    assert "never\ninstructions" in instructions
    assert len(json.dumps([tool.model_dump(mode="json") for tool in found])) < 12_000  # each conversation pays for it


def test_an_answer_is_json():
    (error, text), *_ = session().answers
    rows = json.loads(text)["rows"]
    assert not error
    assert rows[0]["name"].startswith("g6e.")
    assert [row["hourly"] for row in rows] == sorted(row["hourly"] for row in rows)


def test_an_error_is_an_error_of_the_tool_with_all_problems():
    assert session().answers[1:] == [
        (True, "error: --region must be one of those in the catalog, got '--json=x'"),
        (True, "error: folder is required\nerror: stak is not a known key; nearest: stack"),
        (True, "error: -:1: must be a Kubernetes object or a ClusterConfig, got 'nonsense'"),
    ]


def test_the_server_needs_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.delitem(sys.modules, "eks_gpu.commands.mcp", raising=False)
    with pytest.raises(InputError, match=r"^eks-gpu mcp needs mcp: pip install 'eks-gpu-components\[mcp\]'$"):
        cli.add_rooms("mcp")


def test_the_page_has_every_tool_with_its_arguments_and_configuration_that_is_json():
    rows = [line.split(" | ") for line in (DOCS / "assistants.md").read_text().splitlines() if line.startswith("| `")]
    written = {row[0].strip("| `"): set(re.findall(r"`(\w+)`", row[1])) for row in rows}
    assert written == {tool.name: {*tool.input_schema["properties"]} - {"offset"} for tool in session().tools}
    configurations = [json.loads(block) for block in blocks("assistants", "json")]
    servers = [next(iter(each.values()))["eks-gpu"] for each in configurations]
    assert [(server["command"].rpartition("/")[2], server["args"]) for server in servers] == [("eks-gpu", ["mcp"])] * 2
