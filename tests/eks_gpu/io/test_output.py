"""Answers in files and on stdout: whole or not at all, and alone."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from eks_gpu.io.output import write, write_json
from eks_gpu.io.problems import InputError


def run(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True)


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    file = tmp_path / "plan.json"
    file.write_text("old")
    full = f"""
import resource, signal
from pathlib import Path
from eks_gpu.io.output import write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
write(Path({str(file)!r}), "x" * 5000)
"""
    assert f"{file}: cannot be written: File too large" in run(full).stderr
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_keeps_its_mode_and_a_link_its_target(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    write(link, "new")
    assert link.is_symlink()
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("new", 0o640)


def test_a_new_file_has_the_mode_that_others_get(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "new", "")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


def test_a_device_is_written_to():
    write(Path("/dev/null"), "x")
    assert Path("/dev/null").is_char_device()


def test_half_a_pair_is_written_as_json_writes_it(tmp_path):
    write_json(tmp_path / "a.json", {"name": "a\udc80\U0001f600"})
    assert (tmp_path / "a.json").read_text() == '{\n  "name": "a\\udc80\U0001f600"\n}\n'
    assert json.loads((tmp_path / "a.json").read_text()) == {"name": "a\udc80\U0001f600"}


def test_a_number_that_json_cannot_hold_is_refused_where_it_stands(tmp_path):
    file = tmp_path / "a.json"
    with pytest.raises(InputError) as refused:
        write_json(file, {"resources": [{"inputs": {"size": float("inf"), "share": float("nan"), "ok": 1.5}}]})
    assert refused.value.problems == [
        "resources[0].inputs.size: must be a finite number, got inf",
        "resources[0].inputs.share: must be a finite number, got nan",
    ]
    assert not file.exists()


def test_what_others_print_goes_to_stderr_while_an_answer_is_made():
    told = run(
        "import os, subprocess, sys\n"
        "from eks_gpu.io.output import end_stdout, stdout_kept\n"
        "with stdout_kept():\n"
        "    print('printed'); sys.__stdout__.write('kept\\n'); os.write(1, b'written\\n')\n"
        "    subprocess.run(['echo', 'started'])\n"
        "print('answer')\n"
        "end_stdout()\n"
        "print('late'); os.write(1, b'later\\n')\n"
    )
    assert told.stdout == "answer\n"
    assert set(told.stderr.split()) == {"printed", "kept", "written", "started", "late", "later"}


def test_a_closed_stdout_is_no_traceback(tmp_path):
    code = "from eks_gpu.io.output import *\nwith stdout_kept(): print('x')\nwrite(STDOUT, 'y')"
    told = subprocess.run(["sh", "-c", f'"{sys.executable}" -c "{code}" >&-'], capture_output=True, text=True)
    assert told.stderr.endswith("InputError: -: cannot be written: stdout is closed\n")
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000
