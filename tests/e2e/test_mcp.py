"""`eks-gpu mcp`, asked of real programs, also of those that print, break, or never end."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from eks_gpu.assistants.answers import LONGEST
from tests.assistants import EKS_GPU, PATIENCE_S, POD, Call, ask, project
from tests.programs import ROOT

pytestmark = pytest.mark.minutes(0.5)
EXAMPLE = str(ROOT / "examples/spot-autoscaling-groups")
IMPORTED = str(ROOT / "tests/imported/spot-article.yaml")
STATE = str(ROOT / "tests/recorded/spot-autoscaling-groups.state.json")


@cache
def answers() -> list[tuple[bool, str]]:
    """One server, asked as an assistant would."""
    return ask(
        ("plan", {"folder": EXAMPLE}),
        ("plan", {"folder": EXAMPLE, "section": "pools", "name": "us-west-2b", "stack": None}),
        ("explain", {"pod": POD, "folder": EXAMPLE, "pool": "gpu"}),
        ("check", {"state": STATE, "section": "checks", "check": "gpu-pools-are-capped"}),
        ("import", {"manifest": IMPORTED}),
        ("import", {"manifest": Path(IMPORTED).read_text(), "section": "findings"}),
    ).answers


def test_nothing_that_is_right_is_an_error_and_all_is_short():
    for error, text in answers():
        assert not error, text
        assert len(text) <= LONGEST


def test_a_plan_begins_with_its_summary():
    summary = json.loads(answers()[0][1])
    assert (summary["stack"], summary["verdict"]) == ("spot-autoscaling-groups / dev", "holds")
    assert summary["usd_a_month"] == {"idle": "~482*", "steady": "~2,021*", "demand_max": "~2,021*", "max": "29,668*"}
    assert [pool["name"] for pool in summary["pools"]][:2] == ["gaia-system", "gpu-spot-us-west-2a-spot"]
    assert summary["more"].startswith("ask again with section: pools, workloads, cost, checks, quotas, ")


def test_a_section_is_filtered_by_name():
    pools = json.loads(answers()[1][1])
    assert (pools["section"], pools["total"]) == ("pools", 1)
    assert pools["rows"][0]["zones"] == ["us-west-2b"]


def test_a_pod_is_explained_pool_by_pool_the_takers_first():
    told = json.loads(answers()[2][1])
    assert told["runs"] is True
    assert [(row["pod"], row["admits"]) for row in told["rows"]] == [("train", True)] * 3


def test_a_state_is_checked_without_a_program():
    told = json.loads(answers()[3][1])
    assert {row["id"] for row in told["rows"]} == {"gpu-pools-are-capped"}
    assert {row["result"] for row in told["rows"]} == {"holds"}
    assert told["rows"][0]["sources"]


def test_settings_are_imported_from_a_file_or_a_text():
    settings, findings = json.loads(answers()[4][1]), json.loads(answers()[5][1])
    assert settings["settings"]["cluster"]["name"] == "gaia-kube"
    assert settings["findings"] == findings["total"] > 0
    assert {"path", "rule", "message"} <= findings["rows"][0].keys()


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_no_program_runs_that_is_not_named(tmp_path):
    """Neither that of the folder in which the server was started, nor one above."""
    project(tmp_path / "own", f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    calls: list[Call] = [
        ("plan", {}),
        ("plan", {"folder": ""}),
        ("plan", {"folder": "own"}),
        ("explain", {"pod": POD}),
        ("explain", {"pod": POD, "folder": ""}),
    ]
    found = ask(*calls, cwd=tmp_path / "own").answers
    assert [error for error, _ in found] == [True] * 5
    assert not (tmp_path / "ran").exists()


NOISE = """
import os, sys, subprocess
print("hello", flush=True)
os.write(1, b'{"jsonrpc": "2.0", "id": 2, "result": {}}\\n')
os.system("echo hello; head -c 3000000 /dev/zero | tr '\\\\0' x >&2")
assert sys.stdin.read() == ""
subprocess.Popen(["sleep", "300"], start_new_session=False)
"""


def test_what_a_program_prints_reads_or_leaves_running_is_no_part_of_the_protocol(tmp_path):
    began = time.monotonic()
    (_, text), (_, after) = ask(("plan", {"folder": project(tmp_path / "talks", NOISE)}), ("types", {})).answers
    assert json.loads(text)["stack"] == "talks / dev"
    assert json.loads(after)["total"] > 0
    assert time.monotonic() - began < 200  # what it left running would sleep for longer


def test_a_program_that_breaks_is_an_error_of_its_tool_and_the_server_goes_on(tmp_path):
    programs = {
        "exits": "import os\nprint('so far', flush=True)\nos._exit(7)\n",
        "killed": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n",
        "raises": "raise RuntimeError('no \\x1b[31mred\\u202e')\n",
        "syntax": "x =\n",
        "keys": "import pulumi\npulumi.Config().require('size')\npulumi.Config().get('zones')\n",
    }
    calls: list[Call] = [("plan", {"folder": project(tmp_path / name, text)}) for name, text in programs.items()]
    (tmp_path / "keys/Pulumi.dev.yaml").write_text("config: {keys:sise: 1, keys:zone: a, aws:region: us-west-2}\n")
    *found, last = ask(*calls, ("types", {})).answers
    assert [error for error, _ in found] == [True] * 5
    exits, killed, raises, syntax, keys = (text for _, text in found)
    assert exits == "error: the program ended the command with exit code 7; the last that it printed: so far"
    assert killed.startswith("error: the program ended the command with signal 11; the last that it printed: ")
    assert raises == "error: __main__.py:1: RuntimeError: no ␛[31mred�"
    assert "SyntaxError: invalid syntax" in syntax
    assert keys.splitlines()[:-1] == ["error: Pulumi.dev.yaml:1: keys:sise is not a known key; nearest: keys:size"]
    assert not last[0]


def endless(folder: Path) -> tuple[str, Path]:
    """A project whose program starts another and never ends, and the file with the ids of both."""
    pids = folder / "pids"
    program = f"""
import os, pathlib, subprocess
started = subprocess.Popen(["sleep", "300"])
pathlib.Path({str(pids)!r}).write_text(f"{{os.getpid()}} {{started.pid}} .")
while True: pass
"""
    return project(folder / "endless", program), pids


def test_a_program_without_end_is_ended_with_all_that_it_started(tmp_path):
    folder, pids = endless(tmp_path)
    answers = ask(("plan", {"folder": folder}), words=["--timeout", "3"]).answers
    assert answers == [(True, "error: the command did not end within 3 s, and was ended")]
    assert still_run(pids) == []


@pytest.mark.parametrize("how", [None, signal.SIGTERM, signal.SIGINT], ids=["stdin ends", "SIGTERM", "SIGINT"])
def test_a_server_ends_with_the_commands_that_it_runs(tmp_path, how):
    folder, pids = endless(tmp_path)
    told = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    lines: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": told},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "plan", "arguments": {"folder": folder}}},
    ]
    with subprocess.Popen([EKS_GPU, "mcp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin and server.stdout
        server.stdin.write(b"no JSON\n")
        for line in lines:
            server.stdin.write(json.dumps({"jsonrpc": "2.0", **line}).encode() + b"\n")
        server.stdin.flush()
        until(lambda: pids.exists() and pids.read_text().endswith("."))
        assert len(still_run(pids)) == 2
        if how:
            server.send_signal(how)
        else:
            server.stdin.close()
        assert server.wait(30) == (128 + how if how else 0)
    until(lambda: not still_run(pids))


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def still_run(pids: Path) -> list[int]:
    return [int(pid) for pid in pids.read_text().split()[:2] if _runs(int(pid))]


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
