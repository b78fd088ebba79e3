"""Files, stdin, devices and pipes: read up to a limit, and never waited for."""

import io
import json
import os
import signal
import sys

import pytest
from typer import Typer
from typer.testing import CliRunner

from eks_gpu.commands.check import check
from eks_gpu.commands.explain import explain
from eks_gpu.commands.import_ import run as import_
from eks_gpu.commands.plan import plan
from eks_gpu.io.input_files import STDIN, read_text
from eks_gpu.io.json_files import read_json
from eks_gpu.io.problems import InputError
from tests.programs import ROOT

POD = "kind: Pod\nspec: {containers: [{name: a, image: b}]}\n"


@pytest.fixture(autouse=True)
def no_wait():
    """A test that waits for a pipe fails after a minute."""

    def fail(*_: object) -> None:
        pytest.fail("it waits")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def refused(call, *args) -> str:
    with pytest.raises(InputError) as refusal:
        call(*args)
    (problem,) = refusal.value.problems
    return problem


@pytest.fixture
def pod(tmp_path):
    (tmp_path / "pod.yaml").write_text(POD)
    return tmp_path / "pod.yaml"


@pytest.fixture(params=["/dev/zero", "fifo"])
def endless(request, tmp_path):
    if request.param == "fifo":
        os.mkfifo(tmp_path / "fifo")
        return tmp_path / "fifo"
    return request.param


SAYS = {"zero": ":1: not valid ", "fifo": ": cannot be read: it is a pipe; give - and write into the command"}
COMMANDS = {
    "import": (import_, ["FILE"]),
    "explain": (explain, ["FILE"]),
    "explain --plan": (explain, ["POD", "--plan", "FILE"]),
    "plan --against": (plan, [str(ROOT / "examples/spot-autoscaling-groups"), "--against", "FILE"]),
    "check --preview": (check, ["--preview", "FILE"]),
    "check --state": (check, ["--state", "FILE"]),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_device_and_a_pipe_without_a_writer_are_wrong_input_for_every_command(name, endless, pod):
    command, args = COMMANDS[name]
    app = Typer()
    app.command()(command)
    given = [str({"FILE": endless, "POD": pod}.get(arg, arg)) for arg in args]
    ran = CliRunner().invoke(app, given)
    assert isinstance(ran.exception, InputError), ran.output
    assert SAYS[str(endless).rpartition("/")[2]] in str(ran.exception)


@pytest.mark.parametrize("name", ["Pulumi.yaml", "Pulumi.dev.yaml", "plan-answers.yaml"])
def test_files_of_a_project_are_read_with_the_same_limits(name, tmp_path):
    from eks_gpu.offline.project import Project

    (tmp_path / "__main__.py").touch()
    (tmp_path / "Pulumi.yaml").write_text("name: a\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {aws:region: us-west-2}\n")
    project = Project.load(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to("/dev/zero")
    call = {"Pulumi.yaml": lambda: Project.load(tmp_path), "Pulumi.dev.yaml": lambda: project.stack("dev")}
    assert refused(call.get(name, project.answers)) == f"{name}:1: not valid YAML: must be UTF-8, got byte 0x00"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing.yaml", "f: cannot be read: No such file or directory"),
        (".", "f: cannot be read: Is a directory"),
        ("a\0b", "f: cannot be read: embedded null byte"),
    ],
)
def test_what_cannot_be_opened_is_told(name, problem, tmp_path):
    assert refused(read_text, tmp_path / name, "f") == problem


def test_a_file_has_a_limit(tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"a" * (5 * 2**20))
    assert len(read_text(file, "f")) == 5_242_880
    file.write_bytes(b"a" * (5 * 2**20 + 1))
    assert refused(read_text, file, "f") == "f: must have at most 5 MiB"


def test_stdin_has_the_same_limit(monkeypatch):
    class Yes(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            buffer[:] = b"y" * len(buffer)
            return len(buffer)

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Yes())))
    assert refused(read_text, STDIN, "stdin") == "stdin: must have at most 5 MiB"


def test_a_closed_stdin_is_told(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert refused(read_text, STDIN, "stdin") == "stdin: cannot be read: stdin is closed"


def test_what_the_shell_hands_over_is_read_to_its_end(tmp_path):
    """`<(kubectl get pods -o yaml)` is /dev/fd/63, a pipe."""
    from pathlib import Path
    from threading import Timer

    reading, writing = os.pipe()
    try:
        later = Timer(0.05, lambda: (os.write(writing, b"a: 1\n"), os.close(writing)))
        later.start()
        assert read_text(Path(f"/dev/fd/{reading}"), "f") == "a: 1\n"
        later.join()
    finally:
        os.close(reading)


# --- JSON ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", ":1:2: not valid JSON: Expecting property name enclosed in double quotes"),
        ("", ":1:1: not valid JSON: Expecting value"),
        ('{"a": NaN}', ": not valid JSON: NaN is no number of JSON"),
        ("[" * 100_000 + "]" * 100_000, ": must be at most 64 levels deep"),
        ("[" * 65 + "]" * 65, ": must be at most 64 levels deep"),
        ("[" + "[]," * 2_600_000 + "[]]", ": must have at most 5000000 values"),
        ("[" + "9" * 5000 + "]", ": not valid JSON: "),
        (b'{"a": \xff}', ":1: not valid JSON: must be UTF-8, got byte 0xff"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_json_that_cannot_be_read_is_told(text, problem, tmp_path):
    file = tmp_path / "f.json"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    assert refused(read_json, file).startswith(f"{file}{problem}")


def test_json_is_read_whatever_its_width_and_up_to_64_levels(tmp_path):
    file = tmp_path / "f.json"
    file.write_text("\ufeff" + json.dumps({"a": list(range(10_000))}))
    assert len(read_json(file)["a"]) == 10_000
    file.write_text("[" * 64 + "]" * 64)
    assert read_json(file) != []
