"""No secret of a program is printed or written, whoever holds it and however the plan is told."""

import json
from pathlib import Path

from typer.testing import CliRunner

from eks_gpu.commands.main import app

PROGRAM = """
import json
import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

user = {"name": "u", "user": {"token": "S3CRET-KUBETOKEN"}}
kubernetes.Provider("cluster", kubeconfig=json.dumps({"users": [user]}))
aws.Provider("cloud", region="us-west-2", access_key="AKIAS3CRET", secret_key="S3CRET-KEY", token="S3CRET-TOKEN")
secret = pulumi.Output.secret
aws.ec2.LaunchTemplate("start", user_data=secret("S3CRET-USERDATA"), tags={"a": secret("S3CRET-TAG")})
aws.ssm.Parameter("parameter", type="SecureString", value="S3CRET-SSM")
aws.eks.Addon("addon", cluster_name="c", addon_name="x", configuration_values=secret('{"a": "S3CRET-ADDON"}'))
kubernetes.core.v1.Secret("plain", metadata={"name": "plain"}, string_data={"a": "S3CRET-DATA"})
kubernetes.core.v1.ConfigMap("config", metadata={"name": "config"}, data={"a": secret("S3CRET-CONFIG")})
kubernetes.core.v1.Pod(
    "pod",
    metadata={"name": "pod"},
    spec={"containers": [{"name": "a", "image": "b", "env": [{"name": "HF_TOKEN", "value": "S3CRET-ENV"}]}]},
)
kubernetes.helm.v3.Release(
    "release",
    chart="chart",
    version="1",
    values={"password": "S3CRET-PLAIN", "b": secret({"c": "S3CRET-DEEP"})},
    repository_opts={"repo": "https://charts.example", "password": "S3CRET-REPOSITORY"},
)
pulumi.export("exported", pulumi.Output.secret("S3CRET-EXPORT"))
pulumi.Output.secret("S3CRET-ARGUMENT").apply(lambda text: aws.ec2.get_subnets_output(tags={"password": text}))
"""
ANSWERS = "aws:ec2/getSubnets:getSubnets: {ids: [subnet-1]}\n"


def project(folder: Path, program: str = PROGRAM) -> Path:
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-west-2\n")
    (folder / "__main__.py").write_text(program)
    return folder


def test_no_secret_is_printed_or_written(tmp_path):
    root = project(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    files = ["--json", out / "plan.json", "--html", out / "plan.html", "--manifests", out / "objects"]
    (root / "plan-answers.yaml").write_text(ANSWERS)
    ran = CliRunner().invoke(app, ["plan", str(root), *map(str, files)])
    assert ran.exit_code in (0, 1), ran.output
    written = {file: file.read_text() for file in out.rglob("*") if file.is_file()}
    assert len(written) >= 4
    assert [file.name for file, text in written.items() if "S3CRET" in text] == []
    assert "S3CRET" not in ran.output
    inputs = {row["name"]: row["inputs"] for row in json.loads((out / "plan.json").read_text())["resources"]}
    assert inputs["plain"]["stringData"] == {"a": "[secret]"}
    assert inputs["release"]["values"] == {"password": "[secret]", "b": {"c": "[secret]"}}
    assert inputs["cloud"]["region"] == "us-west-2"


def test_no_secret_is_in_a_question_or_among_the_answers_to_fill_in(tmp_path):
    ran = CliRunner().invoke(app, ["plan", str(project(tmp_path)), "--record-answers", "-"])
    assert "aws:ec2/getSubnets:getSubnets:\n" in ran.stdout
    assert "S3CRET" not in ran.output + str(ran.exception)


def test_what_comes_of_a_secret_is_counted_and_its_text_is_masked(tmp_path):
    """Masks are no values: what is masked in a saved plan is not known there."""
    program = """
import pulumi
import pulumi_aws as aws

aws.eks.NodeGroup(
    "group",
    cluster_name="c",
    node_role_arn="r",
    subnet_ids=["s"],
    instance_types=pulumi.Output.secret(["g5.xlarge"]),
    labels=pulumi.Output.secret({"a": "S3CRET-LABEL"}),
    taints=pulumi.Output.secret([{"key": "S3CRET-KEY", "value": "S3CRET-VALUE", "effect": "NO_SCHEDULE"}]),
    scaling_config=pulumi.Output.secret({"min_size": 0, "max_size": 4, "desired_size": 0}),
)
"""
    root = project(tmp_path, program)
    files = ["--json", str(tmp_path / "plan.json"), "--html", str(tmp_path / "plan.html")]
    ran = CliRunner().invoke(app, ["plan", str(root), *files])
    (pool,) = json.loads((tmp_path / "plan.json").read_text())["pools"]
    assert (pool["instance_types"], pool["max_nodes"]) == (["g5.xlarge"], 4)
    assert pool["taints"] == [{"key": "[secret]", "value": "[secret]", "effect": "NoSchedule"}]
    told = ran.output + "".join((tmp_path / name).read_text() for name in ("plan.json", "plan.html"))
    assert "[secret]=[secret]:NoSchedule" in ran.output
    assert "S3CRET" not in told
    pod = tmp_path / "pod.yaml"
    pod.write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: b}]}\n")
    ran = CliRunner().invoke(app, ["explain", str(pod), "--plan", str(tmp_path / "plan.json")])
    assert ran.exit_code in (0, 1), ran.exception
    ran = CliRunner().invoke(app, ["explain", str(pod), str(root), "--json", "-"])
    assert ran.exit_code == 1, ran.exception
    assert "taint" in ran.output
    assert "S3CRET" not in ran.output
