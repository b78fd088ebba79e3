"""`eks-gpu types`: what it ranks, prints and refuses."""

import json
import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from components.catalog import instance_type
from components.catalog.quotas import quota
from eks_gpu.commands.types import EXAMPLES, types
from eks_gpu.io.problems import InputError
from tests.console import console_blocks, parts, printed

APP = typer.Typer()
APP.command(epilog=EXAMPLES)(types)


def ranked(*args: str, code: int = 0) -> list[dict[str, Any]]:
    result = CliRunner().invoke(APP, [*args, "--json", "-"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def names(*args: str, code: int = 0) -> list[str]:
    return [row["name"] for row in ranked(*args, code=code)]


def problems(*args: str) -> list[str]:
    error = CliRunner().invoke(APP, args).exception
    assert isinstance(error, InputError)
    return error.problems


def test_without_options_the_cheapest_whole_nvidia_gpu_on_amd64_comes_first():
    assert names()[:4] == ["g4dn.xlarge", "g4dn.2xlarge", "g6.xlarge", "g6.2xlarge"]


def test_a_row_says_what_the_type_is_where_it_is_and_what_it_counts_against():
    (row,) = [row for row in ranked("--region", "us-east-1") if row["name"] == "g6e.12xlarge"]
    assert row == {
        "name": "g6e.12xlarge",
        "accelerator": "nvidia",
        "gpus": 4,
        "gpu_memory_mib": 45776,
        "vcpus": 48,
        "memory_mib": 393216,
        "hourly": 10.49264,
        "zones": ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d"],
        "zone_ids": ["use1-az6", "use1-az1", "use1-az2", "use1-az4"],
        "gpu_name": "l40s",
        "gpu_fraction": 1.0,
        "architecture": "amd64",
        "instance_store_gb": 3800,
        "efa": True,
        "bare_metal": False,
        "spot": True,
        "price_region": "us-east-1",
        "as_of": "2026-07-20",
        "estimate": False,
        "quota": {"name": "Running On-Demand G and VT instances", "code": "L-DB2E81BA"},
    }


def test_memory_is_of_each_gpu_and_the_count_is_of_one_node():
    assert names("--gpus", "4", "--gpu-memory", "40Gi")[:2] == ["g6e.12xlarge", "g6e.24xlarge"]


def test_a_type_without_a_price_comes_last_and_passes_no_limit():
    assert ranked()[-1]["name"] == "p5e.48xlarge"
    assert ranked()[-1]["hourly"] is None
    assert "p5e.48xlarge" not in names("--max-price", "1000")


def test_spot_ranks_by_its_estimate_and_has_a_quota_of_its_own():
    row = ranked("--spot", "--gpu-memory", "80Gi", "--gpus", "8")[0]
    assert (row["name"], row["hourly"], row["estimate"]) == ("p4de.24xlarge", 16.46826, True)  # 60 % of 27.4471
    assert row["quota"] == {"name": "All P Spot Instance Requests", "code": "L-7212CCBC"}


def test_a_limit_is_usd_an_hour_for_the_node():
    assert names("--max-price", "0.8") == ["g4dn.xlarge", "g4dn.2xlarge"]


def test_parts_of_a_gpu_and_arm_only_when_asked():
    assert not [name for name in names() if name.startswith(("g6f", "gr6f", "g5g"))]
    assert names("--fractional")[0] == "g6f.large"
    assert names("--arch", "arm64")[0] == "g5g.xlarge"


def test_neuron_devices():
    assert names("--accelerator", "neuron")[:2] == ["inf1.xlarge", "inf1.2xlarge"]


def test_efa():
    assert names("--efa", "--max-price", "3") == ["g6.8xlarge", "g4dn.8xlarge", "gr6.8xlarge", "g5.8xlarge"]


def test_a_type_that_no_zone_of_the_region_offers_has_no_row():
    assert "p5.48xlarge" in names("--region", "us-west-2")
    assert not [name for name in names("--region", "eu-west-3") if name.startswith("p5")]


def test_none_ends_with_1_and_says_what_to_give_up():
    assert names("--gpus", "8", "--max-price", "1", code=1) == []
    said = CliRunner().invoke(APP, ["--gpus", "8", "--max-price", "1"]).output
    assert "- without --gpus: g4dn.xlarge, 0.526 USD an hour" in said
    assert "- without --max-price: g4dn.metal, 7.824 USD an hour" in said


def test_all_problems_come_at_once_each_with_the_nearest_valid_value():
    assert problems(
        *("--gpus", "none", "--gpu-memory", "40GB", "--accelerator", "nvida"),
        *("--arch", "amd46", "--max-price", "-2", "--region", "us-wst-2"),
    ) == [
        "--gpus must be a whole number of at least 1, got 'none'",
        "--gpu-memory must be a Kubernetes quantity such as 500m, 2 or 1.5Gi, got '40GB'; nearest: 40G",
        "--accelerator must be one of those in the catalog, got 'nvida'; nearest: nvidia",
        "--arch must be one of those in the catalog, got 'amd46'; nearest: amd64",
        "--max-price must be USD an hour, a number above 0, got '-2'",
        "--region must be one of those in the catalog, got 'us-wst-2'; nearest: us-west-2",
    ]


@pytest.mark.parametrize("gpus", ["0", "-1", "1.5", "²", " 1"])
def test_a_count_is_a_whole_number(gpus):
    assert problems("--gpus", gpus) == [f"--gpus must be a whole number of at least 1, got {gpus!r}"]


@pytest.mark.parametrize("price", ["nan", "inf", "0", "a"])
def test_a_price_is_a_number(price):
    assert problems("--max-price", price) == [f"--max-price must be USD an hour, a number above 0, got {price!r}"]


def test_wrong_input_writes_nothing(tmp_path):
    problems("--gpus", "0", "--json", str(tmp_path / "types.json"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("args", [[], ["--fractional", "--region", "us-east-1"], ["--accelerator", "neuron", "--spot"]])
def test_the_table_fits_80_columns_and_needs_no_colour(args):
    output = CliRunner().invoke(APP, args, env={"COLUMNS": "80"}).output
    assert max(map(len, output.splitlines())) <= 80
    assert "\x1b" not in output


def test_the_table_says_which_prices_are_not_the_regions_own():
    lines = (
        CliRunner()
        .invoke(APP, ["--region", "eu-west-3", "--max-price", "1.3"], env={"COLUMNS": "80"})
        .output.splitlines()
    )
    rows = {line.split()[0]: line.split()[1:] for line in lines if ".xlarge" in line}
    assert rows == {
        "g4dn.xlarge": ["1", "t4", "16.0", "4", "16", "0.615", "abc", "G", "and", "VT"],
        "g6.xlarge": ["1", "l4", "22.4", "4", "16", "1.022", "bc", "G", "and", "VT"],
        "g5.xlarge": ["1", "a10g", "22.4", "4", "16", "1.006*", "abc", "G", "and", "VT"],
    }
    assert any("* the price of us-east-1: that of eu-west-3 is not known" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "on_demand", "spot"),
    [
        ("g6.xlarge", "Running On-Demand G and VT instances", "All G and VT Spot Instance Requests"),
        ("p5.48xlarge", "Running On-Demand P instances", "All P Spot Instance Requests"),
        ("inf2.xlarge", "Running On-Demand Inf instances", "All Inf Spot Instance Requests"),
        ("trn1.2xlarge", "Running On-Demand Trn instances", "All Trn Spot Instance Requests"),
        (
            "m7i.large",
            "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
            "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
        ),
    ],
)
def test_a_type_counts_against_a_quota_of_ec2(name, on_demand, spot):
    found = quota(instance_type(name)), quota(instance_type(name), spot=True)
    assert [each and each.name for each in found] == [on_demand, spot]


def test_a_family_that_spot_does_not_sell_has_no_quota_there():
    assert quota(instance_type("hpc7a.12xlarge"), spot=True) is None


def test_neither_pulumi_nor_an_aws_sdk_is_loaded():
    heavy = "[m for m in sys.modules if m.split('.')[0] in ('pulumi', 'pulumi_aws', 'boto3', 'moto')]"
    script = (
        "import sys, typer\n"
        "from eks_gpu.commands.types import types\n"
        "app = typer.Typer(); app.command()(types)\n"
        "app(['--json', '/dev/null'], standalone_mode=False)\n"
        f"print({heavy}, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ran.stderr == "[]\n"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("--accelerator n", ["nvidia", "neuron"]),
        ("--arch arm", ["arm64"]),
        ("--region eu-west", ["eu-west-1", "eu-west-2", "eu-west-3"]),
    ],
)
def test_the_shell_completes_values(typed, offered):
    env = {"_TYPES_COMPLETE": "complete_bash", "COMP_WORDS": f"types {typed}", "COMP_CWORD": "2"}
    assert CliRunner().invoke(APP, [], prog_name="types", env=env).output.split() == offered


def test_the_page_shows_what_is_printed():
    ((command, shown),) = console_blocks("types")
    result = CliRunner().invoke(APP, command.split()[2:], env={"COLUMNS": "80"})
    assert printed(result.output) == shown


@pytest.mark.parametrize("columns", ["60", "80", "100"])
@pytest.mark.parametrize("options", [(), ("--accelerator", "neuron"), ("--gpus", "9")])
def test_no_name_is_broken_within_a_word(options, columns):
    wide, narrow = (CliRunner().invoke(APP, options, env={"COLUMNS": each}).output for each in ("2000", columns))
    assert parts(wide) - parts(narrow) == set()
