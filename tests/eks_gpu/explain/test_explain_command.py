"""`eks-gpu explain`: the files it takes, what it refuses and with which words, what it prints, and its exit codes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from eks_gpu.commands.explain import EXAMPLES, explain
from eks_gpu.io.problems import InputError
from eks_gpu.pools.pool import Pool
from tests import reports
from tests.console import blocks, console_blocks, parts, printed
from tests.found import every
from tests.graphs import gpu_group, healthy, resource
from tests.programs import ROOT, plan_of

APP = typer.Typer()
APP.command(epilog=EXAMPLES)(explain)

GPU_POD = """\
kind: Pod
metadata: {name: train}
spec:
  tolerations: [{key: nvidia.com/gpu, operator: Exists}]
  containers:
    - {name: main, image: app, resources: {limits: {nvidia.com/gpu: 1}}}
"""
LOST_POD = GPU_POD.replace("operator: Exists", "value: wrong").replace("name: train", "name: lost")
SERVICE = "kind: Service\nmetadata: {name: web}\n"


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plan of the project's own stack dev: pools gpu and cluster-system."""
    file = tmp_path_factory.mktemp("plan") / "plan.json"
    file.write_text(json.dumps(plan_of(".", "dev").as_json()))
    return file


def run(pod: str, *args: str, tmp_path: Path) -> Result:
    file = tmp_path / "pod.yaml"
    file.write_text(pod)
    return CliRunner().invoke(APP, [str(file), *args], env={"COLUMNS": "80"})


def problems(result: Result) -> list[str]:
    """Without the folder of the test."""
    assert isinstance(result.exception, InputError), result.output
    return [problem.rpartition("/pod.yaml:")[2] or problem for problem in result.exception.problems]


@pytest.fixture
def answer(saved: Path, tmp_path: Path):
    def json_of(pod: str, code: int = 0) -> Any:
        result = run(pod, "--plan", str(saved), "--json", "-", tmp_path=tmp_path)
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    return json_of


@pytest.fixture
def refused(saved: Path, tmp_path: Path):
    return lambda pod: problems(run(pod, "--plan", str(saved), tmp_path=tmp_path))


# --- answers ---------------------------------------------------------------------------------------------------------


def test_one_pod_is_an_object_and_several_are_a_list(answer):
    one = answer(GPU_POD)
    assert one["pod"] == "train"
    assert [(row["pool"], row["admits"]) for row in one["pools"]] == [("cluster-system", False), ("gpu", True)]
    assert one["pools"][1]["reason"] == ""
    assert [each["pod"] for each in answer(f"{GPU_POD}---\n{GPU_POD}")] == ["train", "train"]


def test_any_pod_that_no_pool_takes_ends_with_1(answer):
    assert [each["pod"] for each in answer(f"{GPU_POD}---\n{LOST_POD}", code=1)] == ["train", "lost"]


@pytest.mark.parametrize(
    ("kind", "spec", "pods"),
    [
        ("Deployment", "replicas: 3", 3),
        ("StatefulSet", "replicas: 3", 3),
        ("ReplicaSet", "", 1),
        ("Job", "parallelism: 4, completions: 2", 2),
        ("DaemonSet", "", 0),
        ("Frobnicator", "replicas: 2", None),  # nobody knows how many pods its controller makes of its template
    ],
)
def test_whatever_has_a_pod_template_is_explained(answer, kind, spec, pods):
    template = "template: {spec: {containers: [{name: a, image: b}]}}"
    found = answer(f"kind: {kind}\nmetadata: {{name: web, namespace: shop}}\nspec: {{{spec or 'a: b'}, {template}}}\n")
    assert (found["pod"], found["namespace"], found["kind"], found["pods"]) == ("web", "shop", kind, pods)


def test_a_cron_job_counts_with_one_of_its_runs(answer):
    job = "jobTemplate: {spec: {parallelism: 3, template: {spec: {containers: [{name: a}]}}}}"
    assert answer(f"kind: CronJob\nmetadata: {{name: nightly}}\nspec: {{{job}}}\n")["pods"] == 3


def test_each_template_of_one_object_is_explained(answer, saved, tmp_path):
    worker = "template: {spec: {containers: [{name: a}]}}"
    roles = f"spec: {{pytorchReplicaSpecs: {{Master: {{{worker}}}, Worker: {{replicas: 3, {worker}}}}}}}\n"
    text = f"apiVersion: kubeflow.org/v1\nkind: PyTorchJob\nmetadata: {{name: bert}}\n{roles}"
    assert [(each["pod"], each["pods"]) for each in answer(text)] == [("bert", 1), ("bert", 3)]
    printed = run(text, "--plan", str(saved), tmp_path=tmp_path).output
    assert "PyTorchJob default/bert pytorchReplicaSpecs.Worker" in printed


def test_a_list_is_taken_apart_and_what_has_no_pod_is_named(answer, saved, tmp_path):
    items = "\n".join(f"  - {GPU_POD.rstrip()}".replace("\n", "\n    ").splitlines())
    text = f"kind: List\nitems:\n{items}\n---\n{SERVICE}"
    assert answer(text)["pod"] == "train"
    printed = run(text, "--plan", str(saved), tmp_path=tmp_path).output.split()
    assert "".join(printed).endswith("pod.yaml:10:nopodinServiceweb")  # a long path is folded, never cut


def test_a_pipe_is_read(saved):
    result = CliRunner().invoke(APP, ["-", "--plan", str(saved), "--json", "-"], input=LOST_POD)
    assert json.loads(result.stdout)["pools"][1]["in_pod"] == {
        "file": "stdin",
        "line": 4,
        "path": "spec.tolerations[0]",
        "key": "tolerations[0]",
    }


def test_the_answer_fits_80_columns_and_needs_no_colour(saved, tmp_path):
    output = run(f"{GPU_POD}---\n{LOST_POD}", "--plan", str(saved), tmp_path=tmp_path).output
    assert max(map(len, output.splitlines())) <= 80
    assert "\x1b" not in output
    for part in ("taken by", "no pool takes it", "to run on gpu:", "(estimate)", "tolerations[0]", "image pull"):
        assert part in output


def test_the_program_is_run_where_no_plan_is_given(tmp_path):
    result = run(LOST_POD, str(ROOT), "--json", "-", tmp_path=tmp_path)
    assert result.exit_code == 1
    (gpu,) = [row for row in json.loads(result.stdout)["pools"] if row["pool"] == "gpu"]
    assert gpu["settings"].startswith("Pulumi.dev.yaml:")
    line = int(gpu["settings"].partition(":")[2])
    assert (ROOT / "Pulumi.dev.yaml").read_text().splitlines()[line - 1].strip() == "gpu:"


# --- a saved plan ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [".", "examples/spot-autoscaling-groups", "examples/auto-mode"])
def test_a_saved_plan_says_of_every_workload_what_the_plan_said(folder, tmp_path):
    from eks_gpu.explain.stack_rooms import stack_rooms
    from eks_gpu.plan.saved_plans import saved_stack

    plan = plan_of(folder, "dev")
    (tmp_path / "plan.json").write_text(json.dumps(plan.as_json()))
    found = saved_stack(tmp_path / "plan.json", None)
    rooms = stack_rooms(found.graph, found.region).rooms
    assert [_of(room.pool) for room in rooms] == [_of(pool) for pool in plan.analysis.pools]
    assert {made.urn: made.expanded_from for made in found.graph} == {
        made.urn: made.expanded_from for made in plan.graph
    }
    for workload in every(plan.analysis.workloads):
        assert [room.verdict(workload.pod) for room in rooms] == plan.analysis.verdicts[workload.urn]


def _of(pool: Pool) -> dict[str, object]:
    """Without its upgrade: a saved plan does not tell which images were looked up."""
    return {key: value for key, value in pool.as_json().items() if key != "upgrade"}


def test_of_several_plans_the_stacks_own_is_taken(tmp_path):
    plans = [plan_of(".", stack).as_json() for stack in ("prod", "dev")]
    (tmp_path / "plans.json").write_text(json.dumps(plans))
    args = ("--plan", str(tmp_path / "plans.json"), "--json", "-")
    names = {
        stack: {row["pool"] for row in json.loads(run(GPU_POD, *args, *stack, tmp_path=tmp_path).stdout)["pools"]}
        for stack in ((), ("--stack", "prod"))
    }
    assert names[()] == {pool["name"] for pool in plans[1]["pools"]}
    assert names["--stack", "prod"] == {pool["name"] for pool in plans[0]["pools"]}
    assert problems(run(GPU_POD, *args, "--stack", "prd", tmp_path=tmp_path)) == [
        f"{tmp_path}/plans.json: holds no plan of stack prd; nearest: prod"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", ":1:2: not valid JSON: Expecting property name enclosed in double quotes"),
        ("[]", ": must be a plan that eks-gpu plan --json wrote, got an empty list"),
        ("3", ": must be a plan that eks-gpu plan --json wrote, got 3"),
        (
            '{"project": "a", "stack": "dev", "region": "us-west-9", "resources": []}',
            ": region must be a region of AWS, got 'us-west-9'; nearest: us-west-2",
        ),
        ('{"project": "a", "stack": "dev", "region": "us-west-2"}', ": resources is required"),
        (
            '{"project": "a", "stack": "dev", "region": "us-west-2", "resources": [{"urn": "u", "type": "t", '
            '"name": "n", "parent": "", "inputs": []}]}',
            ": resources[0].inputs must be a map, got []",
        ),
        (
            '{"project": "a", "stack": "dev", "region": "us-west-2", "resources": [{"urn": "u", "name": "n", '
            '"type": "aws:autoscaling/group:Group", "parent": "", "inputs": {"maxSize": "many"}}]}',
            ": its resources are none that a program registers: invalid literal for int() with base 10: 'many'",
        ),
    ],
)
def test_a_broken_plan_is_wrong_input(tmp_path, text, problem):
    file = tmp_path / "plan.json"
    file.write_text(text)
    assert problems(run(GPU_POD, "--plan", str(file), tmp_path=tmp_path)) == [f"{file}{problem}"]


def test_a_plan_and_a_project_exclude_each_other(saved, tmp_path):
    assert problems(run(GPU_POD, ".", "--plan", str(saved), tmp_path=tmp_path)) == [
        f"PROJECT . and --plan {saved} exclude each other: give one of them"
    ]


# --- wrong pods ------------------------------------------------------------------------------------------------------


def test_every_field_of_a_wrong_type_is_named_at_once_with_line_and_path(refused):
    text = """\
kind: Deployment
metadata:
  name: 3
spec:
  replicas: two
  template:
    spec:
      nodeSelector:
        gpu: true
      tolerations:
        - key: nvidia.com/gpu
          operator: exist
      containers:
        - name: a
          resources:
            limits:
              nvidia.com/gpu: one
            requests:
              memory: -1Gi
        - b
"""
    assert refused(text) == [
        '3: metadata.name must be a string, got 3; nearest: "3"',
        "5: spec.replicas must be a whole number from 0 to 2147483647, got 'two'",
        "19: spec.template.spec.containers[0].resources.requests.memory must be a quantity from 0 to "
        "9223372036854775807, got '-1Gi'",
        "17: spec.template.spec.containers[0].resources.limits.nvidia.com/gpu must be a Kubernetes quantity such as "
        "500m, 2 or 1.5Gi, got 'one'",
        "20: spec.template.spec.containers[1] must be a map, got 'b'",
        '9: spec.template.spec.nodeSelector.gpu must be a string, got true; nearest: "true"',
        "12: spec.template.spec.tolerations[0].operator must be one of Exists, Equal, got 'exist'; nearest: Exists",
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("gpu: 1", "gpu: 0.5", "limits: nvidia.com/gpu must be a whole number: no pod gets a part of a device"),
        ("gpu: 1", "gpu: '1e999999999'", "nvidia.com/gpu must be a quantity from 0 to 9223372036854775807"),
        ("limits: {nvidia.com/gpu: 1}", "limits: []", "limits must be a map, got []"),
        ("operator: Exists", "effect: noschedule", "must be one of NoSchedule, PreferNoSchedule, NoExecute"),
    ],
)
def test_what_the_api_server_would_refuse(refused, old, new, problem):
    assert problem in refused(GPU_POD.replace(old, new))[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [\n", "2:1: not valid YAML: did not find expected node content"),
        ("kind: Pod\nkind: Job\n", "2: kind must be there once, it is on line 1 too"),
        (SERVICE, "1: no pod in Service web"),
        ("kind: Job\nmetadata: {name: x}\nspec: {}\n", "3: spec.template.spec is required"),
        ("kind: Pod\nspec: {containers: []}\n", "2: spec.containers must have 1 or more, got []"),
    ],
)
def test_a_file_without_a_pod(refused, text, problem):
    assert refused(text) == [problem]


def test_an_empty_file_a_scalar_and_a_missing_file(saved, tmp_path):
    def said(result: Result) -> list[str]:
        assert isinstance(result.exception, InputError)
        return [problem.replace(str(tmp_path), "") for problem in result.exception.problems]

    args = ("--plan", str(saved))
    assert said(run("", *args, tmp_path=tmp_path)) == [
        "/pod.yaml: must hold a pod or something with a pod template, it is empty"
    ]
    assert said(run("hello", *args, tmp_path=tmp_path)) == ["/pod.yaml:1: must be a Kubernetes object, got 'hello'"]
    assert said(CliRunner().invoke(APP, [str(tmp_path / "no.yaml"), *args])) == [
        "/no.yaml: cannot be read: No such file or directory"
    ]


def test_aliases_within_aliases_end(refused):
    bomb = "a: &a0 {x: 1}\n" + "".join(f"b{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 20)}]\n" for i in range(1, 30))
    assert refused(f"kind: Thing\n{bomb}") == ["6: must have at most 100000 values, aliases counted too"]


def test_an_alias_of_itself_ends(refused):
    assert refused("&a\nkind: Thing\nme: *a\n") == ["3: not valid YAML: no anchor 'a' before its alias"]


def test_a_selector_is_what_kubectl_makes_of_it(refused):
    """A boolean for kubectl, in whose YAML yes is true: the API server refuses it."""
    text = GPU_POD.replace("spec:\n", "spec:\n  nodeSelector: {x: yes}\n")
    assert refused(text) == ['4: spec.nodeSelector.x must be a string, got true; nearest: "true"']


def test_wrong_input_writes_nothing(saved, tmp_path):
    target = tmp_path / "answer.json"
    problems(run(SERVICE, "--plan", str(saved), "--json", str(target), tmp_path=tmp_path))
    assert not target.exists()


def test_with_a_saved_plan_neither_pulumi_nor_an_aws_sdk_is_loaded(saved, tmp_path):
    (tmp_path / "pod.yaml").write_text(GPU_POD)
    heavy = "[m for m in sys.modules if m.split('.')[0] in ('pulumi', 'pulumi_aws', 'boto3', 'moto', 'google')]"
    script = (
        "import sys, typer\n"
        "from eks_gpu.commands.explain import explain\n"
        "app = typer.Typer(); app.command()(explain)\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        f"print({heavy}, file=sys.stderr)"
    )
    args = [str(tmp_path / "pod.yaml"), "--plan", str(saved)]
    ran = subprocess.run([sys.executable, "-c", script, *args], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "[]\n"), ran.stderr


def test_the_page_shows_what_is_printed(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (wrong,) = blocks("explain", "yaml")
    right = wrong.replace('value: "yes"', "operator: Exists").replace("cpu: 6", "cpu: 1500m")
    for pod, (_, shown) in zip((wrong, right), console_blocks("explain"), strict=True):
        Path("pod.yaml").write_text(pod)
        result = CliRunner().invoke(APP, ["pod.yaml", "--plan", str(saved)], env={"COLUMNS": "80"})
        assert printed(result.output) == shown


def test_nodes_that_are_not_read_may_take_the_pod_too(tmp_path):
    component = resource("eks:index:ManagedNodeGroup", "render", {}, custom=False, remote=True)
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(reports.plan(*healthy(), component).as_json()))
    result = run(LOST_POD, "--plan", str(file), tmp_path=tmp_path)
    assert result.exit_code == 1
    said = " ".join(result.output.split())
    assert "nodes of ManagedNodeGroup render are not read: whether they take a pod is not known" in said
    file.write_text(json.dumps(reports.plan().as_json()))
    assert "not read" not in run(LOST_POD, "--plan", str(file), tmp_path=tmp_path).output


@pytest.mark.parametrize("columns", ["60", "80", "100"])
@pytest.mark.parametrize("pod", [GPU_POD, LOST_POD], ids=["taken", "lost"])
@pytest.mark.parametrize("name", ["research-and-development-of-language-models-gpu-us-west-2a", "gpu" * 21])
def test_no_name_is_broken_within_a_word(tmp_path, name, pod, columns):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(reports.plan(*healthy(gpu=gpu_group(name))).as_json()))
    file = tmp_path / "pod.yaml"
    file.write_text(pod)
    wide, narrow = (
        CliRunner().invoke(APP, [str(file), "--plan", str(plan)], env={"COLUMNS": each}).output
        for each in ("2000", columns)
    )
    assert name in wide
    assert parts(wide) - parts(narrow) == set()
