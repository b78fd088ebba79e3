"""import: what the command prints, writes and returns."""

import json
import subprocess
import sys

import pytest
import typer
import yaml
from typer.testing import CliRunner

from eks_gpu.commands import import_ as command
from eks_gpu.io.problems import InputError
from tests.found import every
from tests.imports import IMPORTED
from tests.programs import ROOT

app = typer.Typer()
app.command("import", epilog=command.EXAMPLES)(command.run)
SPOT, TODAY = IMPORTED / "spot-article.yaml", IMPORTED / "nothing-lost.yaml"


def run(*args: object):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_settings_go_to_stdout_and_findings_to_stderr():
    ran = run(SPOT)
    assert ran.exit_code == 1
    config = yaml.safe_load(ran.stdout)["config"]
    assert config["aws:region"] == "us-west-2"
    assert config["eks-gpu:settings"]["gpu_node_groups"]["gpu-spot-ng-a"]["pool"]["max_gpus"] == 10
    assert ran.stderr.splitlines()[0] == (
        "spot-article.yaml:8: ClusterConfig gaia-kube: nodeGroups[0].ami: node-images-are-current: `ami: auto` once "
        "meant Amazon Linux 2 (AL2), of which EKS makes no image since Kubernetes 1.33: AL2023 is taken"
    )
    assert ran.stderr.splitlines()[-1] == "34 findings: 10 wrong, 20 outdated, 4 lost"


def test_nothing_lost_ends_with_0_and_says_so():
    ran = run(TODAY)
    assert (ran.exit_code, ran.stderr) == (0, "nothing lost\n")


def test_a_choice_made_for_the_user_is_a_comment():
    lines = run(TODAY).stdout.splitlines()
    assert lines[0] == "# From nothing-lost.yaml, by eks-gpu import."
    assert "      name: vision  # from its node class" in lines
    assert "      system_nodes: {nodes: 2}  # for controllers: nodes on demand, which stay" in lines


def test_json_on_stdout_is_json_alone():
    ran = run(SPOT, "--json", "-")
    answer = json.loads(ran.stdout)
    assert [*answer][:2] == ["settings", "findings"]
    assert answer["findings"][0] == {
        "path": "nodeGroups[0].ami",
        "rule": "node-images-are-current",
        "message": "`ami: auto` once meant Amazon Linux 2 (AL2), of which EKS makes no image since Kubernetes 1.33: "
        "AL2023 is taken",
        "kind": "outdated",
        "object": "ClusterConfig gaia-kube",
        "line": 8,
    }
    assert "eks-gpu:settings" in ran.stderr


def test_settings_as_yaml_and_as_json_are_the_same(tmp_path):
    for file in every(IMPORTED.glob("*.yaml")):
        ran = run(file, "--json", tmp_path / "answer.json")
        answer = json.loads((tmp_path / "answer.json").read_text())
        config = yaml.safe_load(ran.stdout)["config"]
        assert (config["eks-gpu:settings"], config["aws:region"]) == (answer["settings"], answer["region"])


def test_wrong_input_prints_no_settings_and_writes_no_file(tmp_path):
    file = tmp_path / "given.yaml"
    file.write_text("kind: NodePool")
    ran = run(file, "--json", tmp_path / "answer.json")
    assert isinstance(ran.exception, InputError)
    assert (ran.stdout, [path.name for path in tmp_path.iterdir()]) == ("", ["given.yaml"])


def test_help_shows_examples():
    assert "eks-gpu import cluster.yaml > Pulumi.gaia.yaml" in " ".join(run("--help").output.split())


@pytest.fixture(scope="module")
def process():
    code = (
        "import sys; sys.argv = ['import', sys.argv[1]]\n"
        "from eks_gpu.commands import import_ as command; import typer\n"
        "try: typer.run(command.run)\n"
        "finally: print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )

    def start(file, **options):
        return subprocess.run(
            [sys.executable, "-c", code, str(file)], cwd=ROOT, capture_output=True, text=True, **options
        )

    return start


def test_it_imports_neither_pulumi_nor_an_aws_sdk(process):
    modules = process(TODAY).stderr.splitlines()[-1].split()
    assert "yaml" in modules
    assert {"pulumi", "pulumi_aws", "pulumi_eks", "boto3", "moto", "kubernetes"} & {*modules} == set()


def test_stdin_is_a_file_too(process):
    ran = process("-", input=TODAY.read_text())
    assert yaml.safe_load(ran.stdout)["config"]["eks-gpu:settings"]["cluster"]["name"] == "vision"
