"""Programs of Node.js: how they are started, what they are told, and how an error of theirs reads.

Here `node` is a program of ours that speaks the engine's protocol as the SDK does; tests/e2e has the real SDK.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from eks_gpu.io.problems import InputError
from eks_gpu.offline.languages import nodejs
from eks_gpu.offline.languages.started import Start
from tests.recordings import recorded, refusal

NODE = """\
#!{python}
import json, os, sys
import grpc
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

argument = lambda name: sys.argv[sys.argv.index(name) + 1]
channel = grpc.insecure_channel(argument("--monitor"))
monitor, engine = resource_pb2_grpc.ResourceMonitorStub(channel), engine_pb2_grpc.EngineStub(channel)
config = json.loads(os.environ["PULUMI_CONFIG"])
told = {{"read": [], "stopped": [], "left": [], "waited": []}}

def made(type_, called, **inputs):
    values = json_format.ParseDict(inputs, struct_pb2.Struct())
    request = resource_pb2.RegisterResourceRequest(type=type_, name=called, custom=True, object=values)
    return monitor.RegisterResource(request)

def end(code):
    with open(os.environ["EKS_GPU_TOLD"], "w") as file:
        json.dump(told, file)
    sys.exit(code)

def fail(message):
    engine.Log(engine_pb2.LogRequest(severity=engine_pb2.ERROR, message=message.replace("ROOT", os.getcwd())))
    end(32)

{program}
end(0)
"""
STACK = "config:\n  aws:region: us-west-2\n  shop:size: 3\n"
BOOM = """\
Running program 'ROOT/index.ts' failed with an unhandled exception:
\\x1b[31mError: no such pool
    at inner (ROOT/node_modules/@pulumi/lib/x.ts:9:1)
    at deep (ROOT/src/pools.ts:12:7)
    at ROOT/index.ts:4:1 {
  promise: Promise {}
}"""
TYPES = """\
Running program 'ROOT' failed with an unhandled exception:
TSError: x Unable to compile TypeScript:
index.ts(2,24): error TS2561: no property 'cidrBlok'
  Did you mean 'cidrBlock'?
lib/a.ts(3,7): error TS2322: Type 'string' is not a number."""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def make(program: str, pulumi: str = "name: shop\nruntime: nodejs\n", stack: str = STACK, **more: str) -> Path:
        root, bin_ = tmp_path / "shop", tmp_path / "bin"
        files = {"Pulumi.yaml": pulumi, "Pulumi.dev.yaml": stack, "package.json": "{}", "index.ts": "", **more}
        (root / "node_modules/@pulumi/pulumi/cmd/run").mkdir(parents=True)
        for name, text in files.items():
            (root / name).write_text(text)
        bin_.mkdir()
        (bin_ / "node").write_text(NODE.format(python=sys.executable, program=dedent(program)))
        (bin_ / "node").chmod(0o755)
        monkeypatch.setenv("PATH", str(bin_))
        return root

    return make


def test_a_program_gets_its_configuration_and_is_recorded_and_what_it_prints_is_no_answer(shop, capsys, monkeypatch):
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://somebodys")
    program = """
        print("hello")
        made("aws:sqs/queue:Queue", "queue", delaySeconds=int(config["shop:size"]), name=argument("--stack"))
        assert "--dry-run" in sys.argv and sys.argv[-1] == "." and argument("--pwd") == os.getcwd()
        assert os.environ["PULUMI_NODEJS_TYPESCRIPT"] == "true" and "PULUMI_BACKEND_URL" not in os.environ
        told["read"] = ["shop:size"]
        told["left"] = [["index.ts:7", "id of VPC v", "id => { new aws.eks.NodeGroup('n'); new k8s.Thing('t'); }"]]
        told["stopped"] = [["index.ts:9", "writeFileSync", "id of VPC v"]]
    """
    found = recorded(shop(program, stack=STACK + "  shop:other: 1\n"))
    assert found.graph.one("aws:sqs/queue:Queue").inputs == {"delaySeconds": 3, "name": "dev"}
    assert [(row.subject, row.what, row.why) for row in found.graph.unread] == [
        (
            "index.ts:7: apply (id of VPC v)",
            "nodes",
            "it registers NodeGroup, and does not run: nobody knows what it waits for",
        )
    ]
    severities, said = zip(*found.log, strict=True)
    assert severities == ("warning", "info", "warning")
    assert said[0].startswith("index.ts:9: writeFileSync inside an apply was stopped: a plan changes nothing")
    assert said[1].startswith("types were not checked, for speed")
    assert said[2] == "Pulumi.dev.yaml:4: shop:other is a key that the program never reads"
    assert capsys.readouterr() == ("", "hello\n")


def test_compiled_javascript_has_no_types_to_check_and_a_main_file_is_handed_over(shop):
    pulumi = "name: shop\nmain: app.js\nruntime: {name: nodejs, options: {typescript: false, nodeargs: --trace-exit}}\n"
    program = """
        assert sys.argv[1] == "--trace-exit" and sys.argv[-1] == "app.js"
        assert os.environ["PULUMI_NODEJS_TYPESCRIPT"] == "false"
    """
    assert recorded(shop(program + 'told["read"] = ["shop:size"]', pulumi, **{"app.js": ""})).log == []


@pytest.mark.parametrize(
    ("program", "problems"),
    [
        (f'fail("""{BOOM}""")', ["src/pools.ts:12: Error: no such pool"]),
        (
            """
                told["read"] = ["shop:sizes"]
                fail("Missing required configuration variable 'shop:sizes'\\n\\tset it")
            """,
            [
                "Pulumi.dev.yaml:3: shop:size is not a known key; nearest: shop:sizes",
                "Missing required configuration variable 'shop:sizes'",
            ],
        ),
        ("print('going', file=sys.stderr); end(3)", ["the program ended itself with exit code 3"]),
        (
            """
                try:
                    [made("aws:ec2/vpc:Vpc", "v") for _ in range(2)]
                except grpc.RpcError as error:
                    fail(f"Error: it went wrong: {error.details()[:9]}")
            """,
            [
                "two resources would have the URN urn:pulumi:dev::shop::aws:ec2/vpc:Vpc::v: "
                "give one of them another name"
            ],
        ),
    ],
    ids=["throws", "configuration", "ends", "twice"],
)
def test_an_error_is_told_in_the_programs_own_places(shop, program, problems):
    assert refusal(shop(program)) == problems


def test_an_error_of_the_compiler_and_a_missing_package_are_told_in_a_line_each(tmp_path):
    def told(said: str) -> list[str]:
        start = Start("shop", "dev", tmp_path, tmp_path, ".", {}, (), "")
        return nodejs.problems(said.replace("ROOT", str(tmp_path)), start)

    assert told(TYPES) == [
        "index.ts:2: TS2561: no property 'cidrBlok' Did you mean 'cidrBlock'?",
        "lib/a.ts:3: TS2322: Type 'string' is not a number.",
    ]
    assert told("Error: Cannot find module '@pulumi/gcp'\n    at Object.<anonymous> (ROOT/index.ts:1:1)") == [
        "index.ts:1: Cannot find module '@pulumi/gcp'; `npm install` gets what package.json names"
    ]
    assert told("Error: Cannot find module './pools'\n    at file://ROOT/a b/index.ts:1:1") == [
        "a b/index.ts:1: Cannot find module './pools'"
    ]
    assert told('TypeError: Unknown file extension ".ts" for ROOT/index.ts') == [
        "an ES module in TypeScript needs ts-node 10 in the project: `npm install --save-dev ts-node`"
    ]


def test_what_a_plain_look_up_does_not_know_is_unknown_in_each_value_and_one_item_of_a_list_stands_for_all(shop):
    program = """
        asked = resource_pb2.ResourceInvokeRequest(tok="aws:ec2/getSubnets:getSubnets")
        found = json_format.MessageToDict(getattr(monitor.Invoke(asked), "return"))
        made("aws:ec2/subnet:Subnet", f"s-{found['ids'][0]}", vpcId=found["ids"][0], cidrBlock="10.0.0.0/24")
        told["read"] = ["shop:size"]
    """
    found = recorded(shop(program))
    assert found.graph.one("aws:ec2/subnet:Subnet").unknown == ("vpcId",)
    assert found.graph.one("aws:ec2/subnet:Subnet").name == "s-unknown"
    assert found.graph.one("aws:ec2/subnet:Subnet").one_for_each == "a list"
    assert [each.key for each in found.asked] == ["aws:ec2/getSubnets:getSubnets"]


def test_what_is_missing_is_named_with_the_command_that_brings_it(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"package\.json: no such file; .* npm init"):
        nodejs.runner(tmp_path)
    (tmp_path / "package.json").write_text('{"dependencies": {"@pulumi/pulumi": "^3"}}')
    with pytest.raises(InputError, match=f"@pulumi/pulumi is not installed: run `npm install` in {tmp_path}"):
        nodejs.runner(tmp_path / "infra")
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "pnpm-lock.yaml").touch()
    with pytest.raises(InputError, match=r"package\.json does not name it: run `pnpm install @pulumi/pulumi` in"):
        nodejs.runner(tmp_path)
    for name, text in {"Pulumi.yaml": "name: a\nruntime: nodejs\n", "Pulumi.dev.yaml": "config: {}\n"}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refusal(tmp_path) == ["node: not found on PATH; a nodejs project needs Node.js 20 or newer to run offline"]


OUTPUT = """\
"use strict";
class Unknown {}
const unknown = new Unknown();
class Output {
    constructor(value, resources, known = true) { Object.assign(this, { value, resources: () => resources, known }); }
    get isKnown() { return Promise.resolve(this.known); }
    apply(func) { return this.known ? func(this.value) : unknown; }
}
module.exports = { Output, unknown };
"""
PROGRAM = """\
const fs = require("node:fs"), { execFileSync, execSync } = require("node:child_process");
const { Worker } = require("node:worker_threads");
const { Output, unknown } = require("./sdk/output"), config = require("./sdk/config");
const net = { __pulumiType: "Vpc", __name: "net" };
net.id = new Output("vpc-1", [net]);
net.arn = new Output("", [net], false);
console.log(config.getConfig("shop:size"), net.id.apply((id) => fs.writeFileSync("made.txt", id)) === unknown);
console.log(net.id.apply((id) => execSync("touch made.txt")) === unknown, net.id.apply((id) => id + "!"), `${unknown}`);
net.arn.apply((arn) => new Group(arn));
fs.writeFileSync("own.txt", "not in a callback");
execFileSync(process.execPath, ["-e", "0"]);
new Worker("0", { eval: true }).on("exit", () => console.log(fs.existsSync("told.json")));
"""


def test_node_is_watched_for_keys_for_changes_of_the_machine_and_for_what_does_not_run(tmp_path):
    node = shutil.which("node")
    assert node, "Node.js is a requirement of this repository's tests"
    (tmp_path / "sdk").mkdir()
    (tmp_path / "sdk/output.js").write_text(OUTPUT)
    (tmp_path / "sdk/config.js").write_text(
        "module.exports = { getConfig: (key) => key + '=3', allConfig: () => ({}) };"
    )
    (tmp_path / "index.js").write_text(PROGRAM)
    watch = Path(nodejs.__file__).with_name("watch.js")
    env = {"EKS_GPU_TOLD": str(tmp_path / "told.json"), "EKS_GPU_ROOT": str(tmp_path)}
    env["NODE_OPTIONS"] = f'--require="{watch}"'
    ran = subprocess.run([node, "index.js"], cwd=tmp_path, env=env, check=True, capture_output=True, text=True)

    assert ran.stdout.split() == [
        "shop:size=3",
        "true",
        "true",
        "vpc-1!",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "false",
    ]
    assert sorted(file.name for file in tmp_path.glob("*.txt")) == ["own.txt"]
    assert json.loads((tmp_path / "told.json").read_text()) == {
        "read": ["shop:size"],
        "stopped": [
            ["index.js:7", "writeFileSync", "id of Vpc net"],
            ["index.js:8", "execSync", "id of Vpc net"],
        ],
        "left": [["index.js:9", "arn of Vpc net", "(arn) => new Group(arn)"]],
        "waited": [{"type": "Vpc", "name": "net", "output": "arn"}],
    }
