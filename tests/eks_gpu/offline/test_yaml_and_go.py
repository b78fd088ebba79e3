"""Programs in YAML and Go: what their hosts are told, and how an error of theirs reads; tests/e2e has the real host."""

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from eks_gpu.io.problems import InputError
from eks_gpu.offline.languages import yaml_program
from eks_gpu.offline.languages.schemas import schema, short
from eks_gpu.offline.languages.yaml_program import named
from eks_gpu.offline.project import Project
from eks_gpu.offline.run import record

ANY = {"$ref": "pulumi.json#/Any"}
STACK = "config:\n  aws:region: us-west-2\n  shop:size: 3\n"


def project(folder: Path, pulumi: str, program: Path | None = None):
    for name, text in {"Pulumi.yaml": dedent(pulumi), "Pulumi.dev.yaml": STACK}.items():
        (folder / name).write_text(text)
    loaded = Project.load(folder, program)
    return record(loaded, loaded.stack("dev"))[0]


def test_a_schema_has_what_a_program_names_by_the_providers_own_tokens():
    resources, functions = named(
        {
            "variables": {
                "vpc": {"fn::invoke": {"function": "aws:ec2:getVpc", "arguments": {"default": True}, "return": "id"}},
                "me": {"fn::aws:getCallerIdentity": {}},
            },
            "resources": {
                "role": {"type": "aws:iam:Role", "properties": {"name": "a"}},
                "cluster": {"type": "eks:Cluster", "properties": {"vpcId": "${vpc}"}},
                "provider": {"type": "pulumi:providers:aws", "properties": {"region": "us-west-2"}},
            },
        }
    )
    aws, eks = schema("aws", resources, functions), schema("eks", resources, functions)

    assert (aws["name"], aws["version"]) == ("aws", "7.51.1")
    assert list(aws["resources"]) == ["aws:iam/role:Role"]
    role = aws["resources"]["aws:iam/role:Role"]
    assert role["isComponent"] is False
    assert role["inputProperties"]["assumeRolePolicy"] == role["properties"]["arn"] == ANY
    assert "arn" not in role["inputProperties"]
    assert list(aws["functions"]) == ["aws:ec2/getVpc:getVpc", "aws:index/getCallerIdentity:getCallerIdentity"]
    assert "dhcpOptionsId" in aws["functions"]["aws:ec2/getVpc:getVpc"]["inputs"]["properties"]
    assert "accountId" in aws["functions"]["aws:index/getCallerIdentity:getCallerIdentity"]["outputs"]["properties"]
    assert "assumeRoles" in aws["provider"]["inputProperties"]
    assert eks["resources"]["eks:index:Cluster"]["isComponent"] is True


def test_a_type_that_an_sdk_does_not_have_is_left_to_the_language_and_one_without_an_sdk_is_taken_as_written():
    resources, _ = named(
        {
            "resources": {
                "a": {"type": "aws:ec2:Vcp", "properties": {"cidrBlock": "x"}},
                "net": {"type": "awsx:ec2:Vpc", "properties": {"cidrBlock": "x"}},
                "bucket": {"type": "gcp:storage:Bucket", "properties": {"location": "US"}},
            },
            "outputs": {"ids": "${net.privateSubnetIds}", "url": "${bucket.url}"},
        }
    )
    assert schema("aws", resources, {})["resources"] == {}
    net = schema("awsx", resources, {})["resources"]["awsx:ec2:Vpc"]
    assert net == {
        "isComponent": True,
        "inputProperties": {"cidrBlock": ANY},
        "properties": {"cidrBlock": ANY, "privateSubnetIds": ANY},
    }
    assert schema("gcp", resources, {})["resources"]["gcp:storage:Bucket"]["isComponent"] is False


def test_a_kubernetes_object_gets_the_version_and_kind_that_its_type_says():
    resources, _ = named({"resources": {"a": {"type": "kubernetes:core/v1:Secret"}}})
    made = schema("kubernetes", resources, {})["resources"]["kubernetes:core/v1:Secret"]
    assert made["properties"]["apiVersion"] == {"type": "string", "const": "v1"}
    assert made["properties"]["kind"] == {"type": "string", "const": "Secret"}


def test_a_token_has_one_short_form():
    tokens = ["aws:ec2/vpc:Vpc", "eks:index:Cluster", "kubernetes:apps/v1:Deployment", "aws:index/getRegion:getRegion"]
    assert [*map(short, tokens)] == [
        "aws:ec2:Vpc",
        "eks:Cluster",
        "kubernetes:apps/v1:Deployment",
        "aws:getRegion",
    ]


def test_an_error_of_the_language_is_one_line_with_its_place():
    said = (
        "\x1b[31mError: \x1b[0mProperty cidrBlok does not exist\n\n  on Pulumi.yaml line 9:\n"
        "   9:     properties: {cidrBlok: x}\n\nCannot assign\nWarning: old\n\n  on Pulumi.yaml line 1:\n"
        "Error: no host\n\n  on /a/Main.yaml line 2, in resources:\n   2: b\n\nuse another"
    )
    assert [*yaml_program.problems(said)] == [
        "Pulumi.yaml:9: Property cidrBlok does not exist; Cannot assign",
        "Main.yaml:2: no host; use another",
    ]
    assert [*yaml_program.problems("Pulumi.yaml:6,6-7: resources.c must be an object; ")] == [
        "Pulumi.yaml:6: resources.c must be an object"
    ]


def test_a_missing_language_host_is_named_with_the_ways_to_have_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"pulumi-language-yaml: not found on PATH; .*toolchain pulumi-language-yaml"):
        project(tmp_path, "name: shop\nruntime: yaml\n")


GO = """\
#!{python}
import json, os, sys
import grpc
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import resource_pb2, resource_pb2_grpc

monitor = resource_pb2_grpc.ResourceMonitorStub(grpc.insecure_channel(os.environ["PULUMI_MONITOR"]))
assert os.environ["PULUMI_DRY_RUN"] == "true" and os.environ["PULUMI_ENGINE"] == os.environ["PULUMI_MONITOR"]
size = json.loads(os.environ["PULUMI_CONFIG"])["shop:size"]
values = json_format.ParseDict({{"delaySeconds": int(size)}}, struct_pb2.Struct())
name = os.environ["PULUMI_PROJECT"] + "-" + os.environ["PULUMI_STACK"]
type_ = "aws:sqs/queue:Queue"
monitor.RegisterResource(resource_pb2.RegisterResourceRequest(type=type_, name=name, custom=True, object=values))
if failing := os.environ.get("FAILING"):
    sys.exit(failing.replace("ROOT", os.environ["PULUMI_ROOT_DIRECTORY"]))
"""


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    made = tmp_path / "program"
    made.write_text(GO.format(python=sys.executable))
    made.chmod(0o755)
    return made


def test_a_compiled_program_in_go_is_recorded(tmp_path, binary):
    for pulumi, program in (
        ("name: shop\nruntime: go\n", binary),
        ("name: shop\nruntime: {name: go, options: {binary: program}}\n", None),
    ):
        queue = project(tmp_path, pulumi, program).graph.one("aws:sqs/queue:Queue")
        assert (queue.name, queue.inputs) == ("shop-dev", {"delaySeconds": 3})


@pytest.mark.parametrize(
    ("said", "problems"),
    [
        ("error: program failed: 1 error occurred:\n\t* no such pool\n\nexit status 1", ["no such pool"]),
        (
            "panic: fatal: missing\n\ngoroutine 1:\nmain.f()\n\t/go/x.go:3 +0x1\nmain.g()\n\tROOT/pools/a.go:12 +0x2f",
            ["pools/a.go:12: panic: fatal: missing"],
        ),
    ],
)
def test_an_error_of_a_program_in_go_is_told_without_its_trace(tmp_path, binary, monkeypatch, said, problems):
    monkeypatch.setenv("FAILING", said)
    with pytest.raises(InputError) as refused:
        project(tmp_path, "name: shop\nruntime: go\n", binary)
    assert refused.value.problems == problems


def test_a_compiled_program_is_for_go_and_there(tmp_path, binary, monkeypatch):
    with pytest.raises(InputError, match=r"is for a project in Go, and Pulumi\.yaml says runtime yaml"):
        project(tmp_path, "name: shop\nruntime: yaml\n", binary)
    with pytest.raises(InputError, match="gone: no such file"):
        project(tmp_path, "name: shop\nruntime: go\n", tmp_path / "gone")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"go: not found on PATH; .* --program"):
        project(tmp_path, "name: shop\nruntime: go\n")
