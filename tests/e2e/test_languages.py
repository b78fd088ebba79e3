"""One system in three languages, planned with their own SDKs and hosts: the same plan. And what goes wrong."""

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.xdist_group("languages"), pytest.mark.minutes(2)]

HERE = Path(__file__).parents[1] / "languages"
EKS_GPU = Path(sys.executable).with_name("eks-gpu")
JUDGED = ("region", "pools", "workloads", "cost", "checks", "unread", "quotas", "assumed")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs, with the Node.js packages that they import beside them."""
    folder = tmp_path_factory.mktemp("languages") / "programs"
    shutil.copytree(HERE, folder)
    npm = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    subprocess.run(npm, cwd=folder, check=True, capture_output=True, timeout=170)
    return folder


def ran(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [str(EKS_GPU), "plan", str(folder), *arguments]
    env = {**os.environ, **variables}
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=100)


@cache
def planned(folder: Path) -> dict[str, Any]:
    done = ran(folder, "--json", "-")
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("language", ["typescript", "yaml"])
@pytest.mark.parametrize("system", ["karpenter", "spot"])
def test_a_system_has_the_plan_of_its_twin_in_python(programs, system, language):
    python, other = planned(programs / system / "python"), planned(programs / system / language)

    assert len(python["pools"]) == 2
    assert python["workloads"]
    assert {key: other[key] for key in JUDGED} == {key: python[key] for key in JUDGED}
    resources, theirs = ({each["urn"]: each for each in plan["resources"]} for plan in (python, other))
    assert theirs.keys() == resources.keys()
    spelled = {urn for urn, each in resources.items() if each["type"] == "aws:iam/role:Role"}  # JSON as each has it
    assert [urn for urn in resources if theirs[urn] != resources[urn] and urn not in spelled] == []


def write(folder: Path, program: str, pulumi: str = "name: shop\nruntime: nodejs\n", **files: str) -> Path:
    stack = "config:\n  aws:region: us-west-2\n  shop:size: 3\n"
    told = {"Pulumi.yaml": pulumi, "Pulumi.dev.yaml": stack, "package.json": "{}", "index.ts": program, **files}
    folder.mkdir()
    for name, text in told.items():
        (folder / name).write_text(text)
    return folder


def problems(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 2, done.stdout + done.stderr
    return [line.removeprefix("error: ") for line in done.stderr.splitlines()]


def test_a_program_that_throws_ends_in_seconds_with_its_own_line(programs):
    program = (
        'import * as aws from "@pulumi/aws";\n'
        "function deep(n: number): void {\n    if (n === 0) {\n"
        '        throw new Error("no such pool");\n    }\n    deep(n - 1);\n}\n'
        'new aws.ec2.Vpc("v", { cidrBlock: "10.0.0.0/16" });\ndeep(3);\n'
    )
    assert problems(ran(write(programs / "throws", program))) == ["index.ts:4: Error: no such pool"]


def test_a_misspelt_key_is_held_against_what_the_program_asked_for(programs):
    program = 'import * as pulumi from "@pulumi/pulumi";\nnew pulumi.Config().requireNumber("sizes");\n'
    assert problems(ran(write(programs / "misspelt", program))) == [
        "Pulumi.dev.yaml:3: shop:size is not a known key; nearest: shop:sizes",
        "Missing required configuration variable 'shop:sizes'",
    ]


def test_types_are_checked_only_when_they_are_asked_to_be(programs):
    folder = write(programs / "types", 'import { sqs } from "@pulumi/aws";\nnew sqs.Queue("q", { nam: "a" });\n')
    unchecked = ran(folder)
    assert unchecked.returncode == 0, unchecked.stderr
    assert "types were not checked" in unchecked.stdout
    (told,) = problems(ran(folder, PULUMI_NODEJS_TRANSPILE_ONLY="false"))
    assert told.startswith("index.ts:2: TS2")
    assert "'nam' does not exist in type 'QueueArgs'" in told


TRANSFORMED = """\
const aws = require("@pulumi/aws"), fs = require("fs"), pulumi = require("@pulumi/pulumi");
class Provider { async create(inputs) { return { id: "x", outs: inputs }; } }
class Own extends pulumi.dynamic.Resource { constructor(name, args) { super(new Provider(), name, args); } }
module.exports = async () => {
    pulumi.runtime.registerResourceTransform(({ type, props, opts }) =>
        type.startsWith("aws:") ? { props: { ...props, tags: { owner: "me" } }, opts } : undefined);
    const { ids } = await aws.ec2.getSubnets({ filters: [] });
    const queue = new aws.sqs.Queue("q", { delaySeconds: new pulumi.Config().requireNumber("size") });
    ids.forEach((subnetId) => new aws.ec2.RouteTableAssociation(`of-${subnetId}`, { subnetId, routeTableId: "r" }));
    queue.arn.apply((arn) => fs.writeFileSync("arn.txt", arn));
    new Own("own", { size: 1 });
    new aws.sqs.Queue("child", { kmsMasterKeyId: new pulumi.StackReference("o/net/dev").getOutput("key") });
    return { arn: queue.arn };
};
"""


def test_transforms_run_look_ups_stay_open_and_a_callback_changes_nothing(programs):
    pulumi = "name: shop\nmain: main.js\nruntime: {name: nodejs, options: {typescript: false}}\n"
    folder = write(programs / "transformed", "", pulumi, **{"main.js": TRANSFORMED})
    plan = planned(folder)

    found = {each["name"]: each for each in plan["resources"]}
    assert found["q"]["inputs"] == {"delaySeconds": 3, "tags": {"owner": "me"}}
    assert found["of-unknown"]["unknown"] == ["subnetId"]
    assert found["own"]["type"] == "pulumi-nodejs:dynamic:Resource"
    assert found["child"]["unknown"] == ["kmsMasterKeyId"]
    assert [row["subject"] for row in plan["unread"]] == ["subnets by filters=[]", "the outputs of stack o/net/dev"]
    (stopped,) = [row["message"] for row in plan["log"]]
    assert stopped.startswith("main.js:10: writeFileSync inside an apply was stopped")
    assert not (folder / "arn.txt").exists()


def test_an_error_in_yaml_has_its_line(tmp_path):
    wrong = "  v:\n    type: aws:ec2:Vpc\n    properties: {cidrBlok: x}\n  w: {type: aws:ec2:Vcp}\n"
    folder = write(tmp_path / "wrong", "", f"name: shop\nruntime: yaml\nresources:\n{wrong}")
    first, second = problems(ran(folder))
    assert first.startswith("Pulumi.yaml:6: Property cidrBlok does not exist on 'aws:ec2/vpc:Vpc'")
    assert second.startswith("Pulumi.yaml:7: error resolving type of resource w")
