"""A project on disk: what is read, what is refused, and how the refusal reads."""

from pathlib import Path

import pytest

from eks_gpu.offline.project import Project
from eks_gpu.offline.run import record
from eks_gpu.plan.plan import make_plan
from tests.recordings import recorded, refusal

PULUMI = "name: shop\nruntime: python\n"
STACK = "config:\n  aws:region: eu-west-1\n  shop:size: 3\n"
PROGRAM = """
import pulumi
import pulumi_aws as aws

size = pulumi.Config().require_int("size")
aws.sqs.Queue("queue", delay_seconds=size)
"""


@pytest.fixture
def shop(tmp_path: Path):
    def make(pulumi: str = PULUMI, stack: str = STACK, program: str = PROGRAM, **more: str) -> Path:
        files = {"Pulumi.yaml": pulumi, "Pulumi.dev.yaml": stack, "__main__.py": program, **more}
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return tmp_path

    return make


def test_a_program_runs_under_its_stacks_own_values(shop):
    queue = recorded(shop()).graph.one("aws:sqs/queue:Queue")
    assert queue.inputs == {"delaySeconds": 3}
    assert queue.outputs["arn"] == "arn:aws:sqs:eu-west-1:123456789012:queue"


def test_a_value_of_the_project_file_is_a_default(shop):
    text = f"{PULUMI}config:\n  size: {{type: integer, default: 7}}\n  aws:region: eu-west-1\n"
    queue = recorded(shop(pulumi=text, stack="config: {}\n")).graph.one("aws:sqs/queue:Queue")
    assert queue.inputs == {"delaySeconds": 7}


def test_an_encrypted_value_reaches_the_program_as_a_secret_without_its_text(shop):
    program = PROGRAM + 'aws.sqs.Queue("other", name=pulumi.Config().require_secret("token"))\n'
    stack = STACK + "  shop:token: {secure: AAABAK==}\n"
    other = recorded(shop(stack=stack, program=program)).graph.one("aws:sqs/queue:Queue", "other")
    assert (other.inputs, other.unknown) == ({}, ("name",))
    assert other.shown == {"name": "[secret]"}


def test_modules_of_the_program_are_its_own_and_leave_with_it(shop):
    import sys

    program = "import parts\nassert parts.SIZE == 4\nimport pulumi\npulumi.Config().require('size')\n"
    recorded(shop(program=program, **{"parts.py": "SIZE = 4\n"}))
    assert "parts" not in sys.modules


ONCE = """
import eks_gpu_components
import parts
from parts.values import value as checked
assert parts is eks_gpu_components
assert checked is eks_gpu_components.values.value
try:
    import parts.bolts
except ModuleNotFoundError as missing:
    assert missing.name == "parts.bolts"
import pulumi
pulumi.Config().require("size")
"""


def test_a_library_in_the_programs_folder_is_the_one_that_the_tool_has(shop, monkeypatch):
    import sys

    import eks_gpu_components

    folder = shop(program=ONCE)
    monkeypatch.setattr("eks_gpu.offline.library.HOME", folder / "parts")
    recorded(folder)
    assert "parts" not in sys.modules
    assert sys.modules["eks_gpu_components"] is eks_gpu_components
    with pytest.raises(ModuleNotFoundError):
        import parts  # noqa: F401  # pyright: ignore[reportMissingImports]


def test_a_folder_without_a_project_is_named(tmp_path):
    assert refusal(tmp_path) == [
        f"{tmp_path}/Pulumi.yaml: no such file; PROJECT must be a folder with a Pulumi project"
    ]


def test_an_unknown_stack_names_the_nearest(shop):
    assert refusal(shop(), "dve") == ["Pulumi.dve.yaml: no such file, so stack dve is unknown; nearest: dev"]


def test_broken_yaml_is_told_with_its_line(shop):
    (problem,) = refusal(shop(stack="config:\n  aws:region: [\n"))
    assert problem.startswith("Pulumi.dev.yaml:3:1: not valid YAML:")


def test_a_twice_given_key_is_told_with_its_line(shop):
    (problem,) = refusal(shop(stack=STACK + "  shop:size: 4\n"))
    assert problem == "Pulumi.dev.yaml:4: shop:size must be there once, it is on line 3 too"


def test_an_unknown_region_names_the_nearest(shop):
    assert refusal(shop(stack="config:\n  aws:region: eu-west-11\n  shop:size: 3\n")) == [
        "Pulumi.dev.yaml:2: aws:region must be a region of AWS, got 'eu-west-11'; nearest: eu-west-1"
    ]


@pytest.fixture(autouse=True)
def _no_region_of_the_caller(monkeypatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


SIZE = "config:\n  shop:size: 3\n"
"""Configuration without a region."""


def test_a_missing_region_is_told(shop):
    (problem,) = refusal(shop(stack=SIZE))
    assert problem.startswith("Pulumi.dev.yaml: aws:region is required for aws:sqs/queue:Queue, where AWS_REGION or")


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_environment_says_a_region_that_the_configuration_does_not(shop, monkeypatch, name):
    monkeypatch.setenv(name, "eu-north-1")
    ran = recorded(shop(stack=SIZE))
    assert ran.region == "eu-north-1"
    assert ran.graph.one("aws:sqs/queue:Queue").outputs["arn"] == "arn:aws:sqs:eu-north-1:123456789012:queue"
    assert recorded(shop()).region == "eu-west-1"


def test_an_unknown_region_of_the_environment_is_told_with_its_variable(shop, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-north-11")
    assert refusal(shop(stack=SIZE)) == ["AWS_REGION must be a region of AWS, got 'eu-north-11'; nearest: eu-north-1"]


def test_a_provider_of_the_program_says_a_region_that_nothing_else_does(shop):
    program = """
import pulumi, pulumi_aws as aws
pulumi.Config().require_int("size")
here = aws.Provider("here", region="ap-south-1")
aws.sqs.Queue("queue", opts=pulumi.ResourceOptions(provider=here))
"""
    ran = recorded(shop(stack=SIZE, program=program))
    assert ran.region == "ap-south-1"
    assert ran.graph.one("aws:sqs/queue:Queue").outputs["arn"] == "arn:aws:sqs:ap-south-1:123456789012:queue"


KUBERNETES_ONLY = """
import pulumi, pulumi_kubernetes as kubernetes
pulumi.Config().require_int("size")
pod = {"containers": [{"name": "a", "image": "b"}]}
kubernetes.core.v1.Pod("lone", metadata={"name": "lone"}, spec=pod)
"""


def test_a_stack_without_anything_of_aws_needs_no_region(shop):
    project = Project.load(shop(stack=SIZE, program=KUBERNETES_ONLY))
    plan = make_plan(project, project.stack("dev")).as_json()
    assert (plan["region"], plan["cost"]["region"]) == (None, None)
    assert [workload["name"] for workload in plan["workloads"]] == ["lone"]


def test_a_key_near_one_that_the_program_reads_is_wrong_input(shop):
    assert refusal(shop(stack=STACK + "  shop:sizes: 4\n")) == [
        "Pulumi.dev.yaml:4: shop:sizes is not a known key; nearest: shop:size"
    ]


def test_another_key_that_the_program_never_reads_is_a_warning(shop):
    assert recorded(shop(stack=STACK + "  shop:colour: red\n")).log == [
        ("warning", "Pulumi.dev.yaml:4: shop:colour is a key that the program never reads")
    ]


def test_a_misspelt_required_key_is_told_from_both_sides(shop):
    assert refusal(shop(stack="config:\n  aws:region: eu-west-1\n  shop:siez: 3\n")) == [
        "Pulumi.dev.yaml:3: shop:siez is not a known key; nearest: shop:size",
        "Missing required configuration variable 'shop:size'",
    ]


@pytest.mark.parametrize(
    ("key", "meant"),
    [("shpo:size", "shop:size"), ("Shop:size", "shop:size"), ("shop:paln", "shop:plan"), ("asw:region", "aws:region")],
)
def test_a_namespace_may_be_misspelt_too(shop, key, meant):
    assert refusal(shop(stack=STACK + f"  {key}: 4\n")) == [
        f"Pulumi.dev.yaml:4: {key} is not a known key; nearest: {meant}"
    ]


def test_a_misspelt_region_is_told_from_both_sides(shop):
    assert refusal(shop(stack="config:\n  shop:size: 3\n  aws:regoin: eu-west-1\n")) == [
        "Pulumi.dev.yaml: aws:region is required",
        "Pulumi.dev.yaml:3: aws:regoin is not a known key; nearest: aws:region",
    ]


def test_a_misspelt_key_of_the_provider_beside_the_right_one(shop):
    assert refusal(shop(stack=STACK + "  aws:regoin: eu-west-1\n")) == [
        "Pulumi.dev.yaml:4: aws:regoin is not a known key; nearest: aws:region"
    ]


@pytest.mark.parametrize("key", ["aws:profile", "aws:skipRegionValidation", "kubernetes:context", "aws-native:region"])
def test_a_key_that_the_engine_reads_is_no_near_miss(shop, key):
    assert recorded(shop(stack=STACK + f"  {key}: x\n")).log == []


NESTED = """\
config:
  aws:region: eu-west-1
  shop:size: 3
  shop:settings:
    network:
      nat: none
    zones:
      - a
      - b
    labels:
      a.b/c: d
      a: e
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (".network.nat must be x", 6),
        (".network: nat is x", 5),
        (".networks is not a known key", 4),
        (".zones[1] must be x", 9),
        (".zones[2] must be x", 7),
        (".labels.a.b/c must be x", 11),
        (".labels.a must be x", 12),
        (".cluster is required", 4),
        (" must be a map", 4),
    ],
)
def test_what_a_program_says_of_its_settings_carries_the_line(shop, path, line):
    told = f"shop:settings{path}"
    program = "import pulumi\npulumi.Config().get('size')\npulumi.Config().get('settings')\n"
    program += f"raise pulumi.RunError('Pulumi.dev.yaml: {told}')"
    assert refusal(shop(stack=NESTED, program=program)) == [f"Pulumi.dev.yaml:{line}: {told}"]


def test_what_a_program_says_of_something_else_stays(shop):
    program = "import pulumi\npulumi.Config().get('size')\nraise pulumi.RunError('Pulumi.dev.yaml: no such luck')"
    assert refusal(shop(program=program)) == ["Pulumi.dev.yaml: no such luck"]


def test_another_namespace_is_somebody_elses(shop):
    assert recorded(shop(stack=STACK + "  docker:host: x\n")).graph


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("import pulumi\npulumi.Config().get('size')\nraise pulumi.RunError('no')", "no"),
        (
            "import pulumi\npulumi.Config().get('size')\n\nprint(1 / 0)",
            "__main__.py:4: ZeroDivisionError: division by zero",
        ),
        (
            "import pulumi\npulumi.Config().get('size')\nimport shopping",
            "__main__.py:3: ModuleNotFoundError: No module named 'shopping'",
        ),
        (
            "import pulumi\npulumi.Config().get('size')\nexit(3)",
            "__main__.py:3: the program ended itself with exit code 3",
        ),
        ("import pulumi\npulumi.Config().get('size')\nif", "SyntaxError: invalid syntax (__main__.py, line 3)"),
    ],
)
def test_an_error_of_the_program_is_told_with_its_line_and_no_traceback(shop, program, problem):
    assert refusal(shop(program=program)) == [problem]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("runtime: python\n", "Pulumi.yaml: name is required: the project's name"),
        (
            "name: shop\nruntime: dotnet\n",
            "Pulumi.yaml: runtime must be one of python, nodejs, yaml, go to run offline, got dotnet; "
            "a program in another language is checked by its preview or state: eks-gpu check --help",
        ),
        (
            PULUMI + "config:\n  size: {type: integer, description: Pods, each alone}\n",
            "Pulumi.yaml: config.size.each alone is not a known key; "
            "there are: default, description, items, secret, type, value",
        ),
        ("- a\n", "Pulumi.yaml:1: must be a map of keys to values, got a list"),
        ("name: shop\nruntime: python\nconfig: 3\n", "Pulumi.yaml: config must be a map, got 3"),
        (
            "name: shop\nruntime: python\nmain: src\n",
            "{root}/src/__main__.py: no such file; the project's program is needed",
        ),
    ],
)
def test_a_project_file_that_cannot_be_used(shop, text, problem):
    root = shop(pulumi=text)
    assert refusal(root) == [problem.format(root=root)]


def test_the_users_own_answers_are_read_beside_the_project(shop):
    program = PROGRAM + "aws.sqs.Queue('q', name=aws.ec2.get_ami(owners=['self']).image_id)\n"
    answers = {"plan-answers.yaml": "aws:ec2/getAmi:getAmi: {imageId: ami-1}\n"}
    assert recorded(shop(program=program, **answers)).graph.one("aws:sqs/queue:Queue", "q").inputs == {"name": "ami-1"}


def test_a_preview_plans_the_same_resources(shop):
    project = Project.load(shop())
    urns = [
        {made.urn for made in record(project, project.stack("dev"), preview=preview)[0].graph}
        for preview in (False, True)
    ]
    assert urns[0] == urns[1]


def test_the_program_gets_of_a_stacks_file_what_the_engine_would_hand_over(shop):
    """Pulumi reads YAML with gopkg.in/yaml.v3, in which yes is a text."""
    values = "\n".join(
        [
            "  shop:size: yes",
            "  shop:mode: 0777",
            "  shop:share: 1.0",
            "  shop:version: 1.10",
            "  shop:none:",
            "  shop:day: 2026-11-24",
            '  shop:on: {"on": off, base: !!str 1}',
        ]
    )
    config = Project.load(shop(stack=f"config:\n  aws:region: eu-west-1\n{values}\n")).stack("dev").config
    assert {key.removeprefix("shop:"): value for key, value in config.items() if key != "aws:region"} == {
        "size": "yes",
        "mode": "511",
        "share": "1",
        "version": "1.1",
        "none": "",
        "day": "2026-11-24 00:00:00 +0000 UTC",
        "on": '{"on": "off", "base": "1"}',
    }


def test_a_secure_leaf_of_an_object_reaches_the_program_as_a_text(shop):
    stack = STACK + "  shop:login:\n    user: a\n    password:\n      secure: AAABAA==\n"
    program = PROGRAM + (
        "login = pulumi.Config().require_secret_object('login')\n"
        "aws.sqs.Queue('q', name=login.apply(lambda found: found['user'] + found['password'].upper()))\n"
    )
    queue = recorded(shop(stack=stack, program=program)).graph.one("aws:sqs/queue:Queue", "q")
    assert queue.inputs == {"name": "a[SECRET]"}
    assert queue.shown == {"name": "[secret]"}


PORT = STACK + "  shop:port:\n    secure: AAABAA==\n"
WANTS_A_PORT = PROGRAM + "aws.sqs.Queue('q', delay_seconds=pulumi.Config().require_secret_int('port'))\n"


def test_a_number_that_is_encrypted_is_told_with_its_key_and_line_and_a_way_out(shop):
    assert refusal(shop(stack=PORT, program=WANTS_A_PORT)) == [
        "Pulumi.dev.yaml:4: shop:port is encrypted, and the program wants 'int' of it, so the plan needs one: give it, "
        "or a stand-in for it, in plan-answers.yaml beside Pulumi.yaml, under config"
    ]


@pytest.mark.parametrize("wanted", ["require_secret_object", "require_secret_bool", "require_secret_float"])
def test_so_is_an_object_or_another_type(shop, wanted):
    program = PROGRAM + f"pulumi.Config().{wanted}('port')\n"
    (problem,) = refusal(shop(stack=PORT, program=program))
    assert problem.startswith("Pulumi.dev.yaml:4: shop:port is encrypted, and the program wants ")


def test_what_the_program_itself_cannot_make_of_a_mask_is_told_too(shop):
    program = PROGRAM + "int(pulumi.Config().require('port'))\n"
    (problem,) = refusal(shop(stack=PORT, program=program))
    assert problem.startswith(
        "__main__.py:7: ValueError: invalid literal for int() with base 10: '[secret]'; [secret] "
    )
    assert "as shop:port: give it, or a stand-in for it, in plan-answers.yaml" in problem


def test_a_stand_in_for_what_is_encrypted_is_taken_from_the_answers(shop):
    root = shop(stack=PORT, program=WANTS_A_PORT, **{"plan-answers.yaml": "config: {shop:port: 7}\n"})
    queue = recorded(root).graph.one("aws:sqs/queue:Queue", "q")
    assert (queue.inputs, queue.shown) == ({"delaySeconds": 7}, {"delaySeconds": "[secret]"})


def test_an_environment_that_is_kept_elsewhere_is_told_as_unread(shop):
    graph = recorded(shop(stack="environment:\n  - org/prod\n  - base\n" + STACK)).graph
    (row,) = graph.unread
    assert (row.subject, row.what) == ("Pulumi.dev.yaml: environment", "values")
    assert row.why == "the values of org/prod, base are kept in Pulumi ESC, which needs a login"
    assert "plan-answers.yaml" in row.how


def test_a_key_that_an_environment_may_hold_can_be_given(shop):
    text = "environment:\n  imports:\n    - org/prod\nconfig:\n  aws:region: eu-west-1\n"
    (problem,) = refusal(shop(stack=text))
    assert problem.startswith("Missing required configuration variable 'shop:size'; it may be one of org/prod: give it")
    root = shop(stack=text, **{"plan-answers.yaml": "config: {shop:size: 5}\n"})
    assert recorded(root).graph.one("aws:sqs/queue:Queue").inputs == {"delaySeconds": 5}


def test_stack_files_are_where_the_project_says(shop):
    root = shop(pulumi=PULUMI + "stackConfigDir: stacks\n")
    (root / "stacks").mkdir()
    (root / "Pulumi.dev.yaml").rename(root / "stacks" / "Pulumi.dev.yaml")
    assert Project.load(root).stack_names() == ["dev"]
    assert recorded(root).graph.one("aws:sqs/queue:Queue").inputs == {"delaySeconds": 3}


def test_answers_are_read_as_kubectl_reads(shop):
    root = shop(**{"plan-answers.yaml": "stack other: {ready: yes, mode: 0777}\n"})
    assert Project.load(root).answers() == {"stack other": {"ready": True, "mode": 511}}
