"""A person's own AWS files and variables are out of reach of everything in the lab."""

import json
import os
import sys

import boto3
import pytest

from eks_gpu.commands import lab as cli
from eks_gpu.lab import processes
from eks_gpu.lab.isolation import alone_with, isolated

LOOK = """
import boto3, json
session = boto3.Session()
print(json.dumps([session.available_profiles, session.region_name, session.get_credentials() is not None]))
"""


@pytest.fixture(autouse=True)
def _a_person_with_an_account(tmp_path, monkeypatch):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[default]\nregion = eu-central-1\n[profile prod]\nregion = us-east-1\n")
    keys = "aws_access_key_id = AKIAREAL\naws_secret_access_key = real\n"
    (tmp_path / ".aws" / "credentials").write_text(f"[default]\n{keys}[prod]\n{keys}")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)


def seen() -> tuple[list[str], str | None, bool]:
    session = boto3.Session()
    return session.available_profiles, session.region_name, session.get_credentials() is not None


def test_a_persons_files_are_seen_outside_of_the_lab():
    assert seen() == (["default", "prod"], "eu-central-1", True)


def test_a_process_of_the_lab_sees_none_of_them(tmp_path):
    log = tmp_path / "log"
    started = processes.start("look", (sys.executable, "-c", LOOK), log)
    os.waitpid(started.pid, 0)
    assert json.loads(log.read_text()) == [[], None, False]


def test_neither_engine_nor_commands_see_them(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "prod")
    with alone_with({"AWS_DEFAULT_REGION": "us-west-2"}):
        assert seen() == ([], "us-west-2", False)
    assert os.environ["AWS_PROFILE"] == "prod"

    found = []
    cli.command(lambda: found.append(seen()))  # as it is wrapped, not as typer calls it
    wrapped = cli.app.registered_commands.pop().callback
    assert wrapped
    wrapped()
    assert found == [([], None, False)]
    assert seen()[0] == ["default", "prod"]


def test_no_instance_role_of_the_machine_is_asked_for():
    assert isolated({"AWS_PROFILE": "prod", "PATH": "/bin"}) == {
        "PATH": "/bin",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
